"""Searches as dashboards and saved searches have them: read strictly, checked for fields that nothing makes, and run.

A search is read as a whole before anything runs: an unknown command, option or function is refused, and so is a field that neither
the events nor a command further to the left has. What it returns is that of the Search Reference, one page per command; what a
docstring here calls assumed isn't written there.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from lark import Lark, Token, UnexpectedInput

from standins.search import search_terms
from standins.search.arithmetic import (
    AGGREGATES,
    NOW,
    as_texts,
    moment,
    number_of,
    parse_assignments,
    parse_expression,
)
from standins.search.conf import Conf
from standins.search.eval_functions import Value
from standins.search.pipeline import expand_macros
from standins.search.refusal import NotModelledError

Row = dict[str, list[str]]

INDEXED = frozenset({"host", "index", "source", "sourcetype"})
"""Fields that tstats sees without a data model."""
INTERNAL = frozenset({"_raw", "_time", "eventtype", "tag", *INDEXED})
"""What every event has, before anybody's props."""
_TIME_MODIFIERS = ("_index_earliest", "_index_latest")


class UnknownFieldError(Exception):
    """A command reads a field that nothing to its left makes."""


@dataclass(frozen=True)
class When:
    """The times of a search."""

    now: float
    earliest: float
    latest: float

    @classmethod
    def of(cls, earliest: str, latest: str, now: float) -> When:
        """The times that two time modifiers mean; "0" is the beginning of time."""
        return cls(now, 0.0 if earliest == "0" else moment(earliest, now), moment(latest, now))


@dataclass(frozen=True)
class Table:
    """Rows, and the columns in their order; without columns the rows are events."""

    rows: list[Row]
    columns: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Command:
    """One command as read.

    Attributes:
        reads: the fields that it can't do without.
        after: the fields behind it, by those before it.
        run: what it makes of rows.
    """

    reads: frozenset[str]
    after: Callable[[frozenset[str]], frozenset[str]]
    run: Callable[[Table, When], Table]


@dataclass(frozen=True)
class Search:
    """A search as read."""

    commands: tuple[Command, ...]
    fields: frozenset[str]
    """What its results may have."""

    def run(self, events: Iterable[Mapping[str, str | list[str]]], when: When) -> Table:
        """What it returns of these events, given newest first."""
        rows = [{name: _list(value) for name, value in event.items()} for event in events]
        within = [row for row in rows if when.earliest <= float(row["_time"][0]) < when.latest]
        return self.continued(Table(within), when)

    def continued(self, table: Table, when: When) -> Table:
        """What it makes of another search's results: a chain's part."""
        for command in self.commands:
            table = command.run(table, when)
        return table


def read_search(search: str, macros: Conf, fields: Iterable[str]) -> Search:
    """Read a search that begins with events.

    Args:
        search: its text; macros are replaced.
        macros: macros.conf.
        fields: what events have besides Splunk's own fields.

    Raises:
        NotModelledError: something in it isn't known.
        UnknownFieldError: a field isn't there.
    """
    first, *others = _split_at_pipes(expand_macros(search, macros))
    if not first.strip():
        generating, *others = others
        name, _, arguments = generating.strip().partition(" ")
        if name != "tstats":
            raise NotModelledError(f"a search that begins with {name}")
        return _read([_tstats(arguments)], others, frozenset(INTERNAL))
    return _read([_events(first)], others, frozenset(fields) | INTERNAL)


def read_chain(search: str, base: Search, macros: Conf) -> Search:
    """Read what a chain adds to its base search.

    Raises:
        NotModelledError: something in it isn't known.
        UnknownFieldError: a field isn't among the base's results.
    """
    first, *others = _split_at_pipes(expand_macros(search, macros))
    if first.strip():
        raise NotModelledError(f"a chain that doesn't begin with a pipe: {first}")
    return _read([], others, base.fields)


