from __future__ import annotations

import json
from urllib.parse import parse_qs, urlsplit

import pytest
from standins.microsoft import ticks
from standins.microsoft.clock import CloudClock
from standins.microsoft.cloud import MicrosoftCloud
from standins.microsoft.directory import Application, Tenant
from standins.microsoft.graph import Alerts, AlertsBehaviour, GraphApi
from standins.microsoft.graph_samples import FUTURE_MEMBER, graph_alert
from standins.microsoft.hostile_text import pretty

from .asking import Asker, asker
from .conftest import Client

AUDIENCE = "https://graph.microsoft.com"
URL = f"{AUDIENCE}/v1.0/security/alerts_v2"
LAST = ticks.parse("2026-03-01T11:00:00Z")
CONTEXT = b'{"@odata.context":"https://graph.microsoft.com/v1.0/$metadata#security/alerts_v2","value":['
NO_PREFERENCE = {"Prefer": ""}


@pytest.fixture
def application(tenant: Tenant) -> Application:
    return tenant.add_application(secret="right", roles={AUDIENCE: ("SecurityAlert.Read.All",)})


@pytest.fixture
def api(cloud: MicrosoftCloud) -> GraphApi:
    return cloud.graph("commercial")


@pytest.fixture
def store(api: GraphApi) -> Alerts:
    return api.alerts


@pytest.fixture
def asking(client: Client, tenant: Tenant, application: Application) -> Asker:
    return asker(client, tenant, application, URL, audience=AUDIENCE)


@pytest.fixture
def alerts(store: Alerts, tenant: Tenant) -> list[bytes]:
    """Five alerts, one a second up to 11:00:00.0000000, oldest first."""
    raws = [graph_alert(n, LAST - (4 - n) * ticks.PER_SECOND) for n in range(5)]
    store.put_all(tenant, raws)
    return raws


def ids(raws: list[bytes]) -> list[str]:
    return [json.loads(raw)["id"] for raw in raws]


def test_a_missing_forged_expired_or_foreign_token_is_a_401(
    asking: Asker, client: Client, clock: CloudClock, tenant: Tenant, application: Application
) -> None:
    right = asking.token
    endpoint = client.token(tenant, application, scope="https://api.securitycenter.microsoft.com/.default")
    for token in (None, f"{right}x", endpoint):
        asking.token = token
        answer = asking.ask(headers={"client-request-id": "7e1a"})
        error = answer.json()["error"]
        assert (answer.status_code, error["code"]) == (401, "InvalidAuthenticationToken")
        assert error["innerError"] == {
            "date": "2026-03-01T12:00:00",
            "request-id": answer.headers["request-id"],
            "client-request-id": "7e1a",
        }
    asking.token = right
    assert asking.ask().status_code == 200
    clock.advance(3601)
    assert asking.ask().status_code == 401


@pytest.mark.parametrize(("roles", "status"), [
    ((), 403),
    (("SecurityEvents.Read.All",), 403),
    (("SecurityIncident.Read.All",), 200),
    (("SecurityAlert.Read.All",), 200),
    (("SecurityAlert.ReadWrite.All", "User.Read.All"), 200),
])  # fmt: skip
def test_one_of_four_permissions_is_needed(
    client: Client, tenant: Tenant, application: Application, roles: tuple[str, ...], status: int
) -> None:
    application.roles[AUDIENCE] = roles
    answer = asker(client, tenant, application, URL, audience=AUDIENCE).ask()
    assert answer.status_code == status
    assert len(answer.headers["request-id"]) == 36
    if status == 403:
        error = answer.json()["error"]
        assert error["code"] == "Forbidden"
        assert set(error) == {"code", "message", "innerError"}
        assert "SecurityAlert.Read.All,SecurityAlert.ReadWrite.All" in error["message"]


