from __future__ import annotations

from typing import Any

import jwt
import pytest
from standins.microsoft import aadsts, ticks
from standins.microsoft.cloud import MicrosoftCloud
from standins.microsoft.directory import Application, Tenant

from .conftest import Client

GUID = "11111111-2222-3333-4444-555555555555"
SIEM = "https://graph.windows.net/.default"


def claims_of(token: str) -> dict[str, Any]:
    return dict(jwt.decode(token, options={"verify_signature": False}))


def form(**changes: str | None) -> dict[str, str]:
    fields: dict[str, str | None] = {
        "grant_type": "client_credentials",
        "client_id": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
        "client_secret": "right",
        "scope": SIEM,
    }
    fields.update(changes)
    return {name: value for name, value in fields.items() if value is not None}


def test_the_audience_is_what_stands_before_default_byte_for_byte(
    client: Client, tenant: Tenant, application: Application
) -> None:
    token = client.token(tenant, application, scope="https://graph.windows.net//.default")
    assert claims_of(token)["aud"] == "https://graph.windows.net/"


@pytest.mark.parametrize(
    ("tenant_in_url", "changes", "code", "status"),
    [
        (GUID, {"client_secret": "wrong"}, 7000215, 401),
        (GUID, {"client_secret": "99999999-8888-7777-6666-555555555555"}, 7000215, 401),
        (GUID, {"client_secret": "old"}, 7000222, 401),
        (GUID, {"client_secret": None}, 7000218, 401),
        (GUID, {"client_secret": None, "client_assertion": "e30.e30.e30"}, 900144, 400),
        (GUID, {"client_id": "00000000-0000-0000-0000-000000000000"}, 700016, 400),
        (GUID, {"client_id": None}, 900144, 400),
        (GUID, {"grant_type": None}, 900144, 400),
        (GUID, {"scope": None}, 900144, 400),
        (GUID, {"grant_type": "password"}, 70003, 400),
        (GUID, {"resource": "https://graph.windows.net"}, 901002, 400),
        (GUID, {"scope": "https://graph.windows.net"}, 1002012, 400),
        (GUID, {"scope": "https://graph.microsoft.com/User.Read"}, 1002012, 400),
        (GUID, {"scope": "alerts"}, 70011, 400),
        (GUID, {"scope": SIEM + " https://graph.microsoft.com/.default"}, 700022, 400),
        (GUID, {"scope": "https://unknown.example/.default"}, 500011, 400),
        ("00000000-0000-0000-0000-000000000000", {}, 90002, 400),
        ("fabrikam.example", {}, 90002, 400),
        ("no tenant", {}, 900023, 400),
        ("common", {}, 9001023, 400),
        ("organizations", {}, 90130, 400),
    ],
)
def test_a_wrong_token_request_is_refused_with_its_own_code(
    client: Client,
    application: Application,
    *,
    tenant_in_url: str,
    changes: dict[str, str | None],
    code: int,
    status: int,
) -> None:
    application.add_secret("old", expires=ticks.parse("2026-02-28T00:00:00Z"))
    answer = client.ask_token(tenant_in_url, **form(**changes))
    assert (answer.json()["error_codes"], answer.status_code) == ([code], status)
    assert answer.json()["error"] == aadsts.TABLE[code].error


def test_an_error_body_has_everything_that_support_asks_for(client: Client, application: Application) -> None:
    correlation = "12345678-1234-1234-1234-123456789abc"
    client.session.headers["client-request-id"] = correlation
    body = client.ask_token(GUID, **form(client_secret="wrong")).json()
    assert body["error_description"].startswith("AADSTS7000215: Invalid client secret provided.")
    assert f"\r\nCorrelation ID: {correlation}\r\nTimestamp: 2026-03-01 12:00:00Z" in body["error_description"]
    assert f"app '{application.client_id}'" in body["error_description"]
    assert body["correlation_id"] == correlation
    assert body["timestamp"] == "2026-03-01 12:00:00Z"
    assert body["error_uri"] == "https://login.microsoftonline.com/error?code=7000215"


def test_a_json_body_is_no_form(client: Client, application: Application) -> None:
    assert application.client_id
    url = f"https://login.microsoftonline.com/{GUID}/oauth2/v2.0/token"
    answer = client.session.post(url, json=form(), timeout=20)
    assert answer.json()["error_codes"] == [900144]


def test_the_token_endpoint_takes_only_post(client: Client, tenant: Tenant) -> None:
    answer = client.session.get(f"https://login.microsoftonline.com/{tenant.guid}/oauth2/v2.0/token", timeout=20)
    assert answer.json()["error_codes"] == [900561]


def test_the_v1_endpoint_is_not_there(client: Client, tenant: Tenant) -> None:
    url = f"https://login.microsoftonline.com/{tenant.guid}/oauth2/token"
    assert client.session.post(url, data=form(), timeout=20).status_code == 404


@pytest.mark.parametrize(
    ("cloud_name", "login", "code"),
    [
        ("gcc_high", "login.microsoftonline.com", 900382),
        ("dod", "login.microsoftonline.com", 900382),
        ("commercial", "login.microsoftonline.us", 90002),
        ("gcc", "login.microsoftonline.us", 90002),
    ],
)
def test_a_tenant_gets_no_token_from_another_cloud(
    cloud: MicrosoftCloud, client: Client, cloud_name: str, login: str, code: int
) -> None:
    tenant = cloud.entra.add_tenant(domain="gov.onmicrosoft.us", cloud=cloud_name)
    application = tenant.add_application(secret="x")
    request = form(client_id=application.client_id, client_secret="x")
    assert client.ask_token(tenant.guid, login=login, **request).json()["error_codes"] == [code]


def test_the_journal_keeps_the_scope_and_no_secret(
    cloud: MicrosoftCloud, client: Client, tenant: Tenant, application: Application
) -> None:
    token = client.token(tenant, application)
    client.alerts("wdatp-alertexporter-eu.windows.com", token)
    call = cloud.journal.calls("login.microsoftonline.com")[0]
    assert dict(call.form) == form(client_secret="***")
    everything = repr(list(cloud.journal))
    assert "'right'" not in everything
    assert token not in everything
