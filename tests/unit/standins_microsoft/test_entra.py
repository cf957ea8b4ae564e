from __future__ import annotations

import pytest
from standins.microsoft import aadsts, ticks
from standins.microsoft.cloud import MicrosoftCloud
from standins.microsoft.directory import Application, Tenant

from .conftest import Client

GUID = "11111111-2222-3333-4444-555555555555"
SIEM = "https://graph.windows.net/.default"


def form(**changes: str | None) -> dict[str, str]:
    fields: dict[str, str | None] = {
        "grant_type": "client_credentials",
        "client_id": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
        "client_secret": "right",
        "scope": SIEM,
    }
    fields.update(changes)
    return {name: value for name, value in fields.items() if value is not None}


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


def test_an_application_that_leaves_out_a_safeguard_gets_no_page(
    client: Client, tenant: Tenant, application: Application
) -> None:
    asked = {
        "client_id": application.client_id,
        "redirect_uri": "http://localhost:8123",
        "scope": "https://graph.windows.net/.default",
        "state": "a",
        "nonce": "b",
        "code_challenge": "c",
        "code_challenge_method": "S256",
        "response_type": "code",
    }
    application.let_people_sign_in({"https://graph.windows.net": ("Alert.Read.All",)})
    url = f"https://login.microsoftonline.com/{tenant.guid}/oauth2/v2.0/authorize"
    assert "would like to" in client.session.get(url, params=asked).text
    for name in asked:
        answer = client.session.get(url, params={key: value for key, value in asked.items() if key != name})
        assert "AADSTS900144" in answer.text, name
    other = client.session.get(url, params={**asked, "redirect_uri": "http://localhost/other"})
    assert "AADSTS50011" in other.text
