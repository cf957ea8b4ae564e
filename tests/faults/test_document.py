"""docs/fault-matrix.md has the rows, and the pages about reliability say what they prove."""

from __future__ import annotations

from collections import Counter

from defender_alerts.checkpoint import checkpoint
from defender_alerts.collect import delivery, poll, reader
from defender_alerts.microsoft.apis import siem_alerts
from faults.table import BEGIN, DOCUMENT, GROUPS, matrix, parts

RELIABILITY, IN_DEPTH = (
    DOCUMENT.with_name(f"{name}.md").read_text(encoding="utf-8") for name in ("reliability", "reliability-in-depth")
)


def test_the_matrix_in_the_document_is_the_one_that_is_proven() -> None:
    _, told, _ = parts()
    assert told == matrix(), "run: PYTHONPATH=tests:package/bin:. .toolchain/venv/bin/python -m faults"


def test_the_matrix_has_a_page_of_its_own() -> None:
    assert BEGIN not in RELIABILITY


def test_no_row_stands_twice_in_the_matrix() -> None:
    names = Counter((group.title, row.name) for group in GROUPS for row in group.rows)
    assert [name for name, count in names.items() if count > 1] == []


def test_the_numbers_in_the_document_are_those_of_the_code() -> None:
    text = " ".join(f"{RELIABILITY} {IN_DEPTH}".split())
    for sentence in (
        f"one batch of each region ({delivery.BATCH_VERSIONS:,} versions or {delivery.BATCH_BYTES / 1_000_000:.1f} MB)",
        f"waits {poll.LONGEST_HANDOVER:.0f} s",
        f"an answer of {siem_alerts.MOST_RECORDS:,} alerts or more",
        f"more than {checkpoint.MOST_SEEN:,} versions",
        f"{reader.LONGEST_ANSWER_KEPT // 1_000_000} MB of new text",
    ):
        assert sentence in text, sentence
