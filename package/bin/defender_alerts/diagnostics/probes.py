"""Probes the proxy and the certificates on the path to a Microsoft host."""

from __future__ import annotations

import socket
import ssl
import warnings
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3

from defender_alerts.errors import ConnectionFailedError
from defender_alerts.microsoft.client_certificate.x509 import Certificate, readable
from defender_alerts.microsoft.network import Network
from defender_alerts.microsoft.transport.failures import CERTIFICATE_REASONS, Failure, no_answer
from defender_alerts.microsoft.transport.session import open_session, proxies_for, trust

# TLS is spoken with what is behind the tunnel: so the proxy has opened it.
_BEHIND_THE_PROXY = CERTIFICATE_REASONS | {"no TLS", "outdated TLS"}
# Said in words that fit; whatever else happens is no answer of a proxy's.
_OF_THE_PROXY = frozenset({"proxy login", "proxy certificate", "proxy TLS", "refused tunnel", "unknown host"})


@dataclass(frozen=True)
class ProxyInUse:
    """The proxy for a host; ``source`` says where it is configured."""

    kind: str
    host: str
    port: int
    source: str

    @property
    def resolves(self) -> bool:
        """Whether the proxy resolves host names."""
        return self.kind != "socks5"

    def __str__(self) -> str:
        """The address without the login."""
        return f"{self.kind}://{self.host}:{self.port}"


@dataclass(frozen=True)
class Look:
    """How a connection went.

    Attributes:
        reached: whether the handshake came to its end.
        certificate: what the host has shown; None where it can't be read.
        failure: what ended the connection before the handshake was through; None for nothing.
        date: the answer's ``Date``; None where there is none.
    """

    reached: bool
    certificate: Certificate | None
    failure: Failure | None
    date: str | None = None


def proxy_in_use(network: Network, host: str) -> ProxyInUse | None:
    """The proxy for a host; None for a direct connection."""
    proxies = proxies_for(network, host)
    url = proxies.get("https") or proxies.get("all")
    if not url:
        return None
    address = urlsplit(url)
    source = "Configuration > Proxy" if network.proxy else "the environment of splunkd (https_proxy)"
    return ProxyInUse(address.scheme, address.hostname or "", address.port or 0, source)


def proxy_failure(network: Network, host: str) -> Failure | None:
    """Why the proxy opens no tunnel to a host; None if it does. Failures inside the tunnel are ignored."""
    proxy = proxy_in_use(network, host)
    if proxy is None:
        return None
    correct = f"Correct Type, Host or Port under {proxy.source}"
    try:
        socket.create_connection((proxy.host, proxy.port), network.timeout).close()
    except (OSError, UnicodeError) as error:
        # Python's own words for a name that is not known differ from one system to the next.
        why = "its name can't be resolved" if isinstance(error, (socket.gaierror, UnicodeError)) else str(error)
        sentence = f"Nothing answers at {proxy} ({why}). {correct}, or open the firewall in between."
        return Failure("proxy", ConnectionFailedError(sentence), may_pass=True)
    failure = look(network, host, trust(network.ca_pem)).failure
    if failure is None or failure.reason in _BEHIND_THE_PROXY:
        return None
    if failure.reason in _OF_THE_PROXY:
        return failure
    sentence = (
        f"{proxy} accepts connections but does not behave like a proxy of this type that lets {host}:443 pass "
        f"({failure.detail}). {correct}."
    )
    return failure._replace(error=ConnectionFailedError(sentence))


def look(network: Network, host: str, trusted: ssl.SSLContext | None) -> Look:
    """Shake hands with a host, and send it a bare HEAD.

    Args:
        network: the way.
        host: to reach.
        trusted: verifies who answers; None to see what whoever answers shows: then its answer is not used.
    """
    context = trusted or trust("")
    if trusted is None:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    seen = _watch(context)
    failure, date = None, None
    with open_session(network, context, host) as session, warnings.catch_warnings():
        warnings.simplefilter("ignore", urllib3.exceptions.InsecureRequestWarning)
        try:
            url = f"https://{host}/"
            with session.request("HEAD", url, timeout=network.timeout, allow_redirects=False, stream=True) as response:
                date = response.headers.get("Date")
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            failure = no_answer(host, error, session)
        # The first handshake with a proxy of type https is its own.
        shown = seen[1 if session.proxies.get("https", "").startswith("https://") else 0 :]
    # Who has shown a certificate that is believed has been reached: what comes behind it is other checks' business.
    return Look(bool(shown), readable(shown[0]) if shown else None, None if shown else failure, date)


def _watch(context: ssl.SSLContext) -> list[bytes]:
    """A list that receives the certificate of each handshake made with this context."""
    seen: list[bytes] = []

    class Watched:
        def do_handshake(self, *args: Any) -> None:
            super().do_handshake(*args)  # type: ignore[misc] # of the class beside this one
            seen.append(self.getpeercert(binary_form=True) or b"")  # type: ignore[attr-defined]

    context.sslsocket_class = type("Socket", (Watched, ssl.SSLSocket), {})
    context.sslobject_class = type("Inner", (Watched, ssl.SSLObject), {})  # TLS inside the TLS of a proxy
    return seen
