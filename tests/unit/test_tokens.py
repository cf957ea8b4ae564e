"""Tokens: one call a poll, renewed in time, and each refusal of Entra ID turned into a sentence to act on."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from defender_alerts.errors import (
    AddonError,
    AuthenticationError,
    ConfigurationError,
    UnknownResourceError,
)
from defender_alerts.microsoft.aadsts import ADVICE
from defender_alerts.microsoft.apis.siem_alerts import RESOURCES
from defender_alerts.microsoft.client_certificate.key_pair import read_pair
from defender_alerts.microsoft.tokens import _MOST_ASSERTIONS
from defender_alerts.times import seconds
from standins.key_pairs import KeyPair
from standins.microsoft import faults
from standins.polling import SECRET, PolledInput
from unit.past import past

LOGIN = "login.microsoftonline.com"
PAIR = KeyPair()
WITH_CERTIFICATE = {"auth_type": "certificate", "client_secret": "", "pair": read_pair(PAIR.pem, PAIR.key_pem, "")}


def _token_calls(polled: PolledInput) -> int:
    return len(polled.cloud.journal.calls(LOGIN))


@dataclass(frozen=True)
class Refused:
    """What is wrong, and what the administrator reads."""

    name: str
    spoil: Callable[[PolledInput], None]
    error: type[AddonError]
    says: str
    code: int


def _wrong_secret(polled: PolledInput) -> None:
    polled.secret = "wrong"


def _expire(polled: PolledInput) -> None:
    polled.application.secrets.clear()
    polled.application.add_secret(SECRET, expires=polled.cloud.clock.now() - seconds(86_400))


def _disable(polled: PolledInput) -> None:
    polled.application.disabled = True


def _conditional_access(polled: PolledInput) -> None:
    polled.cloud.faults.add(LOGIN, faults.EntraError(53003), times=None)


REFUSED = (
    Refused("a wrong secret", _wrong_secret, AuthenticationError, r"secret of the account corp is wrong", 7000215),
    Refused("an expired secret", _expire, AuthenticationError, r"secret of the account corp has expired", 7000222),
    Refused(
        "an unknown application",
        lambda polled: polled.tenant.applications.clear(),
        AuthenticationError,
        r"unknown in its tenant",
        700016,
    ),
    Refused("a disabled application", _disable, AuthenticationError, r"Enable it in Entra ID", 7000112),
    Refused(
        "a resource that the tenant does not know",
        lambda polled: polled.tenant.resources.clear(),
        UnknownResourceError,
        r"graph\.windows\.net is unknown.*Set the input's resource to https://WDATPAlertExport",
        500011,
    ),
    Refused("Conditional Access", _conditional_access, AuthenticationError, r"Conditional Access policy blocks", 53003),
)


@pytest.mark.parametrize("refused", REFUSED, ids=lambda refused: refused.name)
def test_a_refusal_says_what_to_do_and_keeps_microsofts_code_and_correlation_id(
    polled: PolledInput, refused: Refused
) -> None:
    refused.spoil(polled)
    with pytest.raises(refused.error) as caught:
        polled.poll()
    assert type(caught.value) is refused.error
    assert re.search(refused.says, str(caught.value)), str(caught.value)
    assert f"AADSTS{refused.code}" in str(caught.value)
    assert re.search(r"correlation id [0-9a-f-]{36}", str(caught.value))
    assert _token_calls(polled) == 1


def test_an_unknown_tenant_is_named_with_the_field_to_correct(polled: PolledInput) -> None:
    with pytest.raises(AuthenticationError, match=r"Correct the tenant id.*AADSTS90002"):
        polled.poll(tenant_id="00000000-1111-2222-3333-444444444444")


def test_a_tenant_of_another_cloud_is_named_with_the_field_to_correct(polled: PolledInput) -> None:
    tenant = polled.cloud.entra.add_tenant(domain="agency.onmicrosoft.us", cloud="gcc_high")
    application = tenant.add_application(secret=SECRET)
    with pytest.raises(ConfigurationError, match=r"Set the account's cloud to that one.*AADSTS900382"):
        polled.poll(tenant_id=tenant.guid, client_id=application.client_id)


def test_a_code_that_nobody_listed_gets_no_invented_remedy(polled: PolledInput) -> None:
    known = {code for advice in ADVICE for code in advice.codes}
    assert 70011 not in known
    polled.cloud.faults.add(LOGIN, faults.EntraError(70011), times=None)
    with pytest.raises(AuthenticationError, match=r"Look the code up.*AADSTS70011"):
        polled.poll()


def test_a_run_takes_one_token_for_all_its_regions_and_msal_discovers_nothing(polled: PolledInput) -> None:
    polled.regions = ("us", "eu", "uk")
    assert polled.poll().failures == []
    (call,) = polled.cloud.journal.calls(LOGIN)
    assert (call.method, call.path) == ("POST", f"/{polled.tenant.guid}/oauth2/v2.0/token")


@pytest.mark.parametrize("resource", RESOURCES)
def test_the_scope_is_the_resource_to_the_letter(polled: PolledInput, resource: str) -> None:
    polled.resource = resource
    assert polled.poll().failures == []
    assert [token.audience for token in polled.application.issued] == [resource]


def test_a_token_is_renewed_before_it_expires(polled: PolledInput) -> None:
    """A token with four minutes left is not used for another window: ``msal`` counts five."""
    polled.application.token_seconds = 240
    assert polled.poll().failures == []
    windows = len(polled.cloud.journal.calls(polled.cloud.siem("eu").host))
    assert windows > 1
    assert _token_calls(polled) == windows + 1


def test_a_token_that_was_revoked_is_renewed_once_and_the_run_goes_on(polled: PolledInput) -> None:
    alert = polled.publish()
    revoked: list[int] = []

    def revoke(_: object) -> None:
        if not revoked:
            revoked.append(1)
            polled.tenant.revoke_tokens()

    polled.cloud.siem("eu").before_answer = revoke
    assert polled.poll().failures == []
    assert polled.sink.raws() == [alert]
    assert _token_calls(polled) == 2


def test_two_regions_that_find_the_same_token_rejected_renew_it_once(polled: PolledInput) -> None:
    polled.regions = ("us", "eu", "uk")
    hold = faults.Hold()
    held = [polled.cloud.faults.add(polled.cloud.siem(region).host, hold) for region in polled.regions]

    def revoke_when_all_wait() -> None:
        for scripted in held:
            scripted.has_begun.wait(10)
        polled.tenant.revoke_tokens()
        hold.gate.set()

    helper = threading.Thread(target=revoke_when_all_wait)
    helper.start()
    assert polled.poll().failures == []
    helper.join()
    assert _token_calls(polled) == 2


def test_the_permissions_in_the_token_explain_a_403(polled: PolledInput) -> None:
    polled.application.roles = {RESOURCES[0]: ("Machine.Read.All", "Alert.Read")}
    polled.cloud.faults.add(polled.cloud.siem("eu").host, faults.Status(403), times=None)
    (failure,) = polled.poll().failures
    assert "The token carries the permissions Alert.Read, Machine.Read.All." in str(failure)


@pytest.mark.parametrize(("national", "region"), [("gcc", "us.gcc"), ("gcc_high", "us.gov"), ("dod", "us.gov")])
def test_a_government_tenant_is_collected_from_its_own_hosts(polled: PolledInput, national: str, region: str) -> None:
    polled.tenant = polled.cloud.entra.add_tenant(domain=f"{national.replace('_', '')}.example", cloud=national)
    polled.application = polled.tenant.add_application(secret=SECRET)
    polled.regions = ("us",)
    alert = polled.publish(region=region)
    assert polled.poll().failures == []
    assert polled.sink.raws() == [alert]
    login = "login.microsoftonline.com" if national == "gcc" else "login.microsoftonline.us"
    assert polled.cloud.journal.hosts() == {login, polled.cloud.siem(region).host}


@pytest.mark.parametrize("account", [{}, WITH_CERTIFICATE], ids=["with a secret", "with a certificate"])
def test_no_sentence_holds_a_secret_none_is_left_unfilled_and_none_is_about_another_credential(
    polled: PolledInput, account: dict[str, Any]
) -> None:
    for code in {code for advice in ADVICE for code in advice.codes}:
        polled.cloud.faults.clear()
        polled.cloud.faults.add(LOGIN, faults.Status(400, _body(code)), times=None)
        with pytest.raises(AddonError) as caught:
            polled.poll(**account)
        told = str(caught.value)
        assert SECRET not in told
        assert not [line for line in PAIR.key_lines() if line in told]
        assert not re.search(r"[{}]", told)
        assert f"AADSTS{code}" in told
        assert ("client secret" if account else "certificate") not in told.lower().replace("certificates & secrets", "")


@pytest.fixture
def certified(polled: PolledInput) -> PolledInput:
    """An input of an application that has a certificate and no secret."""
    polled.application.secrets.clear()
    polled.application.add_certificate(PAIR.pem)
    return polled


def _shown(polled: PolledInput) -> list[str]:
    """The algorithms of the assertions that got a token."""
    return [assertion.header["alg"] for assertion in polled.application.assertions]


def test_with_a_certificate_a_run_takes_one_token_with_an_assertion_that_entra_id_verifies(
    certified: PolledInput,
) -> None:
    certified.regions = ("us", "eu", "uk")
    assert certified.poll(**WITH_CERTIFICATE).failures == []
    (call,) = certified.cloud.journal.calls(LOGIN)
    form = dict(call.form)
    assert form["client_assertion_type"] == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    assert "client_secret" not in form
    assert _shown(certified) == ["PS256"]
    assert set(certified.application.assertions[0].header) == {"alg", "typ", "x5t#S256"}


@pytest.mark.parametrize("national", ["gcc", "gcc_high", "dod"])
def test_with_a_certificate_the_assertion_is_for_the_token_endpoint_of_the_tenants_cloud(
    certified: PolledInput, national: str
) -> None:
    tenant = certified.cloud.entra.add_tenant(domain=f"{national.replace('_', '')}.example", cloud=national)
    certified.tenant, certified.application = tenant, tenant.add_application(secret=None)
    certified.application.add_certificate(PAIR.der)
    certified.regions = ("us",)
    assert certified.poll(**WITH_CERTIFICATE).failures == []
    assert certified.poll(**WITH_CERTIFICATE, tenant_id=tenant.domain).failures == []
    login = "login.microsoftonline.com" if national == "gcc" else "login.microsoftonline.us"
    assert [assertion.claims["aud"] for assertion in certified.application.assertions] == [
        f"https://{login}/{name}/oauth2/v2.0/token" for name in (tenant.guid, tenant.domain)
    ]


def test_each_renewal_has_an_assertion_of_its_own(certified: PolledInput) -> None:
    certified.application.token_seconds = 240
    assert certified.poll(**WITH_CERTIFICATE).failures == []
    shown = [assertion.claims["jti"] for assertion in certified.application.assertions]
    assert len(set(shown)) == len(shown) == _token_calls(certified) > 2


@pytest.mark.parametrize(("part", "form"), [("assertion_algorithms", "PS256"), ("assertion_thumbprints", "x5t#S256")])
def test_where_the_new_form_of_assertion_is_refused_the_old_one_is_tried_once_and_kept(
    certified: PolledInput, part: str, form: str
) -> None:
    getattr(certified.cloud.entra, part).remove(form)
    certified.application.token_seconds = 240
    assert certified.poll(**WITH_CERTIFICATE).failures == []
    assert set(_shown(certified)) == {"RS256"}
    assert _token_calls(certified) == len(_shown(certified)) + 1 > 3


@pytest.mark.parametrize("ahead", [-3_600, 3_600])
def test_a_wrong_clock_of_this_host_is_put_right_by_the_refusals_own_date(certified: PolledInput, ahead: float) -> None:
    certified.cloud.clock.skew(ahead)
    assert certified.poll(**WITH_CERTIFICATE).failures == []
    assert (_token_calls(certified), len(_shown(certified))) == (2, 1)


def _expired_there(polled: PolledInput) -> None:
    polled.application.certificates.clear()
    polled.application.add_certificate(PAIR.pem, expires=polled.cloud.clock.now() - seconds(60))


def _not_found_and_no_old_algorithm(polled: PolledInput) -> None:
    polled.application.certificates.clear()
    polled.cloud.entra.assertion_algorithms.remove("RS256")


THUMBPRINT = f"thumbprint is {PAIR.certificate.fingerprint(hashes.SHA1()).hex().upper()}"  # noqa: S303 - a name
REFUSED_CERTIFICATES = (
    Refused(
        "not uploaded",
        lambda polled: polled.application.certificates.clear(),
        AuthenticationError,
        rf"{THUMBPRINT}.*upload.*key was not found",
        700027,
    ),
    Refused("expired in Entra ID", _expired_there, AuthenticationError, r"knows it as expired.*is expired", 700027),
    Refused(
        "not uploaded, and the old form is not taken either",
        _not_found_and_no_old_algorithm,
        AuthenticationError,
        r"does not know the certificate.*upload",
        700027,
    ),
    Refused(
        "no algorithm",
        lambda polled: polled.cloud.entra.assertion_algorithms.clear(),
        AuthenticationError,
        r"neither PS256 nor RS256.*at least 2048 bits",
        5002730,
    ),
)


@pytest.mark.parametrize("refused", REFUSED_CERTIFICATES, ids=lambda refused: refused.name)
def test_a_certificate_that_entra_id_refuses_is_named_with_what_to_do(certified: PolledInput, refused: Refused) -> None:
    refused.spoil(certified)
    with pytest.raises(refused.error, match=refused.says) as caught:
        certified.poll(**WITH_CERTIFICATE)
    assert f"AADSTS{refused.code}" in str(caught.value)
    assert re.search(r"correlation id [0-9a-f-]{36}", str(caught.value))
    assert _token_calls(certified) == 2


@pytest.mark.parametrize("code", [700024, 700021, 7000214, 7000218])
def test_what_another_assertion_would_not_better_is_asked_once(certified: PolledInput, code: int) -> None:
    certified.cloud.faults.add(LOGIN, faults.Status(401, _body(code)), times=None)
    with pytest.raises(AuthenticationError, match=f"AADSTS{code}"):
        certified.poll(**WITH_CERTIFICATE)
    assert _token_calls(certified) == 1


@pytest.mark.parametrize("code", [5002730, 700027, 700024])
@pytest.mark.parametrize("refused", past(_MOST_ASSERTIONS))
def test_however_often_assertions_are_refused_a_run_makes_a_few_and_the_next_one_collects(
    certified: PolledInput, code: int, refused: int
) -> None:
    """Also where this host's clock is wrong by an hour, which only a refusal tells."""
    certified.cloud.clock.skew(3_600)
    certified.cloud.faults.add(LOGIN, faults.Status(401, _body(code)), times=refused)
    for _ in range(refused + 1):
        certified.cloud.journal.clear()
        try:
            failures = certified.poll(**WITH_CERTIFICATE).failures
        except AuthenticationError:
            assert _token_calls(certified) <= _MOST_ASSERTIONS
            continue
        assert failures == []
        return
    pytest.fail("it never collects")


def _body(code: int) -> bytes:
    return (
        b'{"error":"invalid_client","error_description":"AADSTS%d: The words.\\r\\nTrace ID: 1\\r\\nCorrelation ID: 2",'
        b'"error_codes":[%d],"correlation_id":"3"}' % (code, code)
    )
