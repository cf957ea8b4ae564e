"""A ``requests`` session as the settings want it: proxy, certificate authorities, no redirects, no surprises."""

from __future__ import annotations

import ssl
from typing import Any

import certifi
import requests
from requests.adapters import HTTPAdapter

from defender_alerts.errors import ConfigurationError
from defender_alerts.settings import Network


def trust(ca_pem: str) -> ssl.SSLContext:
    """A TLS context that trusts the public roots and the given certificates, and always verifies.

    Raises:
        ConfigurationError: the text holds no readable certificate.
    """
    context = ssl.create_default_context(cafile=certifi.where())
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if hasattr(ssl, "VERIFY_X509_STRICT"):
        # Python 3.13 switches this on; the private CAs of inspecting proxies often lack the extensions it wants.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if ca_pem:
        _add(context, ca_pem)
    return context


def _add(context: ssl.SSLContext, ca_pem: str) -> None:
    # Most have no CA of their own, and their polls do without the modules that read certificates.
    from defender_alerts.credentials.authorities import read_authorities

    found = read_authorities(ca_pem)
    for encoded in found.usable:
        context.load_verify_locations(cadata=encoded)
    # One that has expired may be needed no more: that is for the connection to show.
    if not found.usable and not found.unfit:
        raise ConfigurationError(
            "Configuration > Network > Additional CA certificates holds no certificate in PEM form that can be read. "
            "Paste everything from -----BEGIN CERTIFICATE----- to -----END CERTIFICATE-----."
        )


class _TrustingAdapter(HTTPAdapter):
    """Verifies with one context, loaded once.

    ``requests`` by itself would load certifi's file anew for each connection, and would take the environment's
    ``REQUESTS_CA_BUNDLE`` in place of a session's ``verify`` (seen in requests 2.32.5).
    """

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, ssl_context=self._context, **kwargs)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        kwargs["ssl_context"] = self._context
        if proxy.startswith("https://"):
            kwargs["proxy_ssl_context"] = self._context
        return super().proxy_manager_for(proxy, **kwargs)

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Leave the verification to the context: it is complete."""
        del url, verify, cert
        conn.cert_reqs = "CERT_REQUIRED"


def open_session(network: Network, trusted: ssl.SSLContext, host: str) -> requests.Session:
    """A session for one host; where the settings name no proxy, the environment's counts, as in ``requests``."""
    session = requests.Session()
    # Neither REQUESTS_CA_BUNDLE nor .netrc has a say: the settings are what the administrator was shown.
    session.trust_env = False
    session.adapters.clear()
    session.mount("https://", _TrustingAdapter(trusted))
    if network.proxy is not None:
        session.proxies = {"https": network.proxy.url}
    else:
        session.proxies = dict(requests.utils.get_environ_proxies(f"https://{host}"))
    return session
