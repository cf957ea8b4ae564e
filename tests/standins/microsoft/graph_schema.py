"""The types of Microsoft Graph's security namespace: an extract of its published CSDL (see the file's ``source``)."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

NAMESPACE = "#microsoft.graph.security."
_FUTURE = "unknownFutureValue"


@functools.cache
def types() -> dict[str, dict[str, Any]]:
    """Return every type by its name."""
    text = Path(__file__).with_name("graph_security_schema.json").read_text(encoding="utf-8")
    known: dict[str, dict[str, Any]] = json.loads(text)["types"]
    return known


def members(name: str) -> tuple[str, ...]:
    """Return an enum's members in order."""
    return tuple(types()[name]["members"])


def old_members(name: str) -> frozenset[str]:
    """Return the members that are shown without ``Prefer: include-unknown-enum-members``: those before the sentinel.

    "An evolvable enumeration: members after ``unknownFutureValue`` need the header" (Microsoft Graph,
    best-practices-concept). An incident's ``redirected`` stands before it in the schema and yet needs the header
    (security-list-incidents.md).
    """
    known = members(name)
    old = set(known[: known.index(_FUTURE) + 1] if _FUTURE in known else known)
    return frozenset(old - {"redirected"} if name == "incidentStatus" else old)


@functools.cache
def properties(name: str) -> dict[str, str]:
    """Return a type's properties with those of its bases, the bases' first."""
    base = types()[name]["base"]
    inherited = {"id": "String"} if base == "entity" else {} if base is None else properties(base)
    return {**inherited, **types()[name]["properties"]}


@functools.cache
def evidence_types() -> tuple[str, ...]:
    """Return every type of evidence."""
    return tuple(name for name, known in types().items() if known.get("base") == "alertEvidence")
