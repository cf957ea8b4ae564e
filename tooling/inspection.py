"""AppInspect, Splunk's own check of an add-on."""

from __future__ import annotations

import ctypes
import fnmatch
import json
import textwrap
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tooling import debian, paths, steps, venvs

LIBMAGIC = ("libmagic.so.1", "libmagic1")
REFUSED = ("error", "failure")
EXPLANATIONS = paths.TOOLING / "appinspect-warnings.toml"
EVERYTHING = "everything"
"""Stands for all checks where a tag of AppInspect's selects some."""


@dataclass(frozen=True)
class Finding:
    """A check that was not passed.

    Attributes:
        check: its name.
        result: `error`, `failure`, `warning`, `future_failure`.
        message: what it says first.
        files: what it speaks about, as paths in the add-on's folder; an empty one where it names none.
    """

    check: str
    result: str
    message: str
    files: frozenset[str] = frozenset({""})


@dataclass(frozen=True)
class Explanation:
    """Why a check's warnings about some files (patterns, in which * is anything) remain."""

    check: str
    files: tuple[str, ...]
    why: str

    def covers(self, finding: Finding) -> bool:
        """Whether it explains a finding, in all the files that it names."""
        return self.check == finding.check and all(
            any(fnmatch.fnmatchcase(file, pattern) for pattern in self.files) for file in finding.files
        )


@dataclass(frozen=True)
class Report:
    """What AppInspect found: the number of checks by result, and those that were not passed."""

    counts: dict[str, int]
    findings: tuple[Finding, ...]

    @property
    def passed(self) -> bool:
        """Whether checks ran, none of them ended in an error or a failure, and every other finding is explained."""
        refused = any(self.counts[result] for result in REFUSED)
        return self.counts["success"] > 0 and not refused and not self.unexplained()

    def __str__(self) -> str:
        return ", ".join(f"{self.counts[result]} {result}s" for result in (*REFUSED, "warning"))

    def of(self, *results: str) -> list[Finding]:
        """Give the findings with one of these results."""
        return [finding for finding in self.findings if finding.result in results]

    def unexplained(self) -> list[Finding]:
        """Give the findings that are neither errors nor failures and that nobody has explained."""
        known = explanations()
        remaining = [finding for finding in self.findings if finding.result not in REFUSED]
        return [finding for finding in remaining if not any(each.covers(finding) for each in known)]


def explanations() -> list[Explanation]:
    """Read why warnings remain."""
    tables = tomllib.loads(EXPLANATIONS.read_text(encoding="utf-8"))
    return [Explanation(check, tuple(table["files"]), table["why"]) for check, table in tables.items()]


def answer_file(tag: str = EVERYTHING) -> Path:
    """Give the file that AppInspect's report of these checks is written to."""
    return paths.LOGS / f"appinspect-{tag}.json"


def set_up() -> None:
    """Make what AppInspect needs.

    Raises:
        NotAvailableError: this machine can't have it.
        StepError: making it failed.
    """
    library, package = LIBMAGIC
    try:
        ctypes.CDLL(library)
    except OSError:
        debian.install(package)
    venvs.APPINSPECT.make()


def inspect(tag: str = EVERYTHING) -> Report:
    """Inspect the tarball in dist/.

    Args:
        tag: the checks to run, by AppInspect's own name for them.

    Raises:
        StepError: AppInspect itself failed. What it finds is in the report, and does not raise.
    """
    answer = answer_file(tag)
    answer.unlink(missing_ok=True)
    with steps.announced(f"AppInspect, {tag}"):
        program = venvs.APPINSPECT.folder / "bin" / "splunk-appinspect"
        selected = () if tag == EVERYTHING else ("--included-tags", tag)
        output = ("--mode", "test", "--data-format", "json", "--output-file", answer)
        log = steps.run(f"appinspect-{tag}", (program, "inspect", paths.TARBALL, *selected, *output))
        if not answer.is_file():
            raise steps.StepError(f"AppInspect wrote no report. The last lines of {log}:\n\n{steps.last_lines(log)}")
    return parse(answer.read_text(encoding="utf-8"))


def parse(text: str) -> Report:
    """Read AppInspect's JSON: its exit status is 0 even where a check fails."""
    document = json.loads(text)
    checks = [check for group in document["reports"][0]["groups"] for check in group["checks"]]
    findings = [
        Finding(
            check["name"],
            check["result"],
            check["messages"][0]["message"] if check["messages"] else "",
            frozenset(_file(message) for message in check["messages"]),
        )
        for check in checks
        if check["result"] not in ("success", "not_applicable", "skipped", "manual_check")
    ]
    return Report(dict(document["summary"]), tuple(findings))


def _file(message: dict[str, Any]) -> str:
    # AppInspect writes Python's None as a word where it means no file.
    name = str(message.get("message_filename"))
    return "" if name == "None" else name


def show(report: Report) -> None:
    """Print the counts, what errors, failures and unexplained warnings say, and the names of the warnings."""
    steps.say(f"  {report}")
    for finding in report.of(*REFUSED):
        steps.say(f"  {finding.result}: {finding.check}: {finding.message}")
    for finding in report.unexplained():
        files = ", ".join(sorted(finding.files))
        steps.say(f"  not explained in {EXPLANATIONS.name}: {finding.check} ({files}): {finding.message}")
    warnings = ", ".join(finding.check for finding in report.of("warning"))
    if warnings:
        indent = " " * 4
        steps.say(textwrap.fill(f"warnings: {warnings}", 100, initial_indent="  ", subsequent_indent=indent))
