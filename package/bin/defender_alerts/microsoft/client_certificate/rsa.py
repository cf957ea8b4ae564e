"""RSA keys as bytes: what is public in them is read, the rest is left to OpenSSL."""

from __future__ import annotations

from dataclasses import dataclass, field

from . import der

RSA = bytes.fromhex("2a864886f70d010101")
"""The object identifier 1.2.840.113549.1.1.1, rsaEncryption, encoded."""


@dataclass(frozen=True)
class PublicNumbers:
    """What tells one RSA key from another."""

    modulus: int
    exponent: int


@dataclass(frozen=True)
class PrivateKey:
    """An RSA private key in the form of PKCS#1 (RFC 8017, A.1.2)."""

    encoded: bytes = field(repr=False)
    public: PublicNumbers = field(repr=False)


class OtherKeyError(ValueError):
    """The key is for another algorithm than RSA."""


def read_pkcs1(encoded: bytes) -> PrivateKey:
    """A key as ``RSA PRIVATE KEY`` holds it.

    Raises:
        ValueError: it is none.
    """
    _version, modulus, exponent, *rest = der.read(encoded).members()
    for number in rest:
        number.of(der.INTEGER)
    if not rest:
        raise der.MalformedError("the private part is missing")
    return PrivateKey(encoded, PublicNumbers(modulus.positive(), exponent.positive()))


def read_pkcs8(encoded: bytes) -> PrivateKey:
    """A key as ``PRIVATE KEY`` holds it (RFC 5208).

    Raises:
        OtherKeyError: it is not for RSA.
        ValueError: it is none.
    """
    _version, algorithm, key, *_attributes = der.read(encoded).members()
    if algorithm.members()[0].of(der.OBJECT_IDENTIFIER) != RSA:
        raise OtherKeyError
    return read_pkcs1(key.of(der.OCTET_STRING))
