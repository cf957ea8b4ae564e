"""What each of today's APIs is asked, what is made of its records, and what its refusals mean."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from defender_alerts.errors import (
    AccessDeniedError,
    AuthenticationError,
    ConfigurationError,
    RecordGoneError,
    RefusedQueryError,
    ServiceError,
    StrainedError,
    UnexpectedAnswerError,
)
from defender_alerts.input_kinds import KINDS
from defender_alerts.microsoft import clouds
from defender_alerts.microsoft.apis import endpoint_alerts, graph_alerts, incidents
from defender_alerts.microsoft.apis.base import Api, Query
from defender_alerts.microsoft.apis.odata import ODataApi
from defender_alerts.microsoft.json_stream import Record
from defender_alerts.microsoft.transport.client import Refusal, Request
from defender_alerts.times import Window, parse_iso

TIMES = Window(parse_iso("2026-11-01T00:00:00.1234567Z"), parse_iso("2026-11-02T00:00:00Z"))
CURRENT = ("defender_endpoint_alerts", "defender_graph_alerts", "defender_incidents")


def _api(kind: str, cloud: str = "commercial", region: str = "global", **stanza: str) -> Api:
    return KINDS[kind].read("corp", stanza).in_region(region, cloud)


def _expansion(api: Api) -> ODataApi:
    assert api.expansion is not None
    return api.expansion


def _followed(api: Api, link: str) -> Request:
    assert api.pages is not None
    return api.pages.follow(link)


def _params(api: Api, query: Query) -> dict[str, str]:
    request = api.request(query)
    assert len(dict(request.params)) == len(request.params)
    return dict(request.params)


def test_endpoint_alerts_are_asked_for_with_their_evidence_in_no_undocumented_order() -> None:
    api = _api("defender_endpoint_alerts", region="eu")
    request = api.request(Query(TIMES))
    assert request.url == "https://eu.api.security.microsoft.com/api/alerts"
    assert dict(request.params) == {
        "$filter": "lastUpdateTime ge 2026-11-01T00:00:00.1234567Z and lastUpdateTime lt 2026-11-02T00:00:00.0000000Z",
        "$expand": "evidence",
        "$top": "10000",
    }
    assert request.headers["Accept-Encoding"] == "gzip"


def test_graph_alerts_are_asked_for_with_the_members_that_are_newer_than_the_API() -> None:
    request = _api("defender_graph_alerts").request(Query(TIMES))
    assert request.url == "https://graph.microsoft.com/v1.0/security/alerts_v2"
    assert request.headers["Prefer"] == "include-unknown-enum-members"
    assert dict(request.params)["$top"] == "1000"
    assert "$expand" not in dict(request.params)


@pytest.mark.parametrize(
    ("kind", "stanza", "conditions"),
    [
        (
            "defender_endpoint_alerts",
            {"severities": "high, MEDIUM,unspecified"},
            " and (severity eq 'High' or severity eq 'Medium' or severity eq 'UnSpecified')",
        ),
        (
            "defender_graph_alerts",
            {"severities": "high", "service_sources": "microsoftDefenderForIdentity,microsoftsentinel"},
            (
                " and (severity eq 'high') and (serviceSource eq 'microsoftDefenderForIdentity' or serviceSource eq "
                "'microsoftSentinel')"
            ),
        ),
        ("defender_graph_alerts", {"severities": "", "service_sources": " , "}, ""),
        ("defender_incidents", {"alerts": "split"}, ""),
    ],
)
def test_a_filter_is_one_more_condition(kind: str, stanza: Mapping[str, str], conditions: str) -> None:
    assert _params(_api(kind, **stanza), Query(TIMES))["$filter"].partition(" lt ")[2][28:] == conditions


@pytest.mark.parametrize(
    ("kind", "stanza", "words"),
    [
        ("defender_endpoint_alerts", {"severities": "critical"}, "The severity 'critical' is none of informational"),
        ("defender_graph_alerts", {"severities": "unspecified"}, "The severity 'unspecified' is none of"),
        ("defender_graph_alerts", {"service_sources": "defender"}, "The service source 'defender' is none of"),
        ("defender_incidents", {"alerts": "all"}, "alerts is 'all', and should be one of none, inside, split"),
    ],
)
def test_a_setting_that_is_not_on_the_list_is_refused_with_the_list(
    kind: str, stanza: Mapping[str, str], words: str
) -> None:
    with pytest.raises(ConfigurationError, match=words):
        KINDS[kind].read("corp", stanza)


@pytest.mark.parametrize("kind", CURRENT)
def test_a_region_that_the_cloud_has_not_is_refused(kind: str) -> None:
    with pytest.raises(ConfigurationError, match="The region 'mars' does not exist for this input in the cloud DoD"):
        _api(kind, cloud="dod", region="mars")


@pytest.mark.parametrize(("alerts", "expands", "parts"), [("none", 0, 0), ("inside", 1, 0), ("split", 1, 1)])
def test_incidents_bring_their_alerts_as_told(alerts: str, expands: int, parts: int) -> None:
    api = _api("defender_incidents", alerts=alerts)
    assert _params(api, Query(TIMES)).get("$expand") == ("alerts" if expands else None)
    raw = '{"id": "7", "alerts": [{"id":"a", "x": [1]} ,{"id":"b"}], "lastUpdateDateTime":"2026-11-01T00:00:00Z"}'
    record = Record(raw, json.loads(raw))
    text, inside = api.expansion.take_apart(record) if api.expansion else (raw, ())
    assert [one.raw for one in inside] == ['{"id":"a", "x": [1]}', '{"id":"b"}'][: 2 * parts]
    assert text == (raw if not parts else '{"id": "7", "lastUpdateDateTime":"2026-11-01T00:00:00Z"}')


@pytest.mark.parametrize("kind", CURRENT)
def test_one_instant_is_paged_by_a_documented_parameter(kind: str) -> None:
    assert _params(_api(kind), Query(TIMES, skip=100))["$skip"] == "100"


def test_graph_is_not_asked_to_skip_more_than_it_allows() -> None:
    assert _params(_api("defender_graph_alerts"), Query(TIMES, skip=500))["$skip"] == "500"
    with pytest.raises(RefusedQueryError, match="lets no more records be skipped than 501"):
        _api("defender_graph_alerts").request(Query(TIMES, skip=501))


@pytest.mark.parametrize(
    "link",
    [
        "https://graph.microsoft.com.example.org/v1.0/security/alerts_v2?$skiptoken=x",
        "https://graph.microsoft.us/v1.0/security/alerts_v2?$skiptoken=x",
        "http://graph.microsoft.com/v1.0/security/alerts_v2?$skiptoken=x",
        "https://graph.microsoft.com:8443/v1.0/security/alerts_v2",
        "https://somebody@graph.microsoft.com/v1.0/security/alerts_v2",
        "/v1.0/security/alerts_v2?$skiptoken=x",
        "https://[",
        "",
    ],
)
def test_a_link_to_anywhere_but_the_API_is_refused(link: str) -> None:
    with pytest.raises(UnexpectedAnswerError, match=r"returned a link to .*, which is not followed"):
        _followed(_api("defender_graph_alerts"), link)


def test_a_link_is_followed_as_it_is() -> None:
    link = "https://graph.microsoft.com:443/v1.0/security/alerts_v2?%24skiptoken=a%2Bb"
    request = _followed(_api("defender_graph_alerts"), link)
    assert (request.url, request.params) == (link, ())
    assert request.headers["Prefer"] == "include-unknown-enum-members"
    assert _followed(
        _api("defender_endpoint_alerts", region="uk"), "https://api.securitycenter.microsoft.com/api/alerts"
    )


@pytest.mark.parametrize("kind", CURRENT)
@pytest.mark.parametrize(
    "record",
    [
        {},
        {"id": "a"},
        {"id": "", "lastUpdateTime": "2026-11-01T00:00:00Z", "lastUpdateDateTime": "2026-11-01T00:00:00Z"},
        {"id": None, "lastUpdateTime": "2026-11-01T00:00:00Z", "lastUpdateDateTime": "2026-11-01T00:00:00Z"},
        {"id": True, "lastUpdateTime": "2026-11-01T00:00:00Z", "lastUpdateDateTime": "2026-11-01T00:00:00Z"},
        {"id": "a", "lastUpdateTime": None, "lastUpdateDateTime": None},
        {"id": "a", "lastUpdateTime": "yesterday", "lastUpdateDateTime": "yesterday"},
    ],
)
def test_a_record_without_id_or_time_says_so(kind: str, record: Mapping[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"missing|not an ISO 8601 time"):
        _api(kind).identify(record)


@pytest.mark.parametrize("part", [{}, []])
def test_an_AlertPart_that_is_no_number_says_so(part: object) -> None:
    record = {"FullId": "1:x", "AlertPart": part, "LastProcessedTimeUtc": "2026-11-01T00:00:00Z"}
    with pytest.raises(ValueError, match="AlertPart is no number"):
        _api("defender_siem_alerts", regions="eu", region="eu").identify(record)


def test_an_id_may_be_a_number() -> None:
    time = "2026-11-01T00:00:00.0000001Z"
    assert _api("defender_incidents").identify({"id": 7, "lastUpdateDateTime": time}) == ("7", parse_iso(time))


_REFUSALS = [
    (401, (), AuthenticationError, "refuses a fresh token. The token carries no permissions"),
    (403, (), AccessDeniedError, "Application permissions > {least}"),
    (403, ("Machine.Read.All",), AccessDeniedError, "Application permissions > {least}"),
    (403, ("{least}",), AccessDeniedError, "although it has the permission. Check that the tenant has a licence"),
    (400, (), RefusedQueryError, "rejects the request as invalid"),
    (404, (), UnexpectedAnswerError, "does not know /"),
    (429, (), ServiceError, "throttles this application"),
    (503, (), StrainedError, "answered with an error"),
]


@pytest.mark.parametrize("kind", CURRENT)
@pytest.mark.parametrize(("status", "roles", "error", "words"), _REFUSALS)
def test_a_refusal_says_what_to_do(
    kind: str, status: int, roles: tuple[str, ...], error: type[Exception], words: str
) -> None:
    access = KINDS[kind].access
    carried = tuple(role.format(least=access.roles[0]) for role in roles)
    explained = _api(kind).errors.explain(Refusal("host", status, "Code", "Words", "an-id"), carried)
    assert type(explained) is error
    assert words.format(least=access.roles[0]) in str(explained)
    assert str(explained).endswith(f"Microsoft says: Code: Words. (HTTP {status}, correlation id an-id)")


def test_the_permission_is_named_as_Entra_IDs_list_names_it() -> None:
    named = {kind: str(_api(kind).errors.explain(Refusal("host", 403, "", "", ""), ())) for kind in CURRENT}
    assert "WindowsDefenderATP > Application permissions > Alert.Read.All" in named["defender_endpoint_alerts"]
    assert "Microsoft Graph > Application permissions > SecurityAlert.Read.All" in named["defender_graph_alerts"]
    assert "Microsoft Graph > Application permissions > SecurityIncident.Read.All" in named["defender_incidents"]


@pytest.mark.parametrize("alerts", ["inside", "split"])
def test_incidents_can_be_asked_for_without_their_alerts_and_one_by_one_with_them(alerts: str) -> None:
    api = _api("defender_incidents", alerts=alerts)
    unexpanded = _expansion(api).unexpanded()
    assert _params(unexpanded, Query(TIMES)) == {
        name: value for name, value in _params(api, Query(TIMES)).items() if name != "$expand"
    }
    request = _expansion(unexpanded).single("7/8").request(Query(TIMES))
    assert request.url == "https://graph.microsoft.com/v1.0/security/incidents/7%2F8"
    assert request.params == (("$expand", "alerts"),)


@pytest.mark.parametrize("kind", ["defender_endpoint_alerts", "defender_graph_alerts", "defender_incidents"])
def test_nothing_is_left_out_of_what_is_not_expanded(kind: str) -> None:
    assert _api(kind, alerts="none").expansion is None


@pytest.mark.parametrize(
    ("record", "lacks"),
    [
        ({"alerts": []}, False),
        ({"alerts": [{"id": "a"}]}, False),
        ({}, True),
        ({"alerts": None}, True),
        ({"alerts": [{"id": "a"}], "alerts@odata.nextLink": "https://graph.microsoft.com/more"}, True),
    ],
)
def test_an_incident_lacks_its_alerts_unless_all_of_them_are_in_it(record: Mapping[str, Any], *, lacks: bool) -> None:
    assert _expansion(_api("defender_incidents", alerts="split")).is_incomplete(record) is lacks


def test_one_incident_is_taken_as_it_stands_in_a_list() -> None:
    one = _expansion(_api("defender_incidents", alerts="inside")).single("7")
    body = b'{"@odata.context":"https://x", "id": "7", "lastUpdateDateTime":"2026-11-01T00:00:00Z", "alerts": [ ]}'
    (record,) = one.cut([body], {})
    assert isinstance(record, Record)
    assert record.raw == '{"id": "7", "lastUpdateDateTime":"2026-11-01T00:00:00Z", "alerts": [ ]}'
    assert not record.has_controls
    (record,) = one.cut([body.replace(b"[ ]", b'"\x01"')], {})
    assert isinstance(record, Record)
    assert record.has_controls
    with pytest.raises(UnexpectedAnswerError):
        list(one.cut([b'{"error": {"code": "x"}}'], {}))


def test_an_incident_that_is_not_shown_is_no_sign_of_a_wrong_cloud() -> None:
    one = _expansion(_api("defender_incidents", alerts="inside")).single("7")
    error = one.errors.explain(Refusal("graph.microsoft.com", 404, "", "", "an-id"), ())
    assert type(error) is RecordGoneError
    assert "does not show /v1.0/security/incidents/7 any more" in str(error)


def test_every_commercial_host_of_the_endpoint_API_wants_the_audience_of_the_global_one() -> None:
    rows = [row for row in clouds.ENDPOINTS if row.api == "endpoint" and row.cloud == "commercial"]
    assert {row.audience for row in rows} == {"https://api.securitycenter.microsoft.com"}


_ROLES = "API required roles: Alert.ReadWrite.All, application roles: Alert.Read.All."
_LISTED = (
    "Missing application roles. API required roles: SecurityAlert.Read.All,SecurityAlert.ReadWrite.All,"
    "SecurityIncident.Read.All,SecurityIncident.ReadWrite.All, application roles: ."
)


@pytest.mark.parametrize(
    ("kind", "message", "roles", "words", "permissions"),
    [
        (
            "defender_graph_alerts",
            _LISTED,
            (),
            (
                "> SecurityAlert.Read.All in Entra ID > App registrations > API permissions, and let an administrator consent. "
                "It asks for one of SecurityAlert.Read.All, SecurityAlert.ReadWrite.All, SecurityIncident.Read.All, "
            ),
            4,
        ),
        (
            "defender_endpoint_alerts",
            _ROLES,
            ("Alert.Read.All",),
            (
                "> Alert.ReadWrite.All in Entra ID > App registrations > API permissions, and let an administrator consent. It "
                "asks for one of Alert.ReadWrite.All. The token carries the permissions Alert.Read.All."
            ),
            1,
        ),
        ("defender_graph_alerts", _LISTED, ("SecurityIncident.Read.All",), "although it has the permission.", 0),
        ("defender_graph_alerts", "Forbidden", (), "> SecurityAlert.Read.All in Entra ID", 0),
        ("defender_graph_alerts", "API required roles: ", (), "> SecurityAlert.Read.All in Entra ID", 0),
        ("defender_graph_alerts", "required roles: <b>no, application roles: .", (), "> SecurityAlert.Read.All in", 0),
        (
            "defender_endpoint_alerts",
            "Forbidden",
            ("Alert.Read.All",),
            "Alert.Read.All. Some pages of Microsoft's name Alert.ReadWrite.All alone: try it.",
            0,
        ),
        (
            "defender_endpoint_alerts",
            "Forbidden",
            ("Alert.ReadWrite.All",),
            "permissions Alert.ReadWrite.All. Micro",
            0,
        ),
    ],
)
def test_a_denial_names_what_the_server_itself_asks_for(
    kind: str, message: str, roles: tuple[str, ...], words: str, permissions: int
) -> None:
    explained = _api(kind).errors.explain(Refusal("host", 403, "Forbidden", message, "an-id"), roles)
    assert isinstance(explained, AccessDeniedError)
    assert words in str(explained)
    assert len(explained.permissions) == permissions


@pytest.mark.parametrize("cloud", ["gcc_high", "dod"])
def test_a_government_cloud_has_no_commercial_host(cloud: str) -> None:
    hosts = [clouds.cloud(cloud).authority_host, *(row.host for row in clouds.ENDPOINTS if row.cloud == cloud)]
    assert [host for host in hosts if not host.endswith(".us")] == []


def test_the_limits_are_those_that_Microsoft_publishes() -> None:
    published = {kind: [(limit.calls, limit.seconds) for limit in _api(kind).limits] for kind in CURRENT}
    assert published == {
        "defender_endpoint_alerts": [(100, 60), (1_500, 3_600)],
        "defender_graph_alerts": [(150, 60)],
        "defender_incidents": [(150, 60)],
    }


def test_no_list_names_what_Graph_would_refuse() -> None:
    assert set(graph_alerts.SEVERITIES) == {"unknown", "informational", "low", "medium", "high"}
    assert not {"unknown", "unknownFutureValue"} & set(graph_alerts.SERVICE_SOURCES)
    assert set(endpoint_alerts.SEVERITIES) == {"informational", "low", "medium", "high", "unspecified"}
    assert incidents.ALERTS[0] == "none"
