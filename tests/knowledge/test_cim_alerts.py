"""CIM's Alerts model, on every sample of the SIEM API.

The table is written after data_models/Alerts.json of pytest-splunk-addon 6.4.0 and the rules are those of its
cim_tests/test_templates.py: required fields in every event, one value, an expected one, never a placeholder.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import pytest
from knowledge.siem_events import PROCESSED, SHAPES, event, record
from standins.microsoft.samples import Shape, siem_alert
from standins.search import SearchKnowledge

SAMPLES = 120
PLACEHOLDERS = {"", " ", "-", "null", "(null)", "unknown"}
# pytest-splunk-addon, CommonFields.json: Enterprise Security fills them, an add-on must not.
RESERVED = {
    f"{of}_{what}" for of, what in itertools.product(("dest", "dvc", "src", "src_user", "user"), ("bunit", "category", "priority"))
}  # fmt: skip


@dataclass(frozen=True)
class CimField:
    """A field of the model; no expected values means any."""

    name: str
    is_required: bool = True
    expected: frozenset[str] = frozenset()


ALERTS = (
    CimField("app"),
    CimField("description"),
    CimField("dest"),
    CimField("id"),
    CimField("severity", expected=frozenset({"critical", "high", "medium", "low", "informational"})),
    CimField("signature"),
    CimField("signature_id"),
    CimField("src"),
    CimField("type", expected=frozenset({"alarm", "alert", "event", "task", "warning"})),
    CimField("user"),
    CimField("severity_id", is_required=False),
    CimField("user_name", is_required=False),
    CimField("vendor_account", is_required=False),
    CimField("vendor_region", is_required=False),
    CimField("mitre_technique_id", is_required=False),
)


@pytest.mark.parametrize("shape", SHAPES)
def test_every_sample_satisfies_the_model(knowledge: SearchKnowledge, shape: Shape) -> None:
    faults = []
    for number in range(SAMPLES):
        fields = knowledge.search_fields(event(siem_alert(number, PROCESSED, shape=shape).decode()))
        assert fields["tag"] == "alert"
        for field in ALERTS:
            value = fields.get(field.name)
            if value is None and not field.is_required:
                continue
            if not isinstance(value, str) or value in PLACEHOLDERS or (field.expected and value not in field.expected):
                faults.append((number, field.name, value))
    assert faults == []


def test_no_field_is_defined_that_enterprise_security_fills(knowledge: SearchKnowledge) -> None:
    defined = {name.partition("-")[2] for settings in knowledge.props.values() for name in settings}
    assert not defined & (RESERVED | {"tag"})


def test_an_alert_without_any_user_has_no_user(knowledge: SearchKnowledge) -> None:
    """The one required field that a record may not be able to fill; "unknown" would be a lie, and is forbidden."""
    fields = knowledge.search_fields(event(record(UserName="", LogOnUsers="")))
    assert {field.name for field in ALERTS if field.is_required} - fields.keys() == {"user"}


def test_no_shape_of_the_record_carries_a_technique(knowledge: SearchKnowledge) -> None:
    for shape in SHAPES:
        assert "mitre_technique_id" not in knowledge.search_fields(event(record(shape=shape)))
