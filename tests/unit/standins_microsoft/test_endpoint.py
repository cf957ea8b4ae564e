from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from standins.microsoft import hosts, ticks
from standins.microsoft.call_limits import CallLimit
from standins.microsoft.endpoint import EndpointBehaviour
from standins.microsoft.endpoint_samples import endpoint_alert
from standins.microsoft.faults import throttled
from standins.microsoft.hostile_text import pretty

from .asking import Asker, asker

if TYPE_CHECKING:
    from standins.microsoft.clock import CloudClock
    from standins.microsoft.cloud import MicrosoftCloud
    from standins.microsoft.directory import Application, Tenant
    from standins.microsoft.endpoint import EndpointApi
    from standins.microsoft.odata_query import Query

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


def test_alerts_come_byte_for_byte_in_an_envelope_newest_first(
    asking: Asker, api: EndpointApi, tenant: Tenant, alerts: list[bytes]
) -> None:
    odd = pretty(endpoint_alert(9, LAST + ticks.PER_SECOND), newline=b"\r\n", indent=b"\t ")
    api.put(tenant, odd)
    answer = asking.ask(EXPANDED)
    assert answer.content == CONTEXT + b",".join([odd, *reversed(alerts)]) + b"]}"
    assert answer.headers["Content-Encoding"] == "gzip"
    assert answer.headers["Content-Type"].startswith("application/json")


def test_without_expand_the_evidence_alone_is_cut_out(asking: Asker, alerts: list[bytes]) -> None:
    bare, full = asking.ask(("$top", "1")).content, asking.ask(("$top", "1"), EXPANDED).content
    assert full == CONTEXT + alerts[4] + b"]}"
    expected = {**json.loads(alerts[4]), "evidence": []}
    assert bare == CONTEXT + json.dumps(expected, ensure_ascii=False, separators=(",", ":")).encode() + b"]}"


def test_every_commercial_host_shows_the_same_alerts(asking: Asker, api: EndpointApi, alerts: list[bytes]) -> None:
    for host in api.checkpoint.hosts:
        answer = asking.ask(url=f"https://{host}/API/v1.0/Alerts/")
        assert [alert["id"] for alert in answer.json()["value"]] == ids(alerts)[::-1]
    assert len(api.checkpoint.hosts) == 8


@pytest.mark.parametrize(("national", "host", "login"), [
    ("gcc", "api-gcc.securitycenter.microsoft.us", "login.microsoftonline.com"),
    ("gcc_high", "api-gov.securitycenter.microsoft.us", "login.microsoftonline.us"),
    ("dod", "api-gov.securitycenter.microsoft.us", "login.microsoftonline.us"),
])  # fmt: skip
def test_government_clouds_have_hosts_and_audiences_of_their_own(
    cloud: MicrosoftCloud, client: Client, national: str, host: str, login: str
) -> None:
    agency = cloud.entra.add_tenant(domain="agency.onmicrosoft.us", cloud=national)
    application = agency.add_application(roles={f"https://{host}": ("Alert.ReadWrite.All",)})
    cloud.endpoint(national).put(agency, endpoint_alert(1, LAST))
    asking = asker(client, agency, application, f"https://{host}/api/alerts", audience=f"https://{host}", login=login)
    assert len(asking.ids()) == 1
    refused = client.ask_token(
        agency.guid,
        login=login,
        grant_type="client_credentials",
        client_id=application.client_id,
        client_secret=application.secrets[0].value,
        scope=f"{AUDIENCE}/.default",
    )
    assert "AADSTS500011" in refused.text


def test_a_missing_forged_expired_or_foreign_token_is_a_401(
    asking: Asker, client: Client, clock: CloudClock, tenant: Tenant, application: Application
) -> None:
    right = asking.token
    graph = client.token(tenant, application, scope="https://graph.microsoft.com/.default")
    for token in (None, "x.y.z", f"{right}x", graph):
        asking.token = token
        answer = asking.ask()
        assert answer.status_code == 401
        error = answer.json()["error"]
        assert set(error) == {"code", "message", "target"}
        assert error["code"] == "Unauthorized"
        assert len(error["target"]) == 36
    asking.token = right
    assert asking.ask().status_code == 200
    clock.advance(3601)
    assert asking.ask().status_code == 401


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


def test_a_tenant_of_another_cloud_and_a_deleted_one_are_refused(
    cloud: MicrosoftCloud, client: Client, asking: Asker, tenant: Tenant
) -> None:
    agency = cloud.entra.add_tenant(domain="agency.example", cloud="gcc", resources=[AUDIENCE])
    application = agency.add_application(roles={AUDIENCE: ("Alert.Read.All",)})
    assert asker(client, agency, application, URL, audience=AUDIENCE).ask().status_code == 403
    tenant.is_deleted = True
    assert asking.ask().status_code == 403


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


def test_what_is_removed_before_it_was_visible_never_shows_up(
    asking: Asker, api: EndpointApi, tenant: Tenant, clock: CloudClock
) -> None:
    for number in (1, 2):
        api.put(tenant, endpoint_alert(number, LAST), visible_from=clock.now() + ticks.PER_SECOND)
    api.remove(tenant, *ids([endpoint_alert(1, LAST)]))
    clock.advance(1)
    assert asking.ids() == ids([endpoint_alert(2, LAST)])


