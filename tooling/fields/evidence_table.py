"""The table of ``knowledge/evidence.toml``: fields, and what members of evidence they are read from."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tooling import paths
from tooling.fields.expressions import AN_ADDRESS, chosen, cleaned, each, is_of, member, says, texts_of

FILE = paths.ROOT / "knowledge" / "evidence.toml"
_LEFT_OUT = "left_out"
_KEYS = frozenset({"meaning", "cim", "from", "typed", "address", "made"})


class TableError(Exception):
    """What is wrong in the table."""


@dataclass(frozen=True)
class Field:
    """A row.

    Attributes:
        name: of the field.
        meaning: what it is.
        models: CIM's data models that have a field of this name.
        paths: for each type of evidence, in the order in which they are preferred.
        is_typed: whether only pieces of these types count.
        is_address: whether placeholders of addresses are none.
        is_made: whether ``evidence.py`` has its expression.
    """

    name: str
    meaning: str
    models: tuple[str, ...]
    paths: Mapping[str, tuple[str, ...]]
    is_typed: bool
    is_address: bool
    is_made: bool

    @property
    def members(self) -> tuple[str, ...]:
        """The paths of all types."""
        return tuple(dict.fromkeys(path for paths in self.paths.values() for path in paths))

    @property
    def singles(self) -> tuple[str, ...]:
        """Those that lead to one value."""
        return tuple(path for path in self.members if "{}" not in path)

    def expression(self) -> str:
        """All different values of all pieces of evidence."""
        arrays = tuple(path for path in self.members if "{}" in path)
        parts = [*([self._of_singles()] if self.singles else []), *([texts_of(*arrays)] if arrays else [])]
        return f"mvdedup({parts[0] if len(parts) == 1 else f'mvappend({chr(44).join(parts)})'})"

    def _of_singles(self) -> str:
        if self.is_typed:
            return each(self._by_type)
        if self.is_address:
            return each(chosen(*self.singles, what=AN_ADDRESS))
        if len(self.singles) == 1:
            return each(lambda piece: cleaned(member(piece, self.singles[0])))
        return each(chosen(*self.singles))

    def _by_type(self, piece: str) -> str:
        types: dict[str, list[str]] = {}
        for of, paths_of_type in self.paths.items():
            for path in paths_of_type:
                types.setdefault(path, []).append(of)
        pairs = [f"{is_of(piece, *of)} AND {says(piece, path)}, {member(piece, path)}" for path, of in types.items()]
        return f"case({', '.join(pairs)})"


def _field(name: str, row: Mapping[str, Any]) -> Field:
    if unknown := sorted(row.keys() - _KEYS):
        raise TableError(f"[{name}] in {FILE.name} has {', '.join(unknown)}. It may have {', '.join(sorted(_KEYS))}.")
    if not row.get("meaning") or not row.get("from"):
        raise TableError(f"[{name}] in {FILE.name} needs a meaning and from.")
    return Field(
        name,
        row["meaning"],
        tuple(row.get("cim", ())),
        {of: tuple(paths_of_type) for of, paths_of_type in row["from"].items()},
        is_typed=row.get("typed", False),
        is_address=row.get("address", False),
        is_made=row.get("made", False),
    )


_ROWS = tomllib.loads(FILE.read_text(encoding="utf-8"))
FIELDS = {name: _field(name, row) for name, row in _ROWS.items() if name != _LEFT_OUT}
"""All fields of evidence but dest, src, user and user_name."""
LEFT_OUT: Mapping[str, str] = {member: reason for reason, members in _ROWS[_LEFT_OUT].items() for member in members}
"""Type and member of what is in no field, and why."""


def settings() -> str:
    """The fields that are lists of what their paths lead to."""
    return "\n".join(f"EVAL-{field.name} = {field.expression()}" for field in FIELDS.values() if not field.is_made)
