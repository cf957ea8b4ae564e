from __future__ import annotations

import json

import pytest
from standins.microsoft import ticks
from standins.microsoft.clock import CloudClock
from standins.microsoft.cloud import MicrosoftCloud
from standins.microsoft.directory import Application, Tenant
from standins.microsoft.endpoint import EndpointApi, EndpointBehaviour
from standins.microsoft.endpoint_samples import endpoint_alert

from .asking import Asker, asker
from .conftest import Client

AUDIENCE = "https://api.securitycenter.microsoft.com"
URL = f"{AUDIENCE}/api/alerts"
LAST = ticks.parse("2026-03-01T11:00:00Z")
CONTEXT = b'{"@odata.context":"https://api.securitycenter.microsoft.com/api/$metadata#Alerts","value":['
EXPANDED = ("$expand", "evidence")


@pytest.fixture
def application(tenant: Tenant) -> Application:
    return tenant.add_application(secret="right", roles={AUDIENCE: ("Alert.Read.All",)})


@pytest.fixture
def api(cloud: MicrosoftCloud) -> EndpointApi:
    return cloud.endpoint("commercial")


@pytest.fixture
def asking(client: Client, tenant: Tenant, application: Application) -> Asker:
    return asker(client, tenant, application, URL, audience=AUDIENCE)


@pytest.fixture
def alerts(api: EndpointApi, tenant: Tenant) -> list[bytes]:
    """Five alerts, one a second up to 11:00:00.0000000, oldest first."""
    raws = [endpoint_alert(n, LAST - (4 - n) * ticks.PER_SECOND) for n in range(5)]
    api.put_all(tenant, raws)
    return raws


def ids(raws: list[bytes]) -> list[str]:
    return [json.loads(raw)["id"] for raw in raws]


def test_without_expand_the_evidence_alone_is_cut_out(asking: Asker, alerts: list[bytes]) -> None:
    bare, full = asking.ask(("$top", "1")).content, asking.ask(("$top", "1"), EXPANDED).content
    assert full == CONTEXT + alerts[4] + b"]}"
    expected = {**json.loads(alerts[4]), "evidence": []}
    assert bare == CONTEXT + json.dumps(expected, ensure_ascii=False, separators=(",", ":")).encode() + b"]}"


def test_a_token_for_the_sister_api_looks_like_a_missing_permission(
    client: Client, tenant: Tenant, application: Application
) -> None:
    sister = "https://api.security.microsoft.com"
    application.roles[sister] = ("Alert.Read.All",)
    for host in ("api.securitycenter.microsoft.com", "eu.api.security.microsoft.com"):
        answer = asker(client, tenant, application, f"https://{host}/api/alerts", audience=sister).ask()
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "Forbidden")


@pytest.mark.parametrize(("roles", "status"), [
    ((), 403), (("Machine.Read.All",), 403), (("Alert.ReadWrite.All",), 200), (("Alert.Read.All",), 200),
])  # fmt: skip
def test_one_of_two_permissions_is_needed(
    client: Client, tenant: Tenant, application: Application, roles: tuple[str, ...], status: int
) -> None:
    application.roles[AUDIENCE] = roles
    answer = asker(client, tenant, application, URL, audience=AUDIENCE).ask()
    assert answer.status_code == status
    if status == 403:
        assert answer.json()["error"]["code"] == "Forbidden"
        assert "Alert.Read.All" in answer.json()["error"]["message"]


def test_other_paths_and_methods_are_refused(asking: Asker, client: Client) -> None:
    assert asking.ask(url=f"{AUDIENCE}/api/alert").json()["error"]["code"] == "NotFound"
    assert asking.ask(url=f"{URL}/da1_2").status_code == 404
    answer = client.session.post(URL, headers={"Authorization": f"Bearer {asking.token}"}, timeout=20)
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET")


@pytest.mark.parametrize("query", [
    [("$filter", "lastUpdateTime ge '2026-03-01T00:00:00Z'")],
    [("$filter", "lastUpdateDateTime ge 2026-03-01T00:00:00Z")],
    [("$filter", "machineId eq 'x'")],
    [("$filter", "investigationState eq 'Running'")],
    [("$filter", "severity eq 'medium'")],
    [("$filter", "severity eq Medium")],
    [("$filter", "incidentId eq '12'")],
    [("$filter", "lastUpdateTime ge 2026-03-01T00:00:00Z"), ("$filter", "severity eq 'High'")],
    [("$filter", "")],
    [("filter", "severity eq 'High'")],
    [("$top", "10001")],
    [("$top", "0")],
    [("$top", "-1")],
    [("$top", "many")],
    [("$top", "10"), ("$top", "10")],
    [("$skip", "-1")],
    [("$skip", "x")],
    [("$expand", "alerts")],
    [("$expand", "evidence,machine")],
    [("$orderby", " ")],
    [("$orderby", "lastUpdateTime up")],
    [("$orderby", "title asc")],
    [("$orderby", "lastUpdateTime asc,id asc")],
    [("$count", "true")],
    [("$select", "id")],
    [("$skiptoken", "x")],
    [("sinceTimeUtc", "2026-03-01T00:00:00Z")],
], ids=str)  # fmt: skip
def test_a_query_that_isnt_documented_is_a_400(asking: Asker, query: list[tuple[str, str]]) -> None:
    answer = asking.ask(*query)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "ODataError")


