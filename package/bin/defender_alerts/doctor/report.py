"""What the checks have found, and the report that is made of it, as text and as JSON."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any

from defender_alerts.errors import AddonError

NOTICE = (
    "Safe to send to support: there is no secret, key, token or password in this report. The names of hosts, users, "
    "accounts and inputs, and the ids of tenants and certificates are in it."
)
_WIDTH = 110
_SAID = " Microsoft says: "


class Outcome(Enum):
    """How a check ended."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Finding:
    """What one look has found.

    Attributes:
        found: what there is, in a sentence.
        advice: what to do; empty for nothing.
    """

    outcome: Outcome
    found: str
    advice: str = ""


def ok(found: str) -> Finding:
    """Nothing to do."""
    return Finding(Outcome.OK, found)


def warning(found: str, advice: str) -> Finding:
    """The input works, but not for good, or not wholly."""
    return Finding(Outcome.WARNING, found, advice)


def failed(found: str, advice: str) -> Finding:
    """The input can't work so."""
    return Finding(Outcome.FAILED, found, advice)


def failed_by(error: AddonError) -> Finding:
    """A failure in the add-on's own words: what happened comes first in them, what to do follows."""
    words, said, quoted = str(error).partition(_SAID)
    found, _, advice = words.partition(". ")
    return failed(f"{found.rstrip('.')}.{said}{quoted}", advice)


@dataclass(frozen=True)
class Result:
    """One line of the report.

    Attributes:
        check: its name.
        subject: the host, resource or region it is about; empty where there is but one.
    """

    check: str
    subject: str
    outcome: Outcome
    found: str
    advice: str


@dataclass(frozen=True)
class Report:
    """What was found, line by line."""

    results: tuple[Result, ...]

    @property
    def first_failure(self) -> Result | None:
        """The failure to mend first: those behind it may come of it."""
        return next((result for result in self.results if result.outcome is Outcome.FAILED), None)

    @property
    def verdict(self) -> str:
        """The report in a sentence."""
        first = self.first_failure
        if first is not None:
            return f"Something failed. Mend first: {first.check} {first.subject}".rstrip()
        warnings = sum(result.outcome is Outcome.WARNING for result in self.results)
        return f"Nothing failed, {warnings} warning(s)." if warnings else "Nothing failed."

    def as_object(self) -> dict[str, Any]:
        """The report as a part of what becomes JSON."""
        return {
            "healthy": self.first_failure is None,
            "verdict": self.verdict,
            "checks": [{**asdict(result), "outcome": result.outcome.value} for result in self.results],
        }

    def as_lines(self) -> list[str]:
        """The report to be read."""
        return [*(line for result in self.results for line in _lines(result)), "", f"  {self.verdict}"]


@dataclass(frozen=True)
class InputReport(Report):
    """All results of one input."""

    input: str
    kind: str


def as_object(reports: Iterable[InputReport], time: str) -> dict[str, Any]:
    """The reports as what becomes one JSON object; ``time`` is when they were made."""
    inputs = [{"input": report.input, "kind": report.kind, **report.as_object()} for report in reports]
    return {"notice": NOTICE, "time": time, "inputs": inputs}


def as_json(reports: Iterable[InputReport], time: str) -> str:
    """The reports as JSON; ``time`` is when they were made."""
    return json.dumps(as_object(reports, time), indent=2) + "\n"


def as_text(reports: Iterable[InputReport], time: str) -> str:
    """The reports to be read; ``time`` is when they were made."""
    lines = heading(time)
    for report in reports:
        lines += ["", f"Input {report.input} ({report.kind})", *report.as_lines()]
    return "\n".join(lines) + "\n"


def heading(time: str) -> list[str]:
    """What a report to be read begins with; ``time`` is when it was made."""
    return [*textwrap.wrap(NOTICE, _WIDTH), "", f"Made at {time}"]


def _lines(result: Result) -> list[str]:
    title = " ".join(part for part in (result.check, result.subject) if part)
    lines = [f"  {result.outcome.value:<8} {title}"]
    for text in (result.found, result.advice and f"-> {result.advice}"):
        lines += textwrap.wrap(
            text, _WIDTH, initial_indent=" " * 11, subsequent_indent=" " * 11, break_long_words=False
        )
    return lines
