"""Access tokens: how Entra ID signs them, how an API checks them. Client assertions: how Entra ID reads them."""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import threading
from dataclasses import dataclass
from typing import Any

import jwt
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa


class TokenRefusedError(Exception):
    """The token isn't one that this API takes; says why."""


class SigningKey:
    """The RSA key of one national instance of Entra ID, made for this process alone."""

    def __init__(self) -> None:
        self._private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._public = self._private.public_key()
        der = self._public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        self.identity = hashlib.sha256(der).hexdigest()[:27]

    def sign(self, claims: dict[str, Any]) -> str:
        """Return the claims as a JWT in RS256."""
        return jwt.encode(claims, self._private, algorithm="RS256", headers={"kid": self.identity})

    def open(self, token: str) -> dict[str, Any]:
        """Return the claims of a token that this key has signed; nothing but the signature is checked.

        Raises:
            TokenRefusedError: It isn't a JWT, or another key signed it, or none.
        """
        # Not by PyJWT, which takes longer to read a token than a service for its whole answer.
        signed, _, signature = token.rpartition(".")
        try:
            self._public.verify(_bytes(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256())
            claims: dict[str, Any] = json.loads(_bytes(signed.partition(".")[2]))
        except (InvalidSignature, ValueError) as error:
            raise TokenRefusedError("The signature is invalid") from error
        return claims

    def published(self) -> dict[str, Any]:
        """Return the public key as a JWK."""
        algorithm = jwt.algorithms.RSAAlgorithm
        return {**algorithm.to_jwk(self._public, as_dict=True), "use": "sig", "kid": self.identity}


def _bytes(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "==")


_MAKING = threading.Lock()


def signing_key(instance: str) -> SigningKey:
    """Return the key of a national instance; making one takes a while, so all clouds of a process share it.

    ``functools.cache`` alone lets two threads that ask at once make two keys, and one of them keep the wrong one.
    """
    with _MAKING:
        return _made(instance)


@functools.cache
def _made(instance: str) -> SigningKey:
    del instance
    return SigningKey()


@dataclass(frozen=True)
class Assertion:
    """What an application sent instead of a secret."""

    header: dict[str, Any]
    claims: dict[str, Any]

    @classmethod
    def read(cls, token: str) -> Assertion:
        """Take a JWT apart; nothing is checked yet.

        Raises:
            TokenRefusedError: It isn't a JWT.
        """
        try:
            decoded = jwt.decode_complete(token, options={"verify_signature": False})
        except jwt.InvalidTokenError as error:
            raise TokenRefusedError("JWT token is invalid or malformed.") from error
        return cls(decoded["header"], decoded["payload"])

    def is_signed_by(self, token: str, certificate: x509.Certificate) -> bool:
        """Whether the certificate's key has signed the token with the algorithm that its header names."""
        key = certificate.public_key()
        if not isinstance(key, rsa.RSAPublicKey):
            return False
        try:
            jwt.PyJWS().decode(token, key, algorithms=[self.header["alg"]])
        except jwt.InvalidTokenError:
            return False
        return True
