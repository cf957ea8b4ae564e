"""The list of what only a real Splunk can settle: every row says where the assumption is, and how to settle it."""

from __future__ import annotations

import re

import pytest

from tooling import paths

TEXT = (paths.ROOT / "docs" / "unknowns.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
    for line in TEXT.splitlines()
    if re.match(r"\| [SIRM]\d+ \|", line)
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_row_says_what_where_why_and_how_to_settle_it(row: list[str]) -> None:
    assert len(row) == 5
    assert [cell for cell in row if not cell] == []
    for name in re.findall(r"`((?:package|tests|tooling)/[\w./]+|additional_packaging\.py)`", row[2]):
        assert (paths.ROOT / name).exists(), name


def test_the_rows_are_numbered_one_by_one() -> None:
    for letter, count in (("S", 13), ("I", 4), ("R", 17), ("M", 4)):
        assert [row[0] for row in ROWS if row[0].startswith(letter)] == [f"{letter}{n}" for n in range(1, count + 1)]


def test_other_documents_lead_there_instead_of_keeping_lists_of_their_own() -> None:
    others = {path.name: path.read_text(encoding="utf-8") for path in (paths.ROOT / "docs").glob("*.md")}
    leading = {name for name, text in others.items() if "unknowns.md" in text}
    assert {"enterprise-security.md", "security.md", "install.md", "index.md"} <= leading
    assert [name for name, text in others.items() if "makeresults" in text] == ["unknowns.md"]
