"""What the search-time fields cost: calls of functions, and the bytes of 10,000 events of each sourcetype.

`PYTHONPATH=tests:package/bin:. .toolchain/venv/bin/python -m knowledge.cost` prints tables, as they stand in docs/performance.md.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable

from knowledge.current_events import ALERTS, INCIDENT, SIEM, Kind
from knowledge.siem_events import PROCESSED
from standins.microsoft.graph_samples import graph_alert, graph_incident, incident_alerts
from standins.search import Fields, IndexedEvent, SearchKnowledge
from standins.search.conf import Stanza

from tooling import paths

EVENTS = 10_000


def _of(kind: Kind) -> Callable[[int], IndexedEvent]:
    return lambda number: kind.event(kind.sample(number, PROCESSED).decode())


def _incident(number: int) -> IndexedEvent:
    alerts = [graph_alert(each, PROCESSED) for each in incident_alerts(number + 1)]
    return INCIDENT.event(graph_incident(number + 1, PROCESSED, alerts=alerts).decode())


MAKERS: dict[str, Callable[[int], IndexedEvent]] = {
    **{kind.sourcetype: _of(kind) for kind in (SIEM, *ALERTS)},
    f"{INCIDENT.sourcetype}, its alerts inside": _incident,
}


_JSON = re.compile(r"\bjson_\w+\(")
_EVIDENCE = ("defender_categories", "defender_evidence", "defender_alerts_inside", "defender_evidence_pieces")
_NAMED = ("_time", "sourcetype", "vendor_account", "id", "version_time", "severity", "signature", "dest", "user")
"""What ``defender_alerts_latest | fields _time severity signature dest user id`` carries to the search head."""
_CARRIED = 200


def calls(settings: Stanza) -> dict[str, int]:
    """How many calls of JSON functions stand in the expression of each calculated field."""
    return {
        name.removeprefix("EVAL-"): len(_JSON.findall(value))
        for name, value in settings.items()
        if name.startswith("EVAL-")
    }


def _calls(whole: SearchKnowledge) -> None:
    sys.stdout.write("\n| sourcetype | JSON calls | fields with any | most |\n|---|---|---|---|\n")
    for name in ("wdatp:alerts", ALERTS[0].sourcetype):
        found = calls(whole.props[name])
        most = sorted(found.items(), key=lambda each: -each[1])[:5]
        told = ", ".join(f"`{field}` {count}" for field, count in most)
        sys.stdout.write(f"| `{name}` | {sum(found.values())} | {sum(map(bool, found.values()))} | {told} |\n")


def _bytes(whole: SearchKnowledge) -> None:
    sys.stdout.write(
        "\n| sourcetype | events | with extracted JSON | with all fields | latest, named fields |\n|---|---|---|---|---|\n"
    )
    for name, make in MAKERS.items():
        events = [make(number) for number in range(_CARRIED)]
        fields = [whole.search_fields(event) for event in events]
        raw = sum(len(event.raw.encode()) for event in events)
        sums = (raw, *(raw + _size(fields, only) for only in (_EVIDENCE, None)), _size(fields, _NAMED))
        cells = " | ".join(f"{each / _CARRIED * EVENTS / 1e6:.0f} MB" for each in sums)
        sys.stdout.write(f"| `{name}` | {cells} |\n")


def _size(events: list[Fields], names: tuple[str, ...] | None) -> int:
    """The bytes of fields' values: of some, or of all but the event itself."""
    return sum(
        len(value.encode())
        for event in events
        for name, found in event.items()
        if (name != "_raw" if names is None else name in names)
        for value in (found if isinstance(found, list) else [found])
    )


if __name__ == "__main__":
    _calls(SearchKnowledge.load(paths.PACKAGE))
    _bytes(SearchKnowledge.load(paths.PACKAGE))