def _read(begin: list[Command], texts: Sequence[str], fields: frozenset[str]) -> Search:
    commands = list(begin)
    for text in texts:
        name, _, arguments = text.strip().partition(" ")
        if name not in _COMMANDS:
            raise NotModelledError(f"the search command {name!r}")
        commands.append(_COMMANDS[name](arguments.strip()))
    for command in commands:
        if missing := command.reads - fields:
            raise UnknownFieldError(f"{sorted(missing)} in {' | '.join(texts)}")
        fields = command.after(fields)
    return Search(tuple(commands), fields)


_PIPE = re.compile(r'"(?:[^"\\]|\\.)*"|\|', re.DOTALL)


def _split_at_pipes(search: str) -> list[str]:
    parts, start = [], 0
    for match in _PIPE.finditer(search):
        if match.group() == "|":
            parts.append(search[start : match.start()])
            start = match.end()
    return [*parts, search[start:]]


def _list(value: str | list[str]) -> list[str]:
    return value if isinstance(value, list) else [value]


def _same(fields: frozenset[str]) -> frozenset[str]:
    return fields


def _for_eval(row: Row, when: When) -> dict[str, Value]:
    values: dict[str, Value] = {name: v[0] if len(v) == 1 else v for name, v in row.items()}
    values[NOW] = when.now
    return values


def _parsed(pattern: str, command: str, arguments: str) -> re.Match[str]:
    match = re.fullmatch(pattern, arguments, re.ASCII | re.DOTALL)
    if match is None:
        raise NotModelledError(f"{command} {arguments}")
    return match


def _names(text: str) -> list[str]:
    names = [quoted or plain for quoted, plain in re.findall(r'"([^"]+)"|([^\s,"]+)', text)]
    if not names:
        raise NotModelledError("a list of fields without any")
    return names


# The terms of a search.

_TERMS = Lark(
    r"""
    ?expression: term
        | term ("AND"? term)+ -> conjunction
        | term ("OR" term)+   -> disjunction
    ?term: "NOT" term -> negated
        | "(" expression ")"
        | NAME "=" value  -> equal
        | NAME "!=" value -> unequal
        | STRING -> phrase
    value: STRING | WORD
    NAME.2: /[A-Za-z_][\w.{}:]*(?=\s*!?=)/
    STRING: /"[^"\\]*"/
    WORD: /[^\s()="|\\!]+/
    %ignore /\s+/
    """,
    start="expression",
    parser="lalr",
)


class _ToFunctions(search_terms._ToFunctions):
    def phrase(self, items: list[Token]) -> search_terms.Matches:
        """A phrase in quotes. Assumed to be found wherever it stands in the event between characters that are no word's."""
        pattern = re.compile(rf"(?<!\w){re.escape(str(items[0])[1:-1])}(?!\w)", re.IGNORECASE)
        return lambda fields: any(pattern.search(raw) for raw in fields.get("_raw", ()))


@functools.lru_cache(maxsize=256)
def _terms(text: str) -> tuple[frozenset[str], search_terms.Matches]:
    try:
        tree = _TERMS.parse(text)
    except UnexpectedInput as error:
        raise NotModelledError(f"these search terms:\n{error.get_context(text, span=30)}") from error
    tokens = [token for token in tree.scan_values(lambda token: isinstance(token, Token)) if isinstance(token, Token)]
    names = {str(token) for token in tokens if token.type == "NAME"}
    if any(token.type == "STRING" and token == '""' for token in tokens):
        raise NotModelledError(f'a comparison with "": {text}')
    matches: search_terms.Matches = _ToFunctions().transform(tree)
    return frozenset(names), matches


def _events(text: str) -> Command:
    """The terms in front of the first pipe, with time modifiers of index time in front of them.

    An event counts as indexed at its own time: the stand-in's events have no other.
    """
    bounds: dict[str, str] = {}
    while match := re.match(rf"\s*({'|'.join(_TIME_MODIFIERS)})=(\S+)", text):
        bounds[match[1]] = match[2]
        text = text[match.end() :]
    reads, matches = _terms(text)

    def run(table: Table, when: When) -> Table:
        first = moment(bounds.get(_TIME_MODIFIERS[0], "-30d"), when.now) if bounds else 0.0
        last = moment(bounds.get(_TIME_MODIFIERS[1], "now"), when.now) if bounds else when.latest
        return Table([row for row in table.rows if first <= float(row["_time"][0]) < last and matches(row)])

    return Command(reads, _same, run)


