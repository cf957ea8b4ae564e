"""The check of an account at save: what it can feed, what it lacks, and what alone refuses it."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import pytest
from defender_alerts.diagnostics import account as account_check
from defender_alerts.diagnostics.account import (
    AccountCheck,
    KindCheck,
    Verdict,
    check_account,
    refuse_secret_id,
    summary,
    warnings,
)
from defender_alerts.errors import AddonError, AuthenticationError, ConfigurationError, ConnectionFailedError
from defender_alerts.input_kinds import KINDS
from defender_alerts.microsoft.account import Account
from defender_alerts.microsoft.network import Network, Proxy
from standins.microsoft import faults, hosts
from standins.microsoft.cloud import MicrosoftCloud
from standins.microsoft.directory import Application, Tenant
from standins.microsoft.wire import Request
from standins.polling import SECRET, PolledInput, http_proxy
from standins.sources import ROLES, permissions

LOGIN, GOV_LOGIN = "login.microsoftonline.com", "login.microsoftonline.us"
ENDPOINT, GRAPH = "https://api.securitycenter.microsoft.com", "https://graph.microsoft.com"
SIEM, OTHER_SIEM = hosts.SIEM_RESOURCES


def account_of(tenant: Tenant, application: Application) -> Account:
    return Account("corp", tenant.cloud, tenant.guid, application.client_id, SECRET)


def way_to(cloud: MicrosoftCloud) -> Network:
    return Network(proxy=http_proxy(cloud.proxy), ca_pem=cloud.ca_pem, timeout=5.0)


FOUR = ("defender_graph_alerts", "defender_incidents", "defender_endpoint_alerts", "defender_siem_alerts")


def check(polled: PolledInput, kinds: Iterable[str] = KINDS, **fields: Any) -> AccountCheck:
    account = account_of(polled.tenant, polled.application)._replace(**fields)
    return check_account(account, way_to(polled.cloud), [KINDS[kind] for kind in kinds])


def findings(found: AccountCheck) -> dict[str, tuple[Verdict, str]]:
    return {one.kind: (one.finding, one.detail) for one in found.kinds}


def asks_for(audience: str) -> Callable[[Request], bool]:
    return lambda request: dict(request.form).get("scope") == f"{audience}/.default"


def test_an_account_with_all_permissions_feeds_every_kind_and_is_asked_once_for_each_audience(
    polled: PolledInput,
) -> None:
    polled.application.roles = dict(ROLES)
    found = check(polled)
    assert findings(found) == dict.fromkeys(KINDS, (Verdict.FEEDS, ""))
    assert found.feeds_all
    assert warnings("corp", found) == []
    asked = [dict(call.form)["scope"] for call in polled.cloud.journal.calls(LOGIN)]
    assert sorted(asked) == sorted(f"{audience}/.default" for audience in (SIEM, OTHER_SIEM, ENDPOINT, GRAPH))
    assert {call.host for call in polled.cloud.journal} == {LOGIN}


def test_the_tenant_of_a_domain_is_found_out_and_is_no_reason_to_refuse_where_it_can_not_be(
    polled: PolledInput,
) -> None:
    assert check(polled).tenant == ""
    assert check(polled, tenant_id=polled.tenant.domain).tenant == polled.tenant.guid
    polled.cloud.faults.add(LOGIN, faults.Status(200, b"{}"), when=lambda request: request.method == "GET")
    found = check(polled, tenant_id=polled.tenant.domain)
    assert (found.tenant, len(found.kinds)) == ("", len(KINDS))


def test_a_permission_that_no_document_names_is_enough_where_the_api_takes_it(polled: PolledInput) -> None:
    polled.application.roles = {GRAPH: ROLES[GRAPH][1:], ENDPOINT: ("Alert.ReadWrite.All",)}
    found = check(polled)
    assert findings(found) == dict.fromkeys(KINDS, (Verdict.FEEDS, ""))
    [asked] = polled.cloud.journal.calls("graph.microsoft.com")
    assert (asked.path, asked.values("$top")) == ("/v1.0/security/alerts_v2", ["1"])


def test_the_permission_that_the_api_itself_asks_for_is_the_one_that_is_named(polled: PolledInput) -> None:
    polled.application.roles = {ENDPOINT: ("User.Read.All",)}
    words = "Missing application roles. API required roles: Alert.ReadWrite.All, application roles: User.Read.All."
    refusal = json.dumps({"error": {"code": "Forbidden", "message": words}}).encode()
    polled.cloud.faults.add("api.securitycenter.microsoft.com", faults.Status(403, refusal), times=None)
    assert findings(check(polled))["defender_endpoint_alerts"] == (
        Verdict.MISSING,
        "WindowsDefenderATP Alert.ReadWrite.All",
    )


def test_an_api_that_can_not_be_asked_leaves_it_at_what_the_token_says(polled: PolledInput) -> None:
    polled.application.roles = {GRAPH: ("SecurityIncident.Read.All",)}
    polled.cloud.faults.add("graph.microsoft.com", faults.ResetBeforeHeaders(), times=None)
    assert findings(check(polled))["defender_graph_alerts"] == (
        Verdict.MISSING,
        "Microsoft Graph SecurityAlert.Read.All",
    )


def test_missing_permissions_are_named_as_in_entra_ids_list_for_the_kinds_that_need_them(polled: PolledInput) -> None:
    polled.application.roles = {GRAPH: ("SecurityAlert.ReadWrite.All", "User.Read.All")}
    found = check(polled, FOUR)
    assert findings(found) == {
        "defender_graph_alerts": (Verdict.FEEDS, ""),
        "defender_incidents": (Verdict.MISSING, "Microsoft Graph SecurityIncident.Read.All"),
        "defender_endpoint_alerts": (Verdict.MISSING, "WindowsDefenderATP Alert.Read.All"),
        "defender_siem_alerts": (Verdict.FEEDS, ""),
    }
    incidents, endpoint = warnings("corp", found)
    assert "corp can't feed Defender incidents (Microsoft Graph)" in incidents
    assert "Microsoft Graph SecurityIncident.Read.All" in incidents
    assert "WindowsDefenderATP Alert.Read.All" in endpoint
    assert summary(found) == (
        "Can feed Defender alerts (Microsoft Graph). Missing permission for Defender incidents (Microsoft Graph): "
        "Microsoft Graph SecurityIncident.Read.All. Missing permission for Defender for Endpoint alerts: "
        "WindowsDefenderATP Alert.Read.All."
    )


@pytest.mark.parametrize("known", hosts.SIEM_RESOURCES)
def test_either_resource_is_enough_for_the_siem_api(polled: PolledInput, known: str) -> None:
    polled.tenant.resources = {known}
    found = check(polled, FOUR)
    assert findings(found) == {
        "defender_graph_alerts": (Verdict.UNKNOWN, GRAPH),
        "defender_incidents": (Verdict.UNKNOWN, GRAPH),
        "defender_endpoint_alerts": (Verdict.UNKNOWN, ENDPOINT),
        "defender_siem_alerts": (Verdict.FEEDS, ""),
    }


def test_a_tenant_without_a_single_one_of_the_apis_is_no_reason_to_refuse(polled: PolledInput) -> None:
    polled.tenant.resources = set()
    found = check(polled)
    assert {one.finding for one in found.kinds} == {Verdict.UNKNOWN}
    assert summary(found).startswith("Can feed none of the current inputs. Not in this tenant, for Defender alerts")
    assert all("AADSTS500011" in warning for warning in warnings("corp", found))


def test_a_government_account_asks_its_own_login_for_its_own_audiences_and_no_commercial_host(
    cloud: MicrosoftCloud,
) -> None:
    tenant = cloud.entra.add_tenant(domain="agency.onmicrosoft.us", cloud="dod", resources=hosts.resources("dod"))
    application = tenant.add_application(secret=SECRET, roles=permissions("dod"))
    assert check_account(account_of(tenant, application), way_to(cloud)).feeds_all
    assert {tunnel.host for tunnel in cloud.journal.tunnels()} == {GOV_LOGIN}


def _portal(polled: PolledInput) -> None:
    polled.cloud.faults.add(LOGIN, faults.captive_portal(), times=None)


def _wants_a_password(polled: PolledInput) -> None:
    polled.cloud.proxy_credentials = ("user", "password")


@pytest.mark.parametrize(
    ("spoil", "fields", "way", "error", "says"),
    [
        (None, {"client_secret": "wrong"}, {}, AuthenticationError, r"of the account corp is wrong.*AADSTS7000215"),
        (None, {"tenant_id": "fabrikam.onmicrosoft.com"}, {}, AuthenticationError, "AADSTS90002"),
        (_wants_a_password, {}, {}, ConfigurationError, "The proxy asks for a user name and password"),
        (None, {}, {"proxy": Proxy("http", "127.0.0.1", 9)}, ConnectionFailedError, "Check host, port and type under"),
        (None, {}, {"ca_pem": ""}, ConnectionFailedError, "not trusted"),
        (_portal, {}, {}, AddonError, "Look for a proxy, portal or filter"),
    ],
)
def test_what_keeps_every_input_from_its_work_refuses_the_account(  # noqa: PLR0917 - columns
    polled: PolledInput,
    spoil: Callable[[PolledInput], None] | None,
    fields: dict[str, str],
    way: dict[str, Any],
    error: type[AddonError],
    says: str,
) -> None:
    if spoil is not None:
        spoil(polled)
    account = account_of(polled.tenant, polled.application)._replace(**fields)  # type: ignore[arg-type]
    with pytest.raises(error, match=says):
        check_account(account, way_to(polled.cloud)._replace(**way))


def test_a_secrets_id_in_place_of_its_value_is_recognised_without_asking(polled: PolledInput) -> None:
    with pytest.raises(AuthenticationError, match="Paste the secret's Value"):
        check(polled, client_secret="0c7e4ad2-68f6-4f5c-a4a5-1c6a8f0c1f2e")
    assert list(polled.cloud.journal) == []


@pytest.mark.parametrize(
    ("secret", "auth_type", "is_id"),
    [
        ("0c7e4ad2-68f6-4f5c-a4a5-1c6a8f0c1f2e", "client_secret", True),
        ("0C7E4AD2-68F6-4F5C-A4A5-1C6A8F0C1F2E", "client_secret", True),
        ("0c7e4ad2-68f6-4f5c-a4a5-1c6a8f0c1f2e~", "client_secret", False),
        (SECRET, "client_secret", False),
        ("", "certificate", False),
    ],
)
def test_only_what_has_the_form_of_a_guid_is_taken_for_a_secrets_id(secret: str, auth_type: str, is_id: bool) -> None:  # noqa: FBT001
    account = Account("corp", "commercial", "contoso.onmicrosoft.com", "", secret, auth_type=auth_type)
    with pytest.raises(AuthenticationError, match="make a new secret") if is_id else nullcontext():
        refuse_secret_id(account)


def test_entra_id_in_trouble_is_no_reason_to_refuse(polled: PolledInput) -> None:
    polled.cloud.faults.add(LOGIN, faults.Status(503), times=None)
    found = check(polled)
    assert {one.finding for one in found.kinds} == {Verdict.UNCHECKED}
    assert all("is not issuing tokens at the moment" in warning for warning in warnings("corp", found))
    # No retries.
    assert len(polled.cloud.journal.calls(LOGIN)) == 4


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (faults.EntraError(53003), "Conditional Access policy"),
        (faults.ResetBeforeHeaders(), f"{LOGIN} failed"),
        (faults.Status(503), "not issuing tokens at the moment"),
    ],
    ids=["refusal", "reset", "503"],
)
def test_trouble_about_one_api_beside_tokens_for_the_others_is_that_apis_alone(
    polled: PolledInput, fault: faults.Fault, words: str
) -> None:
    polled.application.roles = dict(ROLES)
    polled.cloud.faults.add(LOGIN, fault, times=None, when=asks_for(ENDPOINT))
    found = findings(check(polled))
    finding, because = found.pop("defender_endpoint_alerts")
    assert finding is Verdict.UNCHECKED
    assert words in because
    assert {finding for finding, _ in found.values()} == {Verdict.FEEDS}


def test_one_token_that_takes_too_long_leaves_its_kind_unchecked_and_the_others_found(polled: PolledInput) -> None:
    polled.application.roles = dict(ROLES)
    hold = faults.Hold()
    polled.cloud.faults.add(LOGIN, hold, times=None, when=asks_for(GRAPH))
    account = account_of(polled.tenant, polled.application)
    found = findings(check_account(account, way_to(polled.cloud), seconds=5.0))
    hold.gate.set()
    late = (Verdict.UNCHECKED, "no answer within 5 s")
    assert found["defender_graph_alerts"] == found["defender_incidents"] == late
    assert found["defender_endpoint_alerts"] == found["defender_siem_alerts"] == (Verdict.FEEDS, "")


def test_all_audiences_are_asked_side_by_side(polled: PolledInput) -> None:
    """Each answer waits until all four requests are there: one after the other, none would ever be answered."""
    polled.application.roles = dict(ROLES)
    hold = faults.Hold()
    there = []

    def all_there(_: Request) -> bool:
        there.append(1)
        if len(there) == 4:
            hold.gate.set()
        return True

    polled.cloud.faults.add(LOGIN, hold, times=None, when=all_there)
    assert check(polled).feeds_all


@contextmanager
def silent_proxy() -> Iterator[Proxy]:
    """A proxy that accepts connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield Proxy("http", "127.0.0.1", server.getsockname()[1])


