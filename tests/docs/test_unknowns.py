"""The list of what only a real Splunk can settle: every row says where the assumption is, and how to settle it."""

from __future__ import annotations

import re

import pytest

from acceptance import pages
from tooling import paths

CHECKS = [check for checks in pages.CHECKS.values() for check in checks]
TEXT = (paths.ROOT / "docs" / "unknowns.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
    for line in TEXT.splitlines()
    if re.match(r"\| [SIRM]\d+[a-z]? \|", line)
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_row_says_what_where_why_and_how_to_settle_it(row: list[str]) -> None:
    assert len(row) == 6
    assert [cell for cell in row if not cell] == []
    for name in re.findall(r"`((?:package|tests|tooling)/[\w./]+|additional_packaging\.py)`", row[2]):
        assert (paths.ROOT / name).exists(), name


def test_the_rows_are_numbered_one_by_one() -> None:
    for letter, count in (("S", 14), ("I", 4), ("R", 17), ("M", 16)):
        named = [row[0] for row in ROWS if row[0].startswith(letter) and row[0][-1].isdigit()]
        assert named == [f"{letter}{n}" for n in range(1, count + 1)]


def test_other_documents_lead_there_instead_of_keeping_lists_of_their_own() -> None:
    others = {path.name: path.read_text(encoding="utf-8") for path in (paths.ROOT / "docs").glob("*.md")}
    leading = {name for name, text in others.items() if "unknowns.md" in text}
    assert {"enterprise-security.md", "security.md", "install.md", "index.md"} <= leading
    assert [name for name, text in others.items() if "makeresults" in text] == ["unknowns.md"]


def test_each_row_names_the_questions_that_settle_it_and_each_question_a_row_that_is_there() -> None:
    assert pages.unknowns(TEXT) == TEXT, "run python -m acceptance.pages"
    named = {row[0]: set(re.findall(r"`([\w-]+)`", row[5])) for row in ROWS}
    assert named == {row[0]: {check.name for check in CHECKS if row[0] in check.settles} for row in ROWS}
    assert {row[0] for row in ROWS if not named[row[0]]} == pages.BY_HAND.keys()
    assert {row for check in CHECKS for row in check.settles} <= named.keys()
    assert len({check.name for check in CHECKS}) == len(CHECKS)
