"""Assertions are signed by the OpenSSL of whichever Python runs, and a real crypto library takes the signatures."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from defender_alerts.errors import ConfigurationError
from defender_alerts.microsoft.client_certificate import assertion, openssl
from defender_alerts.microsoft.client_certificate.assertion import PS256, RS256, Assertions
from defender_alerts.microsoft.client_certificate.key_pair import read_pair
from defender_alerts.times import TICKS_PER_SECOND
from standins.key_pairs import KeyPair, rsa_key

from tooling import paths

CLIENT = "35e0f735-5fe4-4693-9e68-3de80f1d3745"
ENDPOINT = "https://login.microsoftonline.com/contoso.onmicrosoft.com/oauth2/v2.0/token"
NOW = 1_795_435_200
PAIR = KeyPair()
# Makes two assertions, the second with the other algorithm, out of what stands on standard input.
PROGRAM = """
import json, ssl, sys
from defender_alerts.microsoft.client_certificate.assertion import Assertions
from defender_alerts.microsoft.client_certificate.key_pair import read_pair
given = json.load(sys.stdin)
made = []
for certificate, key in given["pairs"]:
    assertions = Assertions(read_pair(certificate, key, ""), given["client"], given["endpoint"], lambda: given["now"])
    made.append(assertions.make())
    assert assertions.another_may_do([700027])
    made.append(assertions.make())
json.dump({"python": sys.version_info[:2], "made": made, "modules": sorted(sys.modules)}, sys.stdout)
"""


class Clock:
    """A server's time that a test sets."""

    def __init__(self) -> None:
        self.ticks = NOW * TICKS_PER_SECOND

    def __call__(self) -> int:
        return self.ticks


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def assertions(clock: Clock) -> Assertions:
    return Assertions(read_pair(PAIR.pem, PAIR.key_pem, ""), CLIENT, ENDPOINT, clock)


def _verified(token: str, pair: KeyPair, algorithm: str) -> dict[str, Any]:
    options: Any = {"verify_exp": False, "verify_nbf": False, "verify_iat": False}
    return dict(jwt.decode(token, pair.key.public_key(), algorithms=[algorithm], audience=ENDPOINT, options=options))


