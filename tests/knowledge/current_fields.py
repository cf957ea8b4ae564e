"""What the tests of today's alerts' fields have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from knowledge.current_events import (
    ALERTS,
    GRAPH,
    KINDS,
    SIEM,
    SPLIT_ALERT,
    Kind,
    sourcetype_of,
)
from standins.search import Fields, SearchKnowledge

# Fields whose n-th values belong together.
FILES = ("file_name", "file_path", "file_hash")
PROCESSES = ("process", "process_name", "parent_process")
EVIDENCE = (*FILES, *PROCESSES, "ip", "url", "registry_path")

every_source = pytest.mark.parametrize("kind", [SIEM, *KINDS], ids=sourcetype_of)
every_kind = pytest.mark.parametrize("kind", KINDS, ids=sourcetype_of)
every_alert = pytest.mark.parametrize("kind", ALERTS, ids=sourcetype_of)
every_graph_alert = pytest.mark.parametrize("kind", [GRAPH, SPLIT_ALERT], ids=sourcetype_of)


def fields_of(knowledge: SearchKnowledge, kind: Kind, raw: str, **of_event: str) -> Fields:
    """The fields of a record, indexed by our input unless told otherwise."""
    return knowledge.search_fields(kind.event(raw, **of_event))


def calculated(knowledge: SearchKnowledge, kind: Kind = GRAPH) -> set[str]:
    """The fields that the add-on makes of a kind's events: of all but the SIEM API's the same."""
    names = {name.removeprefix("EVAL-") for name in knowledge.props[kind.sourcetype] if name.startswith("EVAL-")}
    return names | {"severity_id", "mitre_tactic", "mitre_tactic_id"}


def values(fields: Mapping[str, str | list[str]], name: str) -> list[str]:
    """A field's values."""
    value = fields.get(name, [])
    return value if isinstance(value, list) else [value]


def endpoint_evidence(**members: Any) -> dict[str, Any]:
    """A piece of evidence as the endpoint API has it."""
    return {"entityType": None, "fileName": None, "sha1": None, "processId": None, "url": None} | members


def graph_evidence(kind: str, **members: Any) -> dict[str, Any]:
    """A piece of evidence as Graph has it."""
    return {"@odata.type": f"#microsoft.graph.security.{kind}", "verdict": "unknown", "roles": []} | members
