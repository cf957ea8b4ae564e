"""Searches the indexed events on a search head through ``splunklib``.

A search names no index, since an input's index may have been changed, and ``source`` alone identifies the input, tenant
and region. It names the sourcetype, since split alerts have the same source as their incidents. It reads identity and
version time with ``json_extract`` from ``_raw``, since automatic extraction ends after an event's first 5,000 bytes
(limits.conf.spec, ``[spath] extraction_cutoff``).

It is a oneshot search, not an export: the answer is one JSON document, which can't be truncated unnoticed. Splunk
returns 100 results unless ``count`` says otherwise, never more than 50,000 (limits.conf.spec, ``[restapi]
maxresultrows``), and keeps 10,000 unless ``max_count`` says otherwise (REST API Reference, ``search/jobs``). An answer
with all the requested rows counts as cut short.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from splunklib import client

from defender_alerts.audit.compare import SearchFailedError
from defender_alerts.collect.page import CutShortError
from defender_alerts.input_kinds import Kind
from defender_alerts.times import TICKS_PER_SECOND

from .rest_client import SplunkdError, json_of

MOST_ROWS = 20_000

# Types of Splunk's messages about a search that failed. Of the others, INFO and DEBUG don't matter.
_FAILURES = frozenset({"FATAL", "ERROR"})


class SplunkIndex:
    """The events of one kind of input, as far as the service's user may search them.

    Args:
        service: of a search head.
        kind: of input. Split alerts, which have the same source, are left out.
    """

    def __init__(self, service: client.Service, kind: Kind) -> None:
        self._service = service
        self._kind = kind
        self._warnings: dict[str, None] = {}

    @property
    def warnings(self) -> Sequence[str]:
        """Splunk's warnings so far, each once."""
        return tuple(self._warnings)

    def versions(self, source: str, start: int, end: int) -> Iterator[tuple[Mapping[str, Any], int]]:
        """Yield the versions of a source between two times in ticks: the identifying members, and the event count.

        Raises:
            CutShortError: there may be more than the answer holds.
            SearchFailedError: Splunk refused the search, or could not be reached.
        """
        members = self._kind.identified_by
        read = " ".join(f'| eval {name}=coalesce(json_extract(_raw,"{name}"),"")' for name in members)
        # The search command ignores case when it compares values; where does not.
        search = f'{self._of(source)} | where source="{source}" {read} | stats count by {" ".join(members)}'
        earliest, latest = start // TICKS_PER_SECOND, -(-end // TICKS_PER_SECOND)
        rows = self._run(search, earliest_time=str(earliest), latest_time=str(latest), rows=MOST_ROWS)
        if len(rows) >= MOST_ROWS:
            raise CutShortError
        for row in rows:
            yield {name: row[name] for name in members if row.get(name)}, int(row["count"])

    def has_any(self, source: str) -> bool:
        """Whether there is any event of that source.

        Raises:
            SearchFailedError: Splunk refused the search, or could not be reached.
        """
        search = f"{self._of(source)} | head 1 | stats count by source"
        return bool(self._run(search, earliest_time="0", latest_time="now", rows=1))

    def count(self, name: str, since: Mapping[str, int]) -> int:
        """Count an input's events of all sourcetypes, in each region from a time on (ticks).

        Any tenant matches, since this is only a rough number.

        Raises:
            SearchFailedError: Splunk refused the search, or could not be reached.
        """
        counted = 0
        for region, start in since.items():
            source = f"{self._kind.name}:*:{region}:{name}"
            search = f'search index=* source="{source}" | stats count by source'
            rows = self._run(search, earliest_time=str(start // TICKS_PER_SECOND), latest_time="now", rows=MOST_ROWS)
            counted += sum(int(row["count"]) for row in rows)
        return counted

    def _run(self, search: str, *, earliest_time: str, latest_time: str, rows: int) -> list[Mapping[str, Any]]:
        try:
            answer = json_of(
                lambda: self._service.jobs.oneshot(
                    search,
                    output_mode="json",
                    earliest_time=earliest_time,
                    latest_time=latest_time,
                    count=rows,
                    max_count=rows,
                )
            )
            found: list[Mapping[str, Any]] = answer["results"]
            remarks = [(str(one["type"]), str(one["text"])) for one in answer.get("messages", ())]
        except SplunkdError as error:
            if error.status:
                raise SearchFailedError(f"Splunk refuses the search ({error}).") from error
            raise SearchFailedError(
                f"Splunk gave the search no usable answer ({error}). See splunkd.log, or audit a shorter range."
            ) from error
        except (KeyError, TypeError) as error:
            raise SearchFailedError("Splunk answered the search with something that is no list of results.") from error
        failures = [text for kind, text in remarks if kind in _FAILURES]
        if failures:
            raise SearchFailedError(f"The search failed in Splunk: {' '.join(failures)}")
        self._warnings.update(dict.fromkeys(text for kind, text in remarks if kind == "WARN"))
        return found

    def _of(self, source: str) -> str:
        return f'search index=* source="{source}" sourcetype="{self._kind.sourcetype}"'
