"""A process keeps to half of each published limit, and a quiet poll is not slowed down."""

from __future__ import annotations

import pytest
from defender_alerts.microsoft.transport.rate_limit import Limit, Pace


class Seconds:
    """A clock that a test moves on."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def _calls(pace: Pace, seconds: Seconds, count: int) -> list[float]:
    """Make calls, waiting as told; give when each was made."""
    made = []
    for _ in range(count):
        seconds.now += pace.wait()
        pace.note()
        made.append(seconds.now)
    return made


def _most_within(made: list[float], window: float) -> int:
    return max(sum(1 for other in made if one <= other < one + window) for one in made)


@pytest.mark.parametrize(
    "limits", [(Limit(150, 60),), (Limit(100, 60), Limit(1_500, 3_600))], ids=["Graph", "endpoint"]
)
def test_however_many_calls_there_are_half_of_each_limit_is_used_and_no_more(limits: tuple[Limit, ...]) -> None:
    seconds = Seconds()
    made = _calls(Pace(limits, seconds), seconds, 2_000)
    for limit in limits:
        assert _most_within(made, limit.seconds) == limit.calls // 2


def test_the_calls_of_a_quiet_poll_go_out_at_once() -> None:
    seconds = Seconds()
    assert len(set(_calls(Pace((Limit(100, 60), Limit(1_500, 3_600)), seconds), seconds, 50))) == 1


def test_calls_that_take_their_time_are_not_waited_for() -> None:
    seconds = Seconds()
    pace = Pace((Limit(100, 60),), seconds)
    waits = []
    for _ in range(200):
        waits.append(pace.wait())
        pace.note()
        seconds.now += 1.3
    assert set(waits) == {0.0}


def test_without_limits_there_is_no_wait() -> None:
    seconds = Seconds()
    assert len(set(_calls(Pace((), seconds), seconds, 5_000))) == 1
