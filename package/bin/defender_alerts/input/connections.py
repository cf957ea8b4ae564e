"""Kept-alive connections to splunkd: a process's calls share one, or as many as it has calls at the same time.

``splunklib``'s own handler opens a connection, with its TLS handshake, for each call. splunkd keeps an idle one open
for two hours (server.conf: ``keepAliveIdleTimeout``), and closes it earlier where it is busy or restarts.
"""

from __future__ import annotations

import http.client
import io
import ssl
from collections import deque
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from .names import APP

# How a connection shows that its other end had closed it: at once, or when the answer should come.
_CLOSED = (ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError)


class Connections:
    """Sends what ``splunklib.binding.HttpLib`` gives its handler, from any thread.

    What is sent through it may arrive twice: reading, replacing by key and deleting do no more the second time.

    Args:
        scheme: "https", or "http" where splunkd is set up without TLS.
        host: of splunkd.
        port: of its management.
        timeout: seconds to connect, and between two pieces of an answer.
    """

    def __init__(self, scheme: str, host: str, port: int, timeout: float) -> None:
        self._tls = _unverified() if scheme == "https" else None
        self._host = host
        self._port = port
        self._timeout = timeout
        self._idle: deque[http.client.HTTPConnection] = deque()

    def __call__(self, url: str, message: Mapping[str, Any], **_: Any) -> dict[str, Any]:
        """The answer, read to its end, as ``HttpLib`` wants it.

        Raises:
            OSError, http.client.HTTPException: splunkd could not be reached, or did not answer.
        """
        connection, response = self._ask(url, message)
        try:
            body = response.read()
        except BaseException:
            connection.close()
            raise
        if response.will_close:
            connection.close()
        else:
            self._idle.append(connection)
        return {
            "status": response.status,
            "reason": response.reason,
            "headers": response.getheaders(),
            "body": io.BytesIO(body),
        }

    def _ask(self, url: str, message: Mapping[str, Any]) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        """The beginning of the answer, and the connection that it comes from."""
        try:
            # The one used last: it is the least likely to have been closed.
            connection = self._idle.pop()
        except IndexError:
            connection = self._connection()
        else:
            try:
                return connection, _asked(connection, url, message)
            except _CLOSED:
                # Closed while it was idle. Once, and on a new one: what splunkd does to that is its answer.
                connection = self._connection()
        return connection, _asked(connection, url, message)

    def _connection(self) -> http.client.HTTPConnection:
        if self._tls is None:
            return http.client.HTTPConnection(self._host, self._port, timeout=self._timeout)
        return http.client.HTTPSConnection(self._host, self._port, timeout=self._timeout, context=self._tls)

    def __del__(self) -> None:
        """Leave no socket open behind: a setup page's process may outlive its request."""
        for connection in self._idle:
            connection.close()


def _asked(connection: http.client.HTTPConnection, url: str, message: Mapping[str, Any]) -> http.client.HTTPResponse:
    address = urlsplit(url)
    try:
        connection.request(
            message["method"],
            f"{address.path}?{address.query}" if address.query else address.path,
            message.get("body"),
            {"User-Agent": APP, "Accept": "*/*", **dict(message["headers"])},
        )
        return connection.getresponse()
    except BaseException:
        connection.close()
        raise


def _unverified() -> ssl.SSLContext:
    """TLS without verification.

    splunkd's certificate is its own, made at installation: nothing on this host could verify it. The way is the
    loopback of this machine.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
