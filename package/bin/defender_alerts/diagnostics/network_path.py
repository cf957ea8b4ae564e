"""The doctor's checks of the path to Microsoft (proxy, names, certificates), and the probes that they are made of."""

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

from .context import Context
from .report import Finding, Outcome, failed, failed_by, ok

_HTTPS = 443
_MOST_ADDRESSES = 4
# The reasons of failures behind the tunnel: TLS was spoken there, so the proxy has opened it.
_BEHIND_THE_PROXY = CERTIFICATE_REASONS | {"no TLS", "outdated TLS"}
# The reasons whose own sentence fits a proxy. After any other, what answers does not behave like one.
_OF_THE_PROXY = frozenset({"proxy login", "proxy certificate", "proxy TLS", "refused tunnel", "unknown host"})


def proxy(context: Context, _: str) -> Finding:
    """Check whether the proxy can be reached and accepts its login."""
    host = context.cloud.authority_host
    used = proxy_in_use(context.network, host)
    if used is None:
        return ok("None is set: Microsoft is reached directly.")
    failure = proxy_failure(context.network, host)
    # Other checks report what is wrong with each host alone.
    if failure is not None and failure.reason.startswith("proxy"):
        return failed_by(failure.error)
    return ok(f"{used} answers. It is set under {used.source}.")


def names(context: Context, host: str) -> Finding:
    """Check whether this host can resolve a name, if it has to."""
    used = proxy_in_use(context.network, host)
    if used is not None and used.resolves:
        return Finding(Outcome.SKIPPED, "Not checked: the proxy resolves the name.")
    try:
        found = socket.getaddrinfo(host, _HTTPS, type=socket.SOCK_STREAM)
    except OSError as error:
        return failed(
            f"The name can't be resolved ({error}).",
            "Check this host's DNS, or set the proxy under Configuration > Proxy.",
        )
    addresses = list(dict.fromkeys(str(address[0]) for *_, address in found))
    return ok(f"Resolves to {', '.join(addresses[:_MOST_ADDRESSES])}.")


def certificate(context: Context, host: str) -> Finding:
    """Report a host's certificate, its issuer, and whether it is trusted."""
    network = context.network
    seen = look(network, host, trust(network.ca_pem))
    if seen.failure is None:
        if context.clock.observe(seen.date) is not None:
            context.heard = True
        public = look(network, host, trust("")).failure if network.ca_pem else None
        return ok(f"{_shown(seen)}, {_trusted_by(public)}.")
    finding = failed_by(seen.failure.error)
    if seen.failure.reason not in CERTIFICATE_REASONS:
        return finding
    seen = look(network, host, None)
    return failed(f"{finding.found} {_shown(seen)}." if seen.failure is None else finding.found, finding.advice)


def _trusted_by(public: Failure | None) -> str:
    """Say what makes a certificate trusted; ``public`` is the failure with the public roots alone."""
    if public is None:
        return "trusted by the public roots"
    if public.reason in CERTIFICATE_REASONS:
        return (
            "trusted by the certificates under Configuration > Network alone. So it is not Microsoft's own: a proxy on "
            "the way inspects TLS"
        )
    return "trusted by the public roots or the certificates under Configuration > Network"


def _shown(seen: Look) -> str:
    if seen.certificate is None:
        return "The certificate can't be read"
    return f"The certificate of {seen.certificate.subject} is issued by {seen.certificate.issuer}"


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
        certificate: what the host has shown; None where it can't be read.
        failure: what ended the connection before the handshake was through; None for nothing.
        date: the answer's ``Date``; None where there is none.
    """

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
        network: the settings.
        host: to reach.
        trusted: verifies who answers; None to see any certificate, with an answer that must not be used.
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
    # A host whose certificate was accepted has been reached; other checks judge what comes after that.
    return Look(readable(shown[0]) if shown else None, None if shown else failure, date)


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
