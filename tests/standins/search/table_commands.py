"""Commands that need all rows: order, statistics, charts ("Search Reference", one page per command)."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from standins.search.arithmetic import AGGREGATES, parse_expression
from standins.search.eval_expressions import as_field
from standins.search.eval_functions import Value, number_of
from standins.search.refusal import NotModelledError
from standins.search.rows import Command, Row, Table, When, for_eval, names_in, options, unchanged, with_columns


def _head(arguments: str) -> Command:
    count = int(options(r"(\d+)", "head", arguments)[1])
    return Command(frozenset(), unchanged, lambda table, _: replace(table, rows=table.rows[:count]))


_KEY = r"([+-]?)(?:(num|str)\((\w+)\)|(\w+))"


def _sort(arguments: str) -> Command:
    """Documented: 10,000 rows unless a count is given, 0 for all; by numbers where values are numbers. A count is demanded here.

    Assumed: a row without the field comes last in descending order.
    """
    match = options(rf"(\d+)((?:[\s,]+{_KEY})+)", "sort", arguments)
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

    return Command(frozenset(name for _, _, name in keys), unchanged, run)


def _dedup(arguments: str) -> Command:
    match = options(r"((?:\w+\s*)+?)(\s+keepempty=true)?", "dedup", arguments)
    names, keeps_empty = match[1].split(), bool(match[2])

    def run(table: Table, _: When) -> Table:
        kept, seen = [], set()
        for row in table.rows:
            combination = tuple(tuple(row.get(name, ())) for name in names)
            if (keeps_empty and not all(combination)) or (all(combination) and combination not in seen):
                kept.append(row)
            seen.add(combination)
        return replace(table, rows=kept)

    return Command(frozenset(names), unchanged, run)


_AGGREGATE = (
    r"(\w+)(?:\((\w+|sum\(\w+\)|eval\((?:[^()\"]|\"[^\"]*\"|\([^()]*\))+\))\))?"
    r"(?:\s+[Aa][Ss]\s+(?:(\w+)|\"([^\"]+)\"))?"
)
_COUNTED = re.compile(r"eval\((.+)\)", re.DOTALL)


@dataclass(frozen=True)
class _Aggregate:
    name: str
    reads: frozenset[str]
    over: Callable[[Sequence[Row], When], list[str]]


def _latest(of: str) -> Callable[[Sequence[Row], When], list[str]]:
    """Documented: the chronologically latest value, by ``_time``."""

    def over(rows: Sequence[Row], _: When) -> list[str]:
        having = [row for row in rows if row.get(of)]
        return max(having, key=lambda row: float(row["_time"][0]))[of] if having else []

    return over


def _counted(condition: str) -> _Aggregate:
    """``count(eval(<condition>))``, documented: the rows for which it is true."""
    expression = parse_expression(condition)

    def over(rows: Sequence[Row], when: When) -> list[str]:
        return [str(sum(expression.compute(for_eval(row, when)) is True for row in rows))]

    return _Aggregate("", expression.reads, over)


def _over_values(of: str, function: Callable[[Sequence[str]], Value]) -> Callable[[Sequence[Row], When], list[str]]:
    return lambda rows, _: as_field(function([value for row in rows for value in row.get(of, ())]), of)


def _aggregate(function: str, of: str, name: str) -> _Aggregate:
    """One aggregation. Of a sparkline nothing is modelled but that it is one."""
    name = name or (f"{function}({of})" if of else function)
    counted = _COUNTED.fullmatch(of)
    if function == "count" and counted:
        return replace(_counted(counted[1]), name=name)
    if function == "sparkline" and of.startswith("sum("):
        return _Aggregate(name, frozenset({of[len("sum(") : -1]}), lambda *_: ["##__SPARKLINE__##"])
    if function == "latest" and of:
        return _Aggregate(name, frozenset({of}), _latest(of))
    if function == "count" and not of:
        return _Aggregate(name, frozenset(), lambda rows, _: [str(len(rows))])
    if function not in AGGREGATES or not of.isidentifier():
        raise NotModelledError(f"the aggregation {function}({of})")
    return _Aggregate(name, frozenset({of}), _over_values(of, AGGREGATES[function]))


def _aggregates(text: str, command: str) -> list[_Aggregate]:
    options(rf"\s*{_AGGREGATE}(?:[\s,]+{_AGGREGATE})*\s*", command, text)
    return [_aggregate(function, of, name or quoted) for function, of, name, quoted in re.findall(_AGGREGATE, text)]


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
    names = names_in(by) if by else []
    columns = (*names, *(each.name for each in aggregates))

    def run(table: Table, when: When) -> Table:
        groups = _groups(table.rows, names) if names else {(): table.rows}
        rows: list[Row] = []
        for group, members in sorted(groups.items()):
            row: Row = {name: [value] for name, value in zip(names, group, strict=True)}
            rows.append(row | {each.name: values for each in aggregates if (values := each.over(members, when))})
        return Table(rows, columns)

    return Command(frozenset(names).union(*(each.reads for each in aggregates)), lambda _: frozenset(columns), run)


def _eventstats(arguments: str) -> Command:
    """Documented: as stats, but each row stays and is given its group's results; one that is in no group gets none.

    Assumed: a row with several values of a field is in no group that the stand-in knows: it is refused.
    """
    functions, _, by = arguments.partition(" by ")
    aggregates = _aggregates(functions, "eventstats")
    names = names_in(by) if by else []
    made = [each.name for each in aggregates]

    def run(table: Table, when: When) -> Table:
        groups: dict[tuple[str, ...], list[Row]] = {}
        for row in table.rows:
            if any(len(row.get(name, [])) > 1 for name in names):
                raise NotModelledError(f"eventstats by a field with several values: {by}")
            if all(row.get(name) for name in names):
                groups.setdefault(tuple(row[name][0] for name in names), []).append(row)
        results = {
            group: {each.name: values for each in aggregates if (values := each.over(members, when))}
            for group, members in groups.items()
        }
        rows = [row | results.get(tuple(row.get(name, [""])[0] for name in names), {}) for row in table.rows]
        return Table(rows, with_columns(table.columns, made))

    reads = frozenset(names).union(*(each.reads for each in aggregates))
    return Command(reads, lambda fields: fields | frozenset(made), run)


_SPANS = (1, 5, 10, 30, 60, 300, 600, 1800, 3600, 86400, 7 * 86400, 30 * 86400)
_MOST_SERIES = 10


def _timechart(arguments: str) -> Command:
    """``timechart [bins=N] [limit=0] <aggregation> [by field]``: at most N spans of equal length over the range of the search.

    Documented: 100 spans at most; with ``by`` a column for each value, ``NULL`` for rows without one, and no more than 10
    unless ``limit=0``; a count is 0 where there is nothing. Assumed: the lengths to choose from, and that a row outside the
    range of the search is left out.
    """
    match = options(r"(?:bins=(\d+)\s+)?(limit=0\s+)?(.+?)(?:\s+by\s+(\w+))?", "timechart", arguments)
    bins, is_unlimited, by = int(match[1] or 100), bool(match[2]), match[4]
    (aggregate,) = _aggregates(match[3], "timechart")

    def run(table: Table, when: When) -> Table:
        span = next(span for span in _SPANS if (when.latest - when.earliest) / span <= bins)
        first = int(when.earliest // span) * span
        times = list(range(first, int(when.latest), span))
        cells: dict[tuple[int, str], list[Row]] = {}
        for row in table.rows:
            time = int(float(row["_time"][0]) // span) * span
            for value in (row.get(by) or ["NULL"]) if by else [aggregate.name]:
                if times and times[0] <= time <= times[-1]:
                    cells.setdefault((time, value), []).append(row)
        series = sorted({value for _, value in cells}) if by else [aggregate.name]
        if len(series) > _MOST_SERIES and not is_unlimited:
            raise NotModelledError(f"timechart with {len(series)} series and without limit=0")
        rows: list[Row] = []
        for time in times:
            values = {value: aggregate.over(cells.get((time, value), []), when) for value in series}
            rows.append({"_time": [str(time)], **{value: texts for value, texts in values.items() if texts}})
        return Table(rows, ("_time", *series))

    reads = {"_time", *([by] if by else []), *aggregate.reads}
    return Command(frozenset(reads), lambda _: frozenset({"_time", *([] if by else [aggregate.name])}), run)


def _transpose(arguments: str) -> Command:
    """``transpose 1 column_name=...``: the first row as a column; what it doesn't have is an empty cell."""
    match = options(r'1\s+column_name="([^"]+)"', "transpose", arguments)

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


TABLE_COMMANDS: Mapping[str, Callable[[str], Command]] = {
    "dedup": _dedup,
    "eventstats": _eventstats,
    "head": _head,
    "sort": _sort,
    "stats": _stats,
    "timechart": _timechart,
    "transpose": _transpose,
}
