"""What is asked of the SIEM API."""

from __future__ import annotations

from collections.abc import Iterator

from defender_alerts.errors import AddonError, UnknownHostError
from defender_alerts.microsoft import clouds
from defender_alerts.microsoft.apis.base import Api, Query
from defender_alerts.microsoft.apis.siem_alerts import RESOURCES
from defender_alerts.times import TICKS_PER_SECOND, Window

from acceptance.checks import Answer, Check, Verdict
from acceptance.tenant_answers import digits, either, finest, holds, not_seen, refused
from acceptance.tenant_calls import DAY, RefusedError, Seen, Tenant, reason
from acceptance.tenant_kinds import SIEM

_SECOND = TICKS_PER_SECOND


def answers(tenant: Tenant, check: Check) -> Answer:
    """Whether the SIEM API still answers, in any region, with a token for either resource."""
    tried: list[str] = []
    verdicts: set[Verdict] = set()
    for region, api in _apis(tenant):
        verdict, came = _in(tenant, check, api)
        verdicts.add(verdict)
        tried.append(f"{region} ({_resource(api)}): {came}")
    order = (Verdict.YES, Verdict.UNANSWERED, Verdict.NO)
    verdict = next((one for one in order if one in verdicts), Verdict.NOT_ASKED)
    return Answer(check, verdict, "; ".join(tried) or "This cloud does not offer the API")


def _in(tenant: Tenant, check: Check, api: Api) -> tuple[Verdict, str]:
    try:
        tenant.token(api)
    except AddonError as error:
        return Verdict.NOT_ASKED, reason(error)
    now = tenant.clock.now()
    try:
        tenant.read(api, api.request(Query(Window(now - DAY, now))))
    except UnknownHostError:
        return Verdict.NO, "there is no such host"
    except RefusedError as error:
        try:
            return refused(check, error, "").verdict, reason(error)
        except RefusedError:
            return Verdict.UNANSWERED, reason(error)
    except AddonError as error:
        return Verdict.UNANSWERED, reason(error)
    return Verdict.YES, "answered"


def bound(tenant: Tenant, check: Check, *, upper: bool) -> Answer:
    """Whether a detection of the time of a bound of the SIEM API is in the answer."""
    for _, api in _apis(tenant):
        try:
            found = _some_detection(tenant, api)
        except AddonError:
            continue
        if found is None:
            continue
        window = Window(found.time - _SECOND, found.time) if upper else Window(found.time, found.time + _SECOND)
        there = holds(tenant, api, window, found)
        seen = f"Asked {'up to' if upper else 'from'} a time with {digits(found.time)} fraction digits: the detection "
        return either(check, there, f"{seen}of that time is {'there' if there else 'not there'}.")
    return not_seen(check, "No region has given a detection.")


def _some_detection(tenant: Tenant, api: Api) -> Seen | None:
    for days in (1, 30):
        now = tenant.clock.now()
        page = tenant.read(api, api.request(Query(Window(now - days * DAY, now))))
        if page.records:
            return finest(page.records)
    return None


def _apis(tenant: Tenant) -> Iterator[tuple[str, Api]]:
    for region in clouds.regions("siem", tenant.account.cloud):
        for resource in RESOURCES:
            api = tenant.api(SIEM, region, resource=resource)
            if api is not None:
                yield region, api


def _resource(api: Api) -> str:
    return api.audience.removeprefix("https://")