def test_a_late_version_never_replaces_a_newer_one(
    asking: Asker, api: EndpointApi, tenant: Tenant, clock: CloudClock
) -> None:
    newest = endpoint_alert(4, LAST + 9, created=LAST)
    api.put(tenant, endpoint_alert(4, LAST, created=LAST), visible_from=clock.now() + ticks.PER_SECOND)
    api.put(tenant, newest)
    clock.advance(2)
    assert asking.ask(EXPANDED).content == CONTEXT + newest + b"]}"


def test_tenants_see_their_own_alerts_alone(
    cloud: MicrosoftCloud, client: Client, api: EndpointApi, alerts: list[bytes]
) -> None:
    assert alerts
    other = cloud.entra.add_tenant(domain="fabrikam.example")
    application = other.add_application(roles={AUDIENCE: ("Alert.Read.All",)})
    api.put(other, endpoint_alert(77, LAST))
    assert asker(client, other, application, URL, audience=AUDIENCE).ids() == ids([endpoint_alert(77, LAST)])


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


def test_the_order_without_orderby_and_by_another_property(
    asking: Asker, api: EndpointApi, tenant: Tenant, alerts: list[bytes]
) -> None:
    made = sorted(alerts, key=lambda raw: json.loads(raw)["alertCreationTime"])
    assert asking.ids(("$orderby", "alertCreationTime")) == ids(made)
    assert asking.ids(("$orderby", "alertCreationTime desc")) == ids(made)[::-1]
    api.behaviour = EndpointBehaviour(order="oldest_first")
    assert asking.ids() == ids(alerts)
    api.remove(tenant)
    assert asking.ids(("$orderby", "alertCreationTime")) == []


def test_there_are_no_next_links_unless_the_test_wants_them(
    asking: Asker, api: EndpointApi, alerts: list[bytes]
) -> None:
    newest_first = ids(alerts)[::-1]
    assert asking.pages(("$top", "2")) == [newest_first[:2]]
    api.behaviour = EndpointBehaviour(links="more")
    body = asking.ask(("$top", "2"), EXPANDED).json()
    assert body["@odata.nextLink"] == f"{URL}?$top=2&$expand=evidence&$skip=2"
    assert asking.pages(("$top", "2")) == [newest_first[:2], newest_first[2:4], newest_first[4:]]


def test_a_page_can_be_smaller_than_asked_for(asking: Asker, api: EndpointApi, alerts: list[bytes]) -> None:
    api.behaviour = EndpointBehaviour(page_maximum=2)
    assert asking.ids(("$top", "10000")) == ids(alerts)[:2:-1]
    assert asking.ids(("$top", "10000"), ("$skip", "2")) == ids(alerts)[2:0:-1]


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


def test_records_may_change_between_two_requests(
    asking: Asker, api: EndpointApi, tenant: Tenant, alerts: list[bytes]
) -> None:
    queries: list[Query] = []

    def note(query: Query) -> None:
        queries.append(query)
        api.put(tenant, endpoint_alert(100 + len(queries), LAST + len(queries)))

    api.before_answer = note
    window = ("$filter", "lastUpdateTime ge 2026-03-01T10:59:58Z and lastUpdateTime le 2026-03-01T11:00:00Z")
    assert asking.ids(window, EXPANDED, ("$top", "50"), ("$skip", "1")) == ids(alerts)[3:1:-1]
    assert len(asking.ids()) == 7
    first = queries[0]
    assert (first.since, first.until) == (LAST - 2 * ticks.PER_SECOND, LAST + 1)
    assert (first.top, first.size, first.skip, first.expands) == (50, 50, 1, True)
    assert first.filter == window[1]


def test_the_envelope_can_be_written_in_other_ways(asking: Asker, api: EndpointApi, alerts: list[bytes]) -> None:
    api.behaviour = EndpointBehaviour(links="full", link_first=True, space=b"\r\n\t", chunked=True)
    answer = asking.ask(("$top", "5"), EXPANDED)
    body = answer.content
    assert body.index(b"@odata.nextLink") < body.index(b'"value"')
    assert body.startswith(b'{\r\n\t"@odata.context":')
    assert b"\r\n\t" + alerts[0] in body
    assert answer.headers["Transfer-Encoding"] == "chunked"
    assert [alert["id"] for alert in answer.json()["value"]] == ids(alerts)[::-1]


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


