"""Checks the way to Microsoft before it is saved: does the proxy let us through, are the CA certificates good?

What goes through the tunnel is no matter here. Whether Microsoft's certificate is trusted there depends on the Network
tab, which may be saved after the Proxy tab; saving an account tries the whole way.
"""

from __future__ import annotations

import datetime as dt
import socket
from collections.abc import Iterable
from dataclasses import dataclass

import requests

from defender_alerts import clouds
from defender_alerts.credentials import pem
from defender_alerts.credentials.authorities import CA_FIELD, read_authorities
from defender_alerts.errors import AddonError, ConfigurationError, ConnectionFailedError
from defender_alerts.http.failures import causes, detail, no_answer
from defender_alerts.http.session import open_session, trust
from defender_alerts.settings import Network, Proxy, read_ca_bundle, unreadable_ca_file

# Connecting, asking for the tunnel, and TLS may each take as long; Splunk Web gives up on a page's request after 30 s.
LONGEST_STEP = 6.0
_PROXY_TAB = "Configuration > Proxy"


@dataclass(frozen=True)
class _Refusal:
    """How it is recognised that a proxy does not let us through, and what is said of it."""

    mark: str
    sentence: str


_WRONG_LOGIN = f"The proxy refuses this user name and password. Correct User name and Password under {_PROXY_TAB}."
_NO_LOGIN = f"The proxy asks for a user name and password. Fill in User name and Password under {_PROXY_TAB}."
_NO_WAY = "The proxy opens no way to {target}:443 ({detail}). Have its owner allow {target}:443."
# What requests 2.32.5, urllib3 1.26.20 and PySocks 1.7.1 say, in the order in which it is looked for.
_LOGIN_MARKS = ("Tunnel connection failed: 407", "SOCKS5 authentication failed", "authentication methods were rejected")
_REFUSALS = (
    _Refusal(
        "mismatch",
        "The certificate of the proxy is for another name ({detail}). Enter the name in the certificate as Host under "
        f"{_PROXY_TAB}.",
    ),
    _Refusal(
        "CERTIFICATE_VERIFY_FAILED",
        "The certificate of the proxy itself is not trusted ({detail}). Save the certificate of its CA under "
        f"{CA_FIELD} first.",
    ),
    _Refusal("Tunnel connection failed", _NO_WAY),
    _Refusal("SOCKS5Error: 0x", _NO_WAY),
    _Refusal(
        "gaierror",
        "This machine can't resolve the name {target}, and has to as long as the proxy does not. Tick The proxy "
        f"resolves names under {_PROXY_TAB}.",
    ),
    _Refusal(
        "",
        "{host}:{port} takes connections but does not answer as a proxy of the type {kind} that lets {target}:443 pass "
        f"({{detail}}). Correct Type, Host or Port under {_PROXY_TAB}.",
    ),
)


def login_hosts(cloud_names: Iterable[str]) -> tuple[str, ...]:
    """The hosts that issue the tokens of these clouds' accounts, each once, the commercial one first."""
    wanted = set(cloud_names)
    return tuple(dict.fromkeys(row.authority_host for row in clouds.CLOUDS if row.name in wanted))


def check_proxy(proxy: Proxy, cloud_names: Iterable[str], ca_pem: str = "", seconds: float = LONGEST_STEP) -> None:
    """Make sure that the proxy can be reached and opens a tunnel to the login hosts, at port 443, of these clouds.

    Args:
        proxy: as it would be saved.
        cloud_names: the clouds of the accounts. Without any, a way to the login host of one cloud, whichever, is
            enough: a proxy for government may well refuse the commercial one.
        ca_pem: certificates to trust for TLS with the proxy itself.
        seconds: the longest that one step may take.

    Raises:
        ConnectionFailedError: it does not; the sentence names the field to correct.
        ConfigurationError: it wants other credentials, or the certificates can't be used.
    """
    _must_listen(proxy, seconds)
    wanted = login_hosts(cloud_names)
    refusals = []
    for target in wanted or login_hosts(row.name for row in clouds.CLOUDS):
        try:
            _must_let_through(proxy, target, ca_pem, seconds)
        except ConnectionFailedError as refusal:  # noqa: PERF203 - each host is a try of its own
            refusals.append(refusal)
            if wanted:
                break
        else:
            if not wanted:
                return
    if refusals:
        raise refusals[0]


