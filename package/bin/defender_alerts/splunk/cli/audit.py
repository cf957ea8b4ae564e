"""The command ``defender_alerts_audit.py``.

Exit status: 0 everything is indexed exactly once; 1 something is missing or repeated, or a region can't be read; 2
settings, arguments or credentials are wrong; 3 a search or the KV store failed.
"""

from __future__ import annotations

import argparse
import json
import logging
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TextIO

from defender_alerts.audit.compare import MISSING, AuditContext, AuditRequest, Discrepancy, RegionReport, audit
from defender_alerts.input_kinds import KINDS
from defender_alerts.microsoft.transport.client import Callers
from defender_alerts.microsoft.transport.session import trust
from defender_alerts.settings import read_polling
from defender_alerts.splunk.inputs import find_input
from defender_alerts.splunk.kvstore import KVStoreCheckpoints
from defender_alerts.splunk.resetting import parse_time
from defender_alerts.splunk.searching import SplunkIndex
from defender_alerts.splunk.stored_settings import load_account, load_settings
from defender_alerts.times import iso, machine_time

from .command import LONGEST_SEARCH, CommandRun, run
from .shell import LOCAL_TOKEN, Shell, with_login

MOST_LISTED = 50
_COLUMNS = ("region", "existing", "indexed", "missing", "repeated", "gone", "result")
SEARCH_TOKEN = "SPLUNK_SEARCH_TOKEN"  # noqa: S105 - the name of a variable


def main(arguments: Sequence[str], shell: Shell) -> int:
    """Audit one input; return the exit status."""
    return run(
        _parser(),
        _audit,
        arguments,
        shell,
        interrupted="Interrupted; nothing was ordered for the regions not reported yet.",
        level=logging.INFO,
        timeout=LONGEST_SEARCH,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="defender_alerts_audit.py",
        description="Compares what Microsoft shows of a range of time with what is indexed, region by region.",
        epilog=f"Passwords are asked for; an authentication token or session key may be in the environment as "
        f"{LOCAL_TOKEN}, one for --search-head as {SEARCH_TOKEN}. Exit status: 0 complete, 1 missing or repeated or "
        "a region failed, 2 settings or credentials, 3 the search or the KV store failed.",
    )
    parser.add_argument("input", help="name of the input")
    parser.add_argument("--from", dest="start", required=True, metavar="TIME", help="2026-11-01T00:00:00Z, or -2d")
    parser.add_argument("--to", dest="end", required=True, metavar="TIME", help="not included; as --from, or -0s")
    parser.add_argument("--kind", choices=sorted(KINDS), help="kind of the input, where several have one of this name")
    parser.add_argument("--collect", action="store_true", help="let the input collect what is missing in its next run")
    parser.add_argument("--all", action="store_true", help=f"list every finding, not only the first {MOST_LISTED}")
    parser.add_argument("--json", action="store_true", help="one JSON object on each line instead of a table")
    parser.add_argument(
        "--search-head", default="", metavar="URI", help="where to search, if not here: https://search.example.com:8089"
    )
    parser.add_argument("--search-username", default="", metavar="USERNAME", help="who may search there")
    parser.add_argument(
        "--grace",
        type=float,
        default=60.0,
        metavar="SECONDS",
        help="how long Splunk may take to index what it was just given (default: %(default)s)",
    )
    return with_login(parser)


def _audit(command: CommandRun) -> int:
    options, shell, redaction = command.options, command.shell, command.redaction
    now = machine_time()
    start, end = parse_time(options.start, now, "--from"), parse_time(options.end, now, "--to")
    redaction.hide(shell.environment.get(SEARCH_TOKEN, ""))
    most = math.inf if options.all else MOST_LISTED
    writer: JsonWriter | TextWriter = JsonWriter(shell.out) if options.json else TextWriter(shell.out, most)
    splunkd = command.splunkd
    this = find_input(splunkd, options.input, options.kind)
    kind = KINDS[this.kind]
    polling = read_polling(this.name, this.stanza)
    own = kind.read(this.name, this.stanza)
    network = load_settings(splunkd, redaction.hide).network
    account = load_account(splunkd, polling.account, redaction.hide).in_tenant_of(polling.name, polling.tenant_id)
    trusted = trust(network.ca_pem)
    service = splunkd.service
    if options.search_head:
        service = command.log_in(options.search_head, options.search_username, SEARCH_TOKEN, trusted)
    context = AuditContext(
        caller=Callers(network, trusted, shell.stop, command.log),
        store=KVStoreCheckpoints(splunkd),
        index=SplunkIndex(service, kind),
        found=writer.found,
        grace=options.grace,
    )
    request = AuditRequest(kind, polling.name, own, account, start, end, options.collect)
    return max(report.exit_status for report in writer.regions(audit(request, context)))


