"""Checks of the account against Microsoft: credentials, tokens, records and the clock."""

from __future__ import annotations

import datetime as dt
from http import HTTPStatus

from defender_alerts.microsoft.account import (
    CERTIFICATE,
    CLIENT_SECRET,
    MANAGED_IDENTITY,
    SECRET_WARNING_DAYS,
    Account,
)
from defender_alerts.microsoft.apis.base import Api, Query
from defender_alerts.microsoft.tokens import ResourceBearer, TokenSource
from defender_alerts.microsoft.transport.client import Caller
from defender_alerts.microsoft.transport.server_clock import MOST_SKEW
from defender_alerts.times import TICKS_PER_SECOND, Window, seconds

from .context import Context
from .report import Finding, Outcome, ok, warning

_DAYS = 8
_RENEWAL = {
    CERTIFICATE: "Make a new one with its key, upload it in Entra ID > App registrations > Certificates & secrets > "
    "Certificates, and paste both into the account.",
    CLIENT_SECRET: "Make a new one in Entra ID > App registrations > Certificates & secrets, and paste its value into "
    "the account.",
}


def credentials(context: Context, _: str) -> Finding:
    """Report when the secret or certificate expires."""
    account = context.account
    if account.auth_type == MANAGED_IDENTITY:
        which = f"with the client ID {account.identity_client_id}" if account.identity_client_id else "of its own"
        for_whom = "" if account.is_direct else f" It vouches for the application {account.client_id}."
        return ok(
            f"The account signs in with the managed identity {which} of this machine; none of it expires.{for_whom}"
        )
    who = f"{_person(account)} Its application" if account.is_of_user else "The account"
    what, lasts = account.credential.replace("_", " "), account.lasts(dt.datetime.now(dt.timezone.utc).date())
    if lasts is None:
        return ok(
            f"{who} signs in with a {what}. When it expires is not noted; the account's field Secret expires is for "
            "that."
        )
    found = f"{who} signs in with a {what} that expires on {account.expires}, in {lasts} days."
    if lasts > SECRET_WARNING_DAYS:
        return ok(found)
    return warning(found, _RENEWAL[account.credential])


def _person(account: Account) -> str:
    """A sentence about who has signed in."""
    if not account.signed_in_as:
        return "Nobody has signed in."
    return f"{account.signed_in_as} has signed in, at {account.signed_in_at}: the input sees what this person may see."


def token(context: Context, resource: str) -> Finding:
    """Check whether Entra ID issues a token, and which permissions it has."""
    hint = next(api.errors.resource_hint for api in context.apis.values() if api.audience == resource)
    came = context.source.acquire(resource, hint)
    context.on_token(came.value)
    left = None if came.expires is None else came.expires - context.clock.now() // TICKS_PER_SECOND
    life = "" if left is None else f" It expires in {round(left / 60)} minutes."
    access = context.kind.access
    wanted = access.for_persons if context.account.is_of_user else access.roles
    roles = ", ".join(came.roles) or ("none" if wanted else "none, and this API needs none")
    found = (
        f"Entra ID of the cloud {context.cloud.label} ({context.cloud.authority_host}) has issued a token of the "
        f"tenant {came.tenant}; roles in it: {roles}.{life}"
    )
    if not access.is_in(came.roles):
        found += (
            f" The documented permission {access.service} {wanted[0]} is not among them; whether another "
            "one will do, the check api finds out."
        )
    return ok(found)


def records(context: Context, host: str) -> Finding:
    """Check whether an API returns a record."""
    region, api = next((region, api) for region, api in context.apis.items() if api.host == host)
    now = context.clock.now()
    if has_record(api, context.source, context.caller(host), Window(now - _DAYS * seconds(86_400), now)):
        return ok(f"The region {region} has given a record of the last {_DAYS} days.")
    return ok(f"The region {region} answers; it has no record of the last {_DAYS} days.")


def clock(context: Context, _: str) -> Finding:
    """Check this host's clock against Microsoft's."""
    if not context.heard:
        return Finding(Outcome.SKIPPED, "Not checked: no server has told its time.")
    skew = context.clock.skew()
    count = round(skew / TICKS_PER_SECOND)
    found = f"This host's clock is {abs(count)} s {'ahead of' if count >= 0 else 'behind'} Microsoft's."
    if abs(skew) <= MOST_SKEW:
        return ok(found)
    return warning(found, "Correct it (NTP): certificates and signed assertions are judged by it.")


def has_record(api: Api, source: TokenSource, caller: Caller, times: Window) -> bool:
    """Whether an API has a record of these times.

    Raises:
        AddonError: it refuses, or could not be asked.
        StoppedError: the process was asked to stop.
    """
    bearer = ResourceBearer(source, api.audience, api.errors.resource_hint)
    whole = api.request(Query(times))
    params = tuple((name, "1" if name == "$top" else value) for name, value in whole.params)
    return caller.call(
        whole._replace(params=params, failures=1),
        # Nothing after the first record is read.
        lambda answer: answer.status != HTTPStatus.NO_CONTENT and next(api.cut(answer.pieces(), {}), None) is not None,
        lambda refusal: api.errors.explain(refusal, bearer.roles),
        bearer,
    )
