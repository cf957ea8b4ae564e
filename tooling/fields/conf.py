"""Stanzas of props.conf out of the files in ``knowledge/``.

Each of these files is for the events of one source. It has the stanzas of their sourcetypes and of our sources, with
what holds at index time, and ``[fields]`` with what all of these have in common at search time. In a value there,

- ``{{a, b.c}}`` is the first of these members of the record that says something;
- ``{{text x = a|b}}`` is a regular expression that makes a field x of the first of these members that is a text;
- ``{{= x}}`` is what ``evidence.py`` or its like gives under this name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tooling import paths
from tooling.fields.expressions import record
from tooling.fields.regexes import text_member

FIELDS = "[fields]\n"
KNOWLEDGE = paths.ROOT / "knowledge"
_PLACE = re.compile(r"\{\{(?:= (?P<named>\w+)|text (?P<field>\w+) = (?P<keys>[\w|]+)|(?P<paths>[\w.{}, ]+?))\}\}(?!\})")


@dataclass(frozen=True)
class Source:
    """The events of some sourcetypes.

    Attributes:
        file: the file in ``knowledge/``.
        values: what ``{{= x}}`` stands for.
        transforms: what transforms.conf has for them.
    """

    file: str
    values: Mapping[str, str]
    transforms: str = ""


def stanzas(source: Source) -> str:
    """All stanzas of a source. The comments on fields stand in the first alone."""
    stanzas, _, fields = (KNOWLEDGE / source.file).read_text(encoding="utf-8").partition(FIELDS)
    settings = list(_settings(fields, source.values))
    about, *each = re.split(r"\n\n(?=(?:#[^\n]*\n)*\[)", stanzas.strip())
    plain = [line for line in settings if line and not line.startswith("#")]
    parts = [f"{each[0]}\n\n" + "\n".join(settings), *(f"{one}\n\n" + "\n".join(plain) for one in each[1:])]
    return "\n\n".join([about, *parts]) + "\n"


def _settings(fields: str, values: Mapping[str, str]) -> Iterator[str]:
    """Line by line."""

    def value(match: re.Match[str]) -> str:
        if match["named"]:
            return values[match["named"]]
        return text_member(match["keys"], match["field"]) if match["field"] else record(*match["paths"].split(", "))

    for line in fields.strip().splitlines():
        yield line if line.startswith("#") else _PLACE.sub(value, line)
