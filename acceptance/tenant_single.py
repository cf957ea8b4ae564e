"""What is asked of one API alone: of incidents, of permissions and identities, and of the host xdr."""

from __future__ import annotations

from defender_alerts.errors import AddonError, AuthenticationError, ConfigurationError
from defender_alerts.input_kinds import KINDS
from defender_alerts.microsoft.account import FEDERATED, MANAGED_IDENTITY
from defender_alerts.microsoft.apis.base import Query
from defender_alerts.times import Window

from acceptance.checks import Answer, Check, Verdict
from acceptance.tenant_answers import either, not_asked, not_seen, refused
from acceptance.tenant_calls import DAY, RefusedError, Tenant, changed, reason, small
from acceptance.tenant_collections import stands
from acceptance.tenant_kinds import ENDPOINT, GRAPH, INCIDENTS

_AUDIENCES_OF_XDR = ("https://api.security.microsoft.com", "https://graph.microsoft.com")


def expanded(tenant: Tenant, check: Check) -> Answer:
    """Whether a page of incidents comes with the alerts in them."""
    api = tenant.api(INCIDENTS, alerts="inside")
    if api is None:
        return not_asked(check, "This cloud does not offer the API.")
    now = tenant.clock.now()
    try:
        page = tenant.read(api, changed(api.request(Query(Window(now - 30 * DAY, now))), {}))
    except RefusedError as error:
        return Answer(check, Verdict.NO, f"$expand=alerts is refused with HTTP {error.status}.")
    without = sum(record.is_incomplete for record in page.records)
    if not page.records:
        return not_seen(check, "There is no incident in 30 days.")
    return either(check, not without, f"{page.count} incidents, {without} without their alerts.")


def by_id(tenant: Tenant, check: Check) -> Answer:
    """Whether one incident can be asked for by its id, with the alerts in it."""
    api = tenant.api(INCIDENTS, alerts="inside")
    sample = tenant.sample(INCIDENTS)
    if api is None or api.expansion is None or sample is None or not sample.records:
        return not_seen(check, "There is no incident.")
    record = sample.records[-1]
    single = api.expansion.single(record.identity)
    try:
        page = tenant.read(single, single.request(Query(sample.times)))
    except RefusedError as error:
        return refused(check, error, "Refused with")
    same = [one for one in page.records if one.identity == record.identity]
    if not same:
        return Answer(check, Verdict.NO, f"{page.count} records came, none of them the incident.")
    without = same[0].is_incomplete
    return either(check, not without, "It came, without its alerts." if without else "It came, with its alerts.")


def incident_permission(tenant: Tenant, check: Check) -> Answer:
    """Whether the permission for incidents alone opens alerts."""
    api = tenant.api(GRAPH)
    if api is None:
        return not_asked(check, "This cloud does not offer the API.")
    try:
        roles = tenant.token(api).roles
    except AddonError as error:
        return not_asked(check, f"There is no token: {reason(error)}.")
    of_incidents, of_alerts = (
        [role for role in KINDS[kind].access.roles if role in roles] for kind in (INCIDENTS, GRAPH)
    )
    if of_alerts or not of_incidents:
        has = ", ".join((*of_alerts, *of_incidents)) or "neither"
        return not_asked(check, f"It takes an application with SecurityIncident.Read.All alone; this one has: {has}.")
    try:
        page = tenant.read(api, small(api, Window(tenant.clock.now() - DAY, tenant.clock.now()), top=1))
    except RefusedError as error:
        return refused(check, error, f"With {of_incidents[0]} alone:")
    return Answer(check, Verdict.YES, f"With {of_incidents[0]} alone: answered, {page.count} record.")


def identity(mode: str, tenant: Tenant, check: Check) -> Answer:
    """Whether a managed identity opens Graph's alerts, for an application or with permissions of its own."""
    api, account = tenant.api(GRAPH), tenant.account
    if api is None or account.auth_type != MANAGED_IDENTITY or account.identity_mode != mode:
        return not_asked(
            check, f"It takes --managed-identity {'with' if mode == FEDERATED else 'without'} --client-id."
        )
    try:
        roles = tenant.token(api).roles
        page = tenant.read(api, small(api, Window(tenant.clock.now() - DAY, tenant.clock.now()), top=1))
    except RefusedError as error:
        return refused(check, error, "There is a token;")
    except AuthenticationError as error:
        return Answer(check, Verdict.NO, f"There is no token: {reason(error)}.")
    has = [role for role in KINDS[GRAPH].access.roles if role in roles]
    return Answer(check, Verdict.YES, f"Answered, {page.count} record; in the token: {', '.join(has) or 'no role'}.")


def xdr(tenant: Tenant, check: Check) -> Answer:
    """Which token ``api.security.microsoft.com`` wants, and whether it shows what the older host shows."""
    api = tenant.api(ENDPOINT, "xdr")
    if api is None:
        return not_asked(check, "This cloud does not offer the host.")
    sample = tenant.sample(ENDPOINT)
    now = tenant.clock.now()
    request = small(api, sample.times if sample else Window(now - DAY, now))
    tried: list[str] = []
    for audience in (api.audience, *_AUDIENCES_OF_XDR):
        try:
            page = tenant.read(api, request, audience)
        except (RefusedError, AuthenticationError, ConfigurationError) as error:
            if isinstance(error, RefusedError):
                refused(check, error, "")
            tried.append(f"a token for {audience}: {reason(error)}")
            continue
        tried.append(f"a token for {audience}: answered")
        if audience != api.audience:
            return Answer(check, Verdict.NO, "; ".join(tried) + ".")
        same = sample is None or {one.identity for one in page.records} == {one.identity for one in sample.records}
        if same or not stands(tenant, ENDPOINT, sample):
            return Answer(check, Verdict.YES, f"{tried[0]}, {page.count} records.")
        tried.append(f"{page.count} records, where the older host shows {len(sample.records) if sample else 0}")
        return Answer(check, Verdict.NO, "; ".join(tried) + ".")
    return Answer(check, Verdict.NO, "; ".join(tried) + ".")
