"""Stanzas of props.conf out of the table and the files in ``knowledge/``.

Each of these files is for the events of one source. It has the stanzas of their sourcetypes and of our sources, with
what holds at index time, and ``[fields]`` with what all of these have in common at search time. In a value there,

- ``{{x}}`` is what the table reads field x from, or what ``evidence.py`` makes of it;
- ``{{word x}}`` and its like are that in another reading, by ``evidence.READINGS``;
- ``{{others}}`` is a line for each field of the table that no other line mentions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tooling import paths
from tooling.fields.evidence import READINGS
from tooling.fields.table import FIELDS, TableError

STANZA = "[fields]\n"
KNOWLEDGE = paths.ROOT / "knowledge"
_OTHERS = "{{others}}"
_PLACE = re.compile(r"\{\{(?:(?P<how>\w+) )?(?P<name>\w+)\}\}(?!\})")
_CALCULATED = re.compile(r"^EVAL-(\w+) = ", re.MULTILINE)


@dataclass(frozen=True)
class Source:
    """The events of some sourcetypes.

    Attributes:
        file: the file in ``knowledge/``.
        values: fields that are not as they come.
        siem: whether they are the SIEM API's.
        transforms: what transforms.conf has for them.
    """

    file: str
    values: Mapping[str, str]
    siem: bool = False
    transforms: str = ""

    def text(self) -> str:
        """The file."""
        return (KNOWLEDGE / self.file).read_text(encoding="utf-8")

    def value(self, name: str) -> str:
        """What a field is, as an expression."""
        if name in self.values:
            return self.values[name]
        if name not in FIELDS:
            raise TableError(f"{self.file} has {{{{{name}}}}}, and the table no [{name}].")
        return FIELDS[name].expression(siem=self.siem)

    def others(self, mentioned: set[str]) -> Iterator[str]:
        """The lines of those fields that no other line mentions."""
        for field in FIELDS.values():
            if field.name not in mentioned and (field.name in self.values or field.is_of(siem=self.siem)):
                yield f"EVAL-{field.name} = {self.value(field.name)}"


def stanzas(source: Source) -> str:
    """All stanzas of a source. The comments on fields stand in the first alone."""
    stanzas, _, fields = source.text().partition(STANZA)
    settings = list(_settings(fields, source))
    about, *each = re.split(r"\n\n(?=(?:#[^\n]*\n)*\[)", stanzas.strip())
    plain = [line for line in settings if line and not line.startswith("#")]
    parts = [f"{each[0]}\n\n" + "\n".join(settings), *(f"{one}\n\n" + "\n".join(plain) for one in each[1:])]
    return "\n\n".join([about, *parts]) + "\n"


def _settings(fields: str, source: Source) -> Iterator[str]:
    """Line by line."""
    mentioned = {match["name"] for match in _PLACE.finditer(fields)} | set(_CALCULATED.findall(fields))

    def value(match: re.Match[str]) -> str:
        return READINGS[match["how"]](FIELDS[match["name"]]) if match["how"] else source.value(match["name"])

    for line in fields.strip().splitlines():
        if line == _OTHERS:
            yield from source.others(mentioned)
        else:
            yield line if line.startswith("#") else _PLACE.sub(value, line)