def test_a_proxy_that_never_answers_is_named_however_patient_the_settings_are(
    polled: PolledInput, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(account_check, "_LONGEST_WAIT", 0.5)
    with silent_proxy() as proxy:
        patient = way_to(polled.cloud)._replace(proxy=proxy, timeout=300.0)
        with pytest.raises(ConnectionFailedError, match=r"Configuration > (Proxy|Network)"):
            check_account(account_of(polled.tenant, polled.application), patient)


def test_what_has_not_come_when_the_time_is_over_is_not_checked(polled: PolledInput) -> None:
    with silent_proxy() as proxy:
        patient = way_to(polled.cloud)._replace(proxy=proxy, timeout=300.0)
        found = check_account(account_of(polled.tenant, polled.application), patient, seconds=1.0)
    assert {(one.finding, one.detail) for one in found.kinds} == {(Verdict.UNCHECKED, "no answer within 1 s")}


def test_a_check_comes_back_as_it_was_kept() -> None:
    found = AccountCheck(
        "2026-11-23",
        (
            KindCheck("defender_graph_alerts", Verdict.MISSING, "Microsoft Graph SecurityAlert.Read.All"),
            KindCheck("defender_siem_alerts", Verdict.FEEDS),
            KindCheck("defender_endpoint_alerts", Verdict.UNCHECKED, 'it said "no", äh'),
        ),
    )
    assert AccountCheck.load(found.dump()) == found
    assert "\n" not in found.dump()


@pytest.mark.parametrize("text", [None, "", "{}", "[]", "yes", '{"day": "x", "kinds": {"a": ["perhaps", ""]}}', "null"])
def test_a_kept_check_that_cannot_be_read_counts_as_none(text: str | None) -> None:
    assert AccountCheck.load(text) is None
