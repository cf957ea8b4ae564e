"""Automatic lookups (``LOOKUP-``) in CSV files, and the tables of the lookup command (props, transforms and collections.conf.spec)."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from standins.search.conf import Conf, Stanza
from standins.search.extraction import Values, in_class_order
from standins.search.refusal import NotModelledError

_SETTINGS = frozenset({"filename", "case_sensitive_match", "min_matches", "default_match"})
_PARTS = re.compile(r"\s+(OUTPUTNEW|OUTPUT)\s+")
_FIELD = re.compile(r'("[^"]+"|[^\s,]+)(?:\s+AS\s+("[^"]+"|[^\s,]+))?[\s,]*', re.IGNORECASE)


@dataclass(frozen=True)
class Lookup:
    """One ``LOOKUP-`` setting: which rows match an event, and what they add to it."""

    rows: Sequence[Mapping[str, str]]
    inputs: Sequence[tuple[str, str]]
    """Column and field of each match."""
    outputs: Sequence[tuple[str, str]]
    """Column and field of each result."""
    overwrites: bool
    ignores_case: bool
    default: str | None
    """What the results are if no row matches."""

    def apply(self, fields: Values) -> None:
        """Add the first matching row's columns. Without a match the results are cleared, or the default."""
        wanted = {}
        for column, field in self.inputs:
            values = fields.get(field, [])
            if len(values) > 1:
                raise NotModelledError(f"a lookup by the multivalue field {field}")
            if not values:
                return
            wanted[column] = self._folded(values[0])
        row = next((row for row in self.rows if all(self._folded(row[c]) == v for c, v in wanted.items())), None)
        for column, field in self.outputs:
            if not self.overwrites and field in fields:
                continue
            value = self.default if row is None else row[column]
            if value:
                fields[field] = [value]
            else:
                fields.pop(field, None)

    def _folded(self, text: str) -> str:
        return text.lower() if self.ignores_case else text


def read_lookups(settings: Stanza, transforms: Conf, folders: Sequence[Path]) -> list[Lookup]:
    """The automatic lookups among the settings, in the order of their classes.

    Args:
        settings: of props.conf, for one event.
        transforms: transforms.conf.
        folders: where the CSV files may be, the first that has one wins.

    Raises:
        NotModelledError: a lookup of another kind, or with a setting that isn't modelled.
        FileNotFoundError: there is no such CSV file.
    """
    return [_lookup(name, value, transforms, folders) for name, value in in_class_order(settings, "LOOKUP-")]


def _lookup(name: str, value: str, transforms: Conf, folders: Sequence[Path]) -> Lookup:
    parts = _PARTS.split(value)
    if len(parts) != 3:  # matches, keyword, results
        raise NotModelledError(f"{name} = {value}")
    table, _, matches = parts[0].partition(" ")
    stanza = transforms.get(table)
    if stanza is None or "filename" not in stanza or not set(stanza) <= _SETTINGS:
        raise NotModelledError(f"{name}: transforms.conf [{table}] {sorted(stanza or ())}")
    path = next((folder / stanza["filename"] for folder in folders if (folder / stanza["filename"]).is_file()), None)
    if path is None:
        raise FileNotFoundError(f"{name}: {stanza['filename']}")
    return Lookup(
        rows=_rows(path, path.stat().st_mtime_ns),
        inputs=_columns_and_fields(matches),
        outputs=_columns_and_fields(parts[2]),
        overwrites=parts[1] == "OUTPUT",
        ignores_case=stanza.get("case_sensitive_match", "true").lower() in {"false", "0"},
        default=stanza.get("default_match") if int(stanza.get("min_matches", "0")) else None,
    )


@dataclass(frozen=True)
class LookupTable:
    """What the lookup command looks into.

    Attributes:
        columns: those that the definition or the file names; they are there without a row as well.
        rows: each with values by column.
        replicated: whether the indexers have it. What they don't have can be looked up with ``local=true`` alone.
    """

    columns: frozenset[str]
    rows: Sequence[Mapping[str, str]]
    replicated: bool = True


def read_tables(
    transforms: Conf, collections: Conf, folders: Sequence[Path], kept: Mapping[str, Sequence[Mapping[str, str]]]
) -> dict[str, LookupTable]:
    """The tables of transforms.conf, by the name of their definition.

    Args:
        transforms: transforms.conf.
        collections: collections.conf.
        folders: where the CSV files may be, the first that has one wins.
        kept: the rows of lookups in the KV store, by the name of their definition; the others are empty.
    """
    tables = {}
    for name, stanza in transforms.items():
        if stanza.get("external_type") == "kvstore":
            columns = frozenset(column.strip() for column in stanza["fields_list"].split(","))
            replicated = collections[stanza["collection"]].get("replicate", "false") == "true"
            tables[name] = LookupTable(columns, kept.get(name, ()), replicated)
        elif "filename" in stanza:
            path = next(folder / stanza["filename"] for folder in folders if (folder / stanza["filename"]).is_file())
            rows = _rows(path, path.stat().st_mtime_ns)
            tables[name] = LookupTable(frozenset(rows[0]), rows)
    return tables


@cache
def _rows(path: Path, _changed: int) -> Sequence[Mapping[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _columns_and_fields(text: str) -> list[tuple[str, str]]:
    return [(column.strip('"'), (field or column).strip('"')) for column, field in _FIELD.findall(text.strip())]
