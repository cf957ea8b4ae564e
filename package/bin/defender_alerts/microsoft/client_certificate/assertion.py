"""Makes client assertions: short-lived JWTs for Entra ID, signed with the private key of a certificate.

Source: Microsoft, "Microsoft identity platform application authentication certificate credentials", which asks for
PS256 and the SHA-256 thumbprint. Until 2024 it asked for RS256 and the SHA-1 thumbprint, and some tenants have answered
AADSTS700027 to the new thumbprint (MicrosoftDocs/entra-docs, pull request 1301). So the old form is tried if the new
one is refused.
"""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Iterable
from typing import Callable, NamedTuple

from defender_alerts.times import TICKS_PER_SECOND

from . import UNSUPPORTED_ALGORITHM, openssl
from .key_pair import Pair

LIFE = 600
# After a refusal because of its time, another assertion is only made if it would differ by more than this many seconds.
_NOTABLE = 60


class Algorithm(NamedTuple):
    """A signature algorithm (RFC 7518, 3.1) and the JWT header that identifies the certificate (RFC 7515, 4.1)."""

    name: str
    thumbprint: str
    padding: tuple[tuple[str, str], ...]


PS256 = Algorithm("PS256", "x5t#S256", openssl.PSS)
RS256 = Algorithm("RS256", "x5t", openssl.PKCS1)

# The key was not found, or the signature does not match; an unknown thumbprint gets 700027 as well.
_KEY_REFUSED = frozenset({700027, 7000274, 50012, UNSUPPORTED_ALGORITHM})
_TIME_REFUSED = frozenset({700024, 500133})


class Assertions:
    """Makes the assertions of one application for one token endpoint.

    Args:
        pair: certificate and key.
        client_id: of the application.
        audience: the address of the token endpoint.
        now: returns the server's time in ticks.
    """

    def __init__(self, pair: Pair, client_id: str, audience: str, now: Callable[[], int]) -> None:
        self._pair = pair
        self._client_id = client_id
        self._audience = audience
        self._now = now
        self._algorithm = PS256
        self._issued = 0

    def make(self) -> str:
        """Make a new assertion for one request.

        Raises:
            ConfigurationError: it can't be signed.
        """
        certificate, algorithm = self._pair.certificate, self._algorithm
        self._issued = self._now() // TICKS_PER_SECOND
        thumbprint = certificate.sha256 if algorithm is PS256 else certificate.sha1
        header = {"alg": algorithm.name, "typ": "JWT", algorithm.thumbprint: _base64url(thumbprint)}
        claims = {
            "aud": self._audience,
            "iss": self._client_id,
            "sub": self._client_id,
            "jti": str(uuid.uuid4()),
            "nbf": self._issued,
            "iat": self._issued,
            "exp": self._issued + LIFE,
        }
        signed = ".".join(_base64url(json.dumps(part, separators=(",", ":")).encode()) for part in (header, claims))
        signature = openssl.load().sign(self._pair.key, signed.encode(), algorithm.padding)
        return f"{signed}.{_base64url(signature)}"

    def another_may_do(self, codes: Iterable[int]) -> bool:
        """Whether the next assertion may succeed after a refusal with these AADSTS codes.

        It uses the other algorithm, which is tried once, or the server's time, which the refusal has shown.
        """
        refused = frozenset(codes)
        if refused & _TIME_REFUSED:
            return abs(self._now() // TICKS_PER_SECOND - self._issued) > _NOTABLE
        if refused & _KEY_REFUSED and self._algorithm is PS256:
            self._algorithm = RS256
            return True
        self._algorithm = PS256
        return False


def _base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode("ascii")
