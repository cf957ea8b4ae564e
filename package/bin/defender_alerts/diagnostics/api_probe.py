"""Checks of the account against Microsoft: credentials, tokens, records and the clock."""

from __future__ import annotations

import datetime as dt

from defender_alerts.microsoft.account import CERTIFICATE, CLIENT_SECRET, SECRET_WARNING_DAYS
from defender_alerts.microsoft.apis.base import Api, Query
from defender_alerts.microsoft.tokens import ResourceBearer
from defender_alerts.microsoft.transport.client import Answer, Request
from defender_alerts.microsoft.transport.server_clock import MOST_SKEW
from defender_alerts.times import TICKS_PER_SECOND, Window, seconds

from .account import KindCheck, explained_in_tenant
from .account import Verdict as Permission
from .context import Context
from .report import Finding, Outcome, ok, warning

_NO_CONTENT = 204
_DAYS = (1, 8)
_DAY = seconds(86_400)
_RENEWAL = {
    CERTIFICATE: "Make a new one with its key, upload it in Entra ID > App registrations > Certificates & secrets > "
    "Certificates, and paste both into the account.",
    CLIENT_SECRET: "Make a new one in Entra ID > App registrations > Certificates & secrets, and paste its value into "
    "the account.",
}


def credentials(context: Context, _: str) -> Finding:
    """Report when the secret or certificate expires."""
    account = context.account
    what, lasts = account.auth_type.replace("_", " "), account.lasts(dt.datetime.now(dt.timezone.utc).date())
    if lasts is None:
        return ok(
            f"The account signs in with a {what}. When it expires is not noted; the account's field Secret expires is "
            "for that."
        )
    found = f"The account signs in with a {what} that expires on {account.expires}, in {lasts} days."
    if lasts > SECRET_WARNING_DAYS:
        return ok(found)
    return warning(found, _RENEWAL[account.auth_type])


def token(context: Context, resource: str) -> Finding:
    """Check whether Entra ID issues a token, and which permissions it has."""
    hint = next(api.errors.resource_hint for api in context.apis.values() if api.audience == resource)
    came = context.source.acquire(resource, hint)
    context.on_token(came.value)
    context.tokens[resource] = came
    life = ""
    if came.expires is not None:
        left = came.expires - context.clock.now() // TICKS_PER_SECOND
        life = f" It expires in {round(left / 60)} minutes."
    wanted = context.kind.access.roles
    roles = ", ".join(came.roles) or ("none" if wanted else "none, and this API needs none")
    found = (
        f"Entra ID of the cloud {context.cloud.label} ({context.cloud.authority_host}) has issued a token of the "
        f"tenant {came.tenant}; roles in it: {roles}.{life}"
    )
    if wanted and not set(wanted) & set(came.roles):
        missing = KindCheck(context.kind.name, Permission.MISSING, f"{context.kind.access.service} {wanted[0]}")
        return warning(found, explained_in_tenant(context.account, missing))
    return ok(found)


def records(context: Context, host: str) -> Finding:
    """Check whether an API returns a record."""
    region, api = next((region, api) for region, api in context.apis.items() if api.host == host)
    bearer = ResourceBearer(context.source, api.audience, api.errors.resource_hint)
    caller = context.caller(host)
    for days in _DAYS:
        now = context.clock.now()
        request = _smallest(api, Window(now - days * _DAY, now))
        if caller.call(
            request,
            lambda answer: _first(api, answer),
            lambda refusal: api.errors.explain(refusal, bearer.roles),
            bearer,
        ):
            return ok(
                f"The region {region} has given a record of the last {'24 hours' if days == 1 else f'{days} days'}."
            )
    return ok(f"The region {region} answers; it has no record of the last {_DAYS[-1]} days.")


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


def _smallest(api: Api, times: Window) -> Request:
    """The API's request for a window, reduced to one record if it has ``$top``."""
    request = api.request(Query(times))
    params = tuple((name, "1" if name == "$top" else value) for name, value in request.params)
    return Request(request.method, request.url, params, headers=request.headers, accepts=request.accepts, failures=1)


def _first(api: Api, answer: Answer) -> bool:
    """Whether an answer contains a record; nothing after the first one is read."""
    return answer.status != _NO_CONTENT and next(api.cut(answer.pieces(), {}), None) is not None