def test_every_request_that_the_documents_show_is_understood(asking: Asker, alerts: list[bytes]) -> None:
    window = "lastUpdateTime ge 2026-03-01T10:59:57.0000000Z and lastUpdateTime lt 2026-03-01T11:00:00.0000000Z"
    assert asking.ids(("$filter", window), EXPANDED, ("$top", "10000")) == ids(alerts)[3:0:-1]
    assert asking.ids(("$filter", window), ("$orderby", "lastUpdateTime asc")) == ids(alerts)[1:4]
    assert asking.ids(("$filter", window), ("$orderby", "lastUpdateTime desc"), ("$skip", "1")) == ids(alerts)[2:0:-1]
    severe = f"{window} and (severity eq 'High' or severity eq 'Medium')"
    expected = [raw for raw in alerts[1:4] if json.loads(raw)["severity"] in ("High", "Medium")]
    assert sorted(asking.ids(("$filter", severe))) == sorted(ids(expected))
    made = json.loads(alerts[2])["alertCreationTime"]
    instant = f"{window} and alertCreationTime ge {made} and alertCreationTime le {made}"
    assert asking.ids(("$filter", instant)) == [ids(alerts)[2]]
    assert asking.ids(("$filter", f"id eq '{ids(alerts)[0]}' and status eq 'New' and incidentId eq 1")) == [
        ids(alerts)[0]
    ]
    plus = asking.ask(url=f"{URL}?$filter=lastUpdateTime+ge+2026-03-01T11:00:00Z")
    assert [alert["id"] for alert in plus.json()["value"]] == [ids(alerts)[4]]


def test_a_newer_version_takes_the_place_of_the_older_and_moves(
    asking: Asker, api: EndpointApi, tenant: Tenant, alerts: list[bytes]
) -> None:
    later = endpoint_alert(1, LAST + ticks.PER_SECOND, created=LAST - 3 * ticks.PER_SECOND)
    assert ids([later]) == ids([alerts[1]])
    api.put(tenant, later)
    assert asking.ids() == [ids(alerts)[n] for n in (1, 4, 3, 2, 0)]
    assert api.records(tenant) == [alerts[0], *alerts[2:], later]
    api.put_all(tenant, [alerts[1], endpoint_alert(7, LAST + 1)])
    assert len(asking.ids()) == 6
    assert asking.ids()[-2:] == [ids(alerts)[1], ids(alerts)[0]]
    api.remove(tenant, ids(alerts)[1])
    assert ids(alerts)[1] not in asking.ids()
    api.remove(tenant)
    assert asking.ask().content == CONTEXT + b"]}"


def test_a_late_version_shows_up_at_its_own_moment_and_the_older_one_until_then(
    asking: Asker, api: EndpointApi, tenant: Tenant, alerts: list[bytes], clock: CloudClock
) -> None:
    later = endpoint_alert(4, LAST + 5, created=LAST)
    api.put(tenant, later, visible_from=clock.now() + 60 * ticks.PER_SECOND)
    api.put(tenant, endpoint_alert(8, LAST), visible_from=clock.now() + 60 * ticks.PER_SECOND)
    assert len(api.records(tenant)) == 7
    clock.advance(59)
    assert asking.ask(EXPANDED).content == CONTEXT + b",".join(reversed(alerts)) + b"]}"
    clock.advance(1)
    assert asking.ask(EXPANDED, ("$top", "1")).content == CONTEXT + later + b"]}"
    assert len(asking.ids()) == 6


def test_orderby_can_be_refused_ignored_or_done_too_late(asking: Asker, api: EndpointApi, alerts: list[bytes]) -> None:
    ask = [("$orderby", "lastUpdateTime asc"), ("$top", "3")]
    assert asking.ids(*ask) == ids(alerts)[:3]
    api.behaviour = EndpointBehaviour(orderby="ignored")
    assert asking.ids(*ask) == ids(alerts)[:1:-1]
    api.behaviour = EndpointBehaviour(orderby="within_newest")
    assert asking.ids(*ask) == ids(alerts)[2:]
    assert asking.ids(*ask, ("$skip", "3")) == ids(alerts)[:2]
    api.behaviour = EndpointBehaviour(orderby="refused")
    assert asking.ask(*ask).status_code == 400


def test_bounds_can_be_rounded_and_long_fractions_refused(asking: Asker, api: EndpointApi, alerts: list[bytes]) -> None:
    beyond = ("$filter", "lastUpdateTime ge 2026-03-01T11:00:00.0000001Z")
    assert asking.ids(beyond) == []
    api.behaviour = EndpointBehaviour(rounds_bounds_to="ms")
    assert asking.ids(beyond) == [ids(alerts)[4]]
    api.behaviour = EndpointBehaviour(rounds_bounds_to="s")
    assert asking.ids(("$filter", "lastUpdateTime ge 2026-03-01T11:00:00.9Z")) == [ids(alerts)[4]]
    api.behaviour = EndpointBehaviour(most_digits=3)
    assert asking.ask(beyond).status_code == 400
    assert asking.ids(("$filter", "lastUpdateTime ge 2026-03-01T11:00:00.000Z")) == [ids(alerts)[4]]


def test_the_hundred_and_first_call_of_a_minute_is_a_429_that_says_how_long(
    asking: Asker, api: EndpointApi, clock: CloudClock
) -> None:
    for _ in range(99):
        assert asking.ask().status_code == 200
    clock.advance(20.5)
    assert asking.ask().status_code == 200
    refused = asking.ask()
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "40")
    assert refused.json()["error"]["code"] == "TooManyRequests"
    clock.advance(39)
    assert asking.ask().headers["Retry-After"] == "1"
    clock.advance(1)
    assert asking.ask().status_code == 200
    assert (api.meter.busiest(), api.meter.busiest(1)) == (102, 99)
