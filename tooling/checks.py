"""The test command: every check there is, and one summary of what passed, failed and did not run."""

from __future__ import annotations

import os
import subprocess
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

from tooling import browser, cim_models, debian, inspection, package, paths, steps, venvs
from tooling.splunk_pythons import SPLUNK_PYTHONS

PYTHON = venvs.DEV.python
LINTERS: tuple[tuple[str, tuple[str | Path, ...]], ...] = (
    ("ruff check", (PYTHON, "-m", "ruff", "check", ".")),
    ("ruff format", (PYTHON, "-m", "ruff", "format", "--check", ".")),
    ("mypy", (PYTHON, "-m", "mypy")),
)
JUNIT = paths.LOGS / "pytest.xml"
# Quiet enough to leave out pytest's own last line: the summary here has its numbers.
PYTEST = (
    PYTHON,
    "-m",
    "pytest",
    "-qq",
    "--tb=short",
    "-n",
    "2",
    "--dist",
    "worksteal",
    f"--junit-xml={JUNIT}",
)

# Where a detail has several lines, they stand under the first one.
NEW_LINE, MARGIN = "\n", "\n" + " " * 34
PASSED, FAILED, NOT_RUN = "passed", "FAILED", "not run"


@dataclass(frozen=True)
class Outcome:
    """What became of one check, or of many tests, counted by verdict.

    `detail` is for the summary; `text`, the end of a log, is shown at once.
    """

    name: str
    counts: Counter[str]
    detail: str = ""
    text: str = ""

    @property
    def verdict(self) -> str:
        """One word for all."""
        return next((word for word in (FAILED, PASSED) if self.counts[word]), NOT_RUN)


def one(name: str, verdict: str, message: str = "") -> Outcome:
    """Give the outcome of a single check; the message's first line is its detail."""
    detail, _, text = message.partition("\n")
    return Outcome(name, Counter({verdict: 1}), detail, text)


def test(folders: Sequence[str]) -> int:
    """Run all checks and print the summary.

    Args:
        folders: those of tests/ whose tests are run and nothing else; none for all tests and every other check.

    Returns:
        The exit status: 0 if nothing failed and, with CI=true, everything ran.

    Raises:
        StepError: there is no such folder.
    """
    for folder in folders:
        if not (paths.ROOT / "tests" / folder).is_dir():
            raise steps.StepError(f"There is no folder tests/{folder}.")
    outcomes = []
    for outcome in checks(folders):
        outcomes.append(outcome)
        if outcome.text:
            steps.say(f"{outcome.text}\n")
    return summarize(outcomes, must_run=os.environ.get("CI") == "true")


def checks(folders: Sequence[str]) -> Iterator[Outcome]:
    """Run the checks one after the other; without an environment or a build, the rest would mean nothing."""
    for needed in (venvs.DEV, venvs.UCC_PIP):
        outcome = attempt(f"set-up of {needed.name}", needed.make)
        if outcome.verdict == FAILED:
            yield outcome
            return
    for splunk_python in SPLUNK_PYTHONS:
        yield attempt(f"Splunk's Python {splunk_python.version}", splunk_python.make)
    yield attempt("Debian's Chromium", browser.make)
    yield attempt(f"Debian's {' and '.join(debian.PROGRAMS)}", debian.programs)
    yield attempt("Splunk's CIM models", cim_models.make)
    build = attempt("build", package.build)
    yield build
    if build.verdict == FAILED:
        return
    for name, command in LINTERS if not folders else ():
        yield attempt(name, lint(name, command))
    yield tests(folders)
    if not folders:
        yield appinspect()


def attempt(name: str, action: Callable[[], None]) -> Outcome:
    """Do something that raises what the steps raise, and tell how it ended."""
    try:
        action()
    except steps.NotAvailableError as error:
        return one(name, NOT_RUN, str(error))
    except steps.StepError as error:
        return one(name, FAILED, str(error))
    return one(name, PASSED)


def lint(name: str, command: Sequence[str | Path]) -> Callable[[], None]:
    """Give the action that runs a linter."""

    def action() -> None:
        with steps.announced(name):
            steps.run(name, command)

    return action


