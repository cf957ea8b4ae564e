"""The matrix as it stands in docs/reliability.md, made of the rows that prove it.

`PYTHONPATH=tests:package/bin:. .toolchain/venv/bin/python -m faults` writes it there anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any

from faults.api import API
from faults.kvstore import KV_STORE
from faults.machine import MACHINE
from faults.network import NETWORK
from faults.row import Group, Row
from faults.size import HUGE
from faults.splunk import SPLUNK
from faults.token_endpoint import TOKEN_ENDPOINT

from tooling import paths

DOCUMENT = paths.ROOT / "docs" / "reliability.md"
BEGIN = "<!-- The matrix: made by `python -m faults`, see tests/faults/table.py. -->"
END = "<!-- The end of the matrix. -->"
GROUPS: tuple[Group[Any], ...] = (TOKEN_ENDPOINT, API, HUGE, KV_STORE, SPLUNK, NETWORK, MACHINE)

_TITLES = ("what goes wrong", "how", "what is delivered", "exit status", "what the log says", "what the next run does")


def matrix() -> str:
    """All tables, each below its heading."""
    return "\n\n".join(
        "\n".join((f"### {title}", "", *_table(row for group in groups for row in group.rows)))
        for title, groups in groupby(GROUPS, key=lambda group: group.title)
    )


def _table(rows: Iterator[Row[Any]]) -> Iterator[str]:
    yield _line(*_TITLES)
    yield "|" + "---|" * len(_TITLES)
    for row in rows:
        says = "<br>".join(_code(sentence) for sentence in row.says) or "nothing"
        status = str(row.status) if row.status >= 0 else "killed"
        yield _line(row.name, row.provoked, row.delivered.words, status, says, row.later.words)


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
