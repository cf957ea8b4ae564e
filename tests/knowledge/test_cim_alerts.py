"""CIM's Alerts model, on every sample of every source that has alerts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from knowledge import cim, current_events
from knowledge.current_events import ENDPOINT, GRAPH, SPLIT_ALERT, sourcetype_of
from knowledge.siem_events import PROCESSED, SHAPES, event, record
from standins.microsoft.samples import Shape, siem_alert

if TYPE_CHECKING:
    from knowledge.current_events import Kind
    from standins.search import SearchKnowledge

SAMPLES = 120


@pytest.mark.parametrize("shape", SHAPES)
def test_every_siem_sample_satisfies_the_model(knowledge: SearchKnowledge, shape: Shape) -> None:
    faults = []
    for number in range(SAMPLES):
        fields = knowledge.search_fields(event(siem_alert(number, PROCESSED, shape=shape).decode()))
        assert fields["tag"] == "alert"
        faults += [(number, *fault) for fault in cim.faults(fields, cim.ALERTS)]
    assert faults == []


@pytest.mark.parametrize("every_type", [False, True], ids=["usual evidence", "evidence of every type"])
@pytest.mark.parametrize("kind", current_events.ALERTS, ids=sourcetype_of)
def test_every_current_sample_satisfies_the_model(knowledge: SearchKnowledge, kind: Kind, *, every_type: bool) -> None:
    faults = []
    for number in range(SAMPLES):
        fields = knowledge.search_fields(kind.event(kind.raw(number, every_type=every_type)))
        assert fields["tag"] == "alert"
        faults += [(number, *fault) for fault in cim.faults(fields, cim.ALERTS)]
    assert faults == []


def test_no_field_is_defined_that_enterprise_security_fills(knowledge: SearchKnowledge) -> None:
    defined = {name.partition("-")[2] for settings in knowledge.props.values() for name in settings}
    assert not defined & (cim.RESERVED | {"tag"})


def _missing(fields: dict[str, str | list[str]]) -> set[str]:
    return {field.name for field in cim.ALERTS if field.is_required} - fields.keys()


def test_a_siem_alert_without_any_user_has_no_user(knowledge: SearchKnowledge) -> None:
    """The one required field that a record may not be able to fill; "unknown" would be a lie, and is forbidden."""
    assert _missing(knowledge.search_fields(event(record(UserName="", LogOnUsers="")))) == {"user"}


def test_an_endpoint_alert_without_any_user_has_no_user(knowledge: SearchKnowledge) -> None:
    raw = ENDPOINT.raw(relatedUser=None, loggedOnUsers=[], evidence=[])
    assert _missing(knowledge.search_fields(ENDPOINT.event(raw))) == {"user"}


@pytest.mark.parametrize("kind", [GRAPH, SPLIT_ALERT], ids=sourcetype_of)
def test_a_graph_alert_about_no_device_and_no_account_has_neither_host_nor_user(
    knowledge: SearchKnowledge, kind: Kind
) -> None:
    """An alert about mail or about an application: what is not in the record can't be made up."""
    fields = knowledge.search_fields(kind.event(kind.raw(evidence=[])))
    assert _missing(fields) == {"dest", "src", "user"}


def test_no_shape_of_the_siem_record_carries_a_technique(knowledge: SearchKnowledge) -> None:
    for shape in SHAPES:
        assert "mitre_technique_id" not in knowledge.search_fields(event(record(shape=shape)))
