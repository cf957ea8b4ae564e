"""What the campaign prints, and how it ends."""

from __future__ import annotations

import pytest
from chaos.__main__ import verdict
from chaos.campaign import History
from chaos.report import line, table

WELL = History(0, "siem", "spread over a week", 30_000, 0, 2, 700, ())
BADLY = History(1, "graph", "crowds at one time", 30_000, 3, 1, 5, ("3 events of eu are lost",))


def test_the_table_has_the_numbers() -> None:
    text = " ".join(table([WELL, BADLY], seed=7, seconds=90.0).split())
    assert "seed 7 time 1.5 minutes broken promises 1" in text
    assert "siem 1 histories, 2 kills, 30,000 events, 0 lost, 700 repeated at most" in text
    assert "all 2 histories, 3 kills, 60,000 events, 3 lost, 700 repeated at most; allowed 1,000" in text


def test_a_broken_promise_is_told_and_the_campaign_has_failed(capsys: pytest.CaptureFixture[str]) -> None:
    assert "BROKEN: 3 events of eu are lost" in line(BADLY)
    assert verdict([WELL, BADLY]) == 1
    assert "FAILED" in capsys.readouterr().out


def test_without_one_it_has_not(capsys: pytest.CaptureFixture[str]) -> None:
    assert "BROKEN" not in line(WELL)
    assert verdict([WELL]) == 0
    assert "Nothing lost" in capsys.readouterr().out