def test_a_tenant_of_another_cloud_and_a_deleted_one_are_refused(
    cloud: MicrosoftCloud, client: Client, asking: Asker, tenant: Tenant
) -> None:
    government = "https://graph.microsoft.us"
    agency = cloud.entra.add_tenant(domain="agency.example", cloud="dod", resources=[government])
    application = agency.add_application(roles={government: ("SecurityAlert.Read.All",)})
    login = "login.microsoftonline.us"
    url = f"{government}/v1.0/security/alerts_v2"
    assert asker(client, agency, application, url, audience=government, login=login).ask().status_code == 403
    tenant.is_deleted = True
    assert asking.ask().status_code == 403


def test_other_paths_and_methods_are_refused(asking: Asker, client: Client) -> None:
    for path in ("/v1.0/security/alerts", "/beta/security/alerts_v2", "/v1.0/security/alerts_v2/da1_2", "/"):
        answer = asking.ask(url=f"{AUDIENCE}{path}")
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "ResourceNotFound")
    assert client.session.post(URL, headers={"Authorization": f"Bearer {asking.token}"}, timeout=20).status_code == 405


@pytest.mark.parametrize("query", [
    [("$filter", "lastUpdateDateTime ge '2026-03-01T00:00:00Z'")],
    [("$filter", "lastUpdateTime ge 2026-03-01T00:00:00Z")],
    [("$filter", "investigationState eq 'running'")],
    [("$filter", "incidentId eq '12'")],
    [("$filter", "id eq 'da1_2'")],
    [("$filter", "severity eq 'High'")],
    [("$filter", "serviceSource eq 'microsoftDefenderForQuantum'")],
    [("$filter", "serviceSource eq microsoftDefenderForEndpoint")],
    [("$filter", "evidence/any(e: e/x eq 'y')")],
    [("$top", "0")],
    [("$skip", "501")],
    [("$skip", "1"), ("$skip", "1")],
    [("$expand", "evidence")],
    [("$expand", "alerts")],
    [("$orderby", "lastUpdateDateTime sideways")],
    [("$count", "yes")],
    [("$select", "id")],
    [("$search", "x")],
    [("$skiptoken", "x")],
    [("$skiptoken", "WzEsMSwiIl0=")],
    [("top", "10")],
], ids=str)  # fmt: skip
def test_a_query_that_isnt_documented_is_a_400(asking: Asker, query: list[tuple[str, str]]) -> None:
    answer = asking.ask(*query)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "BadRequest")
    assert answer.json()["error"]["innerError"]["request-id"] == answer.headers["request-id"]


def test_every_request_that_the_documents_show_is_understood(
    asking: Asker, store: Alerts, tenant: Tenant, alerts: list[bytes]
) -> None:
    cloud_alert = graph_alert(8, LAST - 2 * ticks.PER_SECOND + 1, serviceSource="microsoftDefenderForCloud")
    store.put(tenant, cloud_alert)
    window = "lastUpdateDateTime ge 2026-03-01T10:59:57.0000000Z and lastUpdateDateTime lt 2026-03-01T11:00:00.0000000Z"
    inside = [alerts[1], alerts[2], cloud_alert, alerts[3]]
    assert asking.ids(("$filter", window), ("$top", "1000"), ("$orderby", "lastUpdateDateTime asc")) == ids(inside)
    for name in ("severity", "status", "serviceSource"):
        for value in {json.loads(raw)[name] for raw in inside}:
            found = asking.ids(("$filter", f"{window} and ({name} eq '{value}')"))
            assert found == ids([raw for raw in inside[::-1] if json.loads(raw)[name] == value])
    both = (
        f"{window} and (severity eq 'high' or severity eq 'low') and (serviceSource eq 'microsoftDefenderForEndpoint')"
    )
    assert len(asking.ids(("$filter", both))) == len(
        [raw for raw in (alerts[1], alerts[2], alerts[3]) if json.loads(raw)["severity"] in ("high", "low")]
    )
    assert asking.ask(("$count", "true"), ("$top", "2"), ("$filter", window)).json()["@odata.count"] == 4
    assert len(asking.ids(("$skip", "500"))) == 0
    unset = asking.ids(("$filter", "classification eq null and determination eq null"))
    assert set(unset) >= {ids([raw])[0] for raw in alerts if json.loads(raw)["classification"] is None}


