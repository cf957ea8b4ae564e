"""AppInspect, Splunk's own check of an add-on."""

from __future__ import annotations

import ctypes
import json
import textwrap
from dataclasses import dataclass

from tooling import debian, paths, steps, venvs

LIBMAGIC = ("libmagic.so.1", "libmagic1")
REFUSED = ("error", "failure")


@dataclass(frozen=True)
class Finding:
    """A check that was not passed: name, result (`error`, `failure`, `warning`), and what it says first."""

    check: str
    result: str
    message: str


@dataclass(frozen=True)
class Report:
    """What AppInspect found: the number of checks by result, and those that were not passed."""

    counts: dict[str, int]
    findings: tuple[Finding, ...]

    @property
    def passed(self) -> bool:
        """Whether checks ran and none of them ended in an error or a failure."""
        return self.counts["success"] > 0 and not any(self.counts[result] for result in REFUSED)

    def __str__(self) -> str:
        return ", ".join(f"{self.counts[result]} {result}s" for result in (*REFUSED, "warning"))

    def of(self, *results: str) -> list[Finding]:
        """Give the findings with one of these results."""
        return [finding for finding in self.findings if finding.result in results]


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


def inspect() -> Report:
    """Inspect the tarball in dist/.

    Raises:
        StepError: AppInspect itself failed. What it finds is in the report, and does not raise.
    """
    answer = paths.LOGS / "appinspect.json"
    answer.unlink(missing_ok=True)
    with steps.announced("AppInspect"):
        program = venvs.APPINSPECT.folder / "bin" / "splunk-appinspect"
        output = ("--mode", "test", "--data-format", "json", "--output-file", answer)
        log = steps.run("appinspect", (program, "inspect", paths.TARBALL, *output))
        if not answer.is_file():
            raise steps.StepError(f"AppInspect wrote no report. The last lines of {log}:\n\n{steps.last_lines(log)}")
    return parse(answer.read_text(encoding="utf-8"))


def parse(text: str) -> Report:
    """Read AppInspect's JSON: its exit status is 0 even where a check fails."""
    document = json.loads(text)
    checks = [check for group in document["reports"][0]["groups"] for check in group["checks"]]
    findings = [
        Finding(check["name"], check["result"], check["messages"][0]["message"] if check["messages"] else "")
        for check in checks
        if check["result"] not in ("success", "not_applicable", "skipped", "manual_check")
    ]
    return Report(dict(document["summary"]), tuple(findings))


def show(report: Report) -> None:
    """Print the counts, every error and failure with what it says, and the names of the warnings."""
    steps.say(f"  {report}")
    for finding in report.of(*REFUSED):
        steps.say(f"  {finding.result}: {finding.check}: {finding.message}")
    warnings = ", ".join(finding.check for finding in report.of("warning"))
    if warnings:
        indent = " " * 4
        steps.say(textwrap.fill(f"warnings: {warnings}", 100, initial_indent="  ", subsequent_indent=indent))
