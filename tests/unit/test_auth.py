"""Tokens: one call a poll, renewed in time, and each refusal of Entra ID turned into a sentence to act on."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from defender_alerts.apis.siem import RESOURCES
from defender_alerts.auth import ADVICE
from defender_alerts.errors import (
    AddonError,
    AuthenticationError,
    ConfigurationError,
    ServiceError,
    UnexpectedAnswerError,
    UnknownResourceError,
)
from defender_alerts.times import seconds
from standins.microsoft import faults
from standins.microsoft.samples import siem_alert
from standins.polling import SECRET, PolledInput

LOGIN = "login.microsoftonline.com"


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


def _secret(value: str) -> Callable[[PolledInput], None]:
    def spoil(polled: PolledInput) -> None:
        polled.secret = value

    return spoil


def _expire(polled: PolledInput) -> None:
    polled.application.secrets.clear()
    polled.application.add_secret(SECRET, expires=polled.cloud.clock.now() - seconds(86_400))


def _unknown_application(polled: PolledInput) -> None:
    polled.tenant.applications.clear()


def _disable(polled: PolledInput) -> None:
    polled.application.disabled = True


def _unlicensed(polled: PolledInput) -> None:
    polled.tenant.resources.clear()


def _entra(code: int) -> Callable[[PolledInput], None]:
    def spoil(polled: PolledInput) -> None:
        polled.cloud.faults.add(LOGIN, faults.EntraError(code), times=None)

    return spoil


REFUSED = (
    Refused("a wrong secret", _secret("wrong"), AuthenticationError, r"secret of the account corp is wrong", 7000215),
    Refused("an expired secret", _expire, AuthenticationError, r"secret of the account corp has expired", 7000222),
    Refused("an unknown application", _unknown_application, AuthenticationError, r"unknown in its tenant", 700016),
    Refused("a disabled application", _disable, AuthenticationError, r"Enable it in Entra ID", 7000112),
    Refused(
        "a resource that the tenant does not know",
        _unlicensed,
        UnknownResourceError,
        r"graph\.windows\.net is unknown.*Set the input's resource to https://WDATPAlertExport",
        500011,
    ),
    Refused("Conditional Access", _entra(53003), AuthenticationError, r"Conditional Access policy blocks", 53003),
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
    known = {advice.code for advice in ADVICE}
    assert 50012 not in known
    polled.cloud.faults.add(LOGIN, faults.EntraError(50012), times=None)
    with pytest.raises(AuthenticationError, match=r"Look the code up.*AADSTS50012"):
        polled.poll()


@pytest.mark.parametrize("code", [90033, 90055])
def test_a_transient_code_is_the_services_trouble_and_not_the_credentials(polled: PolledInput, code: int) -> None:
    polled.cloud.faults.add(LOGIN, faults.EntraError(code, status=400), times=None)
    with pytest.raises(ServiceError, match=f"no tokens at the moment.*AADSTS{code}"):
        polled.poll()


def test_something_else_in_place_of_a_token_is_an_error(polled: PolledInput) -> None:
    polled.cloud.faults.add(LOGIN, faults.captive_portal(), times=None)
    with pytest.raises(UnexpectedAnswerError, match=r"not Entra ID's.*portal"):
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
    alert = siem_alert(1, polled.cloud.clock.now() - seconds(60))
    polled.cloud.siem("eu").add(polled.tenant, alert)
    revoked: list[int] = []

    def revoke(_: object) -> None:
        if not revoked:
            revoked.append(1)
            polled.tenant.revoke_tokens()

    polled.cloud.siem("eu").before_answer = revoke
    assert polled.poll().failures == []
    assert polled.sink.raws() == [alert.decode()]
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
    alert = siem_alert(1, polled.cloud.clock.now() - seconds(60))
    polled.cloud.siem(region).add(polled.tenant, alert)
    assert polled.poll().failures == []
    assert polled.sink.raws() == [alert.decode()]
    login = "login.microsoftonline.com" if national == "gcc" else "login.microsoftonline.us"
    assert polled.cloud.journal.hosts() == {login, polled.cloud.siem(region).host}


def test_no_sentence_holds_the_secret_and_none_is_left_unfilled(polled: PolledInput) -> None:
    for advice in ADVICE:
        polled.cloud.faults.clear()
        polled.cloud.faults.add(LOGIN, faults.Status(400, _body(advice.code)))
        with pytest.raises(AddonError) as caught:
            polled.poll()
        assert SECRET not in str(caught.value)
        assert not re.search(r"[{}]", str(caught.value))
        assert f"AADSTS{advice.code}" in str(caught.value)


def _body(code: int) -> bytes:
    return (
        b'{"error":"invalid_client","error_description":"AADSTS%d: The words.\\r\\nTrace ID: 1\\r\\nCorrelation ID: 2",'
        b'"error_codes":[%d],"correlation_id":"3"}' % (code, code)
    )
