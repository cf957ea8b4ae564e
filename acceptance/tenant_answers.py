"""What the answers of all APIs have in common: how no is told from what says nothing, and which record tells most."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus

from defender_alerts.microsoft.apis.base import Api
from defender_alerts.times import TICKS_PER_SECOND, Window

from acceptance.checks import Answer, Check, Verdict
from acceptance.tenant_calls import RefusedError, Seen, Tenant, small

_LATER = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)


def not_asked(check: Check, why: str) -> Answer:
    """It takes something that is not there."""
    return Answer(check, Verdict.NOT_ASKED, why)


def not_seen(check: Check, why: str) -> Answer:
    """There was nothing to see it by."""
    return Answer(check, Verdict.NOT_SEEN, why)


def refused(check: Check, error: RefusedError, what: str) -> Answer:
    """No, where the API refuses what it is asked.

    Raises:
        RefusedError: it refuses everybody at the moment, which says nothing.
    """
    if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR or error.status in _LATER:
        raise error
    return Answer(check, Verdict.NO, f"{what} HTTP {error.status}.")


def either(check: Check, yes: bool, seen: str) -> Answer:  # noqa: FBT001 - the verdict itself
    """Yes or no."""
    return Answer(check, Verdict.YES if yes else Verdict.NO, seen)


def finest(records: Sequence[Seen]) -> Seen | None:
    """The oldest of the records whose times have the most fraction digits."""
    return max(records, key=lambda record: (digits(record.time), -record.time), default=None)


def digits(moment: int) -> int:
    """How many fraction digits a time has."""
    return len(f"{moment % TICKS_PER_SECOND:07d}".rstrip("0"))


def holds(tenant: Tenant, api: Api, window: Window, record: Seen) -> bool:
    """Whether a version is in the answer to a window."""
    page = tenant.read(api, small(api, window))
    return any((one.identity, one.time) == (record.identity, record.time) for one in page.records)
