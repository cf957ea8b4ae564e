"""Events as a table that a person can read."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence

_WIDE = frozenset({"W", "F"})


def format_table(
    rows: Iterable[Mapping[str, str | list[str]]],
    columns: Sequence[str],
    *,
    width: int = 110,
    widest: int = 40,
) -> str:
    """A table with one line per row, at most ``width`` columns of a terminal wide.

    Args:
        rows: fields by name, as ``SearchKnowledge.search_fields`` gives them; a missing one is left blank.
        columns: the fields to show, from left to right.
        width: of the whole table. The widest columns are shortened until it fits, none below its title.
        widest: of one column.
    """
    cells = [[_one_line(row.get(column, ""), width) for column in columns] for row in rows]
    least = [_columns_of(column) for column in columns]
    widths = [
        min(max([least[i], *(_columns_of(line[i]) for line in cells)]), max(widest, least[i]))
        for i in range(len(columns))
    ]
    while sum(widths) + 2 * (len(widths) - 1) > width:
        slack = [size - floor for size, floor in zip(widths, least, strict=True)]
        if not any(slack):
            break
        widths[max(range(len(widths)), key=lambda i: (slack[i] > 0, widths[i]))] -= 1
    lines = [list(columns), ["-" * size for size in widths], *cells]
    return "\n".join(
        "  ".join(_padded(cell, size) for cell, size in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def _one_line(value: str | list[str], width: int) -> str:
    """A cell's text; of a long one a little more than fits, so that it is seen to be shortened."""
    text = "; ".join(value) if isinstance(value, list) else value
    return "".join(letter if letter.isprintable() else " " for letter in text[: 2 * width]).strip()


def _columns_of(text: str) -> int:
    return sum(
        0 if unicodedata.combining(letter) else 2 if unicodedata.east_asian_width(letter) in _WIDE else 1
        for letter in text
    )


def _padded(text: str, size: int) -> str:
    if _columns_of(text) > size:
        while _columns_of(text) > size - 1:
            text = text[:-1]
        text += "…"
    return text + " " * (size - _columns_of(text))
