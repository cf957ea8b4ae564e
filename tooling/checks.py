"""The test command: every check there is, and one summary of what passed, failed and did not run."""

from __future__ import annotations

import os
import subprocess
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from xml.etree import ElementTree as ET

from tooling import browser, cim_models, debian, docs, inspection, package, paths, steps, venvs
from tooling.splunk_pythons import SPLUNK_PYTHONS

PYTHON = venvs.DEV.python
LINTERS: tuple[tuple[str, tuple[str | Path, ...]], ...] = (
    ("ruff check", (PYTHON, "-m", "ruff", "check", ".")),
    ("ruff format", (PYTHON, "-m", "ruff", "format", "--check", ".")),
    ("mypy", (PYTHON, "-m", "mypy")),
)
JUNIT = paths.LOGS / "pytest.xml"
# Tests wait for other processes and for timers: a third worker has the two cores meanwhile.
WORKERS = 3
# Quiet enough to leave out pytest's own last line: the summary here has its numbers.
PYTEST = (
    PYTHON,
    "-m",
    "pytest",
    "-qq",
    "--tb=short",
    "-n",
    str(WORKERS),
    "--dist",
    "worksteal",
    f"--junit-xml={JUNIT}",
)

# Where a detail has several lines, they stand under the first one.
NEW_LINE, MARGIN = "\n", "\n" + " " * 42
PASSED, FAILED, NOT_RUN = "passed", "FAILED", "not run"


@dataclass(frozen=True)
class Outcome:
    """What became of one check, or of many tests, counted by verdict.

    `detail` is for the summary; `text`, the end of a log, is shown at once. `seconds` is how long it took.
    """

    name: str
    counts: Counter[str]
    detail: str = ""
    text: str = ""
    seconds: float = field(default=0.0, compare=False)

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
    return summarize(run(checks(folders)), must_run=os.environ.get("CI") == "true")


@dataclass(frozen=True)
class Check:
    """One check, or one thing that checks take.

    Attributes:
        name: what the summary calls it.
        action: does it. It raises what the steps raise; what it returns replaces "passed".
        needs: names of those without which it would mean nothing.
        after: names of those that it waits for, however they end: its own tests say what is missing.
    """

    name: str
    action: Callable[[], Outcome | None]
    needs: tuple[str, ...] = ()
    after: tuple[str, ...] = ()


def checks(folders: Sequence[str]) -> list[Check]:
    """Give all checks, each behind what it needs."""
    venv, installer, build = "Python packages", "UCC's installer", "build"
    environment = [
        *(Check(f"Splunk's Python {python.version}", python.make) for python in SPLUNK_PYTHONS),
        Check("Debian's Chromium", browser.make),
        Check(f"Debian's {' and '.join(debian.PROGRAMS)}", debian.programs),
        Check("Splunk's CIM models", cim_models.make, needs=(venv,)),
        Check("MkDocs", docs.DOCS.make),
    ]
    found = [
        Check(venv, venvs.DEV.make),
        Check(installer, venvs.UCC_PIP.make),
        *environment,
        Check(build, package.build, needs=(venv, installer)),
    ]
    if not folders:
        found += [Check(name, lint(name, command), needs=(venv,)) for name, command in LINTERS]
        found.append(Check("AppInspect's packages", inspection.set_up))
        found.append(Check("AppInspect", appinspect, needs=(build, "AppInspect's packages")))
    ready = tuple(each.name for each in environment)
    found.append(Check("pytest", lambda: tests(folders), needs=(build,), after=ready))
    return found


def run(all_checks: Sequence[Check]) -> list[Outcome]:
    """Run checks side by side, each as soon as what it waits for has ended; their outcomes are in the order given."""
    with ThreadPoolExecutor(len(all_checks)) as threads:
        running: dict[str, Future[Outcome]] = {}
        for check in all_checks:
            needs = [running[name] for name in check.needs]
            running[check.name] = threads.submit(_run, check, needs, [running[name] for name in check.after])
        return [outcome.result() for outcome in running.values()]


def _run(check: Check, needs: Sequence[Future[Outcome]], after: Sequence[Future[Outcome]]) -> Outcome:
    for other in after:
        other.result()
    missing = [need.result().name for need in needs if need.result().verdict != PASSED]
    if missing:
        return one(check.name, NOT_RUN, f"needs what is not there: {', '.join(missing)}")
    outcome = attempt(check.name, check.action)
    if outcome.text:
        steps.say(f"{outcome.text}\n")
    return outcome


def attempt(name: str, action: Callable[[], Outcome | None]) -> Outcome:
    """Do something that raises what the steps raise, and tell how it ended after how many seconds."""
    start = time.monotonic()
    try:
        outcome = action() or one(name, PASSED)
    except steps.NotAvailableError as error:
        outcome = one(name, NOT_RUN, str(error))
    except steps.StepError as error:
        outcome = one(name, FAILED, str(error))
    return replace(outcome, seconds=time.monotonic() - start)


def lint(name: str, command: Sequence[str | Path]) -> Callable[[], None]:
    """Give the action that runs a linter."""

    def action() -> None:
        with steps.announced(name):
            steps.run(name, command)

    return action


def appinspect() -> Outcome:
    """Inspect the tarball."""
    report = inspection.inspect()
    inspection.show(report)
    return one("AppInspect", PASSED if report.passed else FAILED, str(report))


def tests(folders: Sequence[str]) -> Outcome:
    """Run pytest, which shows its progress and its failures itself, in these folders of tests/ or in all."""
    JUNIT.parent.mkdir(parents=True, exist_ok=True)
    JUNIT.unlink(missing_ok=True)
    command = [*map(str, PYTEST), *(f"tests/{folder}" for folder in folders)]
    steps.say("  pytest:")
    with steps.lent():
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
        detail = outcome.detail.replace(NEW_LINE, MARGIN)
        steps.say(f"  {outcome.verdict:8} {outcome.name:22} {outcome.seconds:4.0f} s  {detail}".rstrip())
    total = sum((outcome.counts for outcome in outcomes), Counter[str]())
    if must_run and total[NOT_RUN]:
        steps.say("\nCI=true: what did not run counts as failed.")
        total[FAILED] += total.pop(NOT_RUN)
    failed = total[FAILED] > 0 or not total[PASSED]
    skipped = f", {total[NOT_RUN]} skipped" if total[NOT_RUN] else ""
    steps.say(f"\n{total[PASSED]} passed, {total[FAILED]} failed{skipped}")
    return 1 if failed else 0
