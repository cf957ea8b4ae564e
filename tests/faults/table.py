"""The matrix as it stands in docs/fault-matrix.md, made of the rows that prove it.

`PYTHONPATH=tests:package/bin:. .toolchain/venv/bin/python -m faults` writes it there anew.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from faults.administrator import ADMINISTRATOR
from faults.api import API
from faults.kvstore import KV_STORE
from faults.machine import MACHINE
from faults.memory import MEMORY
from faults.network import NETWORK
from faults.row import Group, Row
from faults.size import HUGE
from faults.splunk import SPLUNK
from faults.subjects import EVERY_KIND, Subject
from faults.todays import TODAYS_APIS
from faults.token_endpoint import TOKEN_ENDPOINT

from tooling import paths

DOCUMENT = paths.ROOT / "docs" / "fault-matrix.md"
BEGIN = "<!-- The matrix: made by `python -m faults`, see tests/faults/table.py. -->"
END = "<!-- The end of the matrix. -->"
GROUPS: tuple[Group[Any], ...] = (
    TOKEN_ENDPOINT,
    API,
    HUGE,
    TODAYS_APIS,
    KV_STORE,
    MEMORY,
    SPLUNK,
    ADMINISTRATOR,
    NETWORK,
    MACHINE,
)

_TITLES = (
    "what goes wrong",
    "how",
    "inputs",
    "what is delivered",
    "exit status",
    "what the log says",
    "what the next run does",
)


def matrix() -> str:
    """All tables, each below its heading."""
    return "\n\n".join(
        "\n".join((f"### {title}", "", *_table(groups)))
        for title, groups in groupby(GROUPS, key=lambda group: group.title)
    )


def _table(groups: Iterator[Group[Any]]) -> Iterator[str]:
    yield _line(*_TITLES)
    yield "|" + "---|" * len(_TITLES)
    for group in groups:
        for row in group.rows:
            yield from _lines(row, group.played_with(row))


def _lines(row: Row[Any], subjects: Sequence[Subject]) -> Iterator[str]:
    """A row, once for each way in which the kinds of input tell it."""
    told: dict[tuple[str, ...], list[Subject]] = {}
    for subject in subjects:
        told.setdefault(subject.says(row.says, named=False), []).append(subject)
    for says, alike in told.items():
        sentences = "<br>".join(_code(sentence) for sentence in says) or "nothing"
        status = str(row.status) if row.status >= 0 else "killed"
        yield _line(row.name, row.provoked, _names(alike), row.delivered.words, status, sentences, row.later.words)


def _names(subjects: Sequence[Subject]) -> str:
    """All of them, or all but the few that are missing, or one by one."""
    names = [subject.name for subject in subjects]
    missing = [subject.name for subject in EVERY_KIND if subject.name not in names]
    if not missing:
        return "all"
    if len(missing) == 1:
        return f"all but {missing[0]}"
    return ", ".join(names)


def _line(*cells: str) -> str:
    return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"


def _code(sentence: str) -> str:
    return f"`` {sentence} ``" if "`" in sentence else f"`{sentence}`"


def parts() -> tuple[str, str, str]:
    """What stands before the matrix, the matrix, and what stands behind it."""
    before, begun, rest = DOCUMENT.read_text(encoding="utf-8").partition(BEGIN)
    inside, ended, behind = rest.partition(END)
    assert begun, f"{DOCUMENT.name} has no {BEGIN}"
    assert ended, f"{DOCUMENT.name} has no {END}"
    return before, inside.strip("\n"), behind


def write() -> None:
    """Write the matrix into the document."""
    before, _, behind = parts()
    DOCUMENT.write_text(f"{before}{BEGIN}\n\n{matrix()}\n\n{END}{behind}", encoding="utf-8")
