"""The certificates of CAs in a text: pasted, or out of a file, which may be a whole bundle of an operating system's.

Whatever else the text holds (comments in any encoding, a byte order mark, blocks of another kind) costs nothing, and a
certificate that can't be used costs itself alone.

Sources: RFC 7468 (PEM); OpenSSL, ``openssl-x509`` and ``X509_CERT_AUX`` (what a TRUSTED CERTIFICATE holds beside the
certificate: for which purposes it is trusted, and for which it is not).
"""

from __future__ import annotations

import datetime as dt
import ssl
from dataclasses import dataclass

from . import der, pem
from .x509 import Certificate, read_certificate

CA_FIELD = "Configuration > Network > Additional CA certificates"

_PLAIN = frozenset({"CERTIFICATE", "X509 CERTIFICATE"})
_TRUSTED = "TRUSTED CERTIFICATE"
_REJECTED = 0xA0
_MOST_SHOWN = 8
# 1.3.6.1.5.5.7.3.1 (serverAuth) and 2.5.29.37.0 (anyExtendedKeyUsage).
_OF_SERVERS = frozenset({b"\x2b\x06\x01\x05\x05\x07\x03\x01", b"\x55\x1d\x25\x00"})


@dataclass(frozen=True)
class LeftOut:
    """A certificate, by its number in the text, that counts for nothing, and why."""

    number: int
    name: str
    because: str

    def __str__(self) -> str:
        """For a sentence: which one, and why."""
        return f"number {self.number}{f' ({self.name})' if self.name else ''} {self.because}"


@dataclass(frozen=True)
class Authorities:
    """What a text of CA certificates holds.

    Attributes:
        usable: the certificates that can be trusted, as DER.
        unfit: those that have expired, or are marked as not to be trusted for servers.
        broken: those that can't be read.
        is_whole: whether each beginning of a block has its end.
        has_key: whether a private key is among them.
    """

    usable: tuple[bytes, ...]
    unfit: tuple[LeftOut, ...]
    broken: tuple[LeftOut, ...]
    is_whole: bool
    has_key: bool

    @property
    def left_out(self) -> str:
        """What counts for nothing, for a sentence; empty for nothing."""
        said = [str(one) for one in sorted((*self.unfit, *self.broken), key=lambda one: one.number)]
        if len(said) > _MOST_SHOWN:
            said[_MOST_SHOWN:] = [f"and {len(said) - _MOST_SHOWN} more"]
        if not self.is_whole:
            said.append("a block that begins and does not end")
        if self.has_key:
            said.append("a private key, which should not be there")
        return ", ".join(said)


def read_authorities(text: str, now: dt.datetime | None = None) -> Authorities:
    """The CA certificates in a text, wherever they stand in it.

    Args:
        text: of any kind.
        now: when they have to be valid; by default, now by this host's clock.
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
            # TLS's own reader has the last word.
            reader.load_verify_locations(cadata=encoded)
        except (ValueError, ssl.SSLError):
            broken.append(LeftOut(number, "", "can't be read"))
            continue
        details = _details(encoded)
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
    """The bytes of a block's certificate, and whether it may be trusted for servers.

    Raises:
        ValueError: there is none.
    """
    if block.label != _TRUSTED:
        return block.decoded(), True
    encoded, behind = der.split(block.decoded())
    return encoded, not behind or _is_for_servers(der.read(behind))


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


def _details(encoded: bytes) -> Certificate | None:
    """Name and dates; None for a certificate of a form that only TLS's own reader knows."""
    try:
        return read_certificate(encoded)
    except ValueError:
        return None
