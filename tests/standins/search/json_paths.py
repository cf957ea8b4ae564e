"""The JSON that eval's functions read, and their paths ("JSON functions", Search Reference)."""

from __future__ import annotations

import functools
import json
import re
from typing import Any

from standins.search.refusal import NotModelledError

_STEP = re.compile(r"(?P<key>[^.{}]+)|\{(?P<number>\d*)\}|(?P<dot>\.)")


class NotJson:
    """What a text that is no JSON is read as."""


@functools.lru_cache(maxsize=256)  # an event, and the pieces of an array in it
def parse_json(text: str) -> Any:
    """The value that a text holds, or ``NotJson``."""
    try:
        return json.loads(text)
    except ValueError:
        return NotJson


def values_at(value: Any, path: str) -> tuple[list[Any], bool]:
    """The values that a path leads to, and whether the path asks for a list of them (``{}`` without a number).

    A key that holds a period can't be reached by a path (documented).
    """
    values, is_list = [value], False
    for step in _steps(path):
        if step is None:
            values = [element for each in values if isinstance(each, list) for element in each]
            is_list = True
        elif isinstance(step, int):
            values = [each[step] for each in values if isinstance(each, list) and step < len(each)]
        else:
            values = [each[step] for each in values if isinstance(each, dict) and step in each]
    return values, is_list


@functools.cache
def _steps(path: str) -> tuple[str | int | None, ...]:
    """A path's keys and numbers; None for all elements."""
    steps: list[str | int | None] = []
    at = 0
    while at < len(path):
        step = _STEP.match(path, at)
        if step is None:
            raise NotModelledError(f"the JSON path {path!r}")
        at = step.end()
        if not step["dot"]:
            steps.append(step["key"] or (int(step["number"]) if step["number"] else None))
    return tuple(steps)


def to_json(value: Any) -> str:
    """A value as eval's JSON functions write it: without spaces."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