def appinspect() -> Outcome:
    """Inspect the tarball."""
    set_up = attempt("AppInspect", inspection.set_up)
    if set_up.verdict != PASSED:
        return set_up
    try:
        report = inspection.inspect()
    except steps.StepError as error:
        return one("AppInspect", FAILED, str(error))
    inspection.show(report)
    return one("AppInspect", PASSED if report.passed else FAILED, str(report))


def tests(folders: Sequence[str]) -> Outcome:
    """Run pytest, which shows its progress and its failures itself, in these folders of tests/ or in all."""
    steps.say("  pytest:")
    JUNIT.parent.mkdir(parents=True, exist_ok=True)
    JUNIT.unlink(missing_ok=True)
    command = [*map(str, PYTEST), *(f"tests/{folder}" for folder in folders)]
    status = subprocess.run(command, cwd=paths.ROOT, stdin=subprocess.DEVNULL, check=False).returncode
    steps.say("")
    if not JUNIT.is_file():
        return one("pytest", FAILED, f"pytest ended with status {status} and wrote no report.")
    return counted(JUNIT.read_text(encoding="utf-8"), status)


def counted(report: str, status: int) -> Outcome:
    """Read pytest's JUnit report: a status that is not 0 is a failure, whatever the report says.

    What tests have recorded as `report` comes behind the numbers, a line each, in the order of the letters. Behind it
    how long each folder took, the longest first.

    Args:
        report: its XML.
        status: pytest's exit status.
    """
    counts: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    root = ET.fromstring(report)  # noqa: S314 - pytest has just written it
    recorded = {line.get("value", "") for line in root.iter("property") if line.get("name") == "report"}
    for case in root.iter("testcase"):
        skipped = case.find("skipped")
        if case.find("failure") is not None or case.find("error") is not None:
            counts[FAILED] += 1
        elif skipped is not None:
            counts[NOT_RUN] += 1
            reasons[skipped.get("message", "")] += 1
        else:
            counts[PASSED] += 1
    if status != 0 and not counts[FAILED]:
        counts[FAILED] = 1
        return Outcome("pytest", counts, f"pytest ended with status {status}.")
    numbers = ", ".join(f"{counts[word]} {word.lower()}" for word in (PASSED, FAILED, NOT_RUN) if counts[word])
    not_run = [f"{count} not run: {why}" for why, count in reasons.items()]
    return Outcome("pytest", counts, "\n".join([numbers, *not_run, *sorted(recorded), *durations(root)]))


def durations(report: ET.Element) -> Iterator[str]:
    """Tell of each folder below tests/ how many tests it has and how long they took, set-up and all."""
    numbers, lasted = Counter[str](), defaultdict[str, float](float)
    for case in report.iter("testcase"):
        _, _, below = case.get("classname", "").partition("tests.")
        folder = below.partition(".")[0]
        if folder:
            numbers[folder] += 1
            lasted[folder] += float(case.get("time", "0"))
    for folder, lasts in sorted(lasted.items(), key=lambda each: -each[1]):
        yield f"tests/{folder}: {numbers[folder]} tests, {lasts:.0f} s of one worker"


def summarize(outcomes: Sequence[Outcome], *, must_run: bool) -> int:
    """Print the summary, its last line the numbers alone, and give the exit status."""
    steps.say("Summary")
    for outcome in outcomes:
        steps.say(f"  {outcome.verdict:8} {outcome.name:22} {outcome.detail.replace(NEW_LINE, MARGIN)}".rstrip())
    total = sum((outcome.counts for outcome in outcomes), Counter[str]())
    if must_run and total[NOT_RUN]:
        steps.say("\nCI=true: what did not run counts as failed.")
        total[FAILED] += total.pop(NOT_RUN)
    failed = total[FAILED] > 0 or not total[PASSED]
    skipped = f", {total[NOT_RUN]} skipped" if total[NOT_RUN] else ""
    steps.say(f"\n{total[PASSED]} passed, {total[FAILED]} failed{skipped}")
    return 1 if failed else 0
