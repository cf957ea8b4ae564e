"""What Entra ID's stand-in does with a person who signs in, and what it refuses."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import jwt
import pytest
from msal.application import ConfidentialClientApplication
from standins.microsoft.browser import RefusedPageError, sign_in
from standins.microsoft.clock import CloudClock
from standins.microsoft.cloud import MicrosoftCloud
from standins.microsoft.directory import Application, Tenant
from standins.microsoft.people import CODE_SECONDS, REFRESH_SECONDS, Person

from .conftest import Client

GRAPH = "https://graph.microsoft.com"
ENDPOINT = "https://api.securitycenter.microsoft.com"
DELEGATED = {GRAPH: ("SecurityAlert.Read.All",), ENDPOINT: ("Alert.Read",)}
REDIRECT = "http://localhost"

# msal would rather have the answer posted to the application, which a browser without its session could not do here.
pytestmark = pytest.mark.filterwarnings("ignore:response_mode='form_post'")


@dataclass
class SigningIn:
    """An application that lets a person sign in, by msal as it is."""

    cloud: MicrosoftCloud
    client: Client
    tenant: Tenant
    application: Application
    person: Person
    msal: Any
    flow: dict[str, Any] = field(default_factory=dict)

    def begin(self, redirect_uri: str = REDIRECT) -> str:
        self.flow = self.msal.initiate_auth_code_flow([f"{GRAPH}/.default"], redirect_uri=redirect_uri)
        return str(self.flow["auth_uri"])

    def come_back(self, redirect_uri: str = REDIRECT, *, consent: bool = True) -> dict[str, str]:
        """What the redirect URI gets."""
        address = sign_in(self.cloud, self.begin(redirect_uri), self.person.name, consent=consent)
        assert address.startswith(redirect_uri)
        return dict(parse_qsl(urlsplit(address).query))

    def finish(self, answer: Mapping[str, str]) -> dict[str, Any]:
        return dict(self.msal.acquire_token_by_auth_code_flow(dict(self.flow), dict(answer)))

    def refresh(self, token: str, resource: str = GRAPH, tenant: Tenant | None = None) -> dict[str, Any]:
        answer = self.client.ask_token(
            (tenant or self.tenant).guid,
            grant_type="refresh_token",
            client_id=self.application.client_id,
            client_secret="right",
            refresh_token=token,
            scope=f"openid profile offline_access {resource}/.default",
        )
        return dict(answer.json())

    def code_of(self, answer: Mapping[str, Any]) -> int:
        found = re.match(r"AADSTS(\d+)", answer["error_description"])
        return int(found[1]) if found else 0


@pytest.fixture
def signing_in(cloud: MicrosoftCloud, client: Client, tenant: Tenant, application: Application) -> SigningIn:
    tenant.resources.update(DELEGATED)
    application.let_people_sign_in(DELEGATED)
    person = tenant.add_person("anna@contoso.com")
    confidential = ConfidentialClientApplication(
        application.client_id,
        client_credential="right",
        authority=f"https://login.microsoftonline.com/{tenant.guid}",
        http_client=client.session,
        instance_discovery=False,
    )
    return SigningIn(cloud, client, tenant, application, person, confidential)


def test_a_refresh_token_is_good_for_another_resource_and_stays_good_when_a_new_one_is_given(
    signing_in: SigningIn,
) -> None:
    first = signing_in.finish(signing_in.come_back())["refresh_token"]
    second = signing_in.refresh(first, ENDPOINT)
    assert jwt.decode(second["access_token"], options={"verify_signature": False})["aud"] == ENDPOINT
    assert second["refresh_token"] != first
    assert signing_in.refresh(first)["access_token"]
    assert signing_in.refresh(second["refresh_token"])["access_token"]


def test_the_port_of_localhost_does_not_count_but_the_path_does(signing_in: SigningIn) -> None:
    assert signing_in.finish(signing_in.come_back("http://localhost:8123"))["access_token"]
    with pytest.raises(RefusedPageError) as caught:
        signing_in.come_back("http://localhost/other")
    assert caught.value.code == 50011


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda one: setattr(one.person, "is_disabled", True), 50057),
        (lambda one: setattr(one.person, "refused", 53003), 53003),
        (lambda one: setattr(one.application, "assigned", set()), 50105),
        (lambda one: one.tenant.people.clear(), 50034),
        (lambda one: one.application.redirect_uris.clear(), 50011),
        (lambda one: setattr(one.application, "disabled", True), 7000112),
    ],
)
def test_a_page_says_why_a_person_cannot_sign_in(
    signing_in: SigningIn, spoil: Callable[[SigningIn], None], code: int
) -> None:
    spoil(signing_in)
    with pytest.raises(RefusedPageError) as caught:
        signing_in.come_back()
    assert caught.value.code == code


def test_only_an_administrator_can_consent(signing_in: SigningIn) -> None:
    signing_in.application.is_consented = signing_in.person.is_administrator = False
    with pytest.raises(RefusedPageError) as caught:
        signing_in.come_back()
    assert caught.value.code == 90094
    signing_in.person.is_administrator = True
    assert signing_in.finish(signing_in.come_back())["access_token"]


@pytest.mark.parametrize("left_out", ["state", "nonce", "code_challenge", "scope", "redirect_uri", "client_id"])
def test_an_application_that_leaves_out_a_safeguard_gets_no_page(signing_in: SigningIn, left_out: str) -> None:
    address, _, query = signing_in.begin().partition("?")
    rest = urlencode([(name, value) for name, value in parse_qsl(query) if name != left_out])
    with pytest.raises(RefusedPageError) as caught:
        sign_in(signing_in.cloud, f"{address}?{rest}", signing_in.person.name)
    assert caught.value.code == 900144


def test_a_code_is_redeemed_once_in_time_and_with_its_verifier(clock: CloudClock, signing_in: SigningIn) -> None:
    answer = signing_in.come_back()
    stolen = {**signing_in.flow, "code_verifier": "a" * 43}
    verifier, signing_in.flow = signing_in.flow, stolen
    assert signing_in.code_of(signing_in.finish(answer)) == 501481
    signing_in.flow = verifier
    assert signing_in.code_of(signing_in.finish(answer)) == 54005
    answer = signing_in.come_back()
    clock.advance(CODE_SECONDS + 1)
    assert signing_in.code_of(signing_in.finish(answer)) == 70008


def test_a_redirect_uri_of_a_single_page_application_gives_no_tokens_to_a_server(signing_in: SigningIn) -> None:
    signing_in.application.redirect_uris[REDIRECT] = "spa"
    assert signing_in.code_of(signing_in.finish(signing_in.come_back())) == 9002327


def test_a_refresh_token_ends_by_revocation_by_age_and_with_its_person(
    clock: CloudClock, signing_in: SigningIn
) -> None:
    token = signing_in.finish(signing_in.come_back())["refresh_token"]
    signing_in.person.refused = 50076
    assert signing_in.code_of(signing_in.refresh(token)) == 50076
    signing_in.person.refused = None
    signing_in.person.is_disabled = True
    assert signing_in.code_of(signing_in.refresh(token)) == 50057
    signing_in.person.is_disabled = False
    clock.advance(REFRESH_SECONDS + 1)
    assert signing_in.code_of(signing_in.refresh(token)) == 700082
    token = signing_in.finish(signing_in.come_back())["refresh_token"]
    signing_in.person.revoked = clock.now()
    assert signing_in.code_of(signing_in.refresh(token)) == 50173


def test_a_person_acts_in_another_tenant_only_as_its_partner(signing_in: SigningIn) -> None:
    token = signing_in.finish(signing_in.come_back())["refresh_token"]
    customer = signing_in.cloud.entra.add_tenant(domain="customer.onmicrosoft.com")
    assert signing_in.code_of(signing_in.refresh(token, tenant=customer)) == 7000229
    enterprise = customer.add_application(signing_in.application.client_id, secret="right")
    enterprise.let_people_sign_in(DELEGATED)
    assert signing_in.code_of(signing_in.refresh(token, tenant=customer)) == 50020
    customer.partners.add(signing_in.person.identity)
    claims = jwt.decode(signing_in.refresh(token, tenant=customer)["access_token"], options={"verify_signature": False})
    assert claims["tid"] == customer.guid
