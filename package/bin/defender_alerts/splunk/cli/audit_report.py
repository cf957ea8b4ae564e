"""Writes an audit's findings as they come, as text or as lines of JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, TextIO

from defender_alerts.audit.compare import MISSING, Discrepancy, RegionReport
from defender_alerts.times import iso

MOST_LISTED = 50
_COLUMNS = ("region", "existing", "indexed", "missing", "repeated", "gone", "result")


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
        self._reports: list[RegionReport] = []

    def found(self, finding: Discrepancy) -> None:
        """One finding, as soon as it is known."""
        self._findings += 1
        if self._findings > self._most:
            return
        times = "" if finding.what == MISSING else f"  {finding.count} times"
        self._out.write(f"{finding.what:8}  {finding.region}  {iso(finding.time)}  {finding.identity}{times}\n")

    def region(self, report: RegionReport) -> None:
        """One region that is done; its row is written at the end."""
        self._reports.append(report)

    def end(self) -> None:
        """Write the table and the remarks."""
        if self._findings > self._most:
            more = self._findings - self._most
            self._out.write(f"... and {more:.0f} more. With --all, each of them is listed.\n")
        rows = [_COLUMNS, *(_row(report) for report in self._reports)]
        widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
        self._out.write("\n")
        for row in rows:
            cells = (cell.ljust(width) for cell, width in zip(row, widths))
            self._out.write("  ".join(cells).rstrip() + "\n")
        self._out.write("\n")
        for report in self._reports:
            for sentence in _sentences(report):
                self._out.write(f"{report.region}: {sentence}\n")
        if any(report.missing > report.ordered and not (report.doubts or report.note) for report in self._reports):
            self._out.write("Run it again with --collect: the input then collects what is missing in its next run.\n")


class JsonWriter:
    """Writes one JSON object per line; its ``record`` is ``finding`` or ``region``."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def found(self, finding: Discrepancy) -> None:
        """One finding, as soon as it is known."""
        self._write(
            record="finding",
            finding=finding.what,
            region=finding.region,
            id=finding.identity,
            version_time=iso(finding.time),
            count=finding.count,
        )

    def region(self, report: RegionReport) -> None:
        """One region that is done."""
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

    def end(self) -> None:
        """Do nothing: each line is complete by itself."""

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
