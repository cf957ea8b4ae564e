"""Connections with a short time-out for each address, which also report what login a proxy wants.

``urllib3`` 1.26 gives each address of a host the whole time-out, and ``http.client`` discards the headers of a proxy's
refusal. Subclasses correct both. They use documented hooks (``ConnectionCls``, ``pool_classes_by_scheme``,
``response_class``) and override three private methods (``_new_conn``, ``_connect_tls_proxy``, ``_read_status``, as in
urllib3 1.26.20 and in the http.client of CPython 3.9 and 3.13).
"""

from __future__ import annotations

import http.client
import re
import socket
import ssl
from collections.abc import Sequence
from http import HTTPStatus
from typing import Callable

from urllib3.connection import HTTPSConnection
from urllib3.connectionpool import HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError
from urllib3.util.connection import create_connection

# Long enough for three attempts of TCP to open a connection (RFC 6298).
LONGEST_CONNECT = 10.0

# Called if addresses did not answer, with the host, those addresses, and the one that did answer.
OnDeadAddresses = Callable[[str, Sequence[str], str], None]

_QUOTED = r'"(?:[^"\\]|\\.)*"'
_SCHEME = r"(?:^|,)\s*([A-Za-z][A-Za-z0-9-]*)(?=\s+[^\s=]|\s*,|\s*$)"


class _Answer(http.client.HTTPResponse):
    """An answer; a proxy's 407 is turned into an error that names the logins the proxy accepts."""

    def _read_status(self) -> tuple[str, int, str]:
        version, status, reason = super()._read_status()  # type: ignore[misc]
        if status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
            offered = http.client.parse_headers(self.fp).get_all("Proxy-Authenticate", [])
            schemes = sorted(
                {scheme for header in offered for scheme in re.findall(_SCHEME, re.sub(_QUOTED, "", header))}
            )
            if schemes and "basic" not in {scheme.lower() for scheme in schemes}:
                raise OSError(f"Tunnel connection failed: 407 without Basic, but with {', '.join(schemes)}")
        return version, status, reason


class _Connection(HTTPSConnection):
    """A connection with a time-out for each address of its host, shorter than that for an answer."""

    response_class = _Answer
    on_dead_addresses: OnDeadAddresses | None = None

    def _new_conn(self) -> socket.socket:
        timeout = self.timeout if isinstance(self.timeout, (int, float)) else LONGEST_CONNECT
        try:
            addresses = socket.getaddrinfo(self._dns_host, self.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise NewConnectionError(self, f"The name could not be resolved: {error}") from error
        dead: list[str] = []
        failure: OSError = OSError("the name has no address")
        # Not urllib3's own choice: behind a proxy it leaves Nagle's algorithm on, and each POST waits 40 ms.
        options, longest = self.default_socket_options, min(timeout, LONGEST_CONNECT)
        for *_, address in addresses:
            try:
                opened: socket.socket = create_connection(address[:2], longest, socket_options=options)
            except OSError as error:
                if isinstance(error, socket.timeout):
                    dead.append(str(address[0]))
                failure = error
                continue
            opened.settimeout(timeout)
            if dead and self.on_dead_addresses is not None:
                self.on_dead_addresses(self.host, dead, str(address[0]))
            return opened
        if isinstance(failure, socket.timeout):
            # Without its cause, whose message says less, and without the connection, which has no readable form.
            raise ConnectTimeoutError(f"{', '.join(dead)} of {self.host} did not take the connection")
        raise NewConnectionError(self, f"Failed to establish a new connection: {failure}") from failure

    def _connect_tls_proxy(self, hostname: str, conn: socket.socket) -> socket.socket:
        """Speak TLS with the proxy itself.

        urllib3 would not pass an IP address to the context as the host name, and its error would not tell a refused
        certificate of the proxy from one of the host behind it.
        """
        context: ssl.SSLContext = self.proxy_config.ssl_context
        try:
            return context.wrap_socket(conn, server_hostname=hostname)
        except ssl.SSLError as error:
            raise NewConnectionError(self, f"No TLS with the proxy: {error}") from error


def pool_class(on_dead_addresses: OnDeadAddresses | None) -> type[HTTPSConnectionPool]:
    """Make a class of ``https`` connection pools whose connections call ``on_dead_addresses``."""
    told = staticmethod(on_dead_addresses) if on_dead_addresses else None
    connection = type("Connection", (_Connection,), {"on_dead_addresses": told})
    return type("Pool", (HTTPSConnectionPool,), {"ConnectionCls": connection})
