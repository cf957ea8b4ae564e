"""Sentences for administrators that no other test provokes."""

from __future__ import annotations

import json
import socket
from contextlib import ExitStack

import pytest
from defender_alerts.diagnostics.network import check_proxy
from defender_alerts.errors import (
    AddonError,
    AuthenticationError,
    ConfigurationError,
    ConnectionFailedError,
)
from defender_alerts.microsoft.client_certificate.key_pair import read_pair
from defender_alerts.microsoft.network import Proxy
from defender_alerts.times import seconds
from standins.key_pairs import KeyPair
from standins.microsoft import faults
from standins.microsoft.cloud import MicrosoftCloud
from standins.microsoft.samples import siem_alert
from standins.polling import PolledInput
from standins.sources import SOURCES, Source, customer

LOGIN = "login.microsoftonline.com"
PAIR = KeyPair()
CERTIFIED = {"auth_type": "certificate", "client_secret": "", "pair": read_pair(PAIR.pem, PAIR.key_pem, "")}
CODES = [
    (700024, CERTIFIED, "Entra ID finds the signed assertion of the account corp outside its ten minutes."),
    (700023, CERTIFIED, "The signed assertion is for another tenant or cloud. Correct the tenant id"),
    (7000214, CERTIFIED, "The certificate of the account corp has been revoked."),
    (1000502, CERTIFIED, "The certificate of the account corp is not valid now, says Entra ID."),
    (7000218, {}, "No credential has reached Entra ID. Enter the client secret of the account corp again,"),
    (900023, {}, "The tenant id of the account corp is malformed."),
    (900439, {}, "The tenant of the account corp lives in Microsoft's cloud for the US government. Set the account's"),
    (
        500014,
        {},
        "The resource https://graph.windows.net is disabled in the tenant of the account corp: a subscription has lapsed",
    ),
    (7000229, {}, "The application of the account corp is not in its tenant yet: it has no enterprise application"),
    (65001, {}, "Nobody has consented to the application's permissions. Check the application"),
    (90094, {}, "An administrator has to consent to the application's permissions. Check the application"),
    (650052, {}, "The application of the account corp asks for a service that its tenant has not subscribed to"),
    (530035, {}, "The security defaults of the tenant of the account corp block this sign-in."),
    (50001, {}, "The resource https://graph.windows.net is disabled or unknown in the tenant of the account corp."),
]


def refusal(code: int) -> bytes:
    """A refusal of Entra ID's, which has more codes than the stand-in gives by itself."""
    return json.dumps(
        {"error": "invalid_client", "error_description": f"AADSTS{code}: no.", "error_codes": [code]}
    ).encode()


@pytest.mark.parametrize(("code", "account", "says"), CODES, ids=lambda what: what if isinstance(what, int) else "")
def test_a_code_of_Entra_ID_becomes_a_sentence_that_says_what_to_do(
    polled: PolledInput, code: int, account: dict[str, str], says: str
) -> None:
    polled.application.add_certificate(PAIR.pem)
    polled.cloud.faults.add(LOGIN, faults.Status(400, refusal(code)), times=None)
    with pytest.raises(AddonError) as caught:
        polled.poll(**account)
    assert isinstance(caught.value, (AuthenticationError, ConfigurationError))
    assert str(caught.value).startswith(says), str(caught.value)


def test_an_application_without_an_enterprise_application_gets_the_address_that_makes_one(polled: PolledInput) -> None:
    polled.cloud.faults.add(LOGIN, faults.Status(400, refusal(7000229)), times=None)
    with pytest.raises(AuthenticationError) as caught:
        polled.poll()
    tenant, client = polled.tenant.guid, polled.application.client_id
    assert f"open https://{LOGIN}/{tenant}/adminconsent?client_id={client} and accept" in str(caught.value)


@pytest.mark.parametrize(("secret", "named"), [("se\u3164cret", "U+3164 (HANGUL FILLER)"), ("sécret", "U+00E9")])
def test_a_wrong_secret_with_a_character_that_looks_like_another_one_or_like_none_names_it(
    polled: PolledInput, secret: str, named: str
) -> None:
    with pytest.raises(AuthenticationError) as caught:
        polled.poll(client_secret=secret)
    assert f"is wrong. It holds the character {named}" in str(caught.value)
    assert secret not in str(caught.value)


