"""Reads the parts of X.509 certificates (RFC 5280) that the add-on needs: thumbprints, public key, dates, names."""

from __future__ import annotations

import datetime as dt
import hashlib
import ssl
from typing import NamedTuple

from . import der

RSA = bytes.fromhex("2a864886f70d010101")
"""The object identifier 1.2.840.113549.1.1.1, rsaEncryption, encoded."""

_EXPLICIT_VERSION = 0xA0
# RFC 5280, appendix A.1. Other attributes don't help to recognise a name.
_ATTRIBUTES = {b"\x55\x04\x03": "CN", b"\x55\x04\x0a": "O", b"\x55\x04\x0b": "OU"}
# BMPString; the other types of text are UTF-8 or a part of it.
_ENCODINGS = {0x1E: "utf-16-be"}


class Certificate(NamedTuple):
    """One certificate.

    Attributes:
        modulus: identifies its RSA key; None if it has another one.
        subject: as text, such as ``CN=graph.microsoft.com, O=Microsoft``; the issuer likewise.
    """

    encoded: bytes
    modulus: int | None
    not_before: dt.datetime
    not_after: dt.datetime
    subject: str
    issuer: str

    @property
    def pem(self) -> str:
        """The certificate as PEM."""
        return ssl.DER_cert_to_PEM_cert(self.encoded)

    @property
    def sha1(self) -> bytes:
        """The thumbprint that Entra ID's pages show."""
        return hashlib.sha1(self.encoded, usedforsecurity=False).digest()

    @property
    def sha256(self) -> bytes:
        """The thumbprint for PS256 assertions."""
        return hashlib.sha256(self.encoded).digest()


def read_certificate(encoded: bytes) -> Certificate:
    """Read a certificate in DER.

    Raises:
        ValueError: it is not a certificate.
    """
    try:
        to_be_signed, _, _ = der.read(encoded).members()
        fields = to_be_signed.members()
        # Version 1 certificates have no version field.
        first = 1 if fields[0].tag == _EXPLICIT_VERSION else 0
        _serial, _algorithm, issuer, validity, subject, key = fields[first : first + 6]
        begins, ends = map(_time, validity.members())
        return Certificate(encoded, _modulus(key), begins, ends, _name(subject), _name(issuer))
    except (IndexError, ValueError) as error:
        raise ValueError(f"not a certificate: {error}") from error


def readable(encoded: bytes) -> Certificate | None:
    """Read a certificate in DER; None if it is not one, or if only OpenSSL can read it."""
    try:
        return read_certificate(encoded)
    except ValueError:
        return None


def _name(value: der.Value) -> str:
    texts: list[str] = []
    for relative in value.members():
        for attribute in relative.members(der.SET):
            kind, text = attribute.members()
            label = _ATTRIBUTES.get(kind.of(der.OBJECT_IDENTIFIER))
            if label:
                texts.append(f"{label}={text.content.decode(_ENCODINGS.get(text.tag, 'utf-8'), 'replace')}")
    return ", ".join(texts) or "nobody named"


def _modulus(information: der.Value) -> int | None:
    algorithm, bits = information.members()
    if algorithm.members()[0].of(der.OBJECT_IDENTIFIER) != RSA:
        return None
    # The first byte counts the bits that are not used, of which there are none.
    modulus, _exponent = der.read(bits.of(der.BIT_STRING)[1:]).members()
    return int.from_bytes(modulus.of(der.INTEGER), "big")


def _time(value: der.Value) -> dt.datetime:
    text = value.content.decode("ascii")
    if value.tag == der.UTC_TIME:
        # RFC 5280, 4.1.2.5.1: a two-digit year below 50 means 20xx.
        text = ("20" if text < "50" else "19") + text
    digits, zulu = text[:-1], text[-1:]
    if zulu != "Z" or len(digits) != len("YYYYMMDDHHMMSS") or not digits.isdecimal():
        raise ValueError(f"not a time: {text[:40]!r}")
    date, time = f"{digits[:4]}-{digits[4:6]}-{digits[6:8]}", f"{digits[8:10]}:{digits[10:12]}:{digits[12:]}"
    # Not strptime: its first use costs 9% of a quiet poll's instructions (CPython 3.9).
    return dt.datetime.fromisoformat(f"{date}T{time}+00:00")
