"""Text and tables for a terminal."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Mapping, Sequence

from standins.search import format_table

WIDTH = 110
MARGIN = "  "


def heading(text: str) -> None:
    """Print a heading; in bold where a person reads it on a terminal."""
    print(f"\n\033[1m{text}\033[0m\n" if sys.stdout.isatty() else f"\n{text}\n")


def tell(text: str, margin: int = 2) -> None:
    """Print a paragraph."""
    print(folded(text, margin=margin, hanging=margin), flush=True)


def folded(text: str, *, margin: int = 0, hanging: int = 0) -> str:
    """Give a text in lines that fit."""
    return textwrap.fill(
        text,
        WIDTH,
        initial_indent=" " * margin,
        subsequent_indent=" " * hanging,
        break_on_hyphens=False,
    )


def show_table(rows: Sequence[Mapping[str, str | list[str]]], columns: Sequence[str]) -> None:
    """Print a table."""
    print(textwrap.indent(format_table(rows, columns, width=WIDTH - len(MARGIN)), MARGIN))


def cut(line: str) -> str:
    """Give a line that fits, and shows where it was cut."""
    return line if len(line) <= WIDTH else f"{line[: WIDTH - 1]}…"
