"""A session for the identity services of this machine, which reaches nothing else."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from requests import PreparedRequest
from requests.adapters import HTTPAdapter

from defender_alerts.microsoft.network import IdentityServices
from defender_alerts.microsoft.transport.session import Session

# Both services are on the machine or its host: what does not answer by then is not there.
LONGEST_CONNECT = 3.0
# Microsoft's pages name the agent in both ways.
_ARC = (
    "http://localhost:40342/metadata/identity/oauth2/token",
    "http://127.0.0.1:40342/metadata/identity/oauth2/token",
)
ADDRESSES = frozenset({"http://169.254.169.254/metadata/identity/oauth2/token", *_ARC})
"""The only URLs that are called."""


def is_arc(url: str) -> bool:
    """Whether this is the Arc agent's address."""
    return url in _ARC


def open_session(services: IdentityServices) -> Session:
    """Make a session without proxy, environment or retries; ``requests`` refuses what has no adapter."""
    session = Session()
    for url in ADDRESSES:
        session.mount(url, _FixedAddress(services.arc if is_arc(url) else services.virtual_machine))
    return session


class _FixedAddress(HTTPAdapter):
    """Connects to one address, whatever the host in the URL resolves to."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._address = address
        super().__init__()

    def get_connection_with_tls_context(self, *_: Any, **__: Any) -> Any:
        """The connections to the address; the method is there for subclasses (requests 2.32)."""
        host, port = self._address
        return self.poolmanager.connection_from_host(host, port, scheme="http")

    def add_headers(self, request: PreparedRequest, **_: Any) -> None:
        """Name the host of the URL, as if it had been resolved."""
        request.headers["Host"] = urlsplit(str(request.url)).netloc
