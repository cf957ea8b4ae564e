"""The APIs of a tenant, by the kinds of inputs that read them, and what their checks are called."""

from __future__ import annotations

from dataclasses import dataclass

GRAPH, INCIDENTS = "defender_graph_alerts", "defender_incidents"
ENDPOINT, SIEM = "defender_endpoint_alerts", "defender_siem_alerts"


@dataclass(frozen=True)
class Collection:
    """One of today's APIs: the beginning of its checks' names, and what it is called."""

    kind: str
    name: str
    title: str


COLLECTIONS = (
    Collection(GRAPH, "graph-alerts", "Microsoft Graph's alerts"),
    Collection(INCIDENTS, "incidents", "Microsoft Graph's incidents"),
    Collection(ENDPOINT, "endpoint-alerts", "Defender for Endpoint's alerts"),
)
