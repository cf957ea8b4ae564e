"""The table of checks in their order; runs them, and skips those that depend on a failed one."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Callable, Generic, TypeVar

from defender_alerts.errors import AddonError, unexpected

from . import api_probe, network_path
from .context import Context
from .report import Finding, InputReport, Outcome, Result, failed, failed_by, title

ContextT = TypeVar("ContextT")

_REPORT_IT = "Send this report to support."
# Not advice for somebody who is looking for the cause now.
_NO_ADVICE = frozenset({"", "The next run tries again."})


Subjects = Mapping[str, Collection[str]]
"""What a check examines: hosts, resources or regions, or one subject with an empty name; by name, the subjects of other
checks that must have passed before."""


@dataclass(frozen=True)
class Check(Generic[ContextT]):
    """One kind of check.

    Attributes:
        name: in the report.
        needs: the checks that must have passed before.
        subjects: returns what to examine.
        look: examines the subject with that name.
        otherwise: the advice for a failure that has none of its own.
    """

    name: str
    needs: tuple[str, ...]
    subjects: Callable[[ContextT], Subjects]
    look: Callable[[ContextT, str], Finding]
    otherwise: str = _REPORT_IT


class Examination:
    """The results of one input, in the order of the checks.

    Args:
        clean: redacts secrets in a text.
        log: gets the traceback of an unexpected error, at DEBUG.
    """

    def __init__(self, clean: Callable[[str], str], log: logging.Logger) -> None:
        self._clean = clean
        self._log = log
        self._results: list[Result] = []
        # Failed and skipped results, with the failure that caused each.
        self._causes: dict[Result, Result] = {}

    def note(self, check: str, finding: Finding, subject: str = "") -> None:
        """Add a finding."""
        clean = self._clean
        result = Result(check, subject, finding.outcome, clean(finding.found), clean(finding.advice))
        self._results.append(result)
        if finding.outcome is Outcome.FAILED:
            self._causes[result] = result

    def make(self, check: Check[ContextT], context: ContextT) -> None:
        """Run a check on each of its subjects, unless it depends on one that failed."""
        for subject, rests_on in check.subjects(context).items():
            needed = {(name, one) for name in check.needs for one in ("", *rests_on)}
            cause = next((cause for one, cause in self._causes.items() if (one.check, one.subject) in needed), None)
            if cause is None:
                self.note(check.name, self._finding(check, context, subject), subject)
            else:
                self._skip(check.name, subject, cause)

    def skip_behind(self, check: str, *earlier: str) -> None:
        """Skip a check because one of these has failed."""
        self._skip(check, "", next(result for result in self._causes if result.check in earlier))

    def report(self, name: str, kind: str) -> InputReport:
        """The report of all results."""
        return InputReport(tuple(self._results), name, kind)

    def _finding(self, check: Check[ContextT], context: ContextT, subject: str) -> Finding:
        try:
            finding = check.look(context, subject)
        except AddonError as error:
            finding = failed_by(error)
        except Exception as error:  # noqa: BLE001 - an unexpected error must not keep the other checks from running
            finding = failed_by(unexpected(error, self._log))
        if finding.outcome is Outcome.FAILED and finding.advice in _NO_ADVICE:
            return failed(finding.found, check.otherwise)
        return finding

    def _skip(self, check: str, subject: str, cause: Result) -> None:
        """Skip a check because of a failure; checks that depend on it are skipped as well."""
        what = title(cause.check, cause.subject)
        result = Result(check, subject, Outcome.SKIPPED, f"Not checked, because this failed: {what}.", "")
        self._results.append(result)
        self._causes[result] = cause


def _one(_: Context) -> Subjects:
    return {"": ()}


def _hosts(context: Context) -> Subjects:
    hosts = (context.cloud.authority_host, *(api.host for api in context.apis.values()))
    return {host: (host,) for host in hosts}


def _resources(context: Context) -> Subjects:
    return {api.audience: (context.cloud.authority_host,) for api in context.apis.values()}


def _apis(context: Context) -> Subjects:
    return {api.host: (api.host, api.audience) for api in context.apis.values()}


_ON_THE_WAY = "Look for a proxy, firewall, portal or filter on the way that lets this host through only in part."
_LATER = "Run the doctor again in a few minutes. If it stays so, see Microsoft 365's service health, and report it."

CHECKS: tuple[Check[Context], ...] = (
    Check("proxy", (), _one, network_path.proxy, _ON_THE_WAY),
    Check("dns", ("proxy",), _hosts, network_path.names),
    Check("tls", ("proxy", "dns"), _hosts, network_path.certificate, _ON_THE_WAY),
    Check("credentials", (), _one, api_probe.credentials),
    Check("token", ("tls",), _resources, api_probe.token, f"{_ON_THE_WAY} {_LATER}"),
    Check("api", ("tls", "token"), _apis, api_probe.records, f"{_ON_THE_WAY} {_LATER}"),
    Check("clock", ("proxy",), _one, api_probe.clock),
)