def _search(arguments: str) -> Command:
    reads, matches = _terms(arguments)
    return Command(reads, _same, lambda table, _: replace(table, rows=[row for row in table.rows if matches(row)]))


def _tstats(arguments: str) -> Command:
    match = _parsed(r"count\s+where\s+(.+?)\s+by\s+(\w+)", "tstats", arguments)
    reads, matches = _terms(match[1])
    by = match[2]
    if not (reads | {by}) <= INDEXED:
        raise NotModelledError(f"tstats {arguments}")

    def run(table: Table, _: When) -> Table:
        counts: dict[str, int] = {}
        for row in table.rows:
            if matches(row):
                counts[row[by][0]] = counts.get(row[by][0], 0) + 1
        return Table([{by: [value], "count": [str(count)]} for value, count in sorted(counts.items())], (by, "count"))

    return Command(reads | {by}, lambda _: frozenset({by, "count"}), run)


# Commands on each row.


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
                values = as_texts(expression.compute(_for_eval(row, when)))
                row = {field: v for field, v in row.items() if field != name} | ({name: values} if values else {})
            rows.append(row)
        return Table(rows, _with(table.columns, [name for name, _ in assignments]))

    return Command(frozenset(reads), lambda fields: fields | made, run)


def _with(columns: tuple[str, ...] | None, more: Sequence[str]) -> tuple[str, ...] | None:
    return None if columns is None else tuple(dict.fromkeys((*columns, *more)))


def _where(arguments: str) -> Command:
    condition = parse_expression(arguments)

    def run(table: Table, when: When) -> Table:
        return replace(table, rows=[row for row in table.rows if condition.compute(_for_eval(row, when)) is True])

    return Command(condition.reads, _same, run)


def _fillnull(arguments: str) -> Command:
    match = _parsed(r'value=(?:"([^"]*)"|(\w+))\s+(.+)', "fillnull", arguments)
    value, names = match[1] or match[2], _names(match[3])

    def run(table: Table, _: When) -> Table:
        rows = [row | {name: [value] for name in names if not row.get(name)} for row in table.rows]
        return Table(rows, _with(table.columns, names))

    return Command(frozenset(names), _same, run)


def _addinfo(arguments: str) -> Command:
    _parsed("", "addinfo", arguments)

    def run(table: Table, when: When) -> Table:
        info = {"info_min_time": [f"{when.earliest:.3f}"], "info_max_time": [f"{when.latest:.3f}"]}
        return Table([row | info for row in table.rows], _with(table.columns, list(info)))

    return Command(frozenset(), lambda fields: fields | {"info_min_time", "info_max_time"}, run)


def _rename(arguments: str) -> Command:
    pairs = re.findall(r'(?:"([^"]+)"|(\w+))\s+AS\s+(?:"([^"]+)"|(\w+))', arguments)
    if re.sub(r'(?:"[^"]+"|\w+)\s+AS\s+(?:"[^"]+"|\w+)', "", arguments).strip(" ,") or not pairs:
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
    (name,) = _names(arguments)

    def run(table: Table, _: When) -> Table:
        rows = [{**row, name: [value]} if value else row for row in table.rows for value in row.get(name) or [""]]
        return replace(table, rows=rows)

    return Command(frozenset({name}), _same, run)


# Commands on all rows.


def _table(arguments: str) -> Command:
    names = tuple(_names(arguments))

    def run(table: Table, _: When) -> Table:
        return Table([{name: row[name] for name in names if name in row} for row in table.rows], names)

    return Command(frozenset(names), lambda _: frozenset(names), run)


def _fields(arguments: str) -> Command:
    match = _parsed(r"-\s+(.+)", "fields", arguments)
    removed = frozenset(_names(match[1]))

    def run(table: Table, _: When) -> Table:
        rows = [{name: values for name, values in row.items() if name not in removed} for row in table.rows]
        return Table(rows, table.columns and tuple(name for name in table.columns if name not in removed))

    return Command(removed, lambda fields: fields - removed, run)


