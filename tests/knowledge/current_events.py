"""Events of each kind as they lie in an index."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from defender_alerts.input_kinds import KINDS as KINDS_OF_INPUT
from knowledge.siem_events import PROCESSED, TENANT
from standins.microsoft.endpoint_samples import endpoint_alert
from standins.microsoft.graph_samples import graph_alert, graph_incident
from standins.microsoft.samples import siem_alert
from standins.search import IndexedEvent

OLD_SOURCE = "microsoft_defender_endpoint_atp_alerts"  # of the add-on of Splunkbase 6207
SOURCE_STANZA = f"source::({'|'.join(sorted(KINDS_OF_INPUT.keys() - {'defender_siem_alerts'}))}):*"


@dataclass(frozen=True)
class Kind:
    """What one input writes under one sourcetype."""

    name: str
    sourcetype: str
    host: str
    sample: Callable[..., bytes]
    region: str = "global"

    def __str__(self) -> str:
        """Its sourcetype, by which tests are told apart; the functions in it have another address in each process."""
        return self.sourcetype

    def raw(self, number: int = 1, *, first: dict[str, Any] | None = None, **values: Any) -> str:
        """One record's JSON.

        Args:
            number: of the sample.
            first: members that come before all others.
            values: instead of the sample's.
        """
        members = json.loads(self.sample(number, PROCESSED, **values))
        members = (first or {}) | {key: value for key, value in members.items() if key not in (first or {})}
        return json.dumps(members, ensure_ascii=False, separators=(",", ":"))

    def event(self, raw: str, *, source: str = "", time: str = "1772362800.123", host: str = "") -> IndexedEvent:
        """An event of a record, from our input unless the source is another."""
        return IndexedEvent(
            raw=raw,
            time=time,
            source=source or self.source,
            sourcetype=self.sourcetype,
            host=host or self.host,
            index="defender",
        )

    @property
    def source(self) -> str:
        """The source that our input gives its events."""
        return f"{self.name}:{TENANT}:{self.region}:soc_alerts"


GRAPH_HOST = "graph.microsoft.com"
ENDPOINT = Kind(
    "defender_endpoint_alerts", "ms:defender:atp:alerts", "api.securitycenter.microsoft.com", endpoint_alert
)
GRAPH = Kind("defender_graph_alerts", "ms:defender:graph:alerts", GRAPH_HOST, graph_alert)
INCIDENT = Kind("defender_incidents", "ms365:defender:incident", GRAPH_HOST, graph_incident)
SPLIT_ALERT = Kind("defender_incidents", "ms365:defender:incident:alerts", GRAPH_HOST, graph_alert)
SIEM = Kind("defender_siem_alerts", "wdatp:alerts", "wdatp-alertexporter-eu.windows.com", siem_alert, "eu")
ALERTS = (ENDPOINT, GRAPH, SPLIT_ALERT)
KINDS = (*ALERTS, INCIDENT)
"""Of today's APIs."""


def sourcetype_of(kind: Kind) -> str:
    """The name of a test's case."""
    return kind.sourcetype
