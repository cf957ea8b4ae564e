"""A session for the identity services of this machine, which reaches nothing else."""

from __future__ import annotations

import socket
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from defender_alerts.microsoft.network import IdentityServices
from defender_alerts.microsoft.transport.body import ACCEPT_ENCODING
from defender_alerts.microsoft.transport.session import Session

# Both services are on the machine or its host: what does not answer by then is not there.
LONGEST_CONNECT = 3.0
_VIRTUAL_MACHINE = "http://169.254.169.254/metadata/identity/oauth2/token"
# Microsoft's pages name the agent in both ways.
_ARC = (
    "http://localhost:40342/metadata/identity/oauth2/token",
    "http://127.0.0.1:40342/metadata/identity/oauth2/token",
)
ADDRESSES = frozenset({_VIRTUAL_MACHINE, *_ARC})
"""The only URLs that are called."""


def is_arc(url: str) -> bool:
    """Whether this is the Arc agent's address."""
    return url in _ARC


def open_session(services: IdentityServices) -> Session:
    """Make a session without proxy, environment or retries; ``requests`` refuses what has no adapter."""
    session = Session()
    session.trust_env = False
    session.headers["Accept-Encoding"] = ACCEPT_ENCODING
    session.adapters.clear()
    for url in ADDRESSES:
        session.mount(url, _FixedAddress(services.arc if is_arc(url) else services.virtual_machine))
    return session


class _FixedAddress(HTTPAdapter):
    """Connects to one address, whatever the host in the URL resolves to."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._pools = {"http": _pool_class(address)}
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make the pools."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = self._pools


def _pool_class(address: tuple[str, int]) -> type[HTTPConnectionPool]:
    class Connection(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            timeout = self.timeout if isinstance(self.timeout, (int, float)) else LONGEST_CONNECT
            try:
                opened = socket.create_connection(address, min(timeout, LONGEST_CONNECT))
            except socket.timeout as error:
                raise ConnectTimeoutError(self, f"{address[0]} did not take the connection") from error
            except OSError as error:
                raise NewConnectionError(self, f"Failed to establish a new connection: {error}") from error
            opened.settimeout(timeout)
            return opened

    class Pool(HTTPConnectionPool):
        ConnectionCls: Any = Connection

    return Pool
