"""An X.509 certificate (RFC 5280), as far as signing in needs it: fingerprints, public key, dates."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from dataclasses import dataclass, field

from . import der, pem
from .rsa import RSA, PublicNumbers

_EXPLICIT_VERSION = 0xA0
_COMMON_NAME = b"\x55\x04\x03"  # 2.5.4.3
_BMP_STRING = 0x1E
_UTC_TIME = re.compile(rb"(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z\Z")
_GENERALIZED_TIME = re.compile(rb"(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z\Z")
# RFC 5280, 4.1.2.5.1: a two-digit year below 50 is of this century.
_CENTURY_TURNS = 50


@dataclass(frozen=True)
class Certificate:
    """One certificate; ``key`` is None where its key is not for RSA, ``name`` empty where it has no common name."""

    encoded: bytes = field(repr=False)
    key: PublicNumbers | None = field(repr=False)
    not_before: dt.datetime
    not_after: dt.datetime
    name: str = ""

    @property
    def sha1(self) -> bytes:
        """The thumbprint by which Entra ID's pages name it."""
        return hashlib.sha1(self.encoded, usedforsecurity=False).digest()

    @property
    def sha256(self) -> bytes:
        """The thumbprint of today."""
        return hashlib.sha256(self.encoded).digest()

    @property
    def pem(self) -> str:
        """As text."""
        return pem.text("CERTIFICATE", self.encoded)


def read_certificate(encoded: bytes) -> Certificate:
    """The certificate that these bytes are.

    Raises:
        ValueError: they are none.
    """
    try:
        to_be_signed, _, _ = der.read(encoded).members()
        fields = to_be_signed.members()
        # Version 1 certificates leave the version out.
        first = 1 if fields[0].tag == _EXPLICIT_VERSION else 0
        _serial, _algorithm, _issuer, validity, subject, key = fields[first : first + 6]
        not_before, not_after = validity.members()
        return Certificate(encoded, _public_key(key), _time(not_before), _time(not_after), _common_name(subject))
    except (der.MalformedError, IndexError, ValueError) as error:
        raise ValueError(f"not a certificate: {error}") from error


def _common_name(subject: der.Value) -> str:
    """The last common name of the subject, which is the most specific one."""
    names = [
        value
        for attributes in subject.members()
        for attribute in attributes.members(der.SET)
        for identifier, value in [attribute.members()]
        if identifier.of(der.OBJECT_IDENTIFIER) == _COMMON_NAME
    ]
    if not names:
        return ""
    return names[-1].content.decode("utf-16-be" if names[-1].tag == _BMP_STRING else "utf-8", "replace")


def _public_key(information: der.Value) -> PublicNumbers | None:
    algorithm, bits = information.members()
    if algorithm.members()[0].of(der.OBJECT_IDENTIFIER) != RSA:
        return None
    modulus, exponent = der.read(bits.bits()).members()
    return PublicNumbers(modulus.positive(), exponent.positive())


def _time(value: der.Value) -> dt.datetime:
    is_short = value.tag == der.UTC_TIME
    form = _UTC_TIME if is_short else _GENERALIZED_TIME
    match = form.match(value.of(der.UTC_TIME if is_short else der.GENERALIZED_TIME))
    if match is None:
        raise der.MalformedError("a time has a form that RFC 5280 forbids")
    year, *rest = (int(group) for group in match.groups())
    if is_short:
        year += 2000 if year < _CENTURY_TURNS else 1900
    return dt.datetime(year, *rest, tzinfo=dt.timezone.utc)  # type: ignore[arg-type, misc]
