"""What the search-time fields cost: CPU seconds of the stand-in for 10,000 events of each sourcetype.

`PYTHONPATH=tests:package/bin:. .toolchain/venv/bin/python -m knowledge.cost` prints a table, as it stands in docs/search.md.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import replace

from knowledge import siem_events
from knowledge.current_events import ALERTS, INCIDENT, Kind
from knowledge.siem_events import PROCESSED
from standins.microsoft.graph_samples import graph_alert, graph_incident, incident_alerts
from standins.microsoft.samples import siem_alert
from standins.search import IndexedEvent, SearchKnowledge
from standins.search.conf import Stanza

from tooling import paths

EVENTS = 10_000


def _of(kind: Kind) -> Callable[[int], IndexedEvent]:
    return lambda number: kind.event(kind.sample(number, PROCESSED).decode())


def _incident(number: int) -> IndexedEvent:
    alerts = [graph_alert(each, PROCESSED) for each in incident_alerts(number + 1)]
    return INCIDENT.event(graph_incident(number + 1, PROCESSED, alerts=alerts).decode())


MAKERS: dict[str, Callable[[int], IndexedEvent]] = {
    "wdatp:alerts": lambda number: siem_events.event(siem_alert(number, PROCESSED).decode()),
    **{kind.sourcetype: _of(kind) for kind in ALERTS},
    f"{INCIDENT.sourcetype}, its alerts inside": _incident,
}


def _seconds(knowledge: SearchKnowledge, events: list[IndexedEvent]) -> float:
    begin = time.process_time()
    for event in events:
        knowledge.search_fields(event)
    return time.process_time() - begin


def main(count: int = EVENTS) -> None:
    """Measure and print."""
    whole = SearchKnowledge.load(paths.PACKAGE)
    parts = [
        replace(whole, props={stanza: _without(settings, prefixes) for stanza, settings in whole.props.items()})
        for prefixes in (("EVAL-", "EXTRACT-", "FIELDALIAS-", "LOOKUP-"), ("EVAL-", "LOOKUP-"))
    ]
    sys.stdout.write(
        "| sourcetype | bytes | automatic | with regular expressions | with calculated fields |\n|---|---|---|---|---|\n"
    )
    for name, make in MAKERS.items():
        events = [make(number) for number in range(count)]
        size = sum(len(event.raw.encode()) for event in events) // count
        seconds = " | ".join(f"{_seconds(each, events):.0f} s" for each in (*parts, whole))
        sys.stdout.write(f"| `{name}` | {size:,} | {seconds} |\n")
        sys.stdout.flush()


def _without(settings: Stanza, prefixes: tuple[str, ...]) -> dict[str, str]:
    return {name: value for name, value in settings.items() if not name.startswith(prefixes)}


if __name__ == "__main__":
    main()
