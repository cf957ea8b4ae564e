"""The KV store's query language: filter, projection, sort.

Source: Splunk REST API Reference, "KV store endpoint descriptions" (query: $gt $gte $lt $lte $ne, $and
$or $not; fields; sort; skip; limit). $eq isn't in that list; MongoDB below knows it, so it is assumed.
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
    "$eq": operator.eq,
    "$ne": operator.ne,
    "$gt": _ordered(operator.gt),
    "$gte": _ordered(operator.ge),
    "$lt": _ordered(operator.lt),
    "$lte": _ordered(operator.le),
}


def invalid_query() -> Refusal:
    """What a query that can't be understood is answered."""
    return Refusal(400, "The provided query was invalid.")


def _value(document: Document, path: str) -> Any:
    value: Any = document
    for part in path.split("."):
        if not isinstance(value, dict) or part not in value:
            return _MISSING
        value = value[part]
    return value


def _field_matches(value: Any, condition: Any) -> bool:
    if not isinstance(condition, dict) or not any(key.startswith("$") for key in condition):
        return bool(value == condition)
    for name, operand in condition.items():
        if name == "$not":
            if _field_matches(value, operand):
                return False
        elif name not in _COMPARISONS:
            raise invalid_query()
        elif value is _MISSING:
            if name != "$ne":
                return False
        elif not _COMPARISONS[name](value, operand):
            return False
    return True


def matches(document: Document, query: Any) -> bool:
    """Whether a document satisfies a query object; Refusal(400) if the query is not one."""
    if not isinstance(query, dict):
        raise invalid_query()
    for name, condition in query.items():
        if name in {"$and", "$or"}:
            if not isinstance(condition, list) or not condition:
                raise invalid_query()
            results = [matches(document, part) for part in condition]
            if not (all(results) if name == "$and" else any(results)):
                return False
        elif name == "$not":
            if matches(document, condition):
                return False
        elif name.startswith("$"):
            raise invalid_query()
        elif not _field_matches(_value(document, name), condition):
            return False
    return True


def check(query: Any) -> None:
    """Refuse a query that isn't one, even where the collection is empty."""
    matches({}, query)


def project(document: Document, fields: str) -> Document:
    """The fields asked for: "a,b" or "a:1", or all but "a:0". Mixing both is refused, but for _key."""
    if not fields:
        return document
    wanted: dict[str, bool] = {}
    for part in fields.split(","):
        name, _, flag = part.strip().partition(":")
        if flag not in {"", "0", "1"} or not name:
            raise Refusal(400, "The provided fields were invalid.")
        wanted[name] = flag != "0"
    others = {flag for name, flag in wanted.items() if name != "_key"}
    if len(others) > 1:
        raise Refusal(400, "The provided fields were invalid.")
    if others == {False} or (not others and not wanted["_key"]):
        return {key: value for key, value in document.items() if wanted.get(key, True)}
    kept = {name for name, flag in wanted.items() if flag} | ({"_key"} if wanted.get("_key", True) else set())
    return {key: value for key, value in document.items() if key in kept}


def ordered(documents: list[Document], sort: str) -> list[Document]:
    """Sorted by "a:1,b:-1"; without a sort in the order of the keys."""
    for part in reversed(sort.split(",")) if sort else []:
        name, _, direction = part.strip().partition(":")
        documents = sorted(
            documents,
            key=lambda document: (_kind(document.get(name)), document.get(name)),
            reverse=direction == "-1",
        )
    return documents
