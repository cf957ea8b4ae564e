from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from standins.microsoft import ticks
from standins.microsoft.graph import IncidentsBehaviour
from standins.microsoft.graph_samples import graph_alert, graph_incident, incident_alerts
from standins.microsoft.hostile_text import pretty

from .asking import Asker, asker

if TYPE_CHECKING:
    from standins.microsoft.clock import CloudClock
    from standins.microsoft.cloud import MicrosoftCloud
    from standins.microsoft.directory import Application, Tenant
    from standins.microsoft.graph import GraphApi, Incidents

    from .conftest import Client

AUDIENCE = "https://graph.microsoft.com"
URL = f"{AUDIENCE}/v1.0/security/incidents"
LAST = ticks.parse("2026-03-01T11:00:00Z")
CONTEXT = b'{"@odata.context":"https://graph.microsoft.com/v1.0/$metadata#security/incidents","value":['
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


def test_incidents_come_byte_for_byte_without_alerts_newest_first(
    asking: Asker, store: Incidents, tenant: Tenant, incidents: list[bytes]
) -> None:
    odd = pretty(graph_incident(9, LAST + 1), newline=b"\r\n")
    store.put(tenant, odd, alerts=alerts_of(9))
    assert asking.ask().content == CONTEXT + b",".join([odd, *reversed(incidents)]) + b"]}"
    assert store.records(tenant)[-1] == odd


def test_expanding_adds_the_alerts_byte_for_byte(
    asking: Asker, store: Incidents, tenant: Tenant, incidents: list[bytes]
) -> None:
    odd = [pretty(raw) for raw in alerts_of(5)]
    store.put(tenant, incidents[4], alerts=odd)
    store.put(tenant, incidents[0])
    content = asking.ask(EXPANDED).content
    assert content.startswith(CONTEXT + incidents[4][:-1] + b',"alerts":[' + b",".join(odd) + b"]},")
    assert content.endswith(incidents[0][:-1] + b',"alerts":[]}]}')
    assert graph_incident(4, LAST - ticks.PER_SECOND, alerts=alerts_of(4)) in content
    assert [len(incident["alerts"]) for incident in json.loads(content)["value"]] == [4, 4, 4, 4, 0]


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


def test_a_window_is_read_page_by_page(asking: Asker, incidents: list[bytes]) -> None:
    window = "lastUpdateDateTime ge 2026-03-01T10:59:57.0000000Z and lastUpdateDateTime lt 2026-03-01T11:00:00.0000000Z"
    asked = (("$filter", window), ("$top", "2"), EXPANDED)
    assert asking.pages(*asked) == [["4", "3"], ["2"]]
    assert asking.pages(*asked, ("$orderby", "lastUpdateDateTime asc")) == [["2", "3"], ["4"]]
    severities = {json.loads(raw)["id"]: json.loads(raw)["severity"] for raw in incidents}
    high = [identity for identity in "54321" if severities[identity] == "high"]
    assert (
        asking.ids(
            (
                "$filter",
                "severity eq 'high' and (status eq 'active' or status eq 'inProgress' or status eq 'resolved' or status eq 'awaitingAction')",
            )
        )
        == high
    )


def test_expansion_fails_for_the_queries_of_the_tests_choice(
    asking: Asker, store: Incidents, incidents: list[bytes]
) -> None:
    assert incidents
    store.expansion_fails = lambda query: query.size > 2
    answer = asking.ask(EXPANDED)
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "UnknownError")
    assert answer.json()["error"]["innerError"]["request-id"] == answer.headers["request-id"]
    assert asking.ask().status_code == 200
    assert len(asking.pages(EXPANDED, ("$top", "2"))) == 3
    store.behaviour = IncidentsBehaviour(expansion_failure=504)
    assert asking.ask(EXPANDED, ("$top", "3")).status_code == 504


def test_an_incident_can_be_too_large_to_expand_even_alone(
    asking: Asker, store: Incidents, incidents: list[bytes]
) -> None:
    assert incidents
    store.too_large = {"3"}
    one = "lastUpdateDateTime eq 2026-03-01T10:59:58Z"
    assert asking.ids(("$filter", one)) == ["3"]
    assert asking.ask(("$filter", one), EXPANDED).status_code == 500
    assert asking.ids(EXPANDED, ("$top", "2")) == ["5", "4"]
    assert asking.ask(EXPANDED, ("$top", "3")).status_code == 500


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
