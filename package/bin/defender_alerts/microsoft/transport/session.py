"""A ``requests`` session as the settings want it: proxy, certificate authorities, no redirects, no surprises."""

from __future__ import annotations

import base64
import re
import ssl
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import certifi
import requests
import urllib3
from requests.adapters import HTTPAdapter

from defender_alerts.environment import PROCESS
from defender_alerts.errors import ConfigurationError
from defender_alerts.microsoft.network import Network

from .body import ACCEPT_ENCODING
from .connection import OnDeadAddresses, pool_class

# X509_V_FLAG_PARTIAL_CHAIN; ssl has a name for it from Python 3.10 on, OpenSSL from 1.0.2 on.
_PARTIAL_CHAIN = 0x80000
_PROXY_SCHEMES = frozenset({"http", "https", "socks4", "socks4a", "socks5", "socks5h"})
_PROXY_HOST = re.compile(r"[A-Za-z0-9._-]+\Z|\[[0-9A-Fa-f:.]+(?:%[A-Za-z0-9._-]+)?\]\Z")


def trust(ca_pem: str) -> ssl.SSLContext:
    """A TLS context that trusts the public roots and the given certificates, and always verifies.

    Raises:
        ConfigurationError: the text holds no readable certificate.
    """
    context = ssl.create_default_context(cafile=certifi.where())
    if hasattr(context, "minimum_version"):
        context.minimum_version = ssl.TLSVersion.TLSv1_2
    else:
        # OpenSSL before 1.1.0g, as in Splunk 9.3 and 9.4, where setting the attribute would do nothing.
        context.options |= ssl.OP_NO_TLSv1 | ssl.OP_NO_TLSv1_1
    # Python 3.13 trusts an intermediate CA that is given without its root; before, that had to be asked for.
    context.verify_flags |= _PARTIAL_CHAIN
    if hasattr(ssl, "VERIFY_X509_STRICT"):
        # Python 3.13 switches this on; the private CAs of inspecting proxies often lack the extensions it wants.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if ca_pem:
        _add(context, ca_pem)
    return context


def _add(context: ssl.SSLContext, ca_pem: str) -> None:
    # Most have no CA of their own, and their polls do without the modules that read certificates.
    from defender_alerts.microsoft.client_certificate.authorities import read_authorities

    found = read_authorities(ca_pem)
    for encoded in found.usable:
        context.load_verify_locations(cadata=encoded)
    # One that has expired may be needed no more: that is for the connection to show.
    if not found.usable and not found.unfit:
        raise ConfigurationError(
            "Configuration > Network > Additional CA certificates holds no certificate in PEM form that can be read. "
            "Paste everything from -----BEGIN CERTIFICATE----- to -----END CERTIFICATE-----."
        )


class ContextAdapter(HTTPAdapter):
    """Speaks TLS with one context, loaded once, which does the verifying.

    ``requests`` by itself would load certifi's file anew for each connection, and would take the environment's
    ``REQUESTS_CA_BUNDLE`` in place of a session's ``verify`` (seen in requests 2.32.5).
    """

    def __init__(self, context: ssl.SSLContext, on_dead_addresses: OnDeadAddresses | None = None) -> None:
        self._context = context
        self._pools = {"https": pool_class(on_dead_addresses)}
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make the pools of connections that use no proxy."""
        super().init_poolmanager(*args, ssl_context=self._context, **kwargs)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        """The pools of connections through this proxy."""
        kwargs["ssl_context"] = self._context
        if proxy.startswith("https://"):
            kwargs["proxy_ssl_context"] = self._context
        proxy_manager = super().proxy_manager_for(proxy, **kwargs)
        if not proxy.startswith("socks"):
            proxy_manager.pool_classes_by_scheme = self._pools
        return proxy_manager

    def proxy_headers(self, proxy: str) -> dict[str, str]:
        """The login in UTF-8 (RFC 7617); ``requests`` sends Latin-1, and fails where that has no such character."""
        username, password = requests.utils.get_auth_from_url(proxy)
        if not username:
            return {}
        # Bytes of the environment that are no UTF-8 are sent as they are.
        pair = f"{username}:{password}".encode("utf-8", "surrogateescape")
        login = base64.b64encode(pair).decode("ascii")
        return {"Proxy-Authorization": f"Basic {login}"}

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Leave the verification to the context: it is complete."""
        del url, verify, cert
        conn.cert_reqs = self._context.verify_mode


class Session(requests.Session):
    """A session whose failures can be explained.

    Attributes:
        has_own_ca: CA certificates of the settings are trusted beside the public ones.
    """

    has_own_ca = False

    @property
    def has_login(self) -> bool:
        """Whether the proxy is shown a user name and password."""
        return any("@" in url for url in self.proxies.values())


def open_session(
    network: Network, trusted: ssl.SSLContext, host: str, on_dead_addresses: OnDeadAddresses | None = None
) -> Session:
    """A session for one host; where the settings name no proxy, the environment's counts.

    Args:
        network: the settings.
        trusted: verifies who answers.
        host: the one that is going to be asked.
        on_dead_addresses: is told when some of its addresses, or of the proxy's, swallow connections.

    Raises:
        ConfigurationError: the environment's proxy has no address that could be used.
    """
    session = Session()
    session.has_own_ca = bool(network.ca_pem)
    # Neither REQUESTS_CA_BUNDLE nor .netrc has a say: the settings are what the administrator was shown.
    session.trust_env = False
    session.adapters.clear()
    session.mount("https://", ContextAdapter(trusted, on_dead_addresses))
    session.headers["Accept-Encoding"] = ACCEPT_ENCODING
    session.proxies = proxies_for(network, host)
    return session


def proxies_for(network: Network, host: str) -> dict[str, str]:
    """The proxies to a host by scheme, as ``requests`` takes them; none for a direct way.

    Raises:
        ConfigurationError: the environment's proxy has no address that could be used.
    """
    if network.proxy is not None:
        return {"https": network.proxy.url}
    named = PROCESS.proxies_for(host)
    _must_be_an_address(named)
    return named


def _must_be_an_address(proxies: Mapping[str, str]) -> None:
    """Refuse what the environment names as a proxy and no library could use; it is not quoted, as it may hold a login.

    Raises:
        ConfigurationError: the one that counts is no address of a proxy.
    """
    url = proxies.get("https") or proxies.get("all") or "http://none"
    try:
        address = urllib3.util.parse_url(url)
        # requests asks the standard library for the login, which takes less than urllib3 does.
        urlsplit(url)
    except (urllib3.exceptions.LocationParseError, ValueError):
        address = urllib3.util.Url()
    if address.scheme not in _PROXY_SCHEMES or not _PROXY_HOST.match(address.host or ""):
        raise ConfigurationError(
            "The proxy that splunkd's environment names (https_proxy or all_proxy, in small letters or capitals) has "
            "no address that can be used, such as http://proxy.example:3128. Correct it in splunk-launch.conf, or set "
            "the proxy under Configuration > Proxy."
        )