def test_a_next_link_is_absolute_opaque_and_an_offset_into_the_live_list(
    asking: Asker, store: Alerts, tenant: Tenant, alerts: list[bytes]
) -> None:
    newest_first = ids(alerts)[::-1]
    assert asking.pages(("$top", "2")) == [newest_first[:2], newest_first[2:4], newest_first[4:]]
    asked = (("$top", "2"), ("$filter", "severity eq 'high' or severity eq 'medium' or severity eq 'low'"))
    first = asking.ask(*asked).json()
    link = first["@odata.nextLink"]
    assert link.startswith(f"{URL}?$top=2&$filter=severity%20eq%20%27high%27")
    assert set(parse_qs(urlsplit(link).query)) == {"$top", "$filter", "$skiptoken"}
    store.put(tenant, graph_alert(0, LAST + 1, created=LAST - 4 * ticks.PER_SECOND))
    moved = asking.ask(url=link).json()["value"]
    assert moved[0]["id"] == first["value"][1]["id"]
    assert asking.ask(url=link.replace("$top=2", "$top=3")).status_code == 400
    assert asking.ask(url=f"{link}&$count=true").status_code == 400
    assert asking.ask(url=f"{link}&$skip=2").status_code == 400


def test_a_next_link_can_go_by_skip_until_skip_is_too_large(asking: Asker, store: Alerts, alerts: list[bytes]) -> None:
    store.behaviour = AlertsBehaviour(link_by="skip", most_skip=3)
    answer = asking.ask(("$top", "2"))
    assert answer.json()["@odata.nextLink"] == f"{URL}?$top=2&$skip=2"
    answer = asking.ask(url=answer.json()["@odata.nextLink"])
    assert [alert["id"] for alert in answer.json()["value"]] == ids(alerts)[2:0:-1]
    assert asking.ask(url=answer.json()["@odata.nextLink"]).status_code == 400
    assert asking.ask(("$skiptoken", "x")).status_code == 400
    store.behaviour = AlertsBehaviour(link_by="skip", most_skip=None)
    assert len(asking.pages(("$top", "2"))) == 3


@pytest.mark.parametrize("by", ["skiptoken", "skip"])
def test_next_links_can_suddenly_break(asking: Asker, store: Alerts, alerts: list[bytes], by: str) -> None:
    assert alerts
    store.behaviour = AlertsBehaviour(links_break_from=2, link_by="skip" if by == "skip" else "skiptoken")
    first = asking.ask(("$top", "2")).json()
    second = asking.ask(url=first["@odata.nextLink"])
    assert second.status_code == 200
    third = asking.ask(url=second.json()["@odata.nextLink"])
    assert third.status_code == 400
    assert "'SkipToken' is not allowed" in third.json()["error"]["message"]


def test_without_the_preference_newer_members_are_hidden_and_only_they(
    asking: Asker, store: Alerts, tenant: Tenant
) -> None:
    old = graph_alert(0, LAST + 9, comments=[])
    sentinel = graph_alert(1, LAST + 3, serviceSource="microsoftSentinel", detectionSource="scheduledAlerts")
    future = graph_alert(2, LAST, future=True)
    store.put_all(tenant, [pretty(old), sentinel, future])
    shown = asking.ask(headers=NO_PREFERENCE).content
    assert shown.startswith(CONTEXT + pretty(old))
    values = json.loads(shown)["value"]
    hidden = {"serviceSource": "unknownFutureValue", "detectionSource": "unknownFutureValue"}
    assert values[1] == {**json.loads(sentinel), **hidden}
    assert values[2] == {**json.loads(future), **hidden}
    full = asking.ask(headers={"Prefer": "odata.maxpagesize=5, include-unknown-enum-members"}).content
    assert full == CONTEXT + b",".join([pretty(old), sentinel, future]) + b"]}"
    assert FUTURE_MEMBER.encode() in full
