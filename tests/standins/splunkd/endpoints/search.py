"""search/jobs and search/v2/jobs, for oneshot searches over the events that a test has handed over.

Sources: Splunk REST API Reference "search/jobs" (exec_mode, count, max_count, earliest_time, latest_time: inclusive and
exclusive), limits.conf.spec ([restapi] maxresultrows). Assumed: an index that a user may not search is as good as empty,
without a word; a relative time is refused, as is everything else that isn't modelled.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Callable

from standins.search import SearchKnowledge
from standins.search.indexing import IndexedEvent as Indexed
from standins.search.internal_log import events_of_log, events_of_splunkd_log
from standins.splunkd.answers import Answer, Refusal, as_json
from standins.splunkd.context import Context
from standins.splunkd.stream import IndexedEvent

_MAX_RESULT_ROWS = 50_000
_DEFAULT_COUNT = 100
_DEFAULT_MAX_COUNT = 10_000
_ARGUMENTS = frozenset(
    {"search", "exec_mode", "output_mode", "earliest_time", "latest_time", "count", "max_count", "segmentation"}
)


class Searches:
    """The indexes, as a search finds them. Tests fill them, and set what goes wrong.

    Attributes:
        events: what is indexed, in the order of arrival.
        hidden: indexes that a user may not search, by user name.
        messages: type and text of what Splunk remarks on every search.
        journal: every search that was run.

    Args:
        app: the app whose settings hold.
        logs: gives the text of the files in var/log/splunk, which are the index ``_internal``, by their names.
    """

    def __init__(self, app: Path, logs: Callable[[], Mapping[str, str]]) -> None:
        self._app = app
        self._logs = logs
        self._knowledge: SearchKnowledge | None = None
        self.clear()

    def clear(self) -> None:
        """Be as after an installation."""
        self.events: list[Indexed] = []
        self.hidden: dict[str, set[str]] = {}
        self.messages: list[tuple[str, str]] = []
        self.journal: list[str] = []

    def add(self, events: Iterable[IndexedEvent]) -> None:
        """Index what an input has written, by the settings of props.conf that hold for it."""
        for event in events:
            # Assumed, see docs/unknowns.md: "default" is the instance's default index, which is main.
            index = "main" if event.index == "default" else event.index
            indexed = self._known().index(event.raw, event.time, event.source, event.sourcetype, event.host, index)
            # Without a time of its own an event has that of its arrival.
            arrived = f"{time.time():.3f}"
            self.events += [one if one.time is not None else replace(one, time=arrived) for one in indexed]

    def jobs(self, context: Context, path: list[str]) -> Answer:
        """POST search/jobs with exec_mode=oneshot."""
        if path or context.request.method != "POST":
            raise Refusal(404, "Not Found")
        form = {name: values[-1] for name, values in context.request.form.items()}
        unknown = sorted(form.keys() - _ARGUMENTS)
        if unknown or form.get("exec_mode") != "oneshot" or form.get("output_mode") != "json":
            raise Refusal(400, f"not modelled: {unknown or form}")
        search = form["search"]
        if not search.lstrip().startswith("|"):
            command, _, search = search.partition(" ")
            if command != "search":
                raise Refusal(400, f"Unknown search command '{command}'.", "FATAL")
        self.journal.append(form["search"])
        within = _within(form)
        hidden = self.hidden.get(context.user.name, set())
        indexed = [*self.events, *(self._internal() if "index=_internal" in search else ())]
        events = [event for event in indexed if event.index not in hidden and within(event)]
        rows = self._known().search(search, events)
        most = min(
            int(form.get("count", _DEFAULT_COUNT)) or _MAX_RESULT_ROWS,
            int(form.get("max_count", _DEFAULT_MAX_COUNT)),
            _MAX_RESULT_ROWS,
        )
        return as_json(
            {
                "preview": False,
                "init_offset": 0,
                "messages": [{"type": kind, "text": text} for kind, text in self.messages],
                "fields": [{"name": name} for name in (rows[0] if rows else ())],
                "results": rows[:most],
                "highlighted": {},
            }
        )

    def _internal(self) -> Iterator[Indexed]:
        for name, text in self._logs().items():
            if name == "splunkd.log":
                yield from events_of_splunkd_log(text, "standin")
            elif name.endswith(".log"):
                yield from events_of_log(f"/opt/splunk/var/log/splunk/{name}", text, "standin")

    def _known(self) -> SearchKnowledge:
        if self._knowledge is None:
            self._knowledge = SearchKnowledge.load(self._app)
        return self._knowledge


def _within(form: Mapping[str, str]) -> _Range:
    return _Range(_epoch(form.get("earliest_time", "0")), _epoch(form.get("latest_time", "now")))


def _epoch(text: str) -> float:
    if text in {"", "now"}:
        return math.inf
    try:
        return float(text)
    except ValueError as error:
        raise Refusal(400, f'Invalid time: "{text}" is not modelled.') from error


class _Range:
    """Times from earliest (inclusive) to latest (exclusive)."""

    def __init__(self, earliest: float, latest: float) -> None:
        self._earliest = earliest
        self._latest = latest

    def __call__(self, event: Indexed) -> bool:
        """Whether an event lies in the range; Splunk keeps microseconds (assumed)."""
        assert event.time is not None, "an event without a time of its own"
        return self._earliest <= round(float(event.time), 6) < self._latest
