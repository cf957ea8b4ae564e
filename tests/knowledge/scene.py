"""Two tenants' alerts of a month, through every input, version by version: what dashboards and saved searches are tried on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from defender_alerts.input_kinds import KINDS
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
SIEM, ENDPOINT, GRAPH, INCIDENT, SPLIT = (
    *("wdatp:alerts", "ms:defender:atp:alerts", "ms:defender:graph:alerts"),
    *("ms365:defender:incident", "ms365:defender:incident:alerts"),
)
_INPUTS = {name: kind.name for kind in KINDS.values() for name in (kind.sourcetype, kind.split_sourcetype) if name}
_PRODUCTS: dict[int, dict[str, Any]] = {
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
    way = (GRAPH, GRAPH, ENDPOINT, SIEM, GRAPH, SPLIT)[number % 6]
    if way == SIEM or number % 8 == 0:
        region = ("us", "eu", "uk")[number % 3] if way == SIEM else "eu"
        yield _version(SIEM, region, number, first, siem_alert(number, first))
    if way == SIEM:
        return
    ends = [(0, "new"), (0.4 + number % 7 / 3, "inProgress"), (1.5 + number * 29 % 310 / 10, "resolved")]
    ends = ends[: 1 + number % 4 % 3]
    if number % 36 == REOPENED:
        ends.append((ends[-1][0] + 2, "inProgress"))
    for hours, status in ends:
        updated = first + round(hours * _HOUR)
        if updated < NOW:
            region, raw = _raw(number, first, updated, status, way)
            yield _version(way, region, number, updated, raw)


def _raw(number: int, first: int, updated: int, status: str, way: str) -> tuple[str, bytes]:
    """The region and the text of a version."""
    done = ticks.text(updated) if status == "resolved" else None
    if way == ENDPOINT:
        status = status[0].upper() + status[1:]
        return "eu", endpoint_alert(number, updated, created=first, status=status, resolvedTime=done)
    product = _PRODUCTS.get(number % 12, {})
    return "global", graph_alert(number, updated, created=first, status=status, resolvedDateTime=done, **product)


def _incidents() -> Iterator[IndexedEvent]:
    """The newer half of the alerts belongs to incidents that an input collects; one of these was merged into another."""
    for number in range(1, 20):
        updated = NOW - round((number * 31 % 700 / 10 + 0.1) * _HOUR)
        raw = graph_incident(number, updated, redirect_to=INTO if number == MERGED else None)
        yield _version(INCIDENT, "global", 4 * number - 1, updated, raw)


def _version(sourcetype: str, region: str, number: int, updated: int, raw: bytes) -> IndexedEvent:
    tenant = TENANTS[(number // 4 + 1) % 5 == 0]
    return event(sourcetype, updated, raw, region=region, tenant=tenant, indexed=40 + number * 67 % 600)


def event(
    sourcetype: str, updated: int, raw: bytes, *, region: str = "global", tenant: str = TENANTS[0], indexed: int = 60
) -> IndexedEvent:
    """A version of a record, indexed so many seconds after Microsoft changed it."""
    seconds = NOW_SECONDS + (updated - NOW) / ticks.PER_SECOND
    return IndexedEvent(
        raw=raw.decode(),
        time=f"{seconds:.3f}",
        source=f"{_INPUTS[sourcetype]}:{tenant}:{region}:soc",
        sourcetype=sourcetype,
        host="graph.microsoft.com",
        index="defender",
        index_time=f"{seconds + indexed:.0f}",
    )


def alert(number: int, hours_ago: float, **members: Any) -> IndexedEvent:
    """A version of an alert, through Graph, that was created nine hours ago or earlier, and is new unless told otherwise."""
    updated = NOW - round(hours_ago * _HOUR)
    values: dict[str, Any] = {"created": min(updated, NOW - 9 * _HOUR), "status": "new"}
    return event(GRAPH, updated, graph_alert(number, updated, **values | members))


def incident(number: int, hours_ago: float, **members: Any) -> IndexedEvent:
    """A version of an incident."""
    updated = NOW - round(hours_ago * _HOUR)
    return event(INCIDENT, updated, graph_incident(number, updated, **members))
