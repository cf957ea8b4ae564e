"""What the commands of a search have in common: rows, the times of a search, a command as read."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from standins.search.arithmetic import NOW, moment
from standins.search.eval_functions import Value
from standins.search.refusal import NotModelledError

Row = dict[str, list[str]]


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


def unchanged(fields: frozenset[str]) -> frozenset[str]:
    """The fields behind a command that makes none and takes none away."""
    return fields


def for_eval(row: Row, when: When) -> dict[str, Value]:
    """A row as eval sees it."""
    values: dict[str, Value] = {name: v[0] if len(v) == 1 else v for name, v in row.items()}
    values[NOW] = when.now
    return values


def options(pattern: str, command: str, arguments: str) -> re.Match[str]:
    """A command's arguments, taken apart by a pattern.

    Raises:
        NotModelledError: they are others.
    """
    match = re.fullmatch(pattern, arguments, re.ASCII | re.DOTALL)
    if match is None:
        raise NotModelledError(f"{command} {arguments}")
    return match


def names_in(text: str) -> list[str]:
    """The fields of a list, quoted or not.

    Raises:
        NotModelledError: there are none, or one has a wildcard.
    """
    names = [quoted or plain for quoted, plain in re.findall(r'"([^"]+)"|([^\s,"]+)', text)]
    if not names or "*" in text:
        raise NotModelledError(f"the list of fields {text!r}")
    return names


def with_columns(columns: tuple[str, ...] | None, more: Sequence[str]) -> tuple[str, ...] | None:
    """Columns and those that a command adds; events have none."""
    return None if columns is None else tuple(dict.fromkeys((*columns, *more)))
