from __future__ import annotations

import time

import pytest
from standins.microsoft import ticks
from standins.microsoft.clock import CloudClock


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T00:00:00.0000001Z", 1),
        ("1970-01-01T00:00:01.1Z", 11_000_000),
        ("2026-03-01T12:00:00+01:00", ticks.parse("2026-03-01T11:00:00Z")),
        ("2026-03-01T10:30:00-00:30", ticks.parse("2026-03-01T11:00:00Z")),
    ],
)
def test_a_date_is_read_to_the_tick(text: str, value: int) -> None:
    assert ticks.parse(text) == value


def test_an_http_date_is_english_and_gmt() -> None:
    assert ticks.http_date(ticks.parse("2026-02-01T03:04:05.9999999Z")) == "Sun, 01 Feb 2026 03:04:05 GMT"


def test_a_clock_freezes_advances_and_runs_on_from_there() -> None:
    clock = CloudClock(frozen_at=1000)
    assert clock.now() == 1000
    assert clock.advance(2.5) == 25_001_000
    clock.run()
    time.sleep(0.01)
    assert 25_001_000 < clock.now() < 25_001_000 + 60 * ticks.PER_SECOND


def test_a_clock_is_skewed_against_the_machines() -> None:
    clock = CloudClock()
    clock.skew(-600)
    assert abs(clock.now() + 600 * ticks.PER_SECOND - time.time_ns() // 100) < 5 * ticks.PER_SECOND
