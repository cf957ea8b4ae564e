"""The doctor's checks of the way to Microsoft: each thing that can be wrong is found, and nothing is asked behind it."""

from __future__ import annotations

import datetime as dt
import logging
import threading
from collections.abc import Callable
from typing import Any

import pytest
import trustme
from defender_alerts.diagnostics import api_probe, network_path
from defender_alerts.diagnostics.checks import CHECKS, Examination
from defender_alerts.diagnostics.context import Context
from defender_alerts.diagnostics.report import Outcome, Result
from defender_alerts.input_kinds import KINDS
from defender_alerts.microsoft.account import Account
from defender_alerts.microsoft.client_certificate.key_pair import read_pair
from defender_alerts.microsoft.client_certificate.x509 import read_certificate
from defender_alerts.microsoft.network import Network
from defender_alerts.microsoft.transport.client import ASKS_ONCE, Callers
from defender_alerts.microsoft.transport.session import trust
from standins.key_pairs import KeyPair
from standins.microsoft import faults
from standins.microsoft.certificates import Certificate
from standins.microsoft.proxy import ProxyAddress
from standins.polling import PolledInput, http_proxy
from standins.sources import ROLES

LOGIN, SIEM = "login.microsoftonline.com", "wdatp-alertexporter-eu.windows.com"
GRAPH = "https://graph.microsoft.com"
LOG = logging.getLogger("tests.doctor")
WAYS: dict[str, Callable[[PolledInput], ProxyAddress]] = {
    "http": lambda polled: polled.cloud.proxy,
    "https": lambda polled: polled.cloud.https_proxy,
    "socks5": lambda polled: polled.cloud.socks_proxy,
}


def case_of(
    polled: PolledInput, network: Network | None = None, tokens: list[str] | None = None, **own: Any
) -> Context:
    """The case of a polled input; ``own`` replaces fields of its account."""
    plan = polled.plan()
    account = plan.account._replace(**own)
    apis = {region: plan.own.in_region(region, account.cloud) for region in plan.own.regions}
    taken = tokens if tokens is not None else []
    way = network or polled.network()
    callers = Callers(way, trust(way.ca_pem), threading.Event(), LOG, ASKS_ONCE)
    return Context(plan.kind, account, apis, callers, taken.append)


def examine(context: Context, clean: Callable[[str], str] = str) -> dict[tuple[str, str], Result]:
    """All checks of the table, by check and subject."""
    examination = Examination(clean, LOG)
    for check in CHECKS:
        examination.make(check, context)
    return {(result.check, result.subject): result for result in examination.report("test", "kind").results}


def outcomes(found: dict[tuple[str, str], Result], outcome: Outcome) -> set[tuple[str, str]]:
    """The checks that ended so."""
    return {name for name, result in found.items() if result.outcome is outcome}


def test_the_checks_come_in_the_order_in_which_one_rests_on_the_other() -> None:
    names = [check.name for check in CHECKS]
    assert names == ["proxy", "dns", "tls", "credentials", "token", "api", "clock"]
    for number, check in enumerate(CHECKS):
        assert set(check.needs) <= set(names[:number])


# The way.


@pytest.mark.parametrize("kind", WAYS)
def test_everything_is_in_order_through_each_kind_of_proxy(polled: PolledInput, kind: str) -> None:
    proxy = http_proxy(WAYS[kind](polled))._replace(remote_dns=True)
    found = examine(case_of(polled, polled.network()._replace(proxy=proxy)))
    assert outcomes(found, Outcome.SKIPPED) == {("dns", LOGIN), ("dns", SIEM)}
    assert outcomes(found, Outcome.FAILED) == outcomes(found, Outcome.WARNING) == set()
    assert "issued by O=Stand-in Microsoft cloud" in found["tls", SIEM].found


@pytest.mark.parametrize("kind", WAYS)
def test_a_proxy_that_refuses_the_login_ends_the_way(polled: PolledInput, kind: str) -> None:
    polled.cloud.proxy_credentials = ("user", "password")
    proxy = http_proxy(WAYS[kind](polled))._replace(remote_dns=True)
    found = examine(case_of(polled, polled.network()._replace(proxy=proxy)))
    assert outcomes(found, Outcome.FAILED) == {("proxy", "")}
    assert outcomes(found, Outcome.OK) == {("credentials", "")}
    assert "Configuration > Proxy" in found["proxy", ""].advice
    assert found["api", SIEM].found == "Not checked, because this failed: Proxy."


