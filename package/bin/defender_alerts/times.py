"""Times as integers of 100 ns since 1970-01-01T00:00:00Z ("ticks").

Microsoft's services keep time in units of 100 ns and send 0 to 7 fraction digits. As text, ``...:00Z`` sorts
after ``...:00.1Z``; as a float, and as Python's ``datetime``, the seventh digit is lost. Integers avoid both.
"""

from __future__ import annotations

import datetime as dt
import functools
import re
import time
from email.utils import parsedate_to_datetime
from typing import NamedTuple

TICKS_PER_SECOND = 10_000_000

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)
_ISO = re.compile(
    r"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d):([0-5]\d)(?:\.(\d+))?(?:Z|z|([+-])(\d\d):?(\d\d))?\Z",
    re.ASCII,
)
_FIRST = -62_135_596_800 * TICKS_PER_SECOND
_LAST = 253_402_300_800 * TICKS_PER_SECOND - 1
_RELATIVE = re.compile(r"-(\d{1,5})([smhdw])\Z", re.ASCII)
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}


def machine_time() -> int:
    """The time by this machine's clock, in ticks; the clock may be wrong."""
    return time.time_ns() // 100


def seconds(count: float) -> int:
    """Convert seconds to ticks."""
    return round(count * TICKS_PER_SECOND)


def parse_iso(text: str) -> int:
    """Convert an ISO 8601 time to ticks; without an offset it is UTC, as all of Microsoft's times are.

    Digits after the seventh are dropped: no API sends them.

    Raises:
        ValueError: the text is not a time.
    """
    match = _ISO.match(text)
    if match is None:
        raise ValueError(f"not an ISO 8601 time: {text[:40]!r}")
    to_minute, second, fraction, sign, off_hours, off_minutes = match.groups()
    ticks = (_seconds_until(to_minute) + int(second)) * TICKS_PER_SECOND
    if fraction:
        ticks += int(fraction[:7].ljust(7, "0"))
    if sign:
        offset = (int(off_hours) * 60 + int(off_minutes)) * 60 * TICKS_PER_SECOND
        ticks -= offset if sign == "+" else -offset
        if not _FIRST <= ticks <= _LAST:
            raise ValueError(f"not a time of the years 1 to 9999: {text[:40]!r}")
    return ticks


@functools.lru_cache(maxsize=64)
def _seconds_until(minute: str) -> int:
    """The seconds from 1970 to a minute; cached, since an answer holds many records of few minutes."""
    since = dt.datetime.fromisoformat(f"{minute}+00:00") - _EPOCH
    return since.days * 86_400 + since.seconds


def parse_start(text: str, now: int) -> int:
    """Convert a start time to ticks: ISO 8601 in UTC, or relative to ``now`` like ``-7d`` or ``-12h``.

    Raises:
        ValueError: the text is neither.
    """
    relative = _RELATIVE.match(text.strip())
    if relative is None:
        return parse_iso(text.strip())
    count, unit = relative.groups()
    return now - int(count) * _SECONDS[unit] * TICKS_PER_SECOND


def parse_http_date(text: str) -> int:
    """Convert an HTTP date (RFC 9110, 5.6.7), as in ``Date`` and ``Retry-After``, to ticks.

    Raises:
        ValueError: the text is not an HTTP date.
    """
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError) as error:
        raise ValueError(f"not an HTTP date: {text[:40]!r}") from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=dt.timezone.utc)
    since = moment - _EPOCH
    return (since.days * 86_400 + since.seconds) * TICKS_PER_SECOND


def iso(ticks: int) -> str:
    """Format a time as ISO 8601 with seven fraction digits, for requests, the checkpoint and the log."""
    whole, fraction = divmod(ticks, TICKS_PER_SECOND)
    moment = _EPOCH + dt.timedelta(seconds=whole)
    # Not strftime: it omits leading zeros of years before 1000, and .NET's smallest time is in the year 1.
    return f"{moment.replace(tzinfo=None).isoformat()}.{fraction:07d}Z"


def epoch(ticks: int) -> str:
    """Format a time as seconds since 1970 for Splunk's ``<time>``, exact and without trailing zeros."""
    sign = "-" if ticks < 0 else ""
    whole, fraction = divmod(abs(ticks), TICKS_PER_SECOND)
    digits = f"{fraction:07d}".rstrip("0")
    return f"{sign}{whole}.{digits}" if digits else f"{sign}{whole}"


class Window(NamedTuple):
    """A span of time from ``start`` (inclusive) to ``end`` (exclusive), in ticks."""

    start: int
    end: int

    @property
    def width(self) -> int:
        """The length in ticks."""
        return self.end - self.start

    def __str__(self) -> str:
        return f"{iso(self.start)}..{iso(self.end)}"
