from __future__ import annotations

import json

import pytest
from standins.microsoft import ticks
from standins.microsoft.clock import CloudClock
from standins.microsoft.cloud import MicrosoftCloud
from standins.microsoft.directory import Application, Tenant
from standins.microsoft.samples import siem_alert
from standins.microsoft.siem import SiemBehaviour, SiemRegion

from .conftest import Client

EU = "wdatp-alertexporter-eu.windows.com"
HOUR = 3600 * ticks.PER_SECOND
SINCE = ("sinceTimeUtc", "2026-03-01T00:00:00.0000000Z")


@pytest.fixture
def region(cloud: MicrosoftCloud) -> SiemRegion:
    return cloud.siem("eu")


@pytest.fixture
def token(client: Client, tenant: Tenant, application: Application) -> str:
    return client.token(tenant, application)


@pytest.fixture
def alerts(region: SiemRegion, tenant: Tenant) -> list[bytes]:
    """Five alerts, one a second before 11:00:00.0000000 up to that instant, oldest first."""
    last = ticks.parse("2026-03-01T11:00:00Z")
    raws = [siem_alert(n, last - (4 - n) * ticks.PER_SECOND) for n in range(5)]
    region.add_all(tenant, raws)
    return raws


def ids(body: bytes) -> list[str]:
    return [alert["FullId"] for alert in json.loads(body)]


@pytest.mark.parametrize(("lower", "upper", "numbers"), [
    (True, True, [1, 2, 3]), (False, True, [2, 3]), (True, False, [1, 2]), (False, False, [2]),
])  # fmt: skip
def test_the_bounds_are_inclusive_or_not_as_the_test_says(
    client: Client,
    token: str,
    region: SiemRegion,
    alerts: list[bytes],
    *,
    lower: bool,
    upper: bool,
    numbers: list[int],
) -> None:
    region.behaviour = SiemBehaviour(lower_inclusive=lower, upper_inclusive=upper, order="oldest_first")
    answer = client.alerts(
        EU,
        token,
        ("sinceTimeUtc", "2026-03-01T10:59:57.0000000Z"),
        ("untilTimeUtc", "2026-03-01T10:59:59.0000000Z"),
    )
    assert answer.content == b"[" + b",".join(alerts[number] for number in numbers) + b"]"


def test_a_tick_beyond_the_bound_is_outside_unless_bounds_are_rounded(
    client: Client, token: str, region: SiemRegion, alerts: list[bytes]
) -> None:
    beyond = ("sinceTimeUtc", "2026-03-01T11:00:00.0000001Z")
    assert client.alerts(EU, token, beyond).content == b"[]"
    region.behaviour = SiemBehaviour(rounds_bounds_to="ms")
    assert client.alerts(EU, token, beyond).content == b"[" + alerts[-1] + b"]"


def test_a_silent_cap_keeps_the_newest(client: Client, token: str, region: SiemRegion, alerts: list[bytes]) -> None:
    region.behaviour = SiemBehaviour(silent_cap=2)
    assert client.alerts(EU, token, SINCE).content == b"[" + alerts[4] + b"," + alerts[3] + b"]"


def test_a_late_alert_is_shown_from_its_own_moment_on(
    clock: CloudClock, client: Client, token: str, region: SiemRegion, tenant: Tenant
) -> None:
    region.add(tenant, siem_alert(1, clock.now() - HOUR), visible_from=clock.now() + 60 * ticks.PER_SECOND)
    assert client.alerts(EU, token).content == b"[]"
    clock.advance(60)
    assert len(ids(client.alerts(EU, token).content)) == 1


@pytest.mark.parametrize(
    "query",
    [
        (("sinceTimeUtc", '"2016-09-12 00:00:00"'),),
        (("sinceTimeUtc", "2016-09-12"),),
        (("sinceTimeUtc", "2016-09-12T00:00:00.12345678Z"),),
        (("sinceTimeUtc", "2016-02-31T00:00:00Z"),),
        (("sinceTimeUtc", "1472688000"),),
        (("sinceTimeUtc", ""),),
        (SINCE, SINCE),
        (SINCE, ("untilTimeUtc", "2026-02-28T00:00:00Z")),
        (("untilTimeUtc", "2026-03-01T12:00:00Z"),),
        (("ago", "PT10M"),),
        (SINCE, ("limit", "2")),
        (("sincetimeutc", "2026-03-01T00:00:00Z"),),
        (("$top", "10"),),
    ],
)
def test_a_query_that_makes_no_sense_is_a_400(client: Client, token: str, query: tuple[tuple[str, str], ...]) -> None:
    assert client.alerts(EU, token, *query).status_code == 400


def test_both_documented_audiences_are_taken_and_no_other(
    client: Client, tenant: Tenant, application: Application
) -> None:
    for scope, status in {
        "https://graph.windows.net/.default": 200,
        "https://WDATPAlertExport.Seville.onmicrosoft.com/.default": 200,
        "https://graph.windows.net//.default": 401,
        "https://graph.microsoft.com/.default": 401,
    }.items():
        assert client.alerts(EU, client.token(tenant, application, scope=scope)).status_code == status, scope


def test_clouds_dont_take_each_others_tokens(cloud: MicrosoftCloud, client: Client, token: str) -> None:
    government = cloud.entra.add_tenant(domain="gov.onmicrosoft.us", cloud="gcc_high")
    own = client.token(government, government.add_application(secret="x"), login="login.microsoftonline.us")
    host = "wdatp-alertexporter-us.securitycenter.windows.us"
    assert client.alerts(host, own).status_code == 200
    assert client.alerts(EU, own).status_code == 401
    assert client.alerts(host, token).status_code == 401
    assert client.alerts("wdatp-alertexporter-us.gcc.securitycenter.windows.us", token).status_code == 403


def test_the_path_of_the_c_sharp_sample_is_wrong(client: Client, token: str) -> None:
    assert client.alerts(EU, token, path="/api/alert").status_code == 404
