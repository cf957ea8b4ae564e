"""The SIEM API's query parameters.

Sources: pull-alerts-using-rest-api (2022) and its versions of 2017 and 2019. Assumed, because the page is silent: that an
unknown, repeated, empty or unreadable parameter is a 400, that ``ago`` and ``sinceTimeUtc`` exclude each other, and that
an upper bound below the lower one is a 400.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from standins.microsoft import ticks

if TYPE_CHECKING:
    from standins.microsoft.wire import Headers

TWO_HOURS = 2 * 3600 * ticks.PER_SECOND
"""What is shown without ``sinceTimeUtc`` and ``ago``: "all alerts generated in the last two hours"."""

_ONCE = (
    "sinceTimeUtc",
    "untilTimeUtc",
    "ago",
    "limit",
    "DeviceCreatedMachineTags",
    "CloudCreatedMachineTags",
)
_REPEATABLE = "machinegroups"
_DURATION = re.compile(r"P(?:(\d{1,6})D)?(?:T(?:(\d{1,6})H)?(?:(\d{1,8})M)?(?:(\d{1,9})S)?)?", re.ASCII)


class RefusedQueryError(Exception):
    """The API answers 400."""


@dataclass(frozen=True)
class SiemQuery:
    """One range of LastProcessedTimeUtc, in ticks, and filters."""

    since: int
    until: int
    limit: int | None = None
    machine_groups: frozenset[str] = frozenset()
    device_tag: str | None = None
    cloud_tag: str | None = None

    @property
    def has_filters(self) -> bool:
        """Whether an alert's other fields matter."""
        return bool(self.machine_groups) or self.device_tag is not None or self.cloud_tag is not None


def read(pairs: Headers, now: int) -> SiemQuery:
    """Read the query.

    Raises:
        RefusedQueryError: Says which parameter and why.
    """
    given: dict[str, str] = {}
    groups: set[str] = set()
    for name, value in pairs:
        if name not in (*_ONCE, _REPEATABLE):
            raise RefusedQueryError(f"unknown parameter {name}")
        if name in given:
            raise RefusedQueryError(f"{name} is given twice")
        if not value:
            raise RefusedQueryError(f"{name} is empty")
        if name == _REPEATABLE:
            groups.add(value)
        else:
            given[name] = value
    if "ago" in given and "sinceTimeUtc" in given:
        raise RefusedQueryError("ago and sinceTimeUtc exclude each other")
    until = _moment("untilTimeUtc", given["untilTimeUtc"]) if "untilTimeUtc" in given else now
    if "sinceTimeUtc" in given:
        since = _moment("sinceTimeUtc", given["sinceTimeUtc"])
    else:
        since = now - (_duration(given["ago"]) if "ago" in given else TWO_HOURS)
    if since > until and "untilTimeUtc" in given:
        raise RefusedQueryError("untilTimeUtc lies before the lower bound")
    return SiemQuery(
        since=since,
        until=until,
        limit=_limit(given["limit"]) if "limit" in given else None,
        machine_groups=frozenset(groups),
        device_tag=given.get("DeviceCreatedMachineTags"),
        cloud_tag=given.get("CloudCreatedMachineTags"),
    )


def _moment(name: str, value: str) -> int:
    try:
        return ticks.parse(value)
    except ValueError as error:
        raise RefusedQueryError(f"{name} is no date and time") from error


def _duration(value: str) -> int:
    match = _DURATION.fullmatch(value)
    if match is None or not any(match.groups()):
        raise RefusedQueryError("ago is no ISO 8601 duration")
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * ticks.PER_SECOND


def _limit(value: str) -> int:
    if not value.isdecimal() or int(value) < 1:
        raise RefusedQueryError("limit is no positive number")
    return int(value)
