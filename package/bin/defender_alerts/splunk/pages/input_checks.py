"""Checks an input when it is saved, and makes remarks about it.

Only an input that can't work is refused. Another input that collects the same alerts, or a missing permission, is only
a remark: two inputs may be intended for a while, as when one replaces the other, and a permission may be granted later.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from defender_alerts.diagnostics.account import AccountCheck, Verdict, explained
from defender_alerts.errors import ConfigurationError
from defender_alerts.microsoft.account import DIRECT, MANAGED_IDENTITY, USER
from defender_alerts.microsoft.apis.base import RETENTION
from defender_alerts.microsoft.user_sign_in import not_signed_in
from defender_alerts.settings import (
    DEFAULT_INTERVAL,
    LONGEST_INTERVAL,
    SHORTEST_INTERVAL,
    Polling,
    cleaned,
    whole_number,
)
from defender_alerts.splunk.inputs import KnownInput
from defender_alerts.times import iso, parse_start, seconds

# The clocks of this host and of the user may differ, and filling in a form takes a while.
_SLACK = seconds(3_600)


def check_input(name: str, stanza: Mapping[str, str], polling: Polling, now: int, *, starts: bool = True) -> None:
    """Check that a new or changed input can work.

    Args:
        name: of the input.
        stanza: its fields.
        polling: the settings read from them.
        now: by this host's clock, in ticks.
        starts: the start time will have an effect.

    Raises:
        ConfigurationError: the interval is out of range, or the start time lies in the future or before what the API
            still shows.
    """
    whole_number(
        stanza.get("interval"),
        "interval",
        f"Correct the input {name} under Inputs.",
        least=SHORTEST_INTERVAL,
        most=LONGEST_INTERVAL,
        default=DEFAULT_INTERVAL,
    )
    start = parse_start(polling.start_time, now)
    if start > now + _SLACK:
        raise ConfigurationError(
            f"The start time {polling.start_time} lies in the future (it is {_shown(now)} now). Set a time in UTC that "
            "has passed, or how far back the first run goes, such as -7d."
        )
    if starts and start < now - RETENTION - _SLACK:
        days = RETENTION // seconds(86_400)
        raise ConfigurationError(
            f"The start time {polling.start_time} is too far back: Microsoft keeps what this input collects for {days} "
            f"days. Set -{days}d, or a time since {_shown(now - RETENTION)}."
        )


@dataclass(frozen=True)
class Remark:
    """A remark about an input: ``brief`` for its row in the table, ``sentence`` with what to do."""

    brief: str
    sentence: str


def remarks(this: KnownInput, others: Iterable[KnownInput], accounts: Mapping[str, Mapping[str, str]]) -> list[Remark]:
    """Make remarks about an enabled input: which others collect the same, and what it lacks.

    An input with a wrong setting collects nothing: it gets none, and none is made of it.

    Args:
        this: the input.
        others: all inputs, of all kinds; ``this`` may be among them.
        accounts: the stanzas of all accounts, by name.
    """
    if not this.is_enabled or this.own is None:
        return []
    if this.account not in accounts:
        return [
            Remark(
                f"Its account {this.account} does not exist.",
                f"The account {this.account} of this input does not exist, so it collects nothing. Choose another "
                "account for it, or add one of that name under Configuration > Accounts.",
            )
        ]
    said = [*_same(this, others, accounts)]
    account = accounts[this.account]
    if account.get("auth_type") == USER and not account.get("signed_in_as"):
        said.append(Remark("Nobody has signed in for its account.", str(not_signed_in(this.account, ""))))
        return said
    if this.tenant_id:
        # The account was checked in its own tenant, the input in this one when it was saved.
        return said
    check = AccountCheck.load(account.get("last_check"))
    found = check.of(this.kind) if check else None
    if check and found and found.finding in {Verdict.MISSING, Verdict.UNKNOWN}:
        # If so, the managed identity itself has the permissions: there is no application.
        is_direct = (account.get("auth_type"), account.get("identity_mode")) == (MANAGED_IDENTITY, DIRECT)
        lacks = "lacks" if found.finding is Verdict.MISSING else "is of a tenant without"
        said.append(
            Remark(
                f"Its account {lacks} {found.detail}.",
                f"{explained(this.account, found, is_direct=is_direct)} (Checked on {check.day}.)",
            )
        )
    return said


def _same(
    this: KnownInput, others: Iterable[KnownInput], accounts: Mapping[str, Mapping[str, str]]
) -> Iterable[Remark]:
    """A remark for all inputs that collect the same alerts, and one for those that collect the same incidents."""
    tenant = _tenant(this, accounts)
    groups: dict[str, list[str]] = {}
    for other in others:
        is_this = (other.kind, other.name) == (this.kind, this.name)
        if is_this or not other.is_enabled or other.own is None or other.account not in accounts:
            continue
        if _tenant(other, accounts) != tenant:
            continue
        same = _in_common(this, other)
        if same:
            groups.setdefault(same, []).append(f"{other.name} ({other.kind})")
    for same, names in groups.items():
        one = len(names) == 1
        yield Remark(
            f"Same {same} as {names[0]}." if one else f"Same {same} as {len(names)} other inputs.",
            f"The enabled {'input' if one else 'inputs'} {', '.join(names)} {'brings' if one else 'bring'} the same "
            f"{same} of this tenant: Splunk indexes them {'twice' if one else f'{len(names) + 1} times'}. Disable "
            f"{'one of the two, unless both' if one else 'all but one, unless all'} are wanted.",
        )


def _in_common(this: KnownInput, other: KnownInput) -> str:
    if this.kind == other.kind == "defender_incidents":
        return "incidents"
    mine, theirs = (one.own.brings if one.own else None for one in (this, other))
    return "alerts" if mine and theirs and mine.meets(theirs) else ""


def _tenant(one: KnownInput, accounts: Mapping[str, Mapping[str, str]]) -> tuple[str, str]:
    """The tenant as it was typed: that a domain and a GUID mean the same one is known to Microsoft alone."""
    account = accounts[one.account]
    return cleaned(account.get("cloud") or ""), (one.tenant_id or cleaned(account.get("tenant_id") or "")).lower()


def _shown(ticks: int) -> str:
    """A time to the second, in the format of the field."""
    return f"{iso(ticks)[:19]}Z"
