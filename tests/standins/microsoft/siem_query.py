"""The SIEM API's query parameters.

Sources: pull-alerts-using-rest-api (2022) and its versions of 2017 and 2019. Assumed, because the page is silent: that an
unknown, repeated, empty or unreadable parameter is a 400, and that an upper bound below the lower one is a 400. What the
page has besides (``ago``, ``limit``, tags, no bounds at all) the add-on needs not, so that asking for it is a mistake.
"""

from __future__ import annotations

from dataclasses import dataclass

from standins.microsoft import ticks
from standins.microsoft.wire import Headers

_ONCE = ("sinceTimeUtc", "untilTimeUtc")
_REPEATABLE = "machinegroups"


class RefusedQueryError(Exception):
    """The API answers 400."""


@dataclass(frozen=True)
class SiemQuery:
    """One range of LastProcessedTimeUtc, in ticks, and the machine groups to show; none: all."""

    since: int
    until: int
    machine_groups: frozenset[str] = frozenset()


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
    if "sinceTimeUtc" not in given:
        raise RefusedQueryError("sinceTimeUtc is missing")
    since = _moment("sinceTimeUtc", given["sinceTimeUtc"])
    until = _moment("untilTimeUtc", given["untilTimeUtc"]) if "untilTimeUtc" in given else now
    if since > until and "untilTimeUtc" in given:
        raise RefusedQueryError("untilTimeUtc lies before the lower bound")
    return SiemQuery(since, until, frozenset(groups))


def _moment(name: str, value: str) -> int:
    try:
        return ticks.parse(value)
    except ValueError as error:
        raise RefusedQueryError(f"{name} is no date and time") from error
