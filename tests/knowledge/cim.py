"""CIM's rules for the two data models that the add-on's events belong to.

The tables are written after data_models/Alerts.json and Ticket_Management.json of pytest-splunk-addon 6.4.0, and the rules are those of
its cim_tests/test_templates.py: required fields in every event, one value, an expected one, never a placeholder.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from standins.search import Fields

PLACEHOLDERS = {"", " ", "-", "null", "(null)", "unknown"}
# pytest-splunk-addon, CommonFields.json: Enterprise Security fills them, an add-on must not.
RESERVED = {
    f"{of}_{what}" for of, what in itertools.product(("dest", "dvc", "src", "src_user", "user"), ("bunit", "category", "priority"))
}  # fmt: skip


@dataclass(frozen=True)
class CimField:
    """A field of a model; no expected values means any."""

    name: str
    is_required: bool = True
    expected: frozenset[str] = frozenset()
    is_multivalue: bool = False


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
    CimField("mitre_technique_id", is_required=False, is_multivalue=True),
)
TICKET_MANAGEMENT = (
    CimField("dest"),
    CimField("priority"),
    CimField("severity"),
    CimField("severity_id"),
    CimField("status"),
    CimField("ticket_id"),
    CimField("description", is_required=False),
    CimField("time_submitted", is_required=False),
    CimField("user", is_required=False),
)


def faults(fields: Fields, model: Sequence[CimField]) -> Iterator[tuple[str, object]]:
    """What a model finds wrong with an event: field and value; a missing field has None."""
    for field in model:
        value = fields.get(field.name)
        if value is None and not field.is_required:
            continue
        values = value if isinstance(value, list) and field.is_multivalue else [value]
        for each in values:
            if not isinstance(each, str) or each in PLACEHOLDERS or (field.expected and each not in field.expected):
                yield field.name, each
