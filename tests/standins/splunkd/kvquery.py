"""The KV store's query language, as far as the add-on asks in it: filter and projection.

Source: Splunk REST API Reference, "KV store endpoint descriptions" (query: $gt $gte $lt, $or $not; fields).
A query with anything else is answered 400 "The provided query was invalid." (text measured on 10.4.2 by
the public project mockdr for batch_find; assumed for query).
"""

from __future__ import annotations

import operator
from typing import Any, Callable

from standins.splunkd.answers import Refusal

Document = dict[str, Any]

_MISSING = object()


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, (int, float)):
        return "number"
    return type(value).__name__


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    """MongoDB compares only values of one type."""
    return lambda value, bound: _kind(value) == _kind(bound) and compare(value, bound)


_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "$gt": _ordered(operator.gt),
    "$gte": _ordered(operator.ge),
    "$lt": _ordered(operator.lt),
}


def invalid_query() -> Refusal:
    """What a query that can't be understood is answered."""
    return Refusal(400, "The provided query was invalid.")


def _field_matches(value: Any, condition: Any) -> bool:
    if not isinstance(condition, dict) or not any(key.startswith("$") for key in condition):
        return bool(value == condition)
    for name, operand in condition.items():
        if name == "$not":
            if _field_matches(value, operand):
                return False
        elif name not in _COMPARISONS:
            raise invalid_query()
        elif value is _MISSING or not _COMPARISONS[name](value, operand):
            return False
    return True


def matches(document: Document, query: Any) -> bool:
    """Whether a document satisfies a query object; Refusal(400) if the query is not one."""
    if not isinstance(query, dict):
        raise invalid_query()
    for name, condition in query.items():
        if name == "$or":
            if not isinstance(condition, list) or not condition:
                raise invalid_query()
            results = [matches(document, part) for part in condition]
            if not any(results):
                return False
        elif name.startswith("$"):
            raise invalid_query()
        elif not _field_matches(document.get(name, _MISSING), condition):
            return False
    return True


def check(query: Any) -> None:
    """Refuse a query that isn't one, even where the collection is empty."""
    matches({}, query)


def project(document: Document, fields: str) -> Document:
    """The fields asked for, such as "a,b", and the key."""
    names = fields.split(",")
    if not all(name.isidentifier() for name in names if fields):
        raise Refusal(400, "The provided fields were invalid.")
    return {key: value for key, value in document.items() if not fields or key in {*names, "_key"}}
