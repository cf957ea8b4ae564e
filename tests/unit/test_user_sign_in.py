"""A person signs in: whose tokens are asked for, from where, and what each refusal of Entra ID tells to do."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from defender_alerts.collect.poll import PollResult
from defender_alerts.diagnostics.account import Verdict, check_account, warnings
from defender_alerts.errors import AddonError, AuthenticationError, ConfigurationError, UnexpectedAnswerError
from defender_alerts.input_kinds import KINDS
from defender_alerts.microsoft import clouds
from defender_alerts.microsoft.aadsts import ADVICE
from defender_alerts.microsoft.account import USER, Account
from defender_alerts.microsoft.client_certificate.key_pair import read_pair
from defender_alerts.microsoft.tokens import TokenSource
from defender_alerts.microsoft.transport.client import ASKS_ONCE, Callers
from defender_alerts.microsoft.user_sign_in import REDIRECT_URI, Entered, entered, read_address
from defender_alerts.times import seconds
from standins.key_pairs import KeyPair
from standins.microsoft import faults
from standins.microsoft.browser import sign_in
from standins.microsoft.cloud import MicrosoftCloud
from standins.microsoft.directory import Application, Tenant
from standins.microsoft.graph_samples import graph_alert
from standins.microsoft.people import Person
from standins.polling import SECRET, PolledInput, trust_once
from standins.sources import DELEGATED, SOURCES, Source

ANNA = "anna@contoso.com"
LOGIN, GOV_LOGIN = "login.microsoftonline.com", "login.microsoftonline.us"
GRAPH, MDE = "https://graph.microsoft.com", "https://api.securitycenter.microsoft.com"
PAIR = KeyPair()


@dataclass
class MemoryTokens:
    """Where a test keeps refresh tokens; `later` are what somebody signs in with meanwhile."""

    token: str = ""
    later: list[str] = field(default_factory=list)
    given: list[str] = field(default_factory=list)
    reads: int = 0

    def current(self) -> str:
        self.reads += 1
        return self.later.pop(0) if self.reads > 1 and self.later else self.token

    def renewed(self, token: str) -> None:
        self.given.append(token)


@dataclass
class Signed:
    """An input of an account for which a person has signed in."""

    polled: PolledInput
    person: Person
    tokens: MemoryTokens = field(default_factory=MemoryTokens)

    def account(self, **fields: Any) -> Account:
        return self.polled.plan().account._replace(
            auth_type=USER, signed_in_as=ANNA, refresh_tokens=self.tokens, **fields
        )

    def source(self, account: Account) -> TokenSource:
        network = self.polled.network()
        callers = Callers(network, trust_once(network.ca_pem), self.polled.stop, self.polled.log, ASKS_ONCE)
        cloud = clouds.cloud(account.cloud)
        return TokenSource(account, cloud, callers(cloud.authority_host), callers)

    def sign_in(self, **fields: Any) -> Entered:
        """Sign in as the pages do, but for the pages."""
        account = self.account(**fields)
        source, resource = self.source(account), clouds.audiences("graph", account.cloud)[0]
        flow = source.begin_sign_in(resource, REDIRECT_URI)
        address = sign_in(self.polled.cloud, flow["auth_uri"], self.person.name)
        entered = source.finish_sign_in(flow, read_address(address), resource)
        self.tokens.token = entered.refresh_token
        return entered

    def poll(self, **fields: Any) -> PollResult:
        return self.polled.poll(auth_type=USER, signed_in_as=ANNA, refresh_tokens=self.tokens, **fields)


def signed_in(cloud: MicrosoftCloud, tenant: Tenant, application: Application) -> Signed:
    audiences = {name: DELEGATED.get(name, DELEGATED[GRAPH]) for name in tenant.resources}
    application.let_people_sign_in(audiences)
    polled = PolledInput(cloud, tenant, application, kind="defender_graph_alerts", regions=("global",))
    return Signed(polled, tenant.add_person(ANNA))


@pytest.fixture
def signed(polled: PolledInput) -> Signed:
    one = signed_in(polled.cloud, polled.tenant, polled.application)
    one.sign_in()
    return one


REFUSED = (
    (70000, "does not know the stored sign-in of anna@contoso.com"),
    (700082, "has ended: no input has used it for 90 days"),
    (70008, "has ended: no input has used it for 90 days"),
    (700084, "is registered for a single-page application, whose sign-ins end after a day"),
    (9002325, "is registered for a single-page application"),
    (9002327, "is registered for a single-page application"),
    (50173, "was revoked, or the password was reset by an administrator"),
    (50076, "asks anna@contoso.com for another factor"),
    (50078, "asks anna@contoso.com for another factor"),
    (50079, "asks anna@contoso.com for another factor"),
    (50158, "asks anna@contoso.com for another factor"),
    (70043, "A policy on the sign-in frequency ends the sign-in of anna@contoso.com"),
    (53003, "Conditional Access policy blocks the sign-in of anna@contoso.com"),
    (53000, "Conditional Access policy blocks the sign-in of anna@contoso.com"),
    (530032, "Conditional Access policy blocks the sign-in of anna@contoso.com"),
    (65001, "Nobody has consented to the delegated permissions"),
    (65004, "were declined"),
    (90094, "Nobody has consented to the delegated permissions"),
    (90099, "Nobody has consented to the delegated permissions"),
    (50011, "is not registered with the redirect URI http://localhost"),
    (500113, "is not registered with the redirect URI http://localhost"),
    (50034, "Entra ID does not know anna@contoso.com in the tenant of the account corp"),
    (50020, "Entra ID does not let anna@contoso.com into the tenant of the account corp"),
    (50057, "anna@contoso.com is disabled in Entra ID"),
    (50105, "is not assigned to the application of the account corp"),
    (50194, "is for one tenant alone"),
    (700025, "is registered as a public client and takes no credential"),
    (7000218, "No credential has reached Entra ID"),
)


@pytest.mark.parametrize(("code", "says"), REFUSED)
def test_each_refusal_of_a_person_says_what_to_do_ends_with_2_and_keeps_microsofts_code(
    signed: Signed, code: int, says: str
) -> None:
    signed.person.refused = code
    with pytest.raises(AuthenticationError) as caught:
        signed.poll()
    told = str(caught.value)
    assert says in told
    assert f"AADSTS{code}" in told
    assert not {"{", "}"} & set(told)
    assert caught.value.exit_status == 2


def test_the_table_of_refusals_has_all_advice_for_persons() -> None:
    assert {code for row in ADVICE if row.auth_type == USER for code in row.codes} <= {code for code, _ in REFUSED}


def test_a_poll_asks_for_one_token_and_hands_over_the_new_refresh_token(signed: Signed) -> None:
    alert = graph_alert(1, signed.polled.cloud.clock.now() - seconds(60))
    signed.polled.cloud.graph("commercial").alerts.put(signed.polled.tenant, alert)
    before = signed.tokens.token
    signed.polled.cloud.journal.clear()
    assert signed.poll().failures == []
    assert signed.polled.sink.raws() == [alert.decode()]
    [call] = signed.polled.cloud.journal.calls(LOGIN)
    assert dict(call.form)["grant_type"] == "refresh_token"
    assert len(signed.tokens.given) == 1
    assert signed.tokens.given[0] not in {"", before}


def test_a_token_is_renewed_before_it_ends_and_after_an_api_has_refused_it(signed: Signed) -> None:
    source = signed.source(signed.account())
    first = source.acquire(GRAPH).value
    assert source.acquire(GRAPH).value == first
    source.reject(first)
    second = source.acquire(GRAPH).value
    assert second != first
    signed.polled.application.token_seconds = 240
    source.reject(second)
    third = source.acquire(GRAPH).value
    assert source.acquire(GRAPH).value != third


def test_where_entra_id_refuses_the_token_it_is_looked_once_whether_somebody_has_signed_in_again(
    signed: Signed,
) -> None:
    old = signed.tokens.token
    signed.person.revoked = signed.polled.cloud.clock.now()
    signed.polled.cloud.clock.advance(1)
    signed.sign_in()
    signed.tokens.token, signed.tokens.later = old, [signed.tokens.token]
    assert signed.poll().failures == []
    signed.tokens.token, signed.tokens.later, signed.tokens.reads = old, [], 0
    with pytest.raises(AuthenticationError, match="AADSTS50173"):
        signed.poll()
    assert signed.tokens.reads == 2


def test_an_account_that_nobody_has_signed_in_for_asks_nothing_of_entra_id(signed: Signed) -> None:
    signed.polled.cloud.journal.clear()
    with pytest.raises(AuthenticationError, match="Nobody has signed in for the account corp"):
        signed.polled.poll(auth_type=USER, refresh_tokens=MemoryTokens("of an account of that name before"))
    with pytest.raises(
        AuthenticationError, match=r"The sign-in of anna@contoso.com for the account corp can't be read"
    ):
        signed.polled.poll(auth_type=USER, signed_in_as=ANNA, refresh_tokens=MemoryTokens())
    assert list(signed.polled.cloud.journal) == []


def test_the_sign_in_feeds_every_kind_of_input(signed: Signed) -> None:
    found = check_account(signed.account(), signed.polled.network())
    assert {one.kind: one.finding for one in found.kinds} == dict.fromkeys(KINDS, Verdict.FEEDS)


def test_a_missing_permission_is_named_as_the_delegated_one(signed: Signed) -> None:
    signed.polled.application.delegated = {**DELEGATED, MDE: ("Machine.Read",)}
    found = check_account(signed.account(), signed.polled.network())
    one = found.of("defender_endpoint_alerts")
    assert one is not None
    assert (one.finding, one.detail) == (Verdict.MISSING, "WindowsDefenderATP Alert.Read (delegated)")
    [told] = warnings("corp", found)
    assert "as a delegated permission" in told


def test_a_person_without_a_role_is_told_from_an_application_without_permission(signed: Signed) -> None:
    host = signed.polled.cloud.graph("commercial").checkpoint.hosts[0]
    signed.polled.cloud.faults.add(host, faults.Status(403), times=None)
    [failure] = signed.poll().failures
    assert "denies the person who has signed in what the input asks for" in str(failure)
    signed.polled.application.delegated = {**DELEGATED, GRAPH: ("User.Read",)}
    [failure] = signed.poll().failures
    assert "Microsoft Graph > Delegated permissions > SecurityAlert.Read.All" in str(failure)


def test_an_application_with_a_certificate_proves_itself_by_it(signed: Signed) -> None:
    signed.polled.application.secrets.clear()
    signed.polled.application.add_certificate(PAIR.pem)
    own: dict[str, Any] = {"pair": read_pair(PAIR.pem, PAIR.key_pem, ""), "client_secret": ""}
    assert signed.sign_in(**own).name == ANNA
    assert signed.poll(**own).failures == []


def test_an_input_of_a_customer_collects_what_the_partner_may_see_there(signed: Signed) -> None:
    cloud, client = signed.polled.cloud, signed.polled.application.client_id
    customer = cloud.entra.add_tenant(domain="customer.onmicrosoft.com")
    customer.add_application(client, secret=SECRET).let_people_sign_in(DELEGATED)
    alert = graph_alert(1, cloud.clock.now() - seconds(60))
    cloud.graph("commercial").alerts.put(customer, alert)
    signed.polled.home, signed.polled.tenant = signed.polled.tenant, customer
    with pytest.raises(AuthenticationError, match=f"into the tenant {customer.guid} of the input test"):
        signed.poll()
    customer.partners.add(signed.person.identity)
    assert signed.poll().failures == []
    assert signed.polled.sink.raws() == [alert.decode()]
    assert signed.polled.sink.taken[0].origin.source.split(":")[1] == customer.guid


@pytest.mark.parametrize("national", ["gcc_high", "dod"])
def test_a_government_account_signs_in_and_collects_without_leaving_its_cloud(
    cloud: MicrosoftCloud, national: str
) -> None:
    tenant = cloud.entra.add_tenant(domain="agency.onmicrosoft.us", cloud=national)
    signed = signed_in(cloud, tenant, tenant.add_application(secret=SECRET))
    signed.sign_in()
    graph = cloud.graph(national)
    graph.alerts.put(tenant, graph_alert(1, cloud.clock.now() - seconds(60)))
    assert signed.poll().failures == []
    assert len(signed.polled.sink.taken) == 1
    check_account(signed.account(), signed.polled.network())
    allowed = {GOV_LOGIN, *graph.checkpoint.hosts, *cloud.endpoint(national).checkpoint.hosts}
    assert cloud.journal.hosts() <= allowed
    assert GOV_LOGIN in cloud.journal.hosts()


def test_tokens_of_another_tenant_than_the_accounts_are_refused(signed: Signed) -> None:
    domain = signed.polled.tenant.domain
    moved = {"tenant_id": domain, "tenant_of_domain": f"{domain} 99999999-8888-7777-6666-555555555555"}
    with pytest.raises(ConfigurationError, match=r"Entra ID has given tokens of the tenant .* Correct the tenant id"):
        signed.sign_in(**moved)
    with pytest.raises(ConfigurationError, match="Entra ID has given tokens of the tenant"):
        signed.poll(**moved)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b'{"access_token": "x", "expires_in": 3600}', "has not given all tokens that a sign-in needs"),
        (b'{"access_token": "x", "expires_in": 3600, "id_token": "x"}', "an ID token that can't be read"),
        (b'{"access_token": "x", "expires_in": 3600, "id_token": "x.W10.x"}', "an ID token that can't be read"),
        (b"<html>Sign in to the network</html>", "not Entra ID's"),
    ],
)
def test_an_answer_without_what_a_sign_in_needs_is_an_error(signed: Signed, body: bytes, says: str) -> None:
    login = signed.polled.cloud.faults
    login.add(LOGIN, faults.ok(body), times=None, when=lambda request: request.path.endswith("/token"))
    with pytest.raises(UnexpectedAnswerError, match=says):
        signed.sign_in()
    if b'"id_token": "x"' in body:
        with pytest.raises(UnexpectedAnswerError, match=says):
            signed.poll()


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.kind)
def test_each_kind_of_input_collects_with_the_token_of_a_person(signed: Signed, source: Source) -> None:
    cloud, tenant = signed.polled.cloud, signed.polled.tenant
    record = source.make(1, cloud.clock.now() - seconds(60))
    source.publish(cloud, tenant, [record])
    polled = source.input(cloud, tenant, signed.polled.application)
    signed.polled.application.roles = {}
    assert polled.poll(auth_type=USER, signed_in_as=ANNA, refresh_tokens=signed.tokens).failures == []
    assert polled.sink.raws() == [record.decode()]


def test_a_clock_that_is_wrong_keeps_no_token_beyond_its_end(signed: Signed) -> None:
    signed.polled.cloud.clock.skew(-7_200)
    source = signed.source(signed.account())
    first = source.acquire(GRAPH).value
    assert source.acquire(GRAPH).value == first
    signed.polled.cloud.clock.skew(-7_200 + 3_400)
    source.acquire(MDE)
    assert source.acquire(GRAPH).value != first


@pytest.mark.parametrize("address", ["http://[::1", "http://localhost/?state=a", "?code=%ff&x", "\u0000"])
def test_anything_may_be_pasted(address: str) -> None:
    with pytest.raises(AuthenticationError, match="This is not the address at which a sign-in ends"):
        read_address(address)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda flow: flow.update(code_verifier="x" * 43), "AADSTS501481"),
        (lambda flow: flow.update(nonce="another"), "of another sign-in than the one that was begun"),
        (lambda flow: flow.update(state="another"), "of another sign-in than the one that was begun last"),
        (lambda flow: flow.update(redirect_uri="http://localhost:1"), "AADSTS500112"),
    ],
)
def test_a_code_that_was_stolen_or_slipped_in_is_not_redeemed(
    signed: Signed, spoil: Callable[[dict[str, Any]], None], says: str
) -> None:
    source = signed.source(signed.account())
    flow = source.begin_sign_in(GRAPH, REDIRECT_URI)
    answer = read_address(sign_in(signed.polled.cloud, flow["auth_uri"], ANNA))
    spoil(flow)
    with pytest.raises(AddonError, match=says):
        source.finish_sign_in(flow, answer, GRAPH)


def test_no_log_at_any_level_holds_a_token_a_code_or_a_verifier(
    signed: Signed, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    source = signed.source(signed.account())
    flow = source.begin_sign_in(GRAPH, REDIRECT_URI)
    source.finish_sign_in(flow, read_address(sign_in(signed.polled.cloud, flow["auth_uri"], ANNA)), GRAPH)
    access = [source.acquire(audience).value for audience in (GRAPH, MDE)]
    given = signed.polled.cloud.entra.sign_ins
    secrets = [*given.refresh_tokens, *given.codes, *access, flow["code_verifier"], SECRET]
    assert [secret for secret in secrets if secret in caplog.text] == []
    assert "HTTP" in caplog.text or caplog.records


def test_tokens_for_another_application_are_refused(signed: Signed) -> None:
    result = {"id_token_claims": {"tid": signed.polled.tenant.guid, "aud": "another"}, "refresh_token": "r"}
    with pytest.raises(UnexpectedAnswerError, match="for another application than the account's"):
        entered(signed.account(), result)
