from __future__ import annotations

import pytest
from standins.microsoft import ticks
from standins.microsoft.clock import CloudClock
from standins.microsoft.cloud import MicrosoftCloud
from standins.microsoft.directory import Application, Tenant
from standins.microsoft.graph import GraphApi, Incidents
from standins.microsoft.graph_samples import graph_alert, graph_incident, incident_alerts

from .asking import Asker, asker
from .conftest import Client

AUDIENCE = "https://graph.microsoft.com"
URL = f"{AUDIENCE}/v1.0/security/incidents"
LAST = ticks.parse("2026-03-01T11:00:00Z")
EXPANDED = ("$expand", "alerts")


@pytest.fixture
def application(tenant: Tenant) -> Application:
    return tenant.add_application(secret="right", roles={AUDIENCE: ("SecurityIncident.Read.All",)})


@pytest.fixture
def api(cloud: MicrosoftCloud) -> GraphApi:
    return cloud.graph("commercial")


@pytest.fixture
def store(api: GraphApi) -> Incidents:
    return api.incidents


@pytest.fixture
def asking(client: Client, tenant: Tenant, application: Application) -> Asker:
    return asker(client, tenant, application, URL, audience=AUDIENCE)


def alerts_of(number: int) -> list[bytes]:
    return [graph_alert(each, LAST) for each in incident_alerts(number)]


@pytest.fixture
def incidents(store: Incidents, tenant: Tenant) -> list[bytes]:
    """Five incidents, one a second up to 11:00:00.0000000, oldest first; with four alerts each."""
    raws = [graph_incident(n, LAST - (5 - n) * ticks.PER_SECOND) for n in range(1, 6)]
    for number, raw in enumerate(raws, start=1):
        store.put(tenant, raw, alerts=alerts_of(number))
    return raws


@pytest.mark.parametrize(("roles", "status"), [
    (("SecurityAlert.Read.All",), 403), (("SecurityIncident.Read.All",), 200), (("SecurityIncident.ReadWrite.All",), 200),
])  # fmt: skip
def test_one_of_two_permissions_is_enough_for_incidents_and_their_alerts(
    client: Client, tenant: Tenant, application: Application, roles: tuple[str, ...], status: int
) -> None:
    application.roles[AUDIENCE] = roles
    answer = asker(client, tenant, application, URL, audience=AUDIENCE).ask(EXPANDED)
    assert answer.status_code == status
    if status == 403:
        assert "SecurityIncident.Read.All" in answer.json()["error"]["message"]


@pytest.mark.parametrize("query", [
    [("$filter", "serviceSource eq 'microsoftDefenderForEndpoint'")],
    [("$filter", "displayName eq 'x'")],
    [("$filter", "id eq '1'")],
    [("$filter", "status eq 'new'")],
    [("$filter", "lastUpdateDateTime ge '2026-03-01T00:00:00Z'")],
    [("$expand", "evidence")],
    [("$expand", "alerts($top=1)")],
    [("$skip", "501")],
    [("$select", "id")],
], ids=str)  # fmt: skip
def test_a_query_that_isnt_documented_is_a_400(asking: Asker, query: list[tuple[str, str]]) -> None:
    answer = asking.ask(*query)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "BadRequest")


def test_a_merged_incident_says_where_it_went_only_to_those_who_want_newer_members(
    asking: Asker, store: Incidents, tenant: Tenant
) -> None:
    store.put(
        tenant, graph_incident(3, LAST, redirect_to=1), alerts=[graph_alert(8, LAST, serviceSource="microsoftSentinel")]
    )
    store.put(tenant, graph_incident(4, LAST - 1, status="awaitingAction"))
    merged, waiting = asking.ask().json()["value"]
    assert (merged["status"], merged["redirectIncidentId"], waiting["status"]) == ("redirected", "1", "awaitingAction")
    old_merged, old_waiting = asking.ask(EXPANDED, headers={"Prefer": ""}).json()["value"]
    assert (old_merged["status"], old_waiting["status"]) == ("unknownFutureValue", "unknownFutureValue")
    assert old_merged["redirectIncidentId"] == "1"
    assert old_merged["alerts"][0]["serviceSource"] == "unknownFutureValue"
    assert asking.ids(("$filter", "status eq 'redirected'")) == ["3"]


def test_a_newer_version_brings_its_own_alerts(
    asking: Asker, store: Incidents, tenant: Tenant, incidents: list[bytes], clock: CloudClock
) -> None:
    assert incidents
    store.put(tenant, graph_incident(2, LAST + 1), alerts=alerts_of(2)[:1])
    first = asking.ask(EXPANDED).json()["value"][0]
    assert (first["id"], len(first["alerts"])) == ("2", 1)
    store.put(tenant, graph_incident(2, LAST + 2), alerts=[], visible_from=clock.now() + ticks.PER_SECOND)
    assert len(asking.ask(EXPANDED).json()["value"][0]["alerts"]) == 1
    clock.advance(1)
    assert asking.ask(EXPANDED).json()["value"][0]["alerts"] == []
    assert len(asking.ids()) == 5


def test_incidents_and_alerts_share_one_limit(asking: Asker, api: GraphApi) -> None:
    api.meter.limits = tuple(type(limit)(2, limit.seconds) for limit in api.meter.limits)
    assert asking.ask().status_code == 200
    assert asking.ask(url=f"{AUDIENCE}/v1.0/security/alerts_v2").status_code == 200
    assert asking.ask().status_code == 429
