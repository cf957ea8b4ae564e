"""What the campaign prints, and how it ends."""

from __future__ import annotations

import pytest
from chaos.__main__ import verdict
from chaos.campaign import History, Kill
from chaos.fetched import Fetched
from chaos.ledger import Repeated
from chaos.moments import SAVING, STARTING, WRITING
from chaos.report import line, table

EARLY = Kill(1, 0.2, 0.0, frozenset({STARTING}), {}, Fetched(1_500, 0))
LATE = Kill(2, 3.0, 0.97, frozenset({WRITING, SAVING}), {"eu": Repeated(700, 9), "uk": Repeated(50, 9)}, Fetched(9, 8))
WELL = History(0, "spread over a week", 30_000, 0, 45_000, (EARLY, LATE), ())
BADLY = History(1, "crowds at one time", 30_000, 3, 30_000, (), ("3 events of eu are lost",))


def test_the_table_has_the_numbers() -> None:
    text = table([WELL, BADLY], seed=7, seconds=90.0)
    rows = [row.split() for row in text.splitlines()]
    for row in (["seed", "7"], ["kills", "2"], ["events", "60,000"], ["lost", "3"], ["writing", "1", "(50%)"]):
        assert row in rows
    assert "min 0, median 0, max 750" in text
    assert "min 0, median 0, max 700; allowed 1,000" in text
    assert "75,000 records, 1.25 for each event" in text
    told = " ".join(text.split())
    assert "of them siem 2 kills, 60,000 events, 3 lost, repeated min 0, median 0, max 700" in told
    assert "1    0    0    0    0    0    0    0    0    1" in text


def test_a_broken_promise_is_told_and_the_campaign_has_failed(capsys: pytest.CaptureFixture[str]) -> None:
    assert "BROKEN: 3 events of eu are lost" in line(BADLY)
    assert verdict([WELL, BADLY]) == 1
    assert "FAILED" in capsys.readouterr().out


def test_without_one_it_has_not(capsys: pytest.CaptureFixture[str]) -> None:
    assert "BROKEN" not in line(WELL)
    assert verdict([WELL]) == 0
    assert "Nothing lost" in capsys.readouterr().out