def _must_listen(proxy: Proxy, seconds: float) -> None:
    where = f"{proxy.host}:{proxy.port}"
    try:
        socket.create_connection((proxy.host, proxy.port), seconds).close()
    except (socket.gaierror, UnicodeError) as error:
        raise ConnectionFailedError(
            f"The proxy's name {proxy.host} can't be resolved. Correct Host under {_PROXY_TAB}, or this machine's DNS."
        ) from error
    except ConnectionRefusedError as error:
        raise ConnectionFailedError(
            f"Nothing listens at {where} (connection refused). Correct Host and Port under {_PROXY_TAB}."
        ) from error
    except OSError as error:
        raise ConnectionFailedError(
            f"The proxy {where} can't be reached ({error}). Correct Host and Port under {_PROXY_TAB}, or have a "
            "firewall on the way opened."
        ) from error


def _must_let_through(proxy: Proxy, target: str, ca_pem: str, seconds: float) -> None:
    # Only the proxy's own certificate is of interest: without TLS to the proxy, no CA is needed.
    network = Network(proxy=proxy, ca_pem=ca_pem if proxy.kind == "https" else "")
    try:
        with open_session(network, trust(network.ca_pem), target) as session:
            session.head(f"https://{target}/", timeout=seconds, allow_redirects=False)
    except requests.exceptions.ProxyError as error:
        raise _refusal(proxy, target, error) from error
    except requests.exceptions.SSLError:
        # TLS is spoken with what is behind the tunnel: so there is one.
        return
    except requests.exceptions.RequestException as error:
        raise _refusal(proxy, target, error) from error


def _refusal(proxy: Proxy, target: str, error: Exception) -> AddonError:
    chain = " ".join(f"{type(link).__name__}: {link}" for link in causes(error))
    if "407 without Basic" in chain:
        return no_answer(target, error).error
    if any(mark in chain for mark in _LOGIN_MARKS):
        return ConfigurationError(_WRONG_LOGIN if proxy.username else _NO_LOGIN)
    sentence = next(row.sentence for row in _REFUSALS if row.mark in chain)
    return ConnectionFailedError(
        sentence.format(host=proxy.host, port=proxy.port, kind=proxy.kind, target=target, detail=detail(error, chain))
    )


def check_ca_bundle(setting: str, now: dt.datetime | None = None) -> str:
    """Make sure that the certificates of the setting can be read, and that no private key is among them.

    Args:
        setting: PEM text, or the path of a file with such text; nothing is fine as well.
        now: when they have to be valid; by default, now by this host's clock.

    Returns:
        What counts for nothing, as of the bundle of an operating system the certificates that have expired; empty for
        nothing.

    Raises:
        ConfigurationError: one can't be read, or none can be used. Of a file without certificates it says the same as
            of one that is missing, so that the page does not tell what is in a machine's files.
    """
    text = read_ca_bundle(setting)
    if not text:
        return ""
    found = read_authorities(text, now)
    has_certificates = bool(found.usable or found.unfit or found.broken)
    if not has_certificates and pem.BEGINNING not in setting:
        raise unreadable_ca_file(setting.strip())
    if found.has_key:
        raise ConfigurationError(
            f"There is a private key among the CA certificates. Take it out under {CA_FIELD}: only certificates belong "
            "there."
        )
    if not found.is_whole or not has_certificates:
        raise ConfigurationError(
            "The CA certificates are not whole, or there is something else in their place. Paste each from -----BEGIN "
            f"CERTIFICATE----- to -----END CERTIFICATE----- under {CA_FIELD}."
        )
    if found.broken:
        raise ConfigurationError(
            f"CA certificate number {found.broken[0].number} can't be read. Paste its whole text again, from "
            f"-----BEGIN CERTIFICATE----- to -----END CERTIFICATE-----, under {CA_FIELD}."
        )
    if not found.usable:
        raise ConfigurationError(
            f"None of the CA certificates can be used: {found.left_out}. Replace them by what is in use today, or take "
            f"them out, under {CA_FIELD}."
        )
    return found.left_out