def _signed_by(python: Path | str, *pairs: tuple[str, str]) -> dict[str, Any]:
    given = {"pairs": pairs, "client": CLIENT, "endpoint": ENDPOINT, "now": NOW * TICKS_PER_SECOND}
    environment = {**os.environ, "PYTHONPATH": str(paths.PACKAGE / "bin"), "PYTHONDONTWRITEBYTECODE": "1"}
    run = subprocess.run(
        [str(python), "-c", PROGRAM],
        input=json.dumps(given),
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return dict(json.loads(run.stdout))


def test_each_of_splunks_pythons_signs_with_its_own_openssl_and_nothing_else(splunk_python: Path) -> None:
    pairs = [KeyPair(rsa_key(bits)) for bits in (2048, 3072, 4096)]
    answer = _signed_by(splunk_python, *((pair.pem, pair.key_pem) for pair in pairs), (PAIR.pem, PAIR.pkcs1_pem))
    assert ".".join(map(str, answer["python"])) == splunk_python.name.removeprefix("python")
    for number, pair in enumerate([*pairs, PAIR]):
        new, old = answer["made"][2 * number : 2 * number + 2]
        assert _verified(new, pair, "PS256")["iss"] == CLIENT
        assert _verified(old, pair, "RS256")["iss"] == CLIENT
    assert "cryptography" not in answer["modules"]


def test_an_assertion_says_what_microsoft_documents(assertions: Assertions) -> None:
    token = assertions.make()
    thumbprint = jwt.utils.base64url_encode(read_pair(PAIR.pem, PAIR.key_pem, "").certificate.sha256).decode()
    assert jwt.get_unverified_header(token) == {"alg": "PS256", "typ": "JWT", "x5t#S256": thumbprint}
    claims = _verified(token, PAIR, "PS256")
    jti = claims.pop("jti")
    assert claims == {
        "aud": ENDPOINT,
        "iss": CLIENT,
        "sub": CLIENT,
        "nbf": NOW,
        "iat": NOW,
        "exp": NOW + 600,
    }
    assert _verified(assertions.make(), PAIR, "PS256")["jti"] != jti


def test_the_older_form_names_the_certificate_by_its_older_thumbprint(assertions: Assertions) -> None:
    assertions.make()
    assert assertions.another_may_do([700027])
    token = assertions.make()
    thumbprint = jwt.utils.base64url_encode(read_pair(PAIR.pem, PAIR.key_pem, "").certificate.sha1).decode()
    assert jwt.get_unverified_header(token) == {"alg": "RS256", "typ": "JWT", "x5t": thumbprint}
    assert _verified(token, PAIR, "RS256")["aud"] == ENDPOINT


def test_the_older_form_is_tried_once_and_the_next_run_of_refusals_begins_anew(assertions: Assertions) -> None:
    algorithms = []
    for _ in range(2):
        algorithms.append(jwt.get_unverified_header(assertions.make())["alg"])
        assert assertions.another_may_do([5002730])
        algorithms.append(jwt.get_unverified_header(assertions.make())["alg"])
        assert not assertions.another_may_do([700027])
    assert algorithms == ["PS256", "RS256"] * 2


def test_another_time_is_tried_only_if_the_refusal_has_told_one(assertions: Assertions, clock: Clock) -> None:
    assertions.make()
    assert not assertions.another_may_do([700024])
    clock.ticks += 3_600 * TICKS_PER_SECOND
    assert assertions.another_may_do([700024])
    assert _verified(assertions.make(), PAIR, "PS256")["nbf"] == NOW + 3_600
    assert not assertions.another_may_do([700024])


@pytest.mark.parametrize("codes", [[], [7000215], [700016], [90002]])
def test_what_is_not_the_assertions_fault_is_not_tried_again(assertions: Assertions, codes: list[int]) -> None:
    assertions.make()
    assert not assertions.another_may_do(codes)


def test_a_signature_is_as_long_as_the_key_and_pss_is_never_twice_the_same() -> None:
    key = read_pair(PAIR.pem, PAIR.key_pem, "").key
    signatures = {openssl.load().sign(key, b"message", openssl.PSS) for _ in range(3)}
    assert [len(signature) for signature in signatures] == [256] * 3
    assert len({openssl.load().sign(key, b"message", openssl.PKCS1) for _ in range(3)}) == 1


@pytest.mark.parametrize("spoil", [lambda key: key[:100], lambda _: b"", lambda _: b"\x30\x00"])
def test_a_key_that_openssl_does_not_take_gives_its_reason_and_not_the_key(spoil: Callable[[bytes], bytes]) -> None:
    key = spoil(read_pair(PAIR.pem, PAIR.key_pem, "").key)
    with pytest.raises(
        ConfigurationError, match=r"OpenSSL can't sign.*Make a new pair.*OpenSSL says: error:[0-9A-F]+:"
    ):
        openssl.load().sign(key, b"message", openssl.PSS)


def test_a_padding_that_openssl_does_not_take_is_an_error_and_no_signature() -> None:
    key = read_pair(PAIR.pem, PAIR.key_pem, "").key
    with pytest.raises(ConfigurationError, match="OpenSSL can't sign"):
        openssl.load().sign(key, b"message", (("no_such_option", "1"),))


def test_without_openssl_the_sentence_says_what_to_do(tmp_path: Path) -> None:
    def nowhere() -> Iterator[str | None]:
        yield str(tmp_path / "missing.so")
        yield sys.modules["_json"].__file__  # a library without OpenSSL

    with pytest.raises(ConfigurationError, match=r"can't be reached.*Use an account with a client secret"):
        openssl.load(nowhere())


def test_the_life_is_the_longest_that_microsoft_recommends() -> None:
    assert assertion.LIFE == 600
    assert (PS256.thumbprint, RS256.thumbprint) == ("x5t#S256", "x5t")


@pytest.mark.parametrize(
    "name", ["libeay32.dll", "libcrypto-1_1-x64.dll", "libcrypto-3-x64.dll", "libcrypto-3.dll", "libcrypto.dll"]
)
def test_each_version_of_openssl_is_found_by_its_name_on_windows(tmp_path: Path, name: str) -> None:
    for other in ("ssleay32.dll", "libssl-3-x64.dll", "python39.dll", "libcrypto-3-x64.dll.bak", name):
        (tmp_path / other).touch()
    assert [path.name for path in openssl.windows_libraries(tmp_path)] == [name]
