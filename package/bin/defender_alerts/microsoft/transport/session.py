"""Makes ``requests`` sessions with the proxy and the certificate authorities of the settings."""

from __future__ import annotations

import base64
import re
import ssl
from collections.abc import Mapping
from typing import Any, Callable
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

# X509_V_FLAG_PARTIAL_CHAIN: in OpenSSL since 1.0.2, named in ssl since Python 3.10.
_PARTIAL_CHAIN = 0x80000
_PROXY_SCHEMES = frozenset({"http", "https", "socks4", "socks4a", "socks5", "socks5h"})
_PROXY_HOST = r"[A-Za-z0-9._-]+\Z|\[[0-9A-Fa-f:.]+(?:%[A-Za-z0-9._-]+)?\]\Z"


def trust(ca_pem: str, on_left_out: Callable[[str], None] | None = None) -> ssl.SSLContext:
    """Make a TLS context that trusts the public roots and the given certificates, and always verifies.

    Args:
        ca_pem: the certificates, or nothing.
        on_left_out: called with a list, for a sentence, of the certificates that are not used, if there are any.

    Raises:
        ConfigurationError: the text holds no readable certificate.
    """
    context = ssl.create_default_context(cafile=certifi.where())
    if hasattr(context, "minimum_version"):
        context.minimum_version = ssl.TLSVersion.TLSv1_2
    else:
        # OpenSSL before 1.1.0g, as in Splunk 9.3 and 9.4, where setting the attribute has no effect.
        context.options |= ssl.OP_NO_TLSv1 | ssl.OP_NO_TLSv1_1
    # Trust an intermediate CA without its root, as Python 3.13 does by default.
    context.verify_flags |= _PARTIAL_CHAIN
    # Python 3.13 sets this by default; private CAs of inspecting proxies often lack the extensions it requires.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    left_out = _add(context, ca_pem) if ca_pem else ""
    if left_out and on_left_out:
        on_left_out(left_out)
    return context


def _add(context: ssl.SSLContext, ca_pem: str) -> str:
    # Imported here, since polls without CA certificates don't need the modules that read them.
    from defender_alerts.microsoft.client_certificate.authorities import read_authorities

    found = read_authorities(ca_pem)
    for encoded in found.usable:
        context.load_verify_locations(cadata=encoded)
    # An expired one may not be needed any more; the connection will show.
    if not found.usable and len(found.unfit) == len(found.broken):
        raise ConfigurationError(
            "Configuration > Network > Additional CA certificates holds no certificate in PEM form that can be read. "
            "Paste everything from -----BEGIN CERTIFICATE----- to -----END CERTIFICATE-----."
        )
    return found.left_out


class ContextAdapter(HTTPAdapter):
    """Uses one TLS context for all connections.

    ``requests`` itself would load certifi's file for each connection, and would prefer the environment's
    ``REQUESTS_CA_BUNDLE`` to a session's ``verify`` (2.32.5).
    """

    def __init__(self, context: ssl.SSLContext, on_dead_addresses: OnDeadAddresses | None = None) -> None:
        self._context = context
        self._pools = {"https": pool_class(on_dead_addresses)}
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make the pools of direct connections."""
        super().init_poolmanager(*args, ssl_context=self._context, **kwargs)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        """Make the pools of connections through this proxy."""
        kwargs["ssl_context"] = self._context
        if proxy.startswith("https://"):
            kwargs["proxy_ssl_context"] = self._context
        proxy_manager = super().proxy_manager_for(proxy, **kwargs)
        if not proxy.startswith("socks"):
            proxy_manager.pool_classes_by_scheme = self._pools
        return proxy_manager

    def proxy_headers(self, proxy: str) -> dict[str, str]:
        """The login in UTF-8 (RFC 7617); ``requests`` sends Latin-1 and fails on other characters."""
        username, password = requests.utils.get_auth_from_url(proxy)
        if not username:
            return {}
        # Bytes of the environment that are not UTF-8 are sent unchanged.
        pair = f"{username}:{password}".encode("utf-8", "surrogateescape")
        login = base64.b64encode(pair).decode("ascii")
        return {"Proxy-Authorization": f"Basic {login}"}

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Leave verification to the context."""
        del url, verify, cert
        conn.cert_reqs = self._context.verify_mode


class Session(requests.Session):
    """A session that knows what is needed to explain its failures; it reaches nothing before an adapter is mounted.

    Attributes:
        has_own_ca: it trusts CA certificates from the settings in addition to the public ones.
    """

    has_own_ca = False

    def __init__(self) -> None:
        super().__init__()
        # Ignore REQUESTS_CA_BUNDLE and .netrc, which the administrator does not see on the pages.
        self.trust_env = False
        self.headers["Accept-Encoding"] = ACCEPT_ENCODING
        self.adapters.clear()

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Follow nothing: ``requests`` parses the target even if it is told not to follow it, and may fail (2.32.5)."""
        del resp

    @property
    def has_login(self) -> bool:
        """Whether it sends a user name and password to the proxy."""
        return any("@" in url for url in self.proxies.values())


def open_session(
    network: Network, trusted: ssl.SSLContext, host: str, on_dead_addresses: OnDeadAddresses | None = None
) -> Session:
    """Make a session for one host; without a proxy in the settings, the environment's applies.

    Args:
        network: the settings.
        trusted: the TLS context.
        host: that will be called.
        on_dead_addresses: called if addresses of the host or of the proxy don't answer.

    Raises:
        ConfigurationError: the environment's proxy has no usable address.
    """
    session = Session()
    session.has_own_ca = bool(network.ca_pem)
    session.mount("https://", ContextAdapter(trusted, on_dead_addresses))
    session.proxies = proxies_for(network, host)
    return session


def proxies_for(network: Network, host: str) -> dict[str, str]:
    """The proxies for a host by scheme, as ``requests`` takes them; empty for a direct connection.

    Raises:
        ConfigurationError: the environment's proxy has no usable address.
    """
    if network.proxy is not None:
        return {"https": network.proxy.url}
    named = PROCESS.proxies_for(host)
    _must_be_an_address(named)
    return named


def _must_be_an_address(proxies: Mapping[str, str]) -> None:
    """Refuse a proxy of the environment that no library could use; it is not quoted, as it may hold a login.

    Raises:
        ConfigurationError: the proxy that would be used has no usable address.
    """
    url = proxies.get("https") or proxies.get("all") or "http://none"
    try:
        address = urllib3.util.parse_url(url)
        # requests gets the login from the standard library, which accepts fewer addresses than urllib3.
        urlsplit(url)
    except (urllib3.exceptions.LocationParseError, ValueError):
        address = urllib3.util.Url()
    if address.scheme not in _PROXY_SCHEMES or not re.match(_PROXY_HOST, address.host or ""):
        raise ConfigurationError(
            "The proxy that splunkd's environment names (https_proxy or all_proxy, in small letters or capitals) has "
            "no address that can be used, such as http://proxy.example:3128. Correct it in splunk-launch.conf, or set "
            "the proxy under Configuration > Proxy."
        )
