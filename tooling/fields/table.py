"""The table of ``knowledge/fields.toml``: all fields, and what members of records and evidence they are read from."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tooling import paths
from tooling.fields import parts
from tooling.fields.expressions import (
    AN_ADDRESS,
    EMPTY,
    NOBODY,
    SAYS_SOMETHING,
    SOMEBODY,
    cleaned,
    first,
    is_of,
    member,
    record,
    says,
    texts_of,
)

FILE = paths.ROOT / "knowledge" / "fields.toml"
SIEM = "siem"
INCIDENT = "incident"
CURRENT_RECORDS = ("endpoint_alert", "alert", INCIDENT, "former")
"""The endpoint API's alerts, Graph's alerts and incidents, and both of Microsoft's former incidents API."""
RECORDS = (SIEM, *CURRENT_RECORDS)
_LEFT_OUT = "left_out"
_KEYS = frozenset({"meaning", "cim", "from", "of", "typed", "what", "where", "aligned", "made", "siem_name", "events"})
_WHAT = {"": SAYS_SOMETHING, "address": AN_ADDRESS, "somebody": SOMEBODY}


class TableError(Exception):
    """What is wrong in the table."""


@dataclass(frozen=True)
class Step:
    """What a field is read from, first by first.

    Attributes:
        paths: for each type of record or evidence, in the order in which they are preferred.
        which: the pieces of evidence that count, one choice after the other; a choice is some of ``parts.PIECES_THAT``.
        what: which values count, by ``_WHAT``.
    """

    paths: Mapping[str, tuple[str, ...]]
    which: tuple[tuple[str, ...], ...] = ((),)
    what: str = ""

    def of_records(self, *types: str) -> tuple[str, ...]:
        """The paths of some types of records, those of each in their order."""
        return in_order(listed for of, listed in self.paths.items() if of in types)

    @property
    def of_evidence(self) -> tuple[str, ...]:
        """The paths of all types of evidence."""
        return in_order(self.paths[of] for of in self.paths if of not in RECORDS)

    def chosen(self, piece: str, *, typed: Iterable[str] = (), otherwise: str = "") -> str:
        """The first member of a piece that says something.

        Args:
            piece: the field that stands for it.
            typed: types whose members count in pieces of these types alone; they come last.
            otherwise: an expression for what it is if none does; NULL if there is no expression.
        """
        types: dict[str, list[str]] = {}
        for of in typed:
            for path in self.paths.get(of, ()):
                types.setdefault(path, []).append(of)
        singles = tuple(path for path in self.of_evidence if "{}" not in path)
        what = _WHAT[self.what]
        pairs = [f"{says(piece, path, what)}, {member(piece, path)}" for path in singles if path not in types]
        pairs += [
            f"{is_of(piece, *types[path])} AND {says(piece, path, what)}, {member(piece, path)}"
            for path in types
            if "{}" not in path
        ]
        return f"case({', '.join([*pairs, *([f'true(), {otherwise}'] if otherwise else [])])})"

    def firsts(self) -> list[str]:
        """Expressions for one value each: of the record, then of the first piece of evidence by each choice."""
        own = self.of_records(*CURRENT_RECORDS)
        found = [record(*own, empty=NOBODY if self.what == "somebody" else EMPTY)] if own else []
        if self.of_evidence and self.which == ((parts.DEST,),):
            return [*found, parts.of_dest(lambda piece: self.chosen(piece, otherwise=parts.NOTHING))]
        if self.of_evidence:
            found += [first(parts.of_pieces(choice, self.chosen)) for choice in self.which]
        return found


