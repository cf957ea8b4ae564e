"""Reads CA certificates from a text, which may be a whole bundle of an operating system.

Everything else in the text is ignored: comments in any encoding, a byte order mark, other kinds of blocks. A
certificate that can't be used is left out, and the others are used.

Sources: RFC 7468 (PEM); OpenSSL, ``openssl-x509`` and ``X509_CERT_AUX`` (a TRUSTED CERTIFICATE also says for which
purposes it is trusted or rejected).
"""

from __future__ import annotations

import datetime as dt
import ssl
from typing import NamedTuple

from . import der, pem
from .x509 import readable

CA_FIELD = "Configuration > Network > Additional CA certificates"

_PLAIN = frozenset({"CERTIFICATE", "X509 CERTIFICATE"})
_TRUSTED = "TRUSTED CERTIFICATE"
_REJECTED = 0xA0
_MOST_SHOWN = 8
# 1.3.6.1.5.5.7.3.1 (serverAuth) and 2.5.29.37.0 (anyExtendedKeyUsage).
_OF_SERVERS = frozenset({b"\x2b\x06\x01\x05\x05\x07\x03\x01", b"\x55\x1d\x25\x00"})


class LeftOut(NamedTuple):
    """A certificate that is not used: its number in the text, its name, and the reason."""

    number: int
    name: str
    because: str

    def __str__(self) -> str:
        """A phrase for a sentence."""
        return f"number {self.number}{f' ({self.name})' if self.name else ''} {self.because}"


class Authorities(NamedTuple):
    """The CA certificates of a text.

    Attributes:
        usable: the certificates to trust, as DER.
        unfit: those that have expired or must not be trusted for servers.
        broken: those that can't be read.
        is_whole: every PEM block that begins also ends.
        has_key: the text contains a private key.
    """

    usable: tuple[bytes, ...]
    unfit: tuple[LeftOut, ...]
    broken: tuple[LeftOut, ...]
    is_whole: bool
    has_key: bool

    @property
    def left_out(self) -> str:
        """A list of what is not used, for a sentence; empty if everything is."""
        said = [str(one) for one in sorted((*self.unfit, *self.broken), key=lambda one: one.number)]
        if len(said) > _MOST_SHOWN:
            said[_MOST_SHOWN:] = [f"and {len(said) - _MOST_SHOWN} more"]
        if not self.is_whole:
            said.append("a block that begins and does not end")
        if self.has_key:
            said.append("a private key, which should not be there")
        return ", ".join(said)


def read_authorities(text: str, now: dt.datetime | None = None) -> Authorities:
    """Read the CA certificates anywhere in a text.

    Args:
        text: any text.
        now: the time at which they must be valid; by default, the present by this host's clock.
    """
    now = now or dt.datetime.now(dt.timezone.utc)
    found = pem.blocks(text)
    reader = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    usable: list[bytes] = []
    unfit: list[LeftOut] = []
    broken: list[LeftOut] = []
    certificates = [block for block in found if block.label in _PLAIN or block.label == _TRUSTED]
    for number, block in enumerate(certificates, 1):
        try:
            encoded, is_for_servers = _certificate(block)
            # OpenSSL decides whether it can be used.
            reader.load_verify_locations(cadata=encoded)
        except (ValueError, ssl.SSLError):
            broken.append(LeftOut(number, "", "can't be read"))
            continue
        details = readable(encoded)
        name = details.subject.common if details else ""
        if details and details.not_after < now:
            unfit.append(LeftOut(number, name, f"expired on {details.not_after.date().isoformat()}"))
        elif not is_for_servers:
            unfit.append(LeftOut(number, name, "is marked as not to be trusted for servers"))
        else:
            usable.append(encoded)
    return Authorities(
        tuple(usable),
        tuple(unfit),
        tuple(broken),
        is_whole=len(found) == text.count(pem.BEGINNING),
        has_key=any(block.is_key for block in found),
    )


def _certificate(block: pem.Block) -> tuple[bytes, bool]:
    """The certificate in a block, as DER, and whether it may be trusted for servers.

    Raises:
        ValueError: the block holds no certificate.
    """
    if block.label != _TRUSTED:
        return block.decoded(), True
    certificate, *purposes = der.values(block.decoded())
    return certificate.encoded, all(map(_is_for_servers, purposes))


def _is_for_servers(auxiliary: der.Value) -> bool:
    trusted = rejected = None
    for value in auxiliary.members():
        if value.tag == der.SEQUENCE:
            trusted = _purposes(value)
        elif value.tag == _REJECTED:
            rejected = _purposes(value)
    return (trusted is None or bool(trusted & _OF_SERVERS)) and not (rejected and rejected & _OF_SERVERS)


def _purposes(value: der.Value) -> set[bytes]:
    return {one.content for one in der.values(value.content)}
