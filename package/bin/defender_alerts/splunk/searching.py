"""What is indexed, asked of a search head by ``splunklib``.

The search names no index: an input's index may have been changed, and ``source`` tells the input, tenant and region
apart by itself. It names the sourcetype, because alerts that are cut out of incidents have the incidents' source. It
reads what identifies a version with ``json_extract`` out of ``_raw``, because automatic extraction ends after the first
5,000 bytes of an event (limits.conf.spec, ``[spath] extraction_cutoff``).

It is a oneshot search and not an export: its answer is one JSON document, which cannot be cut off unnoticed. Splunk
returns 100 results unless ``count`` says otherwise, never more than 50,000 (limits.conf.spec, ``[restapi]
maxresultrows``), and keeps 10,000 unless ``max_count`` does (REST API Reference, ``search/jobs``). As many rows as were
asked for count as cut short.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from splunklib import binding, client

from defender_alerts.audit.compare import SearchFailedError
from defender_alerts.collect.page import CutShortError
from defender_alerts.input_kinds import Kind
from defender_alerts.times import TICKS_PER_SECOND

from .rest_client import message_of

MOST_ROWS = 20_000

# Members of a record that tell its versions apart, by kind of input: what ``Api.identify`` reads.
IDENTIFYING = {
    "defender_graph_alerts": ("id", "lastUpdateDateTime"),
    "defender_incidents": ("id", "lastUpdateDateTime"),
    "defender_endpoint_alerts": ("id", "lastUpdateTime"),
    "defender_siem_alerts": ("FullId", "AlertPart", "LastProcessedTimeUtc"),
}
# What Splunk says of a search; INFO and DEBUG are no reason to doubt the answer.
_FAILURES = frozenset({"FATAL", "ERROR"})
_REMARKS = frozenset({"WARN"})


class SplunkIndex:
    """The events of one kind of input, as far as the service's user may search.

    Args:
        service: of a search head.
        kind: whose events; not those that are cut out of them, which have the same source.
    """

    def __init__(self, service: client.Service, kind: Kind) -> None:
        self._service = service
        self._kind = kind.name
        self._sourcetype = kind.sourcetype
        self._members = IDENTIFYING[kind.name]
        self._warnings: dict[str, None] = {}

    @property
    def warnings(self) -> Sequence[str]:
        """What Splunk has remarked so far, each text once."""
        return tuple(self._warnings)

    def versions(self, source: str, start: int, end: int) -> Iterator[tuple[Mapping[str, Any], int]]:
        """Yield the versions of a source between two times in ticks: members that identify one, and how often.

        Raises:
            CutShortError: there may be more than the answer holds.
            SearchFailedError: Splunk refused the search, or could not be reached.
        """
        read = " ".join(f'| eval {name}=coalesce(json_extract(_raw,"{name}"),"")' for name in self._members)
        # Comparing values, the search command pays no heed to case; where does.
        search = f'{self._of(source)} | where source="{source}" {read} | stats count by {" ".join(self._members)}'
        earliest, latest = start // TICKS_PER_SECOND, -(-end // TICKS_PER_SECOND)
        rows = self._run(search, earliest_time=str(earliest), latest_time=str(latest), rows=MOST_ROWS)
        if len(rows) >= MOST_ROWS:
            raise CutShortError
        for row in rows:
            yield {name: row[name] for name in self._members if row.get(name)}, int(row["count"])

    def has_any(self, source: str) -> bool:
        """Whether there is an event of that source at all.

        Raises:
            SearchFailedError: Splunk refused the search, or could not be reached.
        """
        search = f"{self._of(source)} | head 1 | stats count by source"
        return bool(self._run(search, earliest_time="0", latest_time="now", rows=1))

    def count(self, name: str, since: Mapping[str, int]) -> int:
        """How many events of an input are indexed, whatever their sourcetype, by regions from a time on (ticks).

        The tenant in the source is left open: whoever asks for a rough number need not know it.

        Raises:
            SearchFailedError: Splunk refused the search, or could not be reached.
        """
        counted = 0
        for region, start in since.items():
            source = f"{self._kind}:*:{region}:{name}"
            search = f'search index=* source="{source}" | stats count by source'
            rows = self._run(search, earliest_time=str(start // TICKS_PER_SECOND), latest_time="now", rows=MOST_ROWS)
            counted += sum(int(row["count"]) for row in rows)
        return counted

    def _run(self, search: str, *, earliest_time: str, latest_time: str, rows: int) -> list[Mapping[str, Any]]:
        try:
            body = self._service.jobs.oneshot(
                search,
                output_mode="json",
                earliest_time=earliest_time,
                latest_time=latest_time,
                count=rows,
                max_count=rows,
            ).read()
            answer = json.loads(body)
            found: list[Mapping[str, Any]] = answer["results"]
            remarks = [(str(one["type"]), str(one["text"])) for one in answer.get("messages", ())]
        except binding.AuthenticationError as error:
            raise SearchFailedError("Splunk's search head no longer accepts the session. Log in again.") from error
        except binding.HTTPError as error:
            what = f"HTTP {error.status}: {message_of(error)}"
            raise SearchFailedError(f"Splunk refuses the search ({what}).") from error
        except (OSError, http.client.HTTPException) as error:
            raise SearchFailedError(
                f"Splunk did not answer the search ({type(error).__name__}: {error}). See splunkd.log, or audit a "
                "shorter range."
            ) from error
        except (ValueError, KeyError, TypeError) as error:
            raise SearchFailedError("Splunk answered the search with something that is no list of results.") from error
        failures = [text for kind, text in remarks if kind in _FAILURES]
        if failures:
            raise SearchFailedError(f"The search failed in Splunk: {' '.join(failures)}")
        self._warnings.update(dict.fromkeys(text for kind, text in remarks if kind in _REMARKS))
        return found

    def _of(self, source: str) -> str:
        return f'search index=* source="{source}" sourcetype="{self._sourcetype}"'
