"""Connections that spend little on a dead address, and know what a proxy says when it wants a login.

``urllib3`` 1.26 gives each address of a host the whole time-out, and ``http.client`` throws away the headers of a
proxy's refusal before anybody sees them. Both are mended in subclasses, by the hooks that the two libraries document
(``ConnectionCls``, ``pool_classes_by_scheme``, ``response_class``) and three methods that they keep to themselves
(``_new_conn``, ``_connect_tls_proxy``, ``_read_status``; as they are in urllib3 1.26.20 and in the http.client of
CPython 3.9 and 3.13).
"""

from __future__ import annotations

import http.client
import re
import socket
import ssl
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Callable

from urllib3.connection import HTTPSConnection
from urllib3.connectionpool import HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

# An address that answers at all answers within this: three tries of TCP's to open a connection (RFC 6298) fit in.
LONGEST_CONNECT = 10.0

# Told when addresses swallowed the attempt: host, those addresses, and the one that answered.
OnDeadAddresses = Callable[[str, Sequence[str], str], None]

_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_SCHEME = re.compile(r"(?:^|,)\s*([A-Za-z][A-Za-z0-9-]*)(?=\s+[^\s=]|\s*,|\s*$)")


class _Answer(http.client.HTTPResponse):
    """An answer; a proxy's 407 says which logins the proxy takes."""

    def _read_status(self) -> tuple[str, int, str]:
        version, status, reason = super()._read_status()  # type: ignore[misc]
        if status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
            offered = http.client.parse_headers(self.fp).get_all("Proxy-Authenticate", [])
            schemes = sorted({scheme for header in offered for scheme in _SCHEME.findall(_QUOTED.sub("", header))})
            if schemes and "basic" not in {scheme.lower() for scheme in schemes}:
                raise OSError(f"Tunnel connection failed: 407 without Basic, but with {', '.join(schemes)}")
        return version, status, reason


class _Connection(HTTPSConnection):
    """A connection that gives each address of its host a time-out of its own, shorter than that of an answer."""

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
        for family, kind, protocol, _, address in addresses:
            opened = socket.socket(family, kind, protocol)
            try:
                for option in self.socket_options or ():
                    opened.setsockopt(*option)
                opened.settimeout(min(timeout, LONGEST_CONNECT))
                opened.connect(address)
            except OSError as error:
                opened.close()
                if isinstance(error, socket.timeout):
                    dead.append(str(address[0]))
                failure = error
                continue
            opened.settimeout(timeout)
            if dead and self.on_dead_addresses is not None:
                self.on_dead_addresses(self.host, dead, str(address[0]))
            return opened
        if isinstance(failure, socket.timeout):
            # Without its cause, whose words would say less; and without the connection, which is no word for anybody.
            raise ConnectTimeoutError(f"{', '.join(dead)} of {self.host} did not take the connection")
        raise NewConnectionError(self, f"Failed to establish a new connection: {failure}") from failure

    def _connect_tls_proxy(self, hostname: str, conn: socket.socket) -> socket.socket:
        """Speak TLS with the proxy itself.

        urllib3's own would name no host to the context where it is an address, and would say of a certificate that is
        refused here the same as of one that is refused behind the proxy.
        """
        context: ssl.SSLContext = self.proxy_config.ssl_context
        try:
            return context.wrap_socket(conn, server_hostname=hostname)
        except ssl.SSLError as error:
            raise NewConnectionError(self, f"No TLS with the proxy: {error}") from error


def pool_class(on_dead_addresses: OnDeadAddresses | None) -> type[HTTPSConnectionPool]:
    """A class of connection pools for ``https`` whose connections tell ``on_dead_addresses``."""

    class Connection(_Connection):
        pass

    Connection.on_dead_addresses = staticmethod(on_dead_addresses) if on_dead_addresses else None

    class Pool(HTTPSConnectionPool):
        ConnectionCls: Any = Connection

    return Pool
