"""The figures as a table on the terminal, as JSON, and in the tables of docs/performance.md with their chart."""

from __future__ import annotations

import json
import os
import platform
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench import chart
from bench.figures import Row
from tooling import paths

PAGE = paths.ROOT / "docs" / "performance.md"
CHART = paths.ROOT / "docs" / "performance-backlog.svg"
BEGINNING, END = "<!-- ./build.sh bench --document writes from here -->", "<!-- to here -->"
HEADINGS = (
    "",
    "CPU s",
    "of floor",
    "of yardstick",
    "peak MB",
    "of floor",
    "wall s",
    "first call s",
    "Microsoft",
    "splunkd",
)
WIDTHS = (72, 7, 8, 12, 8, 8, 7, 12, 9, 7)


def line(row: Row) -> str:
    """A row of the table on the terminal."""
    cells = _cells(row)
    first, *rest = zip((f"{cells[0]} [{row.python}]", *cells[1:]), WIDTHS)
    text = f"{first[0]:<{first[1]}}" + "".join(f" {cell:>{width}}" for cell, width in rest)
    return "\n".join([text, *(f"    {what}: {figure:.3g}" for what, figure in row.ratios)])


def heading() -> str:
    """The head of the table on the terminal."""
    return f"{'':<{WIDTHS[0]}}" + "".join(f" {text:>{width}}" for text, width in zip(HEADINGS[1:], WIDTHS[1:]))


def as_json(rows: Iterable[Row], date: str) -> str:
    """The rows with what they were measured on."""
    data = {"date": date, "machine": machine(), "rows": [_as_data(row) for row in rows]}
    return json.dumps(data, indent=1)


def machine() -> str:
    """This machine in a few words."""
    models = [text for text in _lines(Path("/proc/cpuinfo")) if text.startswith("model name")]
    model = models[0].partition(":")[2].strip() if models else platform.machine()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    system = f"{platform.system()} {platform.release().partition('-')[0]}"
    return f"{model}, {os.cpu_count()} processors, {memory:.0f} GB, {system}"


def document(rows: Sequence[Row], date: str) -> None:
    """Write the page's tables anew: rows that were measured now take the place of what they were; the rest stays."""
    page = PAGE.read_text(encoding="utf-8")
    before, _, rest = page.partition(BEGINNING)
    known, _, after = rest.partition(END)
    samples = {row.python: row.samples for row in rows if row.case == "million" and row.samples and row.runs == 1}
    if samples:
        CHART.write_text(chart.drawn(samples), encoding="utf-8")
    texts = [*dict.fromkeys([*re.findall(r"^Measured .*$", known, re.MULTILINE), f"Measured {date} on {machine()}."])]
    texts += [_table(title, known, [row for row in rows if row.case.startswith(cases)]) for title, cases in SECTIONS]
    if CHART.is_file():
        texts.append(f"![Memory and CPU over a backlog]({CHART.name})")
    written = "\n\n".join(text for text in texts if text)
    PAGE.write_text(f"{before}{BEGINNING}\n\n{written}\n\n{END}{after}", encoding="utf-8")


SECTIONS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Polls with nothing new", ("poll", "turn", "tenants")),
    ("Drains", ("drain",)),
    ("Regions side by side", ("regions",)),
    ("A full overlap", ("overlap",)),
    ("A long backlog", ("million",)),
)


def _table(title: str, known: str, rows: Sequence[Row]) -> str:
    """A section: the rows that the page has, those of the same case and Python replaced by what was measured."""
    section = known.partition(f"### {title}\n")[2].partition("\n###")[0]
    lines = {_key(text): text for text in re.findall(r"^\|.*\|$", section, re.MULTILINE)[2:]}
    for row in rows:
        first, *rest = _cells(row)
        ratios = "".join(f"<br>{what}: {figure:.3g}" for what, figure in row.ratios)
        text = f"| {first}{ratios} | {row.python} | {' | '.join(rest)} |"
        lines[_key(text)] = text
    if not lines:
        return ""
    head = f"| | Python | {' | '.join(HEADINGS[1:])} |"
    return "\n".join([f"### {title}", "", head, "|---|---|" + "---:|" * (len(HEADINGS) - 1), *lines.values()])


def _key(line: str) -> tuple[str, str]:
    """What a row of a table is about: its case and its Python."""
    title, python = line.split(" | ")[:2]
    return title.partition("<br>")[0], python


def _cells(row: Row) -> tuple[str, ...]:
    ours = row.ours
    return (
        row.title,
        f"{ours.cpu_seconds:.2f}",
        _ratio(row.cpu_of_floor),
        _ratio(row.cpu_of_yardstick),
        f"{ours.peak_megabytes:.0f}",
        _ratio(row.memory_of_floor),
        f"{ours.wall_seconds:.2f}",
        f"{ours.first_request_seconds:.2f}",
        f"{ours.microsoft_calls:.0f}",
        f"{ours.splunkd_calls:.0f}",
    )


def _ratio(ratio: float | None) -> str:
    return "" if ratio is None else f"{ratio:.2f}"


def _as_data(row: Row) -> dict[str, Any]:
    ratios = {"cpu_of_floor": row.cpu_of_floor, "memory_of_floor": row.memory_of_floor}
    return {**asdict(row), **ratios, "cpu_of_yardstick": row.cpu_of_yardstick}


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
