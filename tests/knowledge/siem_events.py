"""Events of the SIEM API as they lie in an index."""

from __future__ import annotations

import json
from typing import Any

from standins.microsoft import ticks
from standins.microsoft.samples import Shape, siem_alert
from standins.search import IndexedEvent

TENANT = "6f1f8b3a-0c58-4f5c-9a9b-5a7c0f3f1d11"
OUR_SOURCE = f"defender_siem_alerts:{TENANT}:eu:soc_alerts"
OLD_SOURCE = "rest://wdatp:alerts"  # of the old add-on, Splunkbase 4128 (Microsoft: configure-splunk)
PROCESSED = ticks.parse("2026-03-01T11:00:00.1234567Z")
SHAPES: tuple[Shape, ...] = ("2017", "2018", "2020")


def record(
    *, shape: Shape = "2020", number: int = 1, first: dict[str, Any] | None = None, without: str = "", **values: Any
) -> str:
    """One record's JSON.

    Args:
        shape: the year of its keys.
        number: of the sample.
        first: members that come before all others.
        without: a key that is missing.
        values: instead of the sample's.
    """
    members = json.loads(siem_alert(number, PROCESSED, shape=shape)) | values
    members = (first or {}) | {key: value for key, value in members.items() if key not in (first or {})}
    members.pop(without, None)
    return json.dumps(members, ensure_ascii=False)


def event(raw: str, *, source: str = OUR_SOURCE, time: str = "1772362800.123") -> IndexedEvent:
    """An event of a record, from our input unless the source is another."""
    host = "wdatp-alertexporter-eu.windows.com"
    return IndexedEvent(raw=raw, time=time, source=source, sourcetype="wdatp:alerts", host=host, index="defender")
