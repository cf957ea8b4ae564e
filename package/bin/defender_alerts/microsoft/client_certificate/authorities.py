"""Reads CA certificates from a text, which may be a whole bundle of an operating system.

Everything else in the text is ignored: comments in any encoding, a byte order mark, other kinds of blocks. A
certificate that can't be used is left out, and the others are used.

Sources: RFC 7468 (PEM); OpenSSL, ``openssl-x509`` (a TRUSTED CERTIFICATE also says for which purposes it is trusted).
"""

from __future__ import annotations

import datetime as dt
import ssl
from typing import NamedTuple

from . import pem
from .x509 import readable

CA_FIELD = "Configuration > Network > Additional CA certificates"

_TRUSTED = "TRUSTED CERTIFICATE"
_CERTIFICATES = frozenset({"CERTIFICATE", "X509 CERTIFICATE", _TRUSTED})
_MOST_SHOWN = 8


class Authorities(NamedTuple):
    """The CA certificates of a text.

    Attributes:
        usable: the certificates to trust, as DER.
        unfit: a phrase for each of the others: its number in the text, its name, and the reason.
        broken: the numbers of those among them that can't be read.
        is_whole: every PEM block that begins also ends.
        has_key: the text contains a private key.
    """

    usable: tuple[bytes, ...]
    unfit: tuple[str, ...]
    broken: tuple[int, ...]
    is_whole: bool
    has_key: bool

    @property
    def left_out(self) -> str:
        """A list of what is not used, for a sentence; empty if everything is."""
        said = list(self.unfit)
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
    unfit: list[str] = []
    broken: list[int] = []
    certificates = [block for block in found if block.label in _CERTIFICATES]
    for number, block in enumerate(certificates, 1):
        if block.label == _TRUSTED:
            unfit.append(f"number {number} is in a form of OpenSSL's own (convert it: openssl x509 -in OLD -out NEW)")
            continue
        try:
            encoded = block.decoded()
            # OpenSSL decides whether it can be used.
            reader.load_verify_locations(cadata=encoded)
        except (ValueError, ssl.SSLError):
            broken.append(number)
            unfit.append(f"number {number} can't be read")
            continue
        details = readable(encoded)
        if details and details.not_after < now:
            unfit.append(f"number {number} ({details.subject}) expired on {details.not_after.date().isoformat()}")
        else:
            usable.append(encoded)
    return Authorities(
        tuple(usable),
        tuple(unfit),
        tuple(broken),
        is_whole=len(found) == text.count(pem.BEGINNING),
        has_key=any(block.is_key for block in found),
    )
