"""Commands that go over the rows one by one ("Search Reference", one page per command)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace

from standins.search.arithmetic import parse_assignments, parse_expression
from standins.search.eval_expressions import as_field
from standins.search.refusal import NotModelledError
from standins.search.rows import Command, Table, When, for_eval, names_in, options, unchanged, with_columns
from standins.search.search_terms import read_terms


def _search(arguments: str) -> Command:
    reads, matches = read_terms(arguments)
    return Command(reads, unchanged, lambda table, _: replace(table, rows=[row for row in table.rows if matches(row)]))


def _eval(arguments: str) -> Command:
    assignments = parse_assignments(arguments)
    made: set[str] = set()
    reads: set[str] = set()
    for name, expression in assignments:
        reads |= expression.reads - made
        made.add(name)

    def run(table: Table, when: When) -> Table:
        rows = []
        for before in table.rows:
            row = before
            for name, expression in assignments:
                values = as_field(expression.compute(for_eval(row, when)), name)
                row = {field: v for field, v in row.items() if field != name} | ({name: values} if values else {})
            rows.append(row)
        return Table(rows, with_columns(table.columns, [name for name, _ in assignments]))

    return Command(frozenset(reads), lambda fields: fields | made, run)


def _where(arguments: str) -> Command:
    condition = parse_expression(arguments)

    def run(table: Table, when: When) -> Table:
        return replace(table, rows=[row for row in table.rows if condition.compute(for_eval(row, when)) is True])

    return Command(condition.reads, unchanged, run)


def _fillnull(arguments: str) -> Command:
    match = options(r'value=(?:"([^"]*)"|(\w+))\s+(.+)', "fillnull", arguments)
    value, names = match[1] or match[2], names_in(match[3])

    def run(table: Table, _: When) -> Table:
        rows = [row | {name: [value] for name in names if not row.get(name)} for row in table.rows]
        return Table(rows, with_columns(table.columns, names))

    return Command(frozenset(names), unchanged, run)


def _addinfo(arguments: str) -> Command:
    options("", "addinfo", arguments)

    def run(table: Table, when: When) -> Table:
        info = {"info_min_time": [f"{when.earliest:.3f}"], "info_max_time": [f"{when.latest:.3f}"]}
        return Table([row | info for row in table.rows], with_columns(table.columns, list(info)))

    return Command(frozenset(), lambda fields: fields | {"info_min_time", "info_max_time"}, run)


def _rename(arguments: str) -> Command:
    pairs = re.findall(r'(?:"([^"]+)"|(\w+))\s+(?:AS|as)\s+(?:"([^"]+)"|(\w+))', arguments)
    if re.sub(r'(?:"[^"]+"|\w+)\s+(?:AS|as)\s+(?:"[^"]+"|\w+)', "", arguments).strip(" ,") or not pairs:
        raise NotModelledError(f"rename {arguments}")
    names = {old or plain_old: new or plain_new for old, plain_old, new, plain_new in pairs}

    def run(table: Table, _: When) -> Table:
        if any(new in row for new in names.values() for row in table.rows):
            raise NotModelledError(f"rename to a field that exists: {arguments}")
        rows = [{names.get(field, field): values for field, values in row.items()} for row in table.rows]
        columns = None if table.columns is None else tuple(names.get(field, field) for field in table.columns)
        return Table(rows, columns)

    return Command(frozenset(names), lambda fields: frozenset(names.get(field, field) for field in fields), run)


def _mvexpand(arguments: str) -> Command:
    """Documented: a row for each value. Assumed: a row without the field stays as it is."""
    (name,) = names_in(arguments)

    def run(table: Table, _: When) -> Table:
        rows = [{**row, name: [value]} if value else row for row in table.rows for value in row.get(name) or [""]]
        return replace(table, rows=rows)

    return Command(frozenset({name}), unchanged, run)


def _table(arguments: str) -> Command:
    names = tuple(names_in(arguments))

    def run(table: Table, _: When) -> Table:
        return Table([{name: row[name] for name in names if name in row} for row in table.rows], names)

    return Command(frozenset(names), lambda _: frozenset(names), run)


def _fields(arguments: str) -> Command:
    """Documented: with ``-`` the fields that go; else those that stay, and ``_time`` and ``_raw`` with them; ``*`` is all."""
    if arguments == "*":
        return Command(frozenset(), unchanged, lambda table, _: table)
    if not arguments.startswith("-"):
        kept = frozenset(names_in(arguments))

        def keep(table: Table, _: When) -> Table:
            stay = kept | {"_time", "_raw"}
            rows = [{name: values for name, values in row.items() if name in stay} for row in table.rows]
            return Table(rows, table.columns and tuple(name for name in table.columns if name in stay))

        return Command(kept, lambda fields: fields & (kept | {"_time", "_raw"}), keep)
    match = options(r"-\s+(.+)", "fields", arguments)
    removed = frozenset(names_in(match[1]))

    def run(table: Table, _: When) -> Table:
        rows = [{name: values for name, values in row.items() if name not in removed} for row in table.rows]
        return Table(rows, table.columns and tuple(name for name in table.columns if name not in removed))

    return Command(removed, lambda fields: fields - removed, run)


ROW_COMMANDS: Mapping[str, Callable[[str], Command]] = {
    "addinfo": _addinfo,
    "eval": _eval,
    "fields": _fields,
    "fillnull": _fillnull,
    "mvexpand": _mvexpand,
    "rename": _rename,
    "search": _search,
    "table": _table,
    "where": _where,
}