ODD_REFUSALS: list[dict[str, object]] = [
    {"error": "invalid_client", "error_codes": ["x", None, {}, 1.5]},
    {"error": "invalid_client", "error_codes": "7000215"},
    {"error": "invalid_client", "error_description": 7, "error_codes": 7},
    {"error": ["a"], "error_description": {"b": 1}},
]


@pytest.mark.parametrize("body", ODD_REFUSALS, ids=str)
def test_a_refusal_of_an_odd_shape_is_a_refusal_all_the_same(polled: PolledInput, body: dict[str, object]) -> None:
    polled.cloud.faults.add(LOGIN, faults.Status(400, json.dumps(body).encode()), times=None)
    with pytest.raises(AuthenticationError, match="Entra ID refuses the account corp"):
        polled.poll()


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"error":' + b"7" * 5_000 + b"}"])
def test_what_is_no_answer_of_Entra_ID_is_said_as_such_however_odd(polled: PolledInput, body: bytes) -> None:
    polled.cloud.faults.add(LOGIN, faults.Status(200, body), times=None)
    with pytest.raises(AddonError) as caught:
        polled.poll()
    assert "does not know" not in str(caught.value)


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.kind)
def test_a_start_in_the_future_is_said_and_once_corrected_it_collects(
    cloud: MicrosoftCloud, source: Source, caplog: pytest.LogCaptureFixture
) -> None:
    polled = source.input(cloud, *customer(cloud), start_time="2062-01-01T00:00:00Z")
    source.publish(cloud, polled.tenant, [source.make(1, cloud.clock.now() - seconds(3_600))])
    assert polled.poll().failures == []
    said = [line.getMessage() for line in caplog.records if line.levelname == "WARNING"]
    assert len(said) == 1
    assert "start_time is 2062-01-01T00:00:00Z" in said[0]
    assert "nothing is collected before that time has come" in said[0]
    polled.start_time = "-7d"
    assert polled.poll().failures == []
    assert len(polled.sink.taken) == 1
    # What has a checkpoint no longer looks at the start.
    caplog.clear()
    polled.start_time = "2062-01-01T00:00:00Z"
    source.publish(cloud, polled.tenant, [source.make(2, cloud.clock.now() - seconds(60))])
    assert polled.poll().failures == []
    assert len(polled.sink.taken) == 2
    assert [line for line in caplog.records if "start_time" in line.getMessage()] == []


def test_an_error_that_nobody_foresaw_asks_to_be_reported(polled: PolledInput) -> None:
    def fail(document: object) -> None:
        raise ZeroDivisionError(document)

    polled.store.save = fail  # type: ignore[method-assign]
    (failure,) = polled.poll().failures
    assert str(failure).startswith("Unexpected error: ZeroDivisionError: ")
    assert "Set the log level to DEBUG and report it." in str(failure)


def test_a_SOCKS_proxy_that_is_not_there_is_named_with_its_address(polled: PolledInput) -> None:
    polled.proxy = Proxy(kind="socks5", host="127.0.0.1", port=9)
    with pytest.raises(AddonError, match=rf"The proxy could not be used to reach {LOGIN} \(.*refused"):
        polled.poll()


def test_an_answer_that_breaks_off_is_said_to_be_asked_for_again(polled: PolledInput) -> None:
    polled.cloud.siem("eu").add(polled.tenant, siem_alert(1, polled.cloud.clock.now()))
    polled.cloud.faults.add(polled.cloud.siem("eu").host, faults.Status(200, b"["), times=None)
    (failure,) = polled.poll().failures
    assert str(failure) == f"{polled.cloud.siem('eu').host}: The answer was cut off. The next run tries again."


def test_a_proxy_that_takes_no_connection_in_time_is_named_with_what_to_correct() -> None:
    with ExitStack() as stack:
        full = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        port: int = full.getsockname()[1]
        # Nobody takes these: they fill the queue.
        for _ in range(2):
            waiting = stack.enter_context(socket.socket())
            waiting.settimeout(0)
            waiting.connect_ex(("127.0.0.1", port))
        with pytest.raises(ConnectionFailedError) as caught:
            check_proxy(Proxy(kind="http", host="127.0.0.1", port=port), [LOGIN], seconds=0.2)
    assert str(caught.value).startswith(
        f"Nothing answers at http://127.0.0.1:{port} (timed out). Correct Type, Host or Port"
    )
