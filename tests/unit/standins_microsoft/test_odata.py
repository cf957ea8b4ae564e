"""What the APIs that speak OData refuse, and what makes them hard to read: no test of the add-on would miss it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal

import pytest
import requests
from standins.microsoft import ticks
from standins.microsoft.clock import CloudClock
from standins.microsoft.cloud import MicrosoftCloud
from standins.microsoft.directory import Tenant
from standins.microsoft.graph_samples import graph_alert, graph_incident
from standins.microsoft.hostile_text import pretty
from standins.sources import ENDPOINT, GRAPH, INCIDENTS, ROLES, Source

from .conftest import Client

LAST = ticks.parse("2026-03-01T11:00:00Z")
MINUTE = 60 * ticks.PER_SECOND


@dataclass
class Asker:
    """A client with a token for one API, whose tenant has five records, one a second up to 11:00, oldest first."""

    source: Source
    url: str
    session: requests.Session
    token: str
    shelf: Any
    tenant: Tenant
    raws: list[bytes]

    def ask(self, *query: tuple[str, str], url: str = "", prefer: str = "include-unknown-enum-members") -> Any:
        headers = {"Prefer": prefer, "Authorization": f"Bearer {self.token}"}
        return self.session.get(url or self.url, params=list(query), headers=headers, timeout=30, allow_redirects=False)

    def numbers(self, *query: tuple[str, str], url: str = "") -> list[int]:
        """Which of its records an answer has."""
        answer = self.ask(*query, url=url)
        assert answer.status_code == 200, answer.text
        known = [json.loads(raw)["id"] for raw in self.raws]
        return [known.index(record["id"]) for record in answer.json()["value"]]


Ask = Callable[[Source], Asker]


@pytest.fixture
def ask(cloud: MicrosoftCloud, client: Client, tenant: Tenant) -> Ask:
    def asker(source: Source) -> Asker:
        audience, path = {
            ENDPOINT.kind: ("https://api.securitycenter.microsoft.com", "/api/alerts"),
            GRAPH.kind: ("https://graph.microsoft.com", "/v1.0/security/alerts_v2"),
            INCIDENTS.kind: ("https://graph.microsoft.com", "/v1.0/security/incidents"),
        }[source.kind]
        token = client.token(tenant, tenant.add_application(secret="right", roles=ROLES), scope=f"{audience}/.default")
        raws = [source.make(n, LAST - (5 - n) * ticks.PER_SECOND) for n in range(1, 6)]
        source.publish(cloud, tenant, raws)
        return Asker(source, audience + path, client.session, token, source.shelf(cloud), tenant, raws)

    return asker


ANY, ON_GRAPH = (ENDPOINT, GRAPH, INCIDENTS), (GRAPH, INCIDENTS)
REFUSED: list[tuple[Iterable[Source], list[tuple[str, str]]]] = [
    (ANY, [("$filter", "")]),
    (ANY, [("$filter", "investigationState eq 'Running'")]),
    (ANY, [("filter", "severity eq 'high'")]),
    (ANY, [("$top", "0")]),
    (ANY, [("$top", "many")]),
    (ANY, [("$top", "10"), ("$top", "10")]),
    (ANY, [("$skip", "-1")]),
    (ANY, [("$skip", "1"), ("$skiptoken", "x")]),
    (ANY, [("$skiptoken", "x")]),
    (ANY, [("$expand", "evidence,machine")]),
    (ANY, [("$expand", "alerts($top=1)")]),
    (ANY, [("$orderby", "title asc")]),
    (ANY, [("$orderby", "severity up")]),
    (ANY, [("$select", "id")]),
    (ANY, [("sinceTimeUtc", "2026-03-01T00:00:00Z")]),
    ([ENDPOINT], [("$filter", "lastUpdateTime ge '2026-03-01T00:00:00Z'")]),
    ([ENDPOINT], [("$filter", "lastUpdateDateTime ge 2026-03-01T00:00:00Z")]),
    ([ENDPOINT], [("$filter", "severity eq 'medium'")]),
    ([ENDPOINT], [("$filter", "incidentId eq '12'")]),
    ([ENDPOINT], [("$top", "10001")]),
    ([ENDPOINT], [("$count", "true")]),
    (ON_GRAPH, [("$filter", "lastUpdateTime ge 2026-03-01T00:00:00Z")]),
    (ON_GRAPH, [("$filter", "severity eq 'High'")]),
    (ON_GRAPH, [("$filter", "id eq '1'")]),
    (ON_GRAPH, [("$skip", "501")]),
    (ON_GRAPH, [("$count", "yes")]),
    ([GRAPH], [("$filter", "serviceSource eq 'microsoftDefenderForQuantum'")]),
    ([GRAPH], [("$expand", "alerts")]),
    ([INCIDENTS], [("$filter", "serviceSource eq 'microsoftDefenderForEndpoint'")]),
    ([INCIDENTS], [("$filter", "status eq 'new'")]),
]


@pytest.mark.parametrize("source", ANY, ids=lambda source: source.kind)
def test_a_query_that_is_not_documented_is_a_400(ask: Ask, source: Source) -> None:
    asking = ask(source)
    for sources, query in REFUSED:
        if source in sources:
            assert asking.ask(*query).status_code == 400, query


@pytest.mark.parametrize("source", ANY, ids=lambda source: source.kind)
def test_other_paths_other_methods_and_tokens_of_others_are_refused(
    ask: Ask, clock: CloudClock, client: Client, source: Source
) -> None:
    asking = ask(source)
    assert asking.ask().status_code == 200
    for path in ("s", "/1/evidence", "/../alert"):
        assert asking.ask(url=asking.url + path).status_code == 404, path
    assert client.session.post(asking.url, headers={"Authorization": f"Bearer {asking.token}"}).status_code == 405
    right = asking.token
    for wrong in ("", f"{right}x", ask(GRAPH if source is ENDPOINT else ENDPOINT).token):
        asking.token = wrong
        assert asking.ask().status_code == 401
    asking.token = right
    asking.tenant.is_deleted = True
    assert asking.ask().status_code == 403
    clock.advance(3601)
    assert asking.ask().status_code == 401


def test_a_token_for_the_sister_of_the_endpoint_api_looks_like_a_missing_permission(
    ask: Ask, client: Client, tenant: Tenant
) -> None:
    sister = "https://api.security.microsoft.com"
    application = tenant.add_application(secret="right", roles={sister: ("Alert.Read.All",)})
    asking = ask(ENDPOINT)
    asking.token = client.token(tenant, application, scope=f"{sister}/.default")
    assert asking.ask().status_code == 403


def test_the_evidence_of_an_endpoint_alert_and_the_alerts_of_an_incident_come_only_by_expand(ask: Ask) -> None:
    assert [one["evidence"] for one in ask(ENDPOINT).ask().json()["value"]] == [[]] * 5
    incidents = ask(INCIDENTS)
    incidents.shelf.put(incidents.tenant, graph_incident(1, LAST), alerts=[graph_alert(0, LAST), graph_alert(1, LAST)])
    assert "alerts" not in incidents.ask().json()["value"][0]
    assert len(incidents.ask(("$expand", "alerts")).json()["value"][0]["alerts"]) == 2


def test_a_newer_version_takes_the_place_of_the_older_at_its_own_moment_and_moves(ask: Ask, clock: CloudClock) -> None:
    asking = ask(GRAPH)
    assert asking.numbers() == [4, 3, 2, 1, 0]
    later = GRAPH.make(2, LAST + 5)
    asking.shelf.put(asking.tenant, later, visible_from=clock.now() + MINUTE)
    clock.advance(59)
    assert asking.numbers() == [4, 3, 2, 1, 0]
    clock.advance(1)
    assert asking.numbers() == [1, 4, 3, 2, 0]
    asking.shelf.put(asking.tenant, asking.raws[0])
    asking.shelf.put_all(asking.tenant, [GRAPH.make(3, LAST + 9)])
    assert asking.numbers() == [2, 1, 4, 3, 0]
    assert asking.shelf.records(asking.tenant)[-2] == later
    asking.shelf.remove(asking.tenant, json.loads(later)["id"])
    assert asking.numbers() == [2, 4, 3, 0]


@pytest.mark.parametrize(
    ("orderby", "first", "second"),
    [("honoured", [0, 1, 2], [3, 4]), ("ignored", [4, 3, 2], [1, 0]), ("within_newest", [2, 3, 4], [0, 1])],
)
def test_orderby_can_be_ignored_or_done_too_late(
    ask: Ask,
    orderby: Literal["honoured", "ignored", "within_newest"],
    first: list[int],
    second: list[int],
) -> None:
    asking = ask(ENDPOINT)
    asking.shelf.behaviour = replace(asking.shelf.behaviour, orderby=orderby)
    query = [("$orderby", "lastUpdateTime asc"), ("$top", "3")]
    assert [asking.numbers(*query), asking.numbers(*query, ("$skip", "3"))] == [first, second]


@pytest.mark.parametrize("link_by", ["skiptoken", "skip"])
def test_a_next_link_is_an_offset_into_the_live_list_and_can_suddenly_break(
    ask: Ask, link_by: Literal["skiptoken", "skip"]
) -> None:
    asking = ask(GRAPH)
    usual = replace(asking.shelf.behaviour, link_by=link_by)
    asking.shelf.behaviour = usual
    first = asking.ask(("$top", "2"))
    link = first.json()["@odata.nextLink"]
    assert link.startswith(f"{asking.url}?$top=2&${link_by}=")
    assert asking.numbers(url=link) == [2, 1]
    asking.shelf.put(asking.tenant, GRAPH.make(1, LAST + 1))
    assert asking.numbers(url=link) == [3, 2]
    assert asking.ask(url=f"{link}&$skip=2").status_code == 400
    asking.shelf.behaviour = replace(usual, links_break_from=1)
    assert "'SkipToken' is not allowed" in asking.ask(url=link).text
    asking.shelf.behaviour = replace(usual, most_skip=1)
    assert (asking.ask(url=link).status_code == 400) == (link_by == "skip")


def test_a_link_whose_query_was_changed_is_refused(ask: Ask) -> None:
    asking = ask(GRAPH)
    link = asking.ask(("$top", "2")).json()["@odata.nextLink"]
    assert asking.ask(url=link.replace("$top=2", "$top=3")).status_code == 400


def test_one_call_too_many_in_a_minute_is_a_429_that_says_how_long_for_incidents_and_alerts_alike(
    ask: Ask, cloud: MicrosoftCloud, clock: CloudClock
) -> None:
    meter = cloud.graph("commercial").meter
    meter.limits = tuple(replace(limit, calls=2) for limit in meter.limits)
    alerts, incidents = ask(GRAPH), ask(INCIDENTS)
    incidents.token = alerts.token
    assert alerts.ask().status_code == 200
    clock.advance(20.5)
    assert incidents.ask().status_code == 200
    refused = incidents.ask()
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "40")
    clock.advance(40)
    assert alerts.ask().status_code == 200


def test_without_the_preference_newer_members_are_hidden_and_only_they(ask: Ask) -> None:
    asking = ask(GRAPH)
    asking.shelf.remove(asking.tenant)
    old, future = pretty(graph_alert(0, LAST + 9, comments=[])), graph_alert(2, LAST, future=True)
    asking.shelf.put_all(asking.tenant, [old, future])
    assert old + b"," + future in asking.ask(prefer="odata.maxpagesize=5, include-unknown-enum-members").content
    hidden = {"serviceSource": "unknownFutureValue", "detectionSource": "unknownFutureValue"}
    shown = asking.ask(prefer="")
    assert old in shown.content
    assert shown.json()["value"][1] == {**json.loads(future), **hidden}


def test_an_incident_hides_newer_members_of_its_own_and_of_its_alerts(ask: Ask) -> None:
    asking = ask(INCIDENTS)
    merged, sentinel = graph_incident(3, LAST, redirect_to=1), graph_alert(8, LAST, serviceSource="microsoftSentinel")
    asking.shelf.put(asking.tenant, merged, alerts=[sentinel])
    [shown, *_] = asking.ask(("$expand", "alerts"), prefer="").json()["value"]
    assert (shown["status"], shown["redirectIncidentId"]) == ("unknownFutureValue", "1")
    assert shown["alerts"][0]["serviceSource"] == "unknownFutureValue"
