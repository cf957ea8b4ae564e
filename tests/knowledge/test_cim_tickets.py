"""CIM's Ticket Management model, on samples of incidents."""

from __future__ import annotations

from typing import TYPE_CHECKING

from knowledge import cim
from knowledge.current_events import INCIDENT
from knowledge.siem_events import PROCESSED
from standins.microsoft.graph_samples import graph_alert

if TYPE_CHECKING:
    from standins.search import SearchKnowledge

SAMPLES = range(1, 100)


def test_every_sample_with_its_alerts_inside_satisfies_the_model(knowledge: SearchKnowledge) -> None:
    faults = []
    for number in SAMPLES:
        alerts = [graph_alert(4 * (number - 1) + at, PROCESSED) for at in range(4)]
        fields = knowledge.search_fields(INCIDENT.event(INCIDENT.raw(number, alerts=alerts)))
        assert fields["tag"] == ["incident", "ticketing"]
        faults += [(number, *fault) for fault in cim.faults(fields, cim.TICKET_MANAGEMENT)]
    assert faults == []


def test_an_incident_without_its_alerts_lacks_the_host_alone(knowledge: SearchKnowledge) -> None:
    """Graph's incident names no device; the alerts that do are in events of their own."""
    for number in SAMPLES:
        fields = knowledge.search_fields(INCIDENT.event(INCIDENT.raw(number)))
        assert list(cim.faults(fields, cim.TICKET_MANAGEMENT)) == [("dest", None)]
