"""Which certificate a host shows, and who has issued it: so an inspecting proxy is seen."""

from __future__ import annotations

import ssl
import warnings
from dataclasses import dataclass

import requests
import urllib3

from defender_alerts.credentials import der
from defender_alerts.http.failures import Failure, no_answer
from defender_alerts.http.session import ContextAdapter, open_session, trust
from defender_alerts.settings import Network

_SET = 0x31
_EXPLICIT_VERSION = 0xA0
# RFC 5280, appendix A.1; attributes that are not here add nothing to a name's being known.
_ATTRIBUTES = {b"\x55\x04\x03": "CN", b"\x55\x04\x0a": "O", b"\x55\x04\x0b": "OU"}
_BMP_STRING = 0x1E


@dataclass(frozen=True)
class Names:
    """To whom a certificate belongs and who has issued it, such as ``CN=graph.microsoft.com, O=Microsoft``."""

    subject: str
    issuer: str


@dataclass(frozen=True)
class Look:
    """How a connection went.

    Attributes:
        names: of the certificate; None where the handshake did not come to its end.
        failure: what ended the connection before the handshake was through; None for nothing.
        date: the answer's ``Date``; None where there is none.
    """

    names: Names | None
    failure: Failure | None
    date: str | None = None


def read_names(encoded: bytes) -> Names:
    """The names in a certificate (DER).

    Raises:
        ValueError: it is none.
    """
    fields = der.read(encoded).members()[0].members()
    # Version 1 certificates leave the version out.
    first = 1 if fields[0].tag == _EXPLICIT_VERSION else 0
    _serial, _algorithm, issuer, _validity, subject = fields[first : first + 5]
    return Names(_name(subject), _name(issuer))


def _name(value: der.Value) -> str:
    parts = []
    for relative in value.members():
        for attribute in der.Value(der.SEQUENCE, relative.of(_SET)).members():
            kind, text = attribute.members()
            label = _ATTRIBUTES.get(kind.of(der.OBJECT_IDENTIFIER))
            if label is not None:
                encoding = "utf-16-be" if text.tag == _BMP_STRING else "utf-8"
                parts.append(f"{label}={text.content.decode(encoding, 'replace')}")
    return ", ".join(parts) or "nobody named"


def look_verified(network: Network, host: str, context: ssl.SSLContext) -> Look:
    """Connect as the add-on does, but trusting what ``context`` trusts."""
    seen = _watch(context)
    with open_session(network, context, host) as session:
        return _look(session, network, host, seen)


def look_unverified(network: Network, host: str) -> Look:
    """Connect to whoever answers, whatever it shows. Nothing but a bare HEAD is sent, and its answer is not used."""
    context = trust("")
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    seen = _watch(context)
    with open_session(network, context, host) as session, warnings.catch_warnings():
        warnings.simplefilter("ignore", urllib3.exceptions.InsecureRequestWarning)
        session.mount("https://", _BelievingAdapter(context))
        return _look(session, network, host, seen)


class _BelievingAdapter(ContextAdapter):
    """Lets everybody be who they say they are: only to see what they show."""

    cert_reqs = "CERT_NONE"


def _watch(context: ssl.SSLContext) -> list[bytes]:
    """The certificates of the handshakes that will come to their end with this context, as they do."""
    seen: list[bytes] = []

    class Socket(ssl.SSLSocket):
        def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002 - Python's own
            super().do_handshake(block)
            seen.append(self.getpeercert(binary_form=True) or b"")

    class Inner(ssl.SSLObject):  # TLS inside the TLS of a proxy
        def do_handshake(self) -> None:
            super().do_handshake()
            seen.append(self.getpeercert(binary_form=True) or b"")

    context.sslsocket_class, context.sslobject_class = Socket, Inner
    return seen


def _look(session: requests.Session, network: Network, host: str, seen: list[bytes]) -> Look:
    failure, date = None, None
    try:
        url = f"https://{host}/"
        with session.request("HEAD", url, timeout=network.timeout, allow_redirects=False, stream=True) as response:
            date = response.headers.get("Date")
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
        failure = no_answer(host, error, own_ca=bool(network.ca_pem))
    # The first handshake with a proxy of type https is its own.
    own = 1 if session.proxies.get("https", "").startswith("https://") else 0
    names = _readable(seen[own]) if len(seen) > own else None
    # Who has shown a certificate that is believed has been reached: what comes behind it is other checks' business.
    return Look(names, None if names is not None else failure, date)


def _readable(encoded: bytes) -> Names:
    try:
        return read_names(encoded)
    except (ValueError, IndexError):
        return Names("unreadable", "unreadable")