def _head(arguments: str) -> Command:
    count = int(_parsed(r"(\d+)", "head", arguments)[1])
    return Command(frozenset(), _same, lambda table, _: replace(table, rows=table.rows[:count]))


_KEY = r"([+-]?)(?:(num|str)\((\w+)\)|(\w+))"


def _sort(arguments: str) -> Command:
    """Documented: 10,000 rows unless a count is given, 0 for all; by numbers where values are numbers. A count is demanded here.

    Assumed: a row without the field comes last in descending order.
    """
    match = _parsed(rf"(\d+)((?:[\s,]+{_KEY})+)", "sort", arguments)
    keys = [(sign == "-", kind, name or plain) for sign, kind, name, plain in re.findall(_KEY, match[2])]

    def sorted_by(rows: list[Row], name: str, kind: str, *, descending: bool) -> list[Row]:
        values = [row[name][0] for row in rows if row.get(name)]
        is_numeric = kind == "num" or (kind != "str" and all(number_of(value) is not None for value in values))

        def key(row: Row) -> tuple[bool, float, str]:
            value = row[name][0] if row.get(name) else None
            if value is None:
                return (not descending, 0.0, "")
            return (descending, number_of(value) or 0.0, "") if is_numeric else (descending, 0.0, value)

        return sorted(rows, key=key, reverse=descending)

    def run(table: Table, _: When) -> Table:
        rows = table.rows
        for descending, kind, name in reversed(keys):
            rows = sorted_by(rows, name, kind, descending=descending)
        return replace(table, rows=rows[: int(match[1]) or None])

    return Command(frozenset(name for _, _, name in keys), _same, run)


def _dedup(arguments: str) -> Command:
    match = _parsed(r"((?:\w+\s*)+?)(\s+keepempty=true)?", "dedup", arguments)
    names, keeps_empty = match[1].split(), bool(match[2])

    def run(table: Table, _: When) -> Table:
        kept, seen = [], set()
        for row in table.rows:
            combination = tuple(tuple(row.get(name, ())) for name in names)
            if (keeps_empty and not all(combination)) or (all(combination) and combination not in seen):
                kept.append(row)
            seen.add(combination)
        return replace(table, rows=kept)

    return Command(frozenset(names), _same, run)


_AGGREGATE = r"(\w+)(?:\((\w+)\))?(?:\s+AS\s+(\w+))?"


@dataclass(frozen=True)
class _Aggregate:
    name: str
    of: str
    function: Callable[[Sequence[str]], Value]

    def over(self, rows: Sequence[Row]) -> list[str]:
        if not self.of:
            return [str(len(rows))]
        return as_texts(self.function([value for row in rows for value in row.get(self.of, ())]))


def _aggregates(text: str, command: str) -> list[_Aggregate]:
    _parsed(rf"\s*{_AGGREGATE}(?:[\s,]+{_AGGREGATE})*\s*", command, text)
    found = []
    for function, of, name in re.findall(_AGGREGATE, text):
        if function not in AGGREGATES or (not of and function != "count"):
            raise NotModelledError(f"{command} {text}")
        found.append(_Aggregate(name or (f"{function}({of})" if of else function), of, AGGREGATES[function]))
    return found


def _groups(rows: Sequence[Row], names: Sequence[str]) -> dict[tuple[str, ...], list[Row]]:
    """Documented: a row counts in the group of each value of a multivalue field, and nowhere if it lacks a field."""
    groups: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        for group in itertools.product(*(row.get(name, []) for name in names)):
            groups.setdefault(group, []).append(row)
    return groups


def _stats(arguments: str) -> Command:
    functions, _, by = arguments.partition(" by ")
    aggregates = _aggregates(functions, "stats")
    names = _names(by) if by else []
    columns = (*names, *(each.name for each in aggregates))

    def run(table: Table, _: When) -> Table:
        groups = _groups(table.rows, names) if names else {(): table.rows}
        rows: list[Row] = []
        for group, members in sorted(groups.items()):
            row: Row = {name: [value] for name, value in zip(names, group, strict=True)}
            rows.append(row | {each.name: values for each in aggregates if (values := each.over(members))})
        return Table(rows, columns)

    return Command(frozenset({*names, *(each.of for each in aggregates if each.of)}), lambda _: frozenset(columns), run)


