"""The findings of checks, and the report made of them, as text and as JSON."""

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

TITLES = {
    "input": "Input settings",
    "account": "Account",
    "network": "Network settings",
    "region": "Region",
    "proxy": "Proxy",
    "dns": "DNS",
    "tls": "TLS certificate",
    "credentials": "Credentials",
    "token": "Sign-in",
    "api": "Microsoft API",
    "clock": "Clock",
    "kvstore": "KV store",
    "checkpoint": "Checkpoint",
    "user": "User",
}
"""Titles for people; programs use the keys."""


def title(check: str, subject: str) -> str:
    """A check's title with its subject."""
    name = TITLES.get(check) or f"{check[:1].upper()}{check[1:]}"
    return f"{name} ({subject})" if subject else name


class Outcome(Enum):
    """How a check ended, in the order in which a report lists them."""

    FAILED = "failed"
    WARNING = "warning"
    OK = "ok"
    SKIPPED = "skipped"


_QUIET = frozenset({Outcome.OK, Outcome.SKIPPED})


@dataclass(frozen=True)
class Finding:
    """The result of one check.

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
    """The input works, but only partly or not for long."""
    return Finding(Outcome.WARNING, found, advice)


def failed(found: str, advice: str) -> Finding:
    """The input can't work."""
    return Finding(Outcome.FAILED, found, advice)


def failed_by(error: AddonError) -> Finding:
    """A failed finding made of an error, whose first sentence says what happened and the others what to do."""
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
    """The results of all checks."""

    results: tuple[Result, ...]

    @property
    def first_failure(self) -> Result | None:
        """The failure to fix first: later ones may be its consequences."""
        return next((result for result in self.results if result.outcome is Outcome.FAILED), None)

    @property
    def verdict(self) -> str:
        """The report in a sentence, with the failure to fix first."""
        first = self.first_failure
        fix = f" Fix this first: {title(first.check, first.subject)}." if first else ""
        return f"{self.counts}.{fix}"

    @property
    def counts(self) -> str:
        """The number of failures and warnings."""
        outcomes = [result.outcome for result in self.results]
        failures, warnings = outcomes.count(Outcome.FAILED), outcomes.count(Outcome.WARNING)
        said = f"{failures} {'check' if failures == 1 else 'checks'} failed" if failures else "Nothing failed"
        return f"{said}, {warnings} {'warning' if warnings == 1 else 'warnings'}" if warnings else said

    def as_object(self) -> dict[str, Any]:
        """The report as JSON values, in the order of the checks."""
        return {
            "healthy": self.first_failure is None,
            "verdict": self.verdict,
            "checks": [
                {**asdict(result), "outcome": result.outcome.value, "title": title(result.check, result.subject)}
                for result in self.results
            ],
        }

    def as_lines(self, *, quiet: bool = False) -> list[str]:
        """The report as text: the verdict, failures, warnings, then everything else.

        Args:
            quiet: leave out everything else.
        """
        ordered = sorted(self.results, key=lambda result: [*Outcome].index(result.outcome))
        shown = [result for result in ordered if not (quiet and result.outcome in _QUIET)]
        return [f"  {self.verdict}", *([""] if shown else []), *(line for result in shown for line in _lines(result))]


@dataclass(frozen=True)
class InputReport(Report):
    """All results of one input."""

    input: str
    kind: str


def as_object(reports: Iterable[InputReport], time: str) -> dict[str, Any]:
    """The reports as one JSON object; ``time`` is when they were made."""
    inputs = [{"input": report.input, "kind": report.kind, **report.as_object()} for report in reports]
    return {"notice": NOTICE, "time": time, "inputs": inputs}


def as_json(reports: Iterable[InputReport], time: str) -> str:
    """The reports as JSON; ``time`` is when they were made."""
    return json.dumps(as_object(reports, time), indent=2) + "\n"


def as_text(reports: Iterable[InputReport], time: str, *, quiet: bool = False) -> str:
    """The reports as text; several of them begin with a summary line for each.

    Args:
        reports: to show.
        time: when they were made.
        quiet: show only failures and warnings.
    """
    reports = list(reports)
    lines = [] if quiet else heading(time)
    if len(reports) > 1:
        width = max(len(report.input) for report in reports)
        lines += [*([""] if lines else []), *(f"{report.input:<{width}}  {report.counts}" for report in reports)]
    for report in reports:
        if quiet and len(reports) > 1 and not any(result.outcome not in _QUIET for result in report.results):
            continue
        lines += [*([""] if lines else []), f"Input {report.input} ({report.kind})"]
        lines += report.as_lines(quiet=quiet)
    return "\n".join(lines) + "\n"


def heading(time: str) -> list[str]:
    """The heading of a report in text; ``time`` is when it was made."""
    return [*textwrap.wrap(NOTICE, _WIDTH), "", f"Made at {time}"]


def _lines(result: Result) -> list[str]:
    lines = [f"  {result.outcome.value:<8} {title(result.check, result.subject)}"]
    for text in (result.found, result.advice and f"-> {result.advice}"):
        lines += textwrap.wrap(
            text, _WIDTH, initial_indent=" " * 11, subsequent_indent=" " * 11, break_long_words=False
        )
    return lines
