"""Two tenants' alerts of a month, through every input, version by version: what dashboards and saved searches are tried on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from standins.microsoft import ticks
from standins.microsoft.endpoint_samples import endpoint_alert
from standins.microsoft.graph_samples import graph_alert, graph_incident
from standins.microsoft.samples import siem_alert
from standins.search import IndexedEvent

NOW = ticks.parse("2026-03-31T12:00:00Z")
NOW_SECONDS = 1_774_958_400.0
TENANTS = ("6f1f8b3a-0c58-4f5c-9a9b-5a7c0f3f1d11", "0d9e2c47-53b1-4f0e-8a61-b7c3d5e8f902")
ALERTS = 150
MERGED, INTO = 7, 3
"""The incident that was merged, and the one that it leads to."""
REOPENED = 22
"""The alert of this number, and every 36th from it, was resolved and then opened again."""
_HOUR = 3600 * ticks.PER_SECOND
_GRAPH, _ENDPOINT, _SIEM, _SPLIT = range(4)
_PRODUCTS = {
    1: {"serviceSource": "microsoftDefenderForIdentity", "productName": "Microsoft Defender for Identity"},
    10: {"serviceSource": "microsoftDefenderForOffice365", "productName": "Microsoft Defender for Office 365"},
}
"""Of some alerts that come through Graph alone; all others are of Defender for Endpoint."""


def events() -> list[IndexedEvent]:
    """All of them, newest first."""
    found = [*_alerts(), *_incidents()]
    return sorted(found, key=lambda event: float(event.time or 0), reverse=True)


def alert_id(number: int) -> str:
    """The id of an alert, where a test or a picture shows one."""
    return next(
        event.raw.partition('"id":"')[2].partition('"')[0]
        for event in _versions(number)
        if event.sourcetype != "wdatp:alerts"
    )


def created(number: int) -> int:
    """When an alert's first version was there: more of them lately, and none of the last quarter of an hour but one."""
    hours_ago = (number * number * 37 % 7_000) / 10 if number % 3 == 0 else (number * 53 % 1_640) / 10
    return NOW - round(max(hours_ago, 0.05 if number == 3 else 0.5) * _HOUR)


def _alerts() -> Iterator[IndexedEvent]:
    for number in range(1, ALERTS + 1):
        yield from _versions(number)


def _versions(number: int) -> Iterator[IndexedEvent]:
    """An alert's life: new, then perhaps in progress, then perhaps resolved after some hours, and perhaps opened again."""
    first = created(number)
    way = (_GRAPH, _GRAPH, _ENDPOINT, _SIEM, _GRAPH, _SPLIT)[number % 6]
    if way == _SIEM:
        yield _event(
            "defender_siem_alerts",
            "wdatp:alerts",
            ("us", "eu", "uk")[number % 3],
            number,
            first,
            siem_alert(number, first),
        )
        return
    if number % 8 == 0:
        yield _event("defender_siem_alerts", "wdatp:alerts", "eu", number, first, siem_alert(number, first))
    ends = [(0, "new"), (0.4 + number % 7 / 3, "inProgress"), (1.5 + number * 29 % 310 / 10, "resolved")]
    ends = ends[: 1 + number % 4 % 3]
    if number % 36 == REOPENED:
        ends.append((ends[-1][0] + 2, "inProgress"))
    for hours, status in ends:
        updated = first + round(hours * _HOUR)
        if updated < NOW:
            yield _version(number, first, updated, status, way)


def _version(number: int, first: int, updated: int, status: str, way: int) -> IndexedEvent:
    done = ticks.text(updated) if status == "resolved" else None
    members: dict[str, Any] = {"created": first, "status": status}
    if way == _ENDPOINT:
        raw = endpoint_alert(
            number, updated, **members | {"status": status[0].upper() + status[1:], "resolvedTime": done}
        )
        return _event("defender_endpoint_alerts", "ms:defender:atp:alerts", "eu", number, updated, raw)
    members |= {"resolvedDateTime": done, **_PRODUCTS.get(number % 12, {})}
    raw = graph_alert(number, updated, **members)
    if way == _SPLIT:
        return _event("defender_incidents", "ms365:defender:incident:alerts", "global", number, updated, raw)
    return _event("defender_graph_alerts", "ms:defender:graph:alerts", "global", number, updated, raw)


def _incidents() -> Iterator[IndexedEvent]:
    """The newer half of the alerts belongs to incidents that an input collects; one of these was merged into another."""
    for number in range(1, 20):
        updated = NOW - round((number * 31 % 700 / 10 + 0.1) * _HOUR)
        raw = graph_incident(number, updated, redirect_to=INTO if number == MERGED else None)
        yield _event("defender_incidents", "ms365:defender:incident", "global", 4 * number - 1, updated, raw)


def _event(  # noqa: PLR0917 - where it comes from, which one, when, what
    kind: str, sourcetype: str, region: str, number: int, updated: int, raw: bytes
) -> IndexedEvent:
    seconds = NOW_SECONDS + (updated - NOW) / ticks.PER_SECOND
    return IndexedEvent(
        raw=raw.decode(),
        time=f"{seconds:.3f}",
        source=f"{kind}:{TENANTS[(number // 4 + 1) % 5 == 0]}:{region}:soc",
        sourcetype=sourcetype,
        host="graph.microsoft.com",
        index="defender",
        index_time=f"{seconds + 40 + number * 67 % 600:.0f}",
    )