def test_the_proxy_of_the_environment_is_shown_without_its_login(
    polled: PolledInput, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", polled.cloud.proxy.url(("user", "a-password")))
    network = Network(ca_pem=polled.cloud.ca_pem, timeout=5.0)
    found = network_path.proxy(case_of(polled, network), "")
    assert found.outcome is Outcome.OK
    assert "environment" in found.found
    assert "a-password" not in found.found


def test_a_name_that_cannot_be_resolved_is_found_where_no_proxy_does_it(polled: PolledInput) -> None:
    direct = case_of(polled, Network(ca_pem=polled.cloud.ca_pem, timeout=5.0))
    assert network_path.names(direct, "login.invalid").outcome is Outcome.FAILED
    assert "127.0.0.1" in network_path.names(direct, "localhost").found
    near = http_proxy(polled.cloud.socks_proxy)._replace(remote_dns=False)
    asked = case_of(polled, polled.network()._replace(proxy=near))
    assert network_path.names(asked, "login.invalid").outcome is Outcome.FAILED


def test_a_region_that_cannot_be_reached_leaves_the_others(polled: PolledInput) -> None:
    polled.regions = ("us", "eu")
    polled.cloud.forget_host(SIEM)
    found = examine(case_of(polled))
    assert outcomes(found, Outcome.FAILED) == {("tls", SIEM)}
    assert found["api", SIEM].found == f"Not checked, because this failed: TLS certificate ({SIEM})."
    assert found["api", SIEM.replace("-eu", "-us")].outcome is Outcome.OK


@pytest.mark.parametrize("kind", WAYS)
@pytest.mark.parametrize(
    ("certificate", "issuer"),
    [
        (Certificate.UNKNOWN_AUTHORITY, "Somebody else"),
        (Certificate.EXPIRED, "Stand-in Microsoft cloud"),
        (Certificate.OTHER_HOST, "Stand-in Microsoft cloud"),
    ],
)
def test_a_certificate_that_is_not_trusted_is_shown_with_its_issuer(
    polled: PolledInput, kind: str, certificate: Certificate, issuer: str
) -> None:
    polled.cloud.faults.add(SIEM, faults.ShowCertificate(certificate), times=None)
    proxy = http_proxy(WAYS[kind](polled))._replace(remote_dns=True)
    found = network_path.certificate(case_of(polled, polled.network()._replace(proxy=proxy)), SIEM)
    assert found.outcome is Outcome.FAILED
    assert f"issued by O={issuer}" in found.found


def test_without_the_additional_authority_nothing_is_trusted_and_no_token_is_asked_for(polled: PolledInput) -> None:
    found = examine(case_of(polled, polled.network()._replace(ca_pem="")))
    assert outcomes(found, Outcome.FAILED) == {("tls", LOGIN), ("tls", SIEM)}
    assert all(call.method == "HEAD" for call in polled.cloud.journal)
    assert "Additional CA certificates" in found["tls", LOGIN].advice


def test_the_names_of_a_certificate_are_read() -> None:
    pair = KeyPair(name="corp")
    read = read_certificate(pair.der)
    assert read.subject == read.issuer == "CN=corp"
    leaf = trustme.CA(organization_name="Ünïcode & Sons").issue_cert("a.example", common_name="a.example")
    read = read_certificate(_der(leaf.cert_chain_pems[0].bytes()))
    assert "CN=a.example" in read.subject
    assert "O=Ünïcode & Sons" in read.issuer


def _der(pem: bytes) -> bytes:
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization

    return x509.load_pem_x509_certificate(pem).public_bytes(serialization.Encoding.DER)


# Microsoft.


@pytest.mark.parametrize(
    ("code", "says"),
    [(90002, "does not exist in its cloud"), (700016, "unknown in its tenant"), (53003, "Conditional Access")],
)
def test_what_entra_id_refuses_is_explained_and_the_api_is_not_asked(polled: PolledInput, code: int, says: str) -> None:
    polled.cloud.faults.add(LOGIN, faults.EntraError(code), path=_token_path(polled), times=None)
    found = examine(case_of(polled))
    assert outcomes(found, Outcome.FAILED) == {("token", polled.resource)}
    assert says in found["token", polled.resource].found
    assert f"AADSTS{code}" in found["token", polled.resource].found
    assert found["token", polled.resource].advice
    assert [call for call in polled.cloud.journal.calls(SIEM) if call.method != "HEAD"] == []


def _token_path(polled: PolledInput) -> str:
    return f"/{polled.tenant.guid}/oauth2/v2.0/token"


def test_a_token_tells_authority_roles_and_its_life_and_is_handed_to_the_redaction(polled: PolledInput) -> None:
    polled.kind = "defender_graph_alerts"
    polled.application.roles = {GRAPH: ("SecurityAlert.Read.All",)}
    taken: list[str] = []
    found = api_probe.token(case_of(polled, tokens=taken), GRAPH)
    assert found.outcome is Outcome.OK
    for part in (LOGIN, "Commercial", "SecurityAlert.Read.All", "in 60 minutes", polled.tenant.guid):
        assert part in found.found
    assert len(taken) == 1
    assert taken[0].startswith("eyJ")
    assert taken[0] not in found.found


def test_a_missing_role_is_named_and_the_api_is_asked_whether_another_one_will_do(polled: PolledInput) -> None:
    polled.kind = "defender_graph_alerts"
    found = examine(case_of(polled))
    told = "permission Microsoft Graph SecurityAlert.Read.All is not among them; whether another one will do, the check api"
    assert told in found["token", GRAPH].found
    assert outcomes(found, Outcome.FAILED) == {("api", "graph.microsoft.com")}
    polled.application.roles = {GRAPH: ("SecurityIncident.Read.All",)}
    found = examine(case_of(polled))
    assert told in found["token", GRAPH].found
    assert outcomes(found, Outcome.FAILED) == outcomes(found, Outcome.WARNING) == set()


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_asks_for_one_record(polled: PolledInput, kind: str) -> None:
    polled.kind = kind
    polled.application.roles = dict(ROLES)
    context = case_of(polled)
    (api,) = context.apis.values()
    found = api_probe.records(context, api.host)
    assert found.outcome is Outcome.OK, found
    tops = {tuple(call.values("$top")) for call in polled.cloud.journal.calls(api.host)}
    assert tops <= {("1",), ()}


@pytest.mark.parametrize(
    "fault",
    [faults.captive_portal(), faults.Status(503), faults.throttled(3600), faults.redirect("https://x.example/")],
)
def test_an_api_that_gives_something_else_fails_after_one_try(polled: PolledInput, fault: faults.Fault) -> None:
    scripted = polled.cloud.faults.add(SIEM, fault, path="/api/alerts", times=None)
    found = examine(case_of(polled))["api", SIEM]
    assert found.outcome is Outcome.FAILED
    assert found.advice
    assert scripted.played == 1


@pytest.mark.parametrize(("skew", "outcome"), [(0.0, Outcome.OK), (400.0, Outcome.WARNING), (-400.0, Outcome.WARNING)])
def test_the_clock_is_compared_with_microsofts(polled: PolledInput, skew: float, outcome: Outcome) -> None:
    polled.cloud.clock.skew(skew)
    found = examine(case_of(polled))["clock", ""]
    assert found.outcome is outcome
    if skew:
        assert ("behind" if skew > 0 else "ahead of") in found.found


def test_a_clock_that_nobody_has_told_is_not_judged(polled: PolledInput) -> None:
    assert api_probe.clock(case_of(polled), "").outcome is Outcome.SKIPPED


def _in_days(days: int) -> dt.date:
    return dt.datetime.now(dt.timezone.utc).date() + dt.timedelta(days=days)


@pytest.mark.parametrize(
    ("expires", "outcome", "says"),
    [
        (None, Outcome.OK, "is not noted"),
        (_in_days(90), Outcome.OK, "in 90 days"),
        (_in_days(20), Outcome.WARNING, "in 20 days"),
    ],
)
def test_the_end_of_a_client_secret_is_told(
    polled: PolledInput, expires: dt.date | None, outcome: Outcome, says: str
) -> None:
    found = api_probe.credentials(case_of(polled, secret_expires=expires), "")
    assert (found.outcome, says in found.found) == (outcome, True)


def test_the_end_of_a_certificate_is_told(polled: PolledInput) -> None:
    pair = KeyPair(not_after=dt.datetime.combine(_in_days(10), dt.time(23, 59), dt.timezone.utc))
    own: dict[str, Any] = {
        "auth_type": "certificate",
        "pair": read_pair(pair.pem, pair.key_pem, ""),
        "client_secret": "",
    }
    found = api_probe.credentials(case_of(polled, **own), "")
    assert found.outcome is Outcome.WARNING
    assert f"certificate that expires on {_in_days(10)}" in found.found
    assert "upload it in Entra ID" in found.advice


def test_an_account_is_never_shown_with_its_secret(polled: PolledInput) -> None:
    account: Account = case_of(polled).account
    for result in examine(case_of(polled)).values():
        assert account.client_secret not in result.found + result.advice
