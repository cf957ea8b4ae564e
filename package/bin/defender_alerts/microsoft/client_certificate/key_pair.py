"""Reads the certificate and the private key that an administrator pasted.

No error message quotes what was pasted.
"""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple

from defender_alerts.errors import ConfigurationError

from . import der, pem
from .x509 import RSA, Certificate, read_certificate

NEW_PAIR = "openssl req -x509 -newkey rsa:2048 -sha256 -days 730 -nodes -subj /CN=splunk -keyout key.pem -out cert.pem"
DECRYPT = "openssl pkcs8 -topk8 -nocrypt -in encrypted.pem -out key.pem"
# How far this host's clock may be behind the one of the machine that made the certificate.
_LENIENCE = dt.timedelta(minutes=5)
# Other texts may hold a shorter line of a key.
_SHORTEST_REDACTED = 16
_PKCS1, _PKCS8 = "RSA PRIVATE KEY", "PRIVATE KEY"
_ENCRYPTED = "ENCRYPTED"


class Pair(NamedTuple):
    """A certificate and its private key, which ``repr`` does not show.

    Attributes:
        key: an RSA private key in the form of PKCS#1 (RFC 8017, A.1.2).
        key_pem: the pasted key with normal line breaks.
    """

    certificate: Certificate
    key: bytes
    key_pem: str

    def __repr__(self) -> str:
        return f"Pair({self.certificate.subject})"

    @property
    def key_secrets(self) -> tuple[str, ...]:
        """The texts to redact: the key, and each of its lines except BEGIN, END and very short ones."""
        lines = self.key_pem.splitlines()[1:-1]
        return (self.key_pem, *(line for line in lines if len(line) >= _SHORTEST_REDACTED))

    def must_be_valid(self, now: dt.datetime, where: str) -> None:
        """Check the certificate's dates.

        Raises:
            ConfigurationError: it has expired, or is not valid yet.
        """
        certificate = self.certificate
        if now >= certificate.not_after:
            raise ConfigurationError(
                f"The certificate expired on {_day(certificate.not_after)} (this host's clock says {_day(now)}). Make "
                f"a new one with its key ({NEW_PAIR}), upload cert.pem in Entra ID > App registrations > Certificates "
                f"& secrets > Certificates, and paste both into the account. {where}"
            )
        if now < certificate.not_before - _LENIENCE:
            raise ConfigurationError(
                f"The certificate is not valid before {_day(certificate.not_before)}, and this host's clock says "
                f"{_day(now)}. Correct the clock, or use a certificate that is valid now. {where}"
            )


def read_pair(certificate: str, private_key: str, where: str) -> Pair:
    """Read the pair from the fields Certificate, which may hold a whole chain, and Private key.

    Args:
        certificate: the text of the field.
        private_key: the text of the field.
        where: a sentence that says where to correct the fields, appended to each error.

    Raises:
        ConfigurationError: a field holds something else, or the two do not belong together.
    """
    certificates = _read_certificates(certificate, where)
    block = _key_block(private_key, where)
    key, modulus = _read_key(block, where)
    # The certificate with this key is the application's own; the others in a chain belong to its issuers.
    for one in certificates:
        if one.modulus == modulus:
            return Pair(one, key, block.text)
    raise ConfigurationError(
        "The certificate and the private key do not belong together. Paste the two files of one pair: openssl x509 -in "
        f"cert.pem -noout -modulus and openssl rsa -in key.pem -noout -modulus print the same for them. {where}"
    )


def not_after(certificate: str) -> dt.date | None:
    """The last day (UTC) of the first certificate in a text; None if it can't be read."""
    try:
        return read_certificate(pem.blocks(certificate)[0].decoded()).not_after.date()
    except (IndexError, ValueError):
        return None


def _read_certificates(text: str, where: str) -> list[Certificate]:
    if not text.strip():
        raise ConfigurationError(f"There is no certificate. Paste it as PEM text. {where}")
    found = pem.blocks(text)
    if any(block.is_key for block in found):
        raise ConfigurationError(
            "The field Certificate holds a private key, and this field is not stored encrypted. Paste the certificate "
            "alone there, and the key into the field Private key; if it has been saved like this, make a new pair: "
            f"{NEW_PAIR}. {where}"
        )
    certificates = [block for block in found if block.label == "CERTIFICATE"]
    if not certificates:
        raise ConfigurationError(
            f"The field Certificate holds {_what(found)}. Paste the certificate, which begins with -----BEGIN "
            "CERTIFICATE-----; for a request, the one that the authority made of it. A file in another form is "
            f"converted by: openssl x509 -inform DER -in cert.cer -out cert.pem. {where}"
        )
    try:
        return [read_certificate(block.decoded()) for block in certificates]
    except ValueError:
        raise ConfigurationError(
            "The certificate can't be read. Paste the whole text again, from -----BEGIN CERTIFICATE----- to "
            f"-----END CERTIFICATE-----. {where}"
        ) from None


def _key_block(text: str, where: str) -> pem.Block:
    if not text.strip():
        raise ConfigurationError(f"There is no private key. Paste the certificate's key as PEM text. {where}")
    found = pem.blocks(text)
    keys = [block for block in found if block.is_key]
    if any(block.label.startswith(_ENCRYPTED) or _ENCRYPTED in block.body[:80] for block in keys):
        raise ConfigurationError(
            f"The private key is protected by a passphrase. Convert it, and paste the new file: {DECRYPT}. It is "
            f"stored encrypted by Splunk. {where}"
        )
    if len(keys) > 1:
        raise ConfigurationError(f"The field Private key holds {len(keys)} keys. Paste the certificate's own. {where}")
    if not keys:
        raise ConfigurationError(
            f"The field Private key holds {_what(found)}. Paste the private key, which begins with -----BEGIN PRIVATE "
            f"KEY----- or -----BEGIN RSA PRIVATE KEY-----. {where}"
        )
    return keys[0]


def _read_key(block: pem.Block, where: str) -> tuple[bytes, int]:
    """The key in the form of PKCS#1, and its modulus, by which it is identified."""
    try:
        encoded = _pkcs1(block)
        if not encoded:
            raise ConfigurationError(
                f"The private key is not an RSA key in PEM, which Entra ID requires. Make a new pair: {NEW_PAIR}. "
                f"{where}"
            )
        _version, modulus, _exponent, _private_exponent, *_others = der.read(encoded).members()
        return encoded, int.from_bytes(modulus.of(der.INTEGER), "big")
    except ValueError:
        raise ConfigurationError(
            "The private key can't be read. Paste the whole text again, from its -----BEGIN line to its -----END line. "
            f"{where}"
        ) from None


def _pkcs1(block: pem.Block) -> bytes:
    """The RSA key in a block of PKCS#8 (RFC 5208) or PKCS#1; empty for another key.

    Raises:
        ValueError: it is not a key.
    """
    if block.label == _PKCS1:
        return block.decoded()
    if block.label != _PKCS8:
        return b""
    _version, algorithm, key, *_attributes = der.read(block.decoded()).members()
    return key.of(der.OCTET_STRING) if algorithm.members()[0].of(der.OBJECT_IDENTIFIER) == RSA else b""


def _what(found: tuple[pem.Block, ...]) -> str:
    """What a field holds in place of what should be there."""
    return f"a {found[0].label.lower()}" if found else "no PEM text"


def _day(moment: dt.datetime) -> str:
    return moment.astimezone(dt.timezone.utc).date().isoformat()
