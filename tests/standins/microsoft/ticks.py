"""Time as Microsoft's alert APIs write it: integers of 100 ns ("ticks") since 1970-01-01T00:00:00Z.

Kept apart from the add-on's own time code on purpose: a mistake there must not be repeated here.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

PER_SECOND = 10_000_000
PER_MILLISECOND = 10_000
DOTNET_EPOCH = 621_355_968_000_000_000
"""Ticks between 0001-01-01 (where .NET begins to count, as in an ``AlertId``) and 1970-01-01."""

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_DATE_TIME = re.compile(r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,7}))?(Z|[+-]\d\d:\d\d)?", re.ASCII)


def parse(text: str) -> int:
    """Read a date such as ``2026-01-01T00:00:00.1234567Z`` into ticks, without rounding.

    The ``T`` may be a blank and the ``Z`` may be missing (then it is UTC), as in the examples of Microsoft's
    pull-alerts-using-rest-api page; that .NET's other date forms are refused is assumed.

    Raises:
        ValueError: It is anything else: quotes, no time, more than 7 fraction digits, 31 February.
    """
    match = _DATE_TIME.fullmatch(text)
    if match is None:
        raise ValueError(f"not a date and time: {text!r}")
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    moment = datetime(int(year), int(month), int(day), int(hour), int(minute), int(second), tzinfo=timezone.utc)
    since = moment - _EPOCH
    ticks = (since.days * 86_400 + since.seconds) * PER_SECOND + int((fraction or "").ljust(7, "0"))
    if zone is None or zone == "Z":
        return ticks
    hours, minutes = int(zone[1:3]), int(zone[4:6])
    offset = (hours * 60 + minutes) * 60 * PER_SECOND
    return ticks - offset if zone[0] == "+" else ticks + offset


def text(ticks: int, *, digits: int = 7, zone: str = "Z") -> str:
    """Write ticks as ISO 8601 with exactly ``digits`` (0 to 7) fraction digits.

    Raises:
        ValueError: The ticks don't fit into that many digits; they would have to be rounded.
    """
    seconds, fraction = divmod(ticks, PER_SECOND)
    if fraction % 10 ** (7 - digits):
        raise ValueError(f"{fraction:07} does not fit into {digits} fraction digits")
    moment = (_EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{moment}.{fraction // 10 ** (7 - digits):0{digits}}{zone}" if digits else f"{moment}{zone}"


def http_date(ticks: int) -> str:
    """Write ticks as the ``Date`` header has them (RFC 9110, section 5.6.7)."""
    moment = _EPOCH + timedelta(seconds=ticks // PER_SECOND)
    day = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")[moment.weekday()]
    month = (
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    )[moment.month - 1]  # fmt: skip
    return f"{day}, {moment.day:02} {month} {moment.year:04} {moment:%H:%M:%S} GMT"