class TextWriter:
    """Writes text: a line for each finding, then a table with a row for each region.

    Args:
        out: where to write.
        most: the number of findings to list; the others are counted.
    """

    def __init__(self, out: TextIO, most: float = MOST_LISTED) -> None:
        self._out = out
        self._most = most
        self._findings = 0

    def found(self, finding: Discrepancy) -> None:
        """Write a finding as soon as it is known."""
        self._findings += 1
        if self._findings <= self._most:
            times = "" if finding.what == MISSING else f"  {finding.count} times"
            self._out.write(f"{finding.what:8}  {finding.region}  {iso(finding.time)}  {finding.identity}{times}\n")

    def regions(self, audited: Iterable[RegionReport]) -> list[RegionReport]:
        """Write the table and the remarks once all regions are done; return them."""
        reports = list(audited)
        if self._findings > self._most:
            more = self._findings - self._most
            self._out.write(f"... and {more:.0f} more. With --all, each of them is listed.\n")
        rows = [_COLUMNS, *(_row(report) for report in reports)]
        widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
        self._out.write("\n")
        for row in rows:
            cells = (cell.ljust(width) for cell, width in zip(row, widths))
            self._out.write("  ".join(cells).rstrip() + "\n")
        self._out.write("\n")
        for report in reports:
            for sentence in _sentences(report):
                self._out.write(f"{report.region}: {sentence}\n")
        if any(report.missing > report.ordered and not (report.doubts or report.note) for report in reports):
            self._out.write("Run it again with --collect: the input then collects what is missing in its next run.\n")
        return reports


class JsonWriter:
    """Writes one JSON object per line; its ``record`` is ``finding`` or ``region``."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def found(self, finding: Discrepancy) -> None:
        """Write a finding as soon as it is known."""
        self._write(
            record="finding",
            finding=finding.what,
            region=finding.region,
            id=finding.identity,
            version_time=iso(finding.time),
            count=finding.count,
        )

    def regions(self, audited: Iterable[RegionReport]) -> Iterator[RegionReport]:
        """Write each region as soon as it is done, and yield it."""
        for report in audited:
            self._write(
                record="region",
                region=report.region,
                host=report.host,
                result=_result(report),
                audited_from=iso(report.start),
                audited_to=iso(report.end),
                existing=report.existing,
                indexed=report.indexed,
                missing=report.missing,
                repeated=report.repeated,
                gone=report.gone,
                unidentified=report.unidentified,
                unreadable=report.unreadable,
                ordered=report.ordered,
                doubts=report.doubts,
                note=report.note,
                error=str(report.failure or ""),
            )
            yield report

    def _write(self, **members: Any) -> None:
        self._out.write(json.dumps(members) + "\n")


def _result(report: RegionReport) -> str:
    if report.failure is not None:
        return "failed"
    return "complete" if report.exit_status == 0 else "incomplete" if report.missing else "repeated"


def _row(report: RegionReport) -> tuple[str, ...]:
    counts = (report.existing, report.indexed, report.missing, report.repeated, report.gone)
    return (report.region, *("-" if report.failure else str(count) for count in counts), _result(report))


def _sentences(report: RegionReport) -> Iterable[str]:
    if report.failure is not None:
        yield str(report.failure)
        return
    yield f"compared from {iso(report.start)} to {iso(report.end)}."
    if report.gone:
        yield f"{report.gone} indexed alerts are not, or no longer, shown by the API with the input's settings."
    if report.unidentified:
        yield f"{report.unidentified} records of the API have no identity and could not be compared."
    if report.unreadable and not report.doubts:
        yield f"{report.unreadable} events don't tell which alert they are and could not be compared."
    yield from report.doubts
    if report.ordered:
        yield f"{report.ordered} alerts were ordered to be collected again."
    if report.note:
        yield report.note
