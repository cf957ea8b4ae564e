"""Windows follow the volume: one for a quiet poll, as narrow as needed for a crowd, never overlapping, never leaving a gap."""

from __future__ import annotations

import random
from bisect import bisect_left
from collections.abc import Sequence

import pytest
from defender_alerts.collect.windows import WindowWidth
from defender_alerts.times import Window, seconds
from hypothesis import given
from hypothesis import strategies as st

SECOND, HOUR, DAY = seconds(1), seconds(3_600), seconds(86_400)


def test_a_window_shows_its_bounds_in_full() -> None:
    assert str(Window(0, 15)) == "1970-01-01T00:00:00.0000000Z..1970-01-01T00:00:00.0000015Z"


def test_the_time_since_the_last_poll_is_one_window() -> None:
    assert WindowWidth().window(seconds(100), seconds(1_000)) == Window(seconds(100), seconds(1_000))


def test_a_window_never_reaches_beyond_now() -> None:
    assert WindowWidth().window(0, 7).end == 7


def test_empty_answers_widen_the_windows_up_to_eight_days() -> None:
    width = WindowWidth()
    widths = []
    start = 0
    for _ in range(6):
        window = width.window(start, 100 * DAY)
        widths.append(window.width // HOUR)
        width.fitted(window, 0.0, [])
        start = window.end
    assert widths == [2, 16, 128, 192, 192, 192]


def test_windows_follow_what_came_in_the_one_before() -> None:
    width = WindowWidth()
    window = width.window(0, 100 * DAY)
    for filled, hours in ((0.35, 4), (0.7, 4), (0.1, 28), (0.95, 21)):
        # Evenly spread.
        width.fitted(window, filled, list(range(window.start, window.end, HOUR // 60)))
        window = width.window(window.end, 100 * DAY)
        assert round(window.width / HOUR) == hours


def test_records_at_the_end_of_a_window_say_more_about_the_next_than_the_silence_before_them() -> None:
    width = WindowWidth()
    window = width.window(0, 100 * DAY)
    width.fitted(window, 0.7, [window.end - number * SECOND for number in range(1, 60)])
    assert width.window(window.end, 100 * DAY).width == 60 * SECOND


def test_an_answer_without_times_keeps_windows_from_growing_by_how_full_it_is() -> None:
    width = WindowWidth()
    width.fitted(width.window(0, 100 * DAY), 0.7, [])
    assert width.window(2 * HOUR, 100 * DAY).width == 2 * HOUR


def test_behind_a_crowd_windows_are_as_wide_as_before_it() -> None:
    width = WindowWidth()
    window = width.window(0, 100 * DAY)
    width.narrow(window, [0] * 10)
    assert width.window(0, 100 * DAY).width == 1
    width.passed_full_instant()
    assert width.window(1, 100 * DAY).width == 2 * HOUR


def test_narrowing_goes_from_what_was_asked_and_ends_at_the_narrowest() -> None:
    width = WindowWidth()
    window = width.window(0, 1_000)
    steps = 0
    while width.can_narrow(window):
        width.narrow(window, [])
        narrower = width.window(0, 1_000)
        assert narrower.width < window.width
        window, steps = narrower, steps + 1
    assert (window.width, steps) == (1, 5)


MOST = 100
"""An answer with so many records counts as cut short."""
NOW = 30 * DAY


def _even(count: int, start: int, end: int) -> list[int]:
    return [start + number * (end - start) // count for number in range(count)]


VOLUMES = {
    "nothing": [],
    "one a week": _even(4, 0, NOW),
    "even": _even(2_000, 0, NOW),
    "a backlog of 20 hours": _even(1_000, NOW - 20 * HOUR, NOW),
    "a hundred answers in one hour": _even(100 * MOST, 9 * DAY, 9 * DAY + HOUR),
    "an instant": [*_even(60, 0, NOW), *[9 * DAY] * 3 * MOST],
    "crowds of a second": [
        *_even(60, 0, NOW),
        *(time for day in range(1, 10) for time in _even(150, day * DAY, day * DAY + SECOND)),
    ],
    "hours that differ a thousandfold": [
        time
        for hour in range(20)
        for time in _even(1_000 if hour % 2 else 1, NOW - (hour + 1) * HOUR, NOW - hour * HOUR)
    ],
}
# Requests, and those of them whose answers are cut short: at most so many in any order, beside what the volume makes up.
ALLOWED = {
    "nothing": (13, 0),
    "one a week": (13, 0),
    "even": (32, 0),
    "a backlog of 20 hours": (30, 2),
    "a hundred answers in one hour": (180, 6),
    "an instant": (15, 1),
    "crowds of a second": (170, 18),
    "hours that differ a thousandfold": (250, 20),
}


ORDERS = ["oldest", "newest", "shuffled"]
"""Which of its records an answer that is cut short shows."""


def _drain(times: Sequence[int], now: int, order: str = "oldest") -> tuple[list[Window], int]:
    """The windows that are asked for until all of ``times``, in order, is collected, and how many answers are cut short."""
    width, start, windows, cuts, taken, rng = WindowWidth(), 0, [], 0, 0, random.Random(1)
    while start < now:
        window = width.window(start, now)
        assert window.start == start < window.end <= now
        answer = times[bisect_left(times, start) : bisect_left(times, window.end)]
        windows.append(window)
        if len(answer) < MOST:
            width.fitted(window, len(answer) / MOST, answer)
        elif width.can_narrow(window):
            cuts += 1
            shuffled = rng.sample(answer, MOST)
            width.narrow(window, {"oldest": answer[:MOST], "newest": answer[-MOST:], "shuffled": shuffled}[order])
            continue
        else:
            width.passed_full_instant()
        taken += len(answer)
        start = window.end
    assert taken == len(times)
    return windows, cuts


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("volume", VOLUMES)
def test_whatever_the_volume_does_few_answers_are_cut_short_and_few_windows_are_asked_for(
    volume: str, order: str
) -> None:
    windows, cuts = _drain(sorted(VOLUMES[volume]), NOW, order)
    requests = len(windows)
    assert (requests <= ALLOWED[volume][0], cuts <= ALLOWED[volume][1]) == (True, True), (requests, cuts)


def test_behind_an_empty_week_windows_draw_near_to_now_by_halves() -> None:
    windows, _ = _drain([], 7 * DAY)
    widths = [window.width / HOUR for window in windows]
    assert widths == [2, 16, 75, 37.5, 18.75, 9.375, 4.6875, 2.34375, 2, 0.34375]


@pytest.mark.parametrize("order", ORDERS)
def test_of_a_crowd_behind_a_silence_little_is_read_twice_however_long_ago_it_began(order: str) -> None:
    now, hours = 7 * DAY, [1.17**power for power in range(2, 33)]
    for answers in (1.2, 1.6, 2):
        crowds = [_even(int(answers * MOST), now - int(since * HOUR), now) for since in hours]
        cuts = sum(_drain(crowd, now, order)[1] for crowd in crowds)
        share = cuts / (answers * len(crowds))
        assert share < 0.15, (answers, share)


@given(
    st.lists(st.booleans(), max_size=60),
    st.integers(min_value=1, max_value=10 * DAY),
    st.lists(st.integers(0, 10 * DAY)),
)
def test_whatever_is_cut_short_and_shown_the_windows_cover_the_time_once(
    cut: list[bool], until: int, shown: list[int]
) -> None:
    width, start, decisions = WindowWidth(), 0, iter(cut)
    while start < until:
        window = width.window(start, until)
        assert window.start == start
        assert start < window.end <= until
        if width.can_narrow(window) and next(decisions, False):
            width.narrow(window, shown)
            continue
        width.fitted(window, 0.0, [])
        start = window.end
    assert start == until