@dataclass(frozen=True)
class Field:
    """A row.

    Attributes:
        name: of the field.
        meaning: what it is.
        models: CIM's data models that have a field of this name.
        steps: what it is read from, first by first; of a list there is one step.
        of: fields that it is made of.
        typed: types of evidence whose members count in pieces of these types alone.
        where: which pieces of evidence count, one of ``parts.PIECES_THAT``; "" for all.
        is_aligned: whether each of these pieces has a value, "" if it says nothing.
        is_made: whether ``evidence.py`` has its expression.
        is_siem_name: whether it is the SIEM API's name for what another field has.
        events: in events of which records it is, if that can't be told by what it is read from.
    """

    name: str
    meaning: str
    models: tuple[str, ...]
    steps: tuple[Step, ...]
    of: tuple[str, ...] = ()
    typed: tuple[str, ...] = ()
    where: str = ""
    is_aligned: bool = False
    is_made: bool = False
    is_siem_name: bool = False
    events: str = ""

    @cached_property
    def paths(self) -> Mapping[str, tuple[str, ...]]:
        """Those of all steps, by type."""
        found: dict[str, dict[str, None]] = {}
        for step in self.steps:
            for of, listed in step.paths.items():
                found.setdefault(of, {}).update(dict.fromkeys(listed))
        return {of: tuple(listed) for of, listed in found.items()}

    @property
    def is_of_evidence(self) -> bool:
        """Whether nothing but evidence says it, as far as today's APIs go."""
        return bool(self.paths.keys() - {*RECORDS}) and not self.paths.keys() & {*CURRENT_RECORDS}

    def is_of(self, *, siem: bool) -> bool:
        """Whether it is read from records of the SIEM API, or from others."""
        return SIEM in self.paths if siem else bool(self.paths.keys() - {SIEM})

    def keys(self, *, siem: bool) -> tuple[str, ...]:
        """The paths in the record itself."""
        return in_order(step.of_records(*((SIEM,) if siem else CURRENT_RECORDS)) for step in self.steps)

    def expression(self, *, siem: bool) -> str:
        """One value of a record, or of the first step that has one; of evidence all different values of all pieces."""
        if siem:
            return record(*self.keys(siem=True))
        if not self.steps[1:] and not self.steps[0].of_evidence:
            return record(*self.keys(siem=False))
        if self.steps[1:] or self.steps[0].which != ((),):
            return self._first_of_steps()
        return parts.all_of(self.where, self._aligned) if self.is_aligned else self._all_different()

    def _first_of_steps(self) -> str:
        """Where a step is for incidents alone, an incident has no other."""
        incidents = [step for step in self.steps if step.paths.keys() == {INCIDENT}]
        found = [text for step in self.steps if step not in incidents for text in step.firsts()]
        others = found[0] if len(found) == 1 else f"coalesce({', '.join(found)})"
        if not incidents:
            return others
        of_incident = record(*in_order(step.of_records(INCIDENT) for step in incidents))
        return f"if({parts.IS_INCIDENT}, {of_incident}, {others})"

    def _aligned(self, piece: str) -> str:
        return self.steps[0].chosen(piece, typed=self.typed, otherwise=parts.NOTHING)

    def _all_different(self) -> str:
        (step,) = self.steps
        arrays = tuple(path for path in step.of_evidence if "{}" in path)
        singles = tuple(path for path in step.of_evidence if "{}" not in path)
        found = [parts.all_of(self.where, self._single)] if singles else []
        found += [texts_of(*arrays)] if arrays else []
        return f"mvdedup({found[0] if len(found) == 1 else f'mvappend({chr(44).join(found)})'})"

    def _single(self, piece: str) -> str:
        (step,) = self.steps
        singles = [path for path in step.of_evidence if "{}" not in path]
        if len(singles) == 1 and not self.typed and not step.what:
            return cleaned(member(piece, singles[0]))
        return step.chosen(piece, typed=self.typed)


def in_order(lists: Iterable[Sequence[str]]) -> tuple[str, ...]:
    """All that stands in some lists, once, the items of each list in its order.

    Raises:
        TableError: two lists contradict each other.
    """
    rest = [list(each_list) for each_list in lists if each_list]
    merged = []
    while rest:
        later = {path for each_list in rest for path in each_list[1:]}
        found = next((each_list[0] for each_list in rest if each_list[0] not in later), None)
        if found is None:
            told = ", ".join(sorted(later))
            raise TableError(f"{FILE.name} has {told} in one order for one type, and in another for another.")
        merged.append(found)
        rest = [kept for each_list in rest if (kept := [path for path in each_list if path != found])]
    return tuple(merged)


def _step(name: str, row: Mapping[str, Any]) -> Step:
    types = {of: tuple(listed) for of, listed in row.items() if of not in {"which", "what"}}
    which = tuple(tuple(choice.split(", ")) if choice else () for choice in row.get("which", [""]))
    what = row.get("what", "")
    known = {*parts.PIECES_THAT, parts.DEST}
    if unknown := [*({piece for choice in which for piece in choice} - known), *({what} - _WHAT.keys())]:
        there = ", ".join(sorted({*known, *_WHAT} - {""}))
        raise TableError(f"[{name}] in {FILE.name} has {', '.join(unknown)}. There are {there}.")
    return Step(types, which, what)


def _field(name: str, row: Mapping[str, Any]) -> Field:
    if unknown := sorted(row.keys() - _KEYS):
        raise TableError(f"[{name}] in {FILE.name} has {', '.join(unknown)}. It may have {', '.join(sorted(_KEYS))}.")
    if not row.get("meaning") or not (row.get("from") or row.get("of")):
        raise TableError(f"[{name}] in {FILE.name} needs a meaning, and from or of.")
    listed = row.get("from", ())
    steps = listed if isinstance(listed, list) else [{**listed, "what": row.get("what", "")}] if listed else []
    found = tuple(_step(name, step) for step in steps)
    typed = row.get("typed", ())
    if typed is True:
        typed = [of for step in found for of in step.paths if of not in RECORDS]
    return Field(
        name,
        row["meaning"],
        tuple(row.get("cim", ())),
        found,
        tuple(row.get("of", ())),
        tuple(typed),
        row.get("where", ""),
        is_aligned=row.get("aligned", False),
        is_made=row.get("made", False),
        is_siem_name=row.get("siem_name", False),
        events=row.get("events", ""),
    )


def read(text: str) -> dict[str, Field]:
    """Give all fields of a table.

    Raises:
        TableError: something in it is wrong.
    """
    return {name: _field(name, row) for name, row in tomllib.loads(text).items() if name != _LEFT_OUT}


_TEXT = FILE.read_text(encoding="utf-8")
FIELDS = read(_TEXT)
LEFT_OUT: Mapping[str, str] = {
    member: reason for reason, members in tomllib.loads(_TEXT)[_LEFT_OUT].items() for member in members
}
"""Type and member of what is in no field, and why."""
