"""Reads the public numbers of RSA keys; everything else is left to OpenSSL."""

from __future__ import annotations

from typing import NamedTuple

from . import der

RSA = bytes.fromhex("2a864886f70d010101")
"""The object identifier 1.2.840.113549.1.1.1, rsaEncryption, encoded."""


class PublicNumbers(NamedTuple):
    """The public numbers, which identify an RSA key."""

    modulus: int
    exponent: int


class PrivateKey(NamedTuple):
    """An RSA private key in the form of PKCS#1 (RFC 8017, A.1.2), which ``repr`` leaves out."""

    encoded: bytes
    public: PublicNumbers

    def __repr__(self) -> str:
        return "PrivateKey()"


class OtherKeyError(ValueError):
    """The key is not an RSA key."""


def read_pkcs1(encoded: bytes) -> PrivateKey:
    """Read the content of an ``RSA PRIVATE KEY`` block.

    Raises:
        ValueError: it is not an RSA key.
    """
    _version, modulus, exponent, *rest = der.read(encoded).members()
    for number in rest:
        number.of(der.INTEGER)
    if not rest:
        raise der.MalformedError("the private part is missing")
    return PrivateKey(encoded, PublicNumbers(modulus.positive(), exponent.positive()))


def read_pkcs8(encoded: bytes) -> PrivateKey:
    """Read the content of a ``PRIVATE KEY`` block (RFC 5208).

    Raises:
        OtherKeyError: it is not an RSA key.
        ValueError: it is not a key.
    """
    _version, algorithm, key, *_attributes = der.read(encoded).members()
    if algorithm.members()[0].of(der.OBJECT_IDENTIFIER) != RSA:
        raise OtherKeyError
    return read_pkcs1(key.of(der.OCTET_STRING))
