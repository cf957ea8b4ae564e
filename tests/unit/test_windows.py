"""Windows follow the volume: one for a quiet poll, as narrow as needed for a crowd, never overlapping, never leaving a gap."""

from __future__ import annotations

from defender_alerts.collect.windows import WindowWidth
from defender_alerts.times import Window, seconds
from hypothesis import given
from hypothesis import strategies as st

DAY = seconds(86_400)


def test_a_window_shows_its_bounds_in_full() -> None:
    assert str(Window(0, 15)) == "1970-01-01T00:00:00.0000000Z..1970-01-01T00:00:00.0000015Z"


def test_the_time_since_the_last_poll_is_one_window() -> None:
    assert WindowWidth(1).window(seconds(100), seconds(1_000)) == Window(seconds(100), seconds(1_000))


def test_a_window_never_reaches_beyond_now() -> None:
    assert WindowWidth(1).window(0, 7).end == 7


def test_sparse_answers_widen_the_windows_up_to_eight_days() -> None:
    width = WindowWidth(1)
    widths = []
    for _ in range(6):
        widths.append(width.window(0, 100 * DAY).width // DAY)
        width.fitted(100 / 5_000)
    assert widths == [1, 2, 4, 8, 8, 8]


def test_nearly_empty_answers_widen_them_at_once() -> None:
    width = WindowWidth(1)
    width.fitted(77 / 5_000)
    assert width.window(0, 100 * DAY).width == 8 * DAY


def test_a_crowd_is_cut_out_by_its_time() -> None:
    width = WindowWidth(1)
    window = width.window(0, 100 * DAY)
    width.narrow(window, [3 * seconds(3_600)] * 10)
    before = width.window(0, 100 * DAY)
    assert before == Window(0, 3 * seconds(3_600))
    width.narrow(Window(before.end, before.end + DAY), [before.end] * 10)
    assert width.window(before.end, 100 * DAY) == Window(before.end, before.end + 1)


def test_a_window_does_not_reach_into_what_a_full_answer_has_shown_until_it_gets_there() -> None:
    hour = seconds(3_600)
    width = WindowWidth(1)
    width.narrow(width.window(0, 100 * DAY), [20 * hour, *[22 * hour] * 9])
    assert width.window(0, 100 * DAY) == Window(0, 12 * hour)
    width.fitted(0)
    assert width.window(12 * hour, 100 * DAY) == Window(12 * hour, 20 * hour)
    assert width.window(20 * hour, 100 * DAY).width == 8 * 12 * hour


def test_a_full_answer_that_begins_where_its_window_does_halves_it_and_no_more() -> None:
    hour = seconds(3_600)
    width = WindowWidth(1)
    width.narrow(width.window(0, 100 * DAY), [number * hour // 10 for number in range(240)])
    assert width.window(0, 100 * DAY) == Window(0, 12 * hour)


def test_behind_a_crowd_windows_are_as_wide_as_before_it() -> None:
    width = WindowWidth(1)
    width.fitted(1_250 / 5_000)
    width.narrow(width.window(0, 100 * DAY), [0] * 10)
    assert width.window(0, 100 * DAY).width == 1
    width.passed_full_instant()
    assert width.window(1, 100 * DAY).width == DAY


def test_answers_of_a_good_size_keep_the_width() -> None:
    width = WindowWidth(1)
    width.fitted(1_250 / 5_000)
    assert width.window(0, 100 * DAY).width == DAY


def test_halving_goes_from_what_was_asked_and_ends_at_the_narrowest() -> None:
    width = WindowWidth(narrowest=1)
    window = width.window(0, 1_000)
    steps = 0
    while width.can_narrow(window):
        width.narrow(window, [])
        narrower = width.window(0, 1_000)
        assert narrower.width < window.width
        window, steps = narrower, steps + 1
    assert (window.width, steps) == (1, 9)


@given(st.lists(st.booleans(), max_size=60), st.integers(min_value=1, max_value=10 * DAY))
def test_whatever_is_cut_short_the_windows_cover_the_time_once(cut: list[bool], until: int) -> None:
    width, start, decisions = WindowWidth(1), 0, iter(cut)
    while start < until:
        window = width.window(start, until)
        assert window.start == start
        assert start < window.end <= until
        if width.can_narrow(window) and next(decisions, False):
            width.narrow(window, [])
            continue
        width.fitted(0)
        start = window.end
    assert start == until