_SPANS = (1, 5, 10, 30, 60, 300, 600, 1800, 3600, 86400, 7 * 86400, 30 * 86400)


def _timechart(arguments: str) -> Command:
    """``timechart bins=N count by field``: at most N spans of equal length over the range of the search, 0 where there is nothing.

    Assumed: the lengths to choose from, and that a row outside the range of the search is left out.
    """
    match = _parsed(r"bins=(\d+)\s+limit=0\s+count\s+by\s+(\w+)", "timechart", arguments)
    bins, by = int(match[1]), match[2]

    def run(table: Table, when: When) -> Table:
        span = next(span for span in _SPANS if (when.latest - when.earliest) / span <= bins)
        first = int(when.earliest // span) * span
        times = list(range(first, int(when.latest), span))
        values = sorted({value for row in table.rows for value in row.get(by, ())})
        counts = dict.fromkeys(itertools.product(times, values), 0)
        for row in table.rows:
            for value in row.get(by, ()):
                time = int(float(row["_time"][0]) // span) * span
                if (time, value) in counts:
                    counts[time, value] += 1
        rows = [{"_time": [str(time)], **{value: [str(counts[time, value])] for value in values}} for time in times]
        return Table(rows, ("_time", *values))

    return Command(frozenset({"_time", by}), lambda _: frozenset({"_time"}), run)


def _transpose(arguments: str) -> Command:
    """``transpose 1 column_name=...``: the first row as a column; what it doesn't have is an empty cell."""
    match = _parsed(r'1\s+column_name="([^"]+)"', "transpose", arguments)

    def run(table: Table, _: When) -> Table:
        if table.columns is None:
            raise NotModelledError("transpose of events")
        columns = [name for name in table.columns if not name.startswith("_")]
        rows: list[Row] = (
            [{match[1]: [name]} | ({"row 1": table.rows[0][name]} if name in table.rows[0] else {}) for name in columns]
            if table.rows
            else []
        )
        return Table(rows, (match[1], "row 1"))

    return Command(frozenset(), lambda _: frozenset({match[1], "row 1"}), run)


_COMMANDS: Mapping[str, Callable[[str], Command]] = {
    "addinfo": _addinfo,
    "dedup": _dedup,
    "eval": _eval,
    "fields": _fields,
    "fillnull": _fillnull,
    "head": _head,
    "mvexpand": _mvexpand,
    "rename": _rename,
    "search": _search,
    "sort": _sort,
    "stats": _stats,
    "table": _table,
    "timechart": _timechart,
    "transpose": _transpose,
    "where": _where,
}


def fields_of_events(props: Conf, transforms: Conf, lookups: Mapping[str, Sequence[str]]) -> frozenset[str]:
    """Every field that props.conf makes, except those of automatic extraction.

    Args:
        props: props.conf.
        transforms: transforms.conf, for the columns of lookups without OUTPUT.
        lookups: the columns of each lookup file.
    """
    found: set[str] = set()
    for settings in props.values():
        for setting, value in settings.items():
            kind, _, name = setting.partition("-")
            if kind == "EVAL":
                found.add(name)
            elif kind == "EXTRACT":
                found |= set(re.findall(r"\(\?<(\w+)>", value))
            elif kind == "FIELDALIAS":
                found |= set(re.findall(r"\b(?:AS|ASNEW)\s+\"?([\w.{}]+)", value))
            elif kind == "LOOKUP":
                found |= _outputs(value, transforms, lookups)
            elif kind == "REPORT":
                raise NotModelledError(f"{setting}: which fields it makes")
    return frozenset(found)


def _outputs(value: str, transforms: Conf, lookups: Mapping[str, Sequence[str]]) -> set[str]:
    table, *rest = re.split(r"\s+OUTPUT(?:NEW)?\s+", value)
    columns = lookups[transforms[table.split()[0]]["filename"]]
    return (
        {alias or column for column, alias in re.findall(r"(\w+)(?:\s+AS\s+(\w+))?", rest[0])} if rest else set(columns)
    )
