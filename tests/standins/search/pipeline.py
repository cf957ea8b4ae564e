"""The few commands that the add-on's macros are made of ("Search Reference", one page per command)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from standins.search.conf import Conf
from standins.search.eval_expressions import as_field, parse_eval
from standins.search.refusal import NotModelledError
from standins.search.search_terms import parse_terms

Row = dict[str, list[str]]
Rows = list[Row]

_MACRO = re.compile(r"`([^`]*)`")
_PIPE = re.compile(r'"(?:[^"\\]|\\.)*"|\|', re.DOTALL)
_ASSIGNMENT = re.compile(r"\s*(\w+)\s*=(?!=)(.*)", re.DOTALL | re.ASCII)
_SORT = re.compile(r"\s*0\s+-str\((\w+)\)\s*", re.ASCII)
_DEDUP = re.compile(r"\s*((?:\w+\s+)+)keepempty=true\s*", re.ASCII)
_COUNT_BY = re.compile(r"\s*count\s+by\s+(\w+(?:[\s,]+\w+)*)\s*", re.ASCII)
_HEAD = re.compile(r"\s*(\d+)\s*", re.ASCII)
_FIELDS = re.compile(r"\s*(-\s+)?(\w+(?:[\s,]+\w+)*)\s*", re.ASCII)
_INTERNAL = frozenset({"_raw", "_time"})


def expand_macros(search: str, macros: Conf, *, depth: int = 10) -> str:
    """A search with every macro replaced by its definition (macros.conf.spec). Macros with arguments are refused."""

    def definition(match: re.Match[str]) -> str:
        stanza = macros.get(match[1])
        if stanza is None or not depth or not set(stanza) <= {"definition", "description"}:
            raise NotModelledError(f"the macro {match.group()}")
        return expand_macros(stanza["definition"], macros, depth=depth - 1)

    return _MACRO.sub(definition, search)


def run_search(search: str, rows: Rows) -> Rows:
    """The rows that a search without macros makes of these, the newest first.

    Raises:
        NotModelledError: a command, or options of one, that isn't modelled.
    """
    terms, *commands = split_at_pipes(search)
    matches = parse_terms(terms)
    found = [row for row in rows if matches(row)]
    for command in commands:
        name, _, arguments = command.strip().partition(" ")
        if name not in _COMMANDS:
            raise NotModelledError(f"the search command {name}")
        found = _COMMANDS[name](arguments, found)
    return found


def split_at_pipes(search: str) -> list[str]:
    """What stands between the pipes of a search; those in quotes are none."""
    parts, start = [], 0
    for match in _PIPE.finditer(search):
        if match.group() == "|":
            parts.append(search[start : match.start()])
            start = match.end()
    return [*parts, search[start:]]


def _parsed(pattern: re.Pattern[str], command: str, arguments: str) -> re.Match[str]:
    match = pattern.fullmatch(arguments)
    if match is None:
        raise NotModelledError(f"{command} {arguments}")
    return match


def _eval(arguments: str, rows: Rows) -> Rows:
    name, expression = _parsed(_ASSIGNMENT, "eval", arguments).groups()
    compute = parse_eval(expression)
    changed = []
    for row in rows:
        value = as_field(compute({field: v[0] if len(v) == 1 else v for field, v in row.items()}), name)
        others = {field: v for field, v in row.items() if field != name}
        changed.append(others | {name: value} if value else others)
    return changed


def _search(arguments: str, rows: Rows) -> Rows:
    matches = parse_terms(arguments)
    return [row for row in rows if matches(row)]


def _sort(arguments: str, rows: Rows) -> Rows:
    """``sort 0 -str(field)``: all rows, in descending lexicographic order. Assumed: those without the field come last."""
    name = _parsed(_SORT, "sort", arguments)[1]
    return sorted(rows, key=lambda row: row.get(name, [""])[0], reverse=True)


def _dedup(arguments: str, rows: Rows) -> Rows:
    """The first row of each combination; ``keepempty=true`` keeps every row that lacks one of the fields."""
    names = _parsed(_DEDUP, "dedup", arguments)[1].split()
    kept: Rows = []
    seen = set()
    for row in rows:
        combination = tuple(tuple(row.get(name, ())) for name in names)
        if not all(combination) or combination not in seen:
            kept.append(row)
        seen.add(combination)
    return kept


def _where(arguments: str, rows: Rows) -> Rows:
    """The rows for which an eval expression is true. Unlike the search command it compares with regard to case."""
    holds = parse_eval(arguments)
    return [row for row in rows if holds({name: v[0] if len(v) == 1 else v for name, v in row.items()}) is True]


def _head(arguments: str, rows: Rows) -> Rows:
    return rows[: int(_parsed(_HEAD, "head", arguments)[1])]


def _stats(arguments: str, rows: Rows) -> Rows:
    """``stats count by``, sorted by the fields; a row that lacks one of them is not counted."""
    names = re.split(r"[\s,]+", _parsed(_COUNT_BY, "stats", arguments)[1])
    counts: dict[tuple[str, ...], int] = {}
    for row in rows:
        values = [row.get(name, []) for name in names]
        if any(len(value) > 1 for value in values):
            raise NotModelledError(f"stats {arguments} of a multivalue field")
        if all(values):
            group = tuple(value[0] for value in values)
            counts[group] = counts.get(group, 0) + 1
    return [
        {**{name: [value] for name, value in zip(names, group, strict=True)}, "count": [str(count)]}
        for group, count in sorted(counts.items())
    ]


def kept_fields(command: str) -> frozenset[str] | None:
    """The fields that a ``fields`` command keeps by name; None for all other commands, and for all other ways of it."""
    name, _, arguments = command.strip().partition(" ")
    match = _FIELDS.fullmatch(arguments)
    if name != "fields" or match is None or match[1]:
        return None
    return frozenset(re.split(r"[\s,]+", match[2]))


def _fields(arguments: str, rows: Rows) -> Rows:
    """Documented: ``+`` is the default; ``_raw`` and ``_time`` stay unless they are taken out; ``*`` is all."""
    if arguments.strip() == "*":
        return rows
    match = _parsed(_FIELDS, "fields", arguments)
    names = set(re.split(r"[\s,]+", match[2]))
    if match[1]:
        return [{name: values for name, values in row.items() if name not in names} for row in rows]
    return [{name: values for name, values in row.items() if name in names | _INTERNAL} for row in rows]


_COMMANDS: Mapping[str, Callable[[str, Rows], Rows]] = {
    "dedup": _dedup,
    "eval": _eval,
    "fields": _fields,
    "head": _head,
    "search": _search,
    "sort": _sort,
    "stats": _stats,
    "where": _where,
}
