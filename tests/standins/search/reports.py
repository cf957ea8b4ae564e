"""Searches as dashboards and saved searches have them: read strictly, checked for fields that nothing makes, and run.

A search is read as a whole before anything runs: an unknown command, option or function is refused, and so is a field that neither
the events nor a command further to the left has. What it returns is that of the Search Reference, one page per command; what a
docstring here calls assumed isn't written there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from standins.search.arithmetic import moment
from standins.search.conf import Conf
from standins.search.eval_functions import as_number
from standins.search.lookups import LookupTable
from standins.search.pipeline import expand_macros, split_at_pipes
from standins.search.refusal import NotModelledError
from standins.search.row_commands import ROW_COMMANDS
from standins.search.rows import Command, Table, When, options, unchanged, with_columns
from standins.search.search_terms import read_terms
from standins.search.table_commands import TABLE_COMMANDS

INDEXED = frozenset({"host", "index", "source", "sourcetype"})
"""Fields that tstats sees without a data model."""
INTERNAL = frozenset({"_raw", "_time", "_indextime", "eventtype", "tag", *INDEXED})
"""What every event has, before anybody's props."""
LookupTables = Mapping[str, LookupTable]
"""Lookup tables, by the name of their definition."""
_TIME_MODIFIERS = ("_index_earliest", "_index_latest")


class UnknownFieldError(Exception):
    """A command reads a field that nothing to its left makes."""


@dataclass(frozen=True)
class Search:
    """A search as read."""

    commands: tuple[Command, ...]
    fields: frozenset[str]
    """What its results may have."""

    def run(self, events: Iterable[Mapping[str, str | list[str]]], when: When) -> Table:
        """What it returns of these events, given newest first."""
        rows = [{name: as_list(value) for name, value in event.items()} for event in events]
        within = [row for row in rows if when.earliest <= float(row["_time"][0]) < when.latest]
        return self.continued(Table(within), when)

    def continued(self, table: Table, when: When) -> Table:
        """What it makes of another search's results: a chain's part."""
        for command in self.commands:
            table = command.run(table, when)
        return table


def read_search(search: str, macros: Conf, fields: Iterable[str], lookups: LookupTables | None = None) -> Search:
    """Read a search that begins with events, with ``| tstats`` or with ``| makeresults``.

    Args:
        search: its text; macros are replaced.
        macros: macros.conf.
        fields: what events have besides Splunk's own fields.
        lookups: the tables that the lookup command may read.

    Raises:
        NotModelledError: something in it isn't known.
        UnknownFieldError: a field isn't there.
    """
    first, *others = split_at_pipes(expand_macros(search, macros))
    if not first.strip():
        generating, *others = others
        name, _, arguments = generating.strip().partition(" ")
        if name not in _GENERATING:
            raise NotModelledError(f"a search that begins with {name}")
        return _read([_GENERATING[name](arguments)], others, frozenset(INTERNAL), lookups or {})
    return _read([_events(first)], others, frozenset(fields) | INTERNAL, lookups or {})


def read_chain(search: str, base: Search, macros: Conf, lookups: LookupTables | None = None) -> Search:
    """Read what a chain adds to its base search.

    Raises:
        NotModelledError: something in it isn't known.
        UnknownFieldError: a field isn't among the base's results.
    """
    first, *others = split_at_pipes(expand_macros(search, macros))
    if first.strip():
        raise NotModelledError(f"a chain that doesn't begin with a pipe: {first}")
    return _read([], others, base.fields, lookups or {})


def read_commands(texts: Sequence[str], lookups: LookupTables) -> list[Command]:
    """Read what stands behind the first pipe.

    Raises:
        NotModelledError: something in it isn't known.
    """
    commands = []
    for text in texts:
        name, _, arguments = text.strip().partition(" ")
        if name == "lookup":
            commands.append(_lookup(arguments.strip(), lookups))
            continue
        if name == "outputlookup":
            commands.append(_outputlookup(arguments.strip(), lookups))
            continue
        if name not in _COMMANDS:
            raise NotModelledError(f"the search command {name!r}")
        commands.append(_COMMANDS[name](arguments.strip()))
    return commands


def _read(begin: list[Command], texts: Sequence[str], fields: frozenset[str], lookups: LookupTables) -> Search:
    commands = [*begin, *read_commands(texts, lookups)]
    for command in commands:
        if missing := command.reads - fields:
            raise UnknownFieldError(f"{sorted(missing)} in {' | '.join(texts)}")
        fields = command.after(fields)
    return Search(tuple(commands), fields)


