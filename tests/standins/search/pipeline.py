"""A search as text: its macros, its pipes, and which fields it keeps."""

from __future__ import annotations

import re

from standins.search.conf import Conf
from standins.search.refusal import NotModelledError

_MACRO = re.compile(r"`([^`]*)`")
_PIPE = re.compile(r'"(?:[^"\\]|\\.)*"|\|', re.DOTALL)
_FIELDS = re.compile(r"\s*(-\s+)?(\w+(?:[\s,]+\w+)*)\s*", re.ASCII)


def expand_macros(search: str, macros: Conf, *, depth: int = 10) -> str:
    """A search with every macro replaced by its definition (macros.conf.spec). Macros with arguments are refused."""

    def definition(match: re.Match[str]) -> str:
        stanza = macros.get(match[1])
        if stanza is None or not depth or not set(stanza) <= {"definition", "description"}:
            raise NotModelledError(f"the macro {match.group()}")
        return expand_macros(stanza["definition"], macros, depth=depth - 1)

    return _MACRO.sub(definition, search)


def split_at_pipes(search: str) -> list[str]:
    """What stands between the pipes of a search; those in quotes are none."""
    parts, start = [], 0
    for match in _PIPE.finditer(search):
        if match.group() == "|":
            parts.append(search[start : match.start()])
            start = match.end()
    return [*parts, search[start:]]


def kept_fields(command: str) -> frozenset[str] | None:
    """The fields that a ``fields`` command keeps by name; None for all other commands, and for all other ways of it."""
    name, _, arguments = command.strip().partition(" ")
    match = _FIELDS.fullmatch(arguments)
    if name != "fields" or match is None or match[1]:
        return None
    return frozenset(re.split(r"[\s,]+", match[2]))