def test_the_hour_has_a_limit_too_and_limits_can_be_switched_off(
    asking: Asker, api: EndpointApi, clock: CloudClock
) -> None:
    api.meter.limits = tuple(replace(limit, calls=limit.calls // 50) for limit in api.meter.limits)
    for _ in range(15):
        assert asking.ask().status_code == 200
        assert asking.ask().status_code == 200
        clock.advance(61)
    assert asking.ask().headers["Retry-After"] == str(3600 - 15 * 61)
    api.meter.limits = ()
    assert asking.ask().status_code == 200
    api.meter.clear()
    assert api.meter.busiest() == 0


def test_a_limit_that_was_lowered_counts_the_calls_before(asking: Asker, api: EndpointApi, clock: CloudClock) -> None:
    for _ in range(4):
        assert asking.ask().status_code == 200
        clock.advance(10)
    api.meter.limits = (CallLimit(2, 60),)
    assert asking.ask().headers["Retry-After"] == "40"


def test_applications_dont_use_up_each_others_calls(
    client: Client, asking: Asker, api: EndpointApi, tenant: Tenant
) -> None:
    api.meter.limits = tuple(replace(limit, calls=1) for limit in api.meter.limits)
    assert [asking.ask().status_code for _ in range(2)] == [200, 429]
    other = tenant.add_application(roles={AUDIENCE: ("Alert.Read.All",)})
    assert asker(client, tenant, other, URL, audience=AUDIENCE).ask().status_code == 200


def test_the_journal_notes_and_faults_hit_this_api_as_any_other(cloud: MicrosoftCloud, asking: Asker) -> None:
    cloud.faults.add("eu.api.security.microsoft.com", throttled(7))
    assert asking.ask(url="https://eu.api.security.microsoft.com/api/alerts").headers["Retry-After"] == "7"
    assert asking.ask(("$top", "3")).status_code == 200
    (call,) = cloud.journal.calls("api.securitycenter.microsoft.com")
    assert (call.path, call.values("$top"), call.status) == ("/api/alerts", ["3"], 200)


def test_a_record_without_id_or_time_needs_to_be_told_them(asking: Asker, api: EndpointApi, tenant: Tenant) -> None:
    for broken in (b"{}", {"id": "da1_1"}, b'{"id":1,"lastUpdateTime":"2026-03-01T11:00:00Z"}', b'{"id'):
        with pytest.raises(ValueError):  # noqa: PT011 - json's own, or ours
            api.put(tenant, broken)
    api.put(tenant, b'{"id', version=LAST, identity="x")
    api.behaviour = EndpointBehaviour()
    assert asking.ask(EXPANDED).content == CONTEXT + b'{"id]}'


def test_id_and_version_time_are_read_wherever_they_stand(asking: Asker, api: EndpointApi, tenant: Tenant) -> None:
    api.put(
        tenant,
        b'{"a":{"id":"x","lastUpdateTime":"2020-01-01T00:00:00Z"},"lastUpdateTime" : "2026-03-01T11:00:00.5Z","id":"y"}',
    )
    api.put(tenant, b'{"id":"\\u007a \\"","lastUpdateTime":"2026-03-01T11:00:00Z","severity":7,"lastEventTime":"soon"}')
    assert asking.ids(("$filter", "lastUpdateTime ge 2026-03-01T11:00:00Z")) == ["y", 'z "']
    assert asking.ids(("$filter", "lastEventTime ge 2000-01-01T00:00:00Z or severity eq 'High'")) == []


def test_many_records_are_put_moved_and_cut_into_pages(
    asking: Asker, api: EndpointApi, tenant: Tenant, alerts: list[bytes]
) -> None:
    template = json.loads(alerts[0])
    api.put_all(
        tenant,
        [
            json.dumps({**template, "id": f"da{n}_1", "lastUpdateTime": ticks.text(LAST + 10 + n // 3000)}).encode()
            for n in range(25_000)
        ],
    )
    for n in range(0, 25_000, 100):
        api.put(tenant, {**template, "id": f"da{n}_1", "lastUpdateTime": ticks.text(LAST + 1000 + n)})
    assert len(asking.ids(("$top", "10000"))) == 10_000
    assert asking.ids(("$top", "2"), ("$skip", "249")) == ["da0_1", "da24999_1"]
    assert len(asking.ids(("$top", "10000"), ("$skip", "20000"))) == 5005


def test_only_known_clouds_have_the_api(cloud: MicrosoftCloud) -> None:
    assert cloud.endpoint("gcc_high") is cloud.endpoint("dod") is not cloud.endpoint("gcc")
    assert cloud.endpoint("commercial").alerts is cloud.endpoint("commercial")
    assert cloud.endpoint("commercial").host == "api.securitycenter.microsoft.com"
    with pytest.raises(KeyError):
        cloud.endpoint("china")
    assert set(hosts.resources("gcc")) & set(hosts.resources("dod")) == set(hosts.SIEM_RESOURCES)


def test_the_first_answer_can_be_changed_while_it_is_asked_for(
    asking: Asker, api: EndpointApi, tenant: Tenant, alerts: list[bytes]
) -> None:
    """Links are offsets into the live list: a record that moves to the front pushes another over the edge."""
    api.behaviour = EndpointBehaviour(links="more", link_by="skip")
    first = asking.ask(("$top", "2")).json()
    api.put(tenant, endpoint_alert(0, LAST + 1, created=LAST - 4 * ticks.PER_SECOND))
    second = asking.ask(url=first["@odata.nextLink"]).json()
    assert [alert["id"] for alert in second["value"]] == [ids(alerts)[3], ids(alerts)[2]]
    assert first["value"][1]["id"] == ids(alerts)[3]