def as_list(value: str | list[str]) -> list[str]:
    return value if isinstance(value, list) else [value]


def _events(text: str) -> Command:
    """The terms in front of the first pipe, with time modifiers of index time in front of them.

    An event counts as indexed at its own time: the stand-in's events have no other.
    """
    bounds: dict[str, str] = {}
    while match := re.match(rf"\s*({'|'.join(_TIME_MODIFIERS)})=(\S+)", text):
        bounds[match[1]] = match[2]
        text = text[match.end() :]
    reads, matches = read_terms(text)

    def run(table: Table, when: When) -> Table:
        first = moment(bounds.get(_TIME_MODIFIERS[0], "-30d"), when.now) if bounds else 0.0
        last = moment(bounds.get(_TIME_MODIFIERS[1], "now"), when.now) if bounds else when.latest
        return Table([row for row in table.rows if first <= float(row["_time"][0]) < last and matches(row)])

    return Command(reads, unchanged, run)


def _lookup(arguments: str, lookups: LookupTables) -> Command:
    """``lookup [local=true] <table> <column> [AS <field>] OUTPUT <column> [AS <field>]``; rows without a match get none."""
    match = options(
        r"(local=true\s+)?(\w+)\s+(\w+)(?:\s+AS\s+(\w+))?\s+OUTPUT\s+(\w+)(?:\s+AS\s+(\w+))?", "lookup", arguments
    )
    table_name, key_column, column = match[2], match[3], match[5]
    key, output = match[4] or key_column, match[6] or column
    table = lookups.get(table_name)
    if table is None or not {key_column, column} <= table.columns or not (match[1] or table.replicated):
        raise NotModelledError(f"lookup {arguments}")
    found = {row[key_column]: row[column] for row in table.rows}

    def run(table: Table, _: When) -> Table:
        rows = []
        for row in table.rows:
            if len(row.get(key, [])) > 1:
                raise NotModelledError(f"lookup by several values: {arguments}")
            value = found.get(row[key][0]) if row.get(key) else None
            rows.append(
                {**{name: v for name, v in row.items() if name != output}, **({output: [value]} if value else {})}
            )
        return Table(rows, with_columns(table.columns, [output]))

    return Command(frozenset({key}), lambda fields: fields | {output}, run)


def _outputlookup(arguments: str, lookups: LookupTables) -> Command:
    """``outputlookup append=true key_field=<field> <table>``: passes its rows on; what becomes of the table is not modelled."""
    match = options(r"append=true\s+key_field=(\w+)\s+(\w+)", "outputlookup", arguments)
    if match[2] not in lookups:
        raise NotModelledError(f"outputlookup {arguments}")
    return Command(frozenset({match[1]}), unchanged, lambda table, _: table)


def _tstats(arguments: str) -> Command:
    """``tstats count|max(_time) [AS name] where ... by field``, over indexed fields."""
    match = options(r"(count|max\(_time\))(?:\s+AS\s+(\w+))?\s+where\s+(.+?)\s+by\s+(\w+)", "tstats", arguments)
    function, by = match[1], match[4]
    name = match[2] or function
    reads, matches = read_terms(match[3])
    if not (reads | {by}) <= INDEXED:
        raise NotModelledError(f"tstats {arguments}")

    def run(table: Table, _: When) -> Table:
        times: dict[str, list[float]] = {}
        for row in table.rows:
            if matches(row):
                times.setdefault(row[by][0], []).append(float(row["_time"][0]))
        rows = [
            {by: [value], name: [str(len(found) if function == "count" else as_number(max(found)))]}
            for value, found in sorted(times.items())
        ]
        return Table(rows, (by, name))

    return Command(reads | {by}, lambda _: frozenset({by, name}), run)


def _makeresults(arguments: str) -> Command:
    """``makeresults`` without options: one row that has only the time of the search."""
    options("", "makeresults", arguments)

    def run(_: Table, when: When) -> Table:
        return Table([{"_time": [str(as_number(when.now))]}])

    return Command(frozenset(), lambda _: frozenset({"_time"}), run)


_GENERATING = {"makeresults": _makeresults, "tstats": _tstats}
_COMMANDS = {**ROW_COMMANDS, **TABLE_COMMANDS}
