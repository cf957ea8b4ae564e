from __future__ import annotations

import uuid
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import hashes
from standins.key_pairs import KeyPair, rsa_key
from standins.microsoft import ticks
from standins.microsoft.clock import CloudClock
from standins.microsoft.directory import Application, Tenant

from .conftest import Client

LOGIN = "login.microsoftonline.com"
TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
PAIR, OTHER = KeyPair(), KeyPair(rsa_key(number=1))


def thumbprint(pair: KeyPair, name: str) -> str:
    algorithm = hashes.SHA1() if name == "x5t" else hashes.SHA256()  # noqa: S303 - a name
    return jwt.utils.base64url_encode(pair.certificate.fingerprint(algorithm)).decode()


@pytest.fixture
def application(tenant: Tenant) -> Application:
    made = tenant.add_application("aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee", secret=None)
    made.add_certificate(PAIR.pem)
    return made


class Signer:
    """Makes assertions as they should be, but for what a test wants to be wrong."""

    def __init__(self, clock: CloudClock, tenant: Tenant, application: Application) -> None:
        self._clock = clock
        self._tenant = tenant
        self._application = application

    def form(
        self,
        algorithm: str = "PS256",
        header: dict[str, Any] | None = None,
        claims: dict[str, Any] | None = None,
        key: KeyPair = PAIR,
        **fields: str | None,
    ) -> dict[str, str]:
        now = self._clock.now() // ticks.PER_SECOND
        client = self._application.client_id
        said: dict[str, Any] = {
            "aud": f"https://{LOGIN}/{self._tenant.guid}/oauth2/v2.0/token",
            "iss": client,
            "sub": client,
            "jti": str(uuid.uuid4()),
            "nbf": now,
            "iat": now,
            "exp": now + 600,
            **(claims or {}),
        }
        head = {"x5t#S256": thumbprint(PAIR, "x5t#S256")} if header is None else header
        known = {name: value for name, value in said.items() if value is not None}
        signing = "x" * 64 if algorithm.startswith("HS") else key.key if algorithm != "none" else None
        assertion = jwt.encode(known, signing, algorithm=algorithm, headers=head)  # type: ignore[arg-type]
        given: dict[str, str | None] = {
            "grant_type": "client_credentials",
            "client_id": client,
            "scope": "https://graph.windows.net/.default",
            "client_assertion_type": TYPE,
            "client_assertion": assertion,
            **fields,
        }
        return {name: value for name, value in given.items() if value is not None}


@pytest.fixture
def signer(clock: CloudClock, tenant: Tenant, application: Application) -> Signer:
    return Signer(clock, tenant, application)


NOW = ticks.parse("2026-03-01T12:00:00Z") // ticks.PER_SECOND


@pytest.mark.parametrize(
    ("form", "code", "says"),
    [
        pytest.param({"header": {}}, 50027, "No certificate thumbprint", id="no thumbprint"),
        pytest.param({"header": {"x5t": "%"}}, 700027, "key was not found", id="a thumbprint that is none"),
        pytest.param(
            {"header": {"x5t": thumbprint(OTHER, "x5t")}}, 700027, "was not found", id="another certificate's"
        ),
        pytest.param({"key": OTHER}, 700027, "invalid signature", id="another key's signature"),
        pytest.param({"algorithm": "RS384"}, 5002730, "Unsupported key", id="another algorithm"),
        pytest.param({"algorithm": "HS256"}, 5002730, "Unsupported key", id="a shared secret"),
        pytest.param({"algorithm": "none"}, 5002730, "Unsupported key", id="no signature"),
        pytest.param({"claims": {"aud": f"https://{LOGIN}/common/oauth2/v2.0/token"}}, 700023, "audience", id="aud"),
        pytest.param({"claims": {"iss": str(uuid.uuid4())}}, 700021, "doesn't match", id="another issuer"),
        pytest.param({"claims": {"sub": str(uuid.uuid4())}}, 700021, "doesn't match", id="another subject"),
        pytest.param({"claims": {"jti": None}}, 50027, "'jti'", id="no identity"),
        pytest.param({"claims": {"exp": None}}, 50027, "'exp'", id="no end"),
        pytest.param({"claims": {"exp": NOW - 300}}, 700024, "2026-03-01T11:55:00", id="expired"),
        pytest.param({"claims": {"nbf": NOW + 301}}, 700024, "valid time range", id="not valid yet"),
        pytest.param({"client_assertion": "e30.e30.e30"}, 50027, "malformed", id="no JWT"),
        pytest.param({"client_assertion": None}, 900144, "'client_assertion'", id="no assertion"),
        pytest.param({"client_assertion_type": None}, 900144, "client_assertion_type", id="no type"),
        pytest.param({"client_assertion_type": TYPE + "x"}, 7000216, "is required", id="another type"),
        pytest.param({"client_secret": "x"}, 50012, "more than one credential", id="a secret beside it"),
    ],
)
def test_what_is_wrong_with_an_assertion_has_its_own_code(
    client: Client,
    tenant: Tenant,
    application: Application,
    signer: Signer,
    *,
    form: dict[str, Any],
    code: int,
    says: str,
) -> None:
    answer = client.ask_token(tenant.guid, **signer.form(**form))
    assert answer.json()["error_codes"] == [code], answer.text
    assert says in answer.json()["error_description"]
    assert application.assertions == []


def test_an_assertion_is_good_for_one_token(client: Client, tenant: Tenant, signer: Signer) -> None:
    form = signer.form()
    assert client.ask_token(tenant.guid, **form).status_code == 200
    assert client.ask_token(tenant.guid, **form).json()["error_codes"] == [50012]
