"""Times are integers of 100 ns: nothing is rounded, nothing is compared as text."""

from __future__ import annotations

import datetime as dt

import pytest
from defender_alerts.times import TICKS_PER_SECOND, epoch, iso, parse_http_date, parse_iso, parse_start, seconds
from hypothesis import given
from hypothesis import strategies as st

_FROM_YEAR_1 = -62_135_596_800 * TICKS_PER_SECOND
_TO_YEAR_9999 = 253_402_300_799 * TICKS_PER_SECOND


@given(st.integers(min_value=_FROM_YEAR_1, max_value=_TO_YEAR_9999))
def test_a_time_written_and_read_again_is_the_same(ticks: int) -> None:
    assert parse_iso(iso(ticks)) == ticks


@given(st.integers(min_value=0, max_value=7), st.integers(min_value=0, max_value=9_999_999))
def test_any_number_of_fraction_digits_from_none_to_seven_is_read_exactly(digits: int, fraction: int) -> None:
    kept = f"{fraction:07d}"[:digits]
    text = "2026-03-01T12:00:00" + (f".{kept}" if kept else "") + "Z"
    whole = dt.datetime(2026, 3, 1, 12, tzinfo=dt.timezone.utc).timestamp()
    assert parse_iso(text) == int(whole) * TICKS_PER_SECOND + int(kept.ljust(7, "0") or 0)


def test_a_time_without_a_fraction_is_earlier_than_the_same_with_one_although_its_text_sorts_later() -> None:
    whole, later = "2026-01-01T00:00:00Z", "2026-01-01T00:00:00.1Z"
    assert whole > later
    assert parse_iso(whole) < parse_iso(later)


def test_digits_behind_the_seventh_are_dropped() -> None:
    assert parse_iso("2026-01-01T00:00:00.12345678Z") == parse_iso("2026-01-01T00:00:00.1234567Z")


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("2026-01-01T02:00:00+02:00", "2026-01-01T00:00:00Z"),
        ("2025-12-31T18:30:00-0530", "2026-01-01T00:00:00Z"),
        ("2026-01-01T00:00:00", "2026-01-01T00:00:00Z"),
        ("2026-01-01 00:00:00", "2026-01-01T00:00:00Z"),
    ],
)
def test_offsets_are_applied_and_a_missing_one_means_UTC(text: str, same: str) -> None:
    assert parse_iso(text) == parse_iso(same)


@pytest.mark.parametrize(
    "text", ["", "yesterday", '"2026-01-01T00:00:00Z"', "2026-13-01T00:00:00Z", "2026-01-01T00:00:00Zx", "2026-01-01"]
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"time|month"):
        parse_iso(text)


@pytest.mark.parametrize(
    ("text", "back"), [("-7d", 604_800), ("-12h", 43_200), ("-90m", 5_400), ("-30s", 30), ("-2w", 1_209_600)]
)
def test_a_relative_start_counts_back_from_now(text: str, back: int) -> None:
    now = parse_iso("2026-11-23T16:00:00.1234567Z")
    assert parse_start(f" {text} ", now) == now - seconds(back)


def test_an_absolute_start_does_not_depend_on_now() -> None:
    assert parse_start("2026-01-01T00:00:00Z", 0) == parse_iso("2026-01-01T00:00:00Z")


@pytest.mark.parametrize(
    ("ticks", "text"),
    [(14_851_712_250_760_449, "1485171225.0760449"), (10_000_000, "1"), (15_000_000, "1.5"), (-5_000_000, "-0.5")],
)
def test_splunks_time_is_exact_and_has_no_trailing_zeros(ticks: int, text: str) -> None:
    assert epoch(ticks) == text


def test_an_http_date_is_read_in_whole_seconds() -> None:
    assert parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT") == 784_111_777 * TICKS_PER_SECOND


def test_what_is_no_http_date_is_refused() -> None:
    with pytest.raises(ValueError, match="HTTP date"):
        parse_http_date("soon")


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01"])
def test_a_time_that_its_offset_takes_out_of_the_calendar_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="years 1 to 9999"):
        parse_iso(text)
