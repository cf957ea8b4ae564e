"""Keep-alive connections to splunkd.

``splunklib``'s own handler opens a new TLS connection for each call. splunkd keeps an idle connection open for two
hours (server.conf: ``keepAliveIdleTimeout``), and closes it earlier if it is busy or restarts.
"""

from __future__ import annotations

import contextlib
import io
import ssl
from collections.abc import Mapping
from typing import Any

import urllib3
from urllib3.exceptions import InsecureRequestWarning, ProtocolError, SSLError

from .names import APP

# More than the concurrent calls of a process: urllib3 warns on standard error if it discards a connection.
_MOST_IDLE = 32


class Connections:
    """A handler for ``splunklib.binding.HttpLib`` that keeps connections open; thread-safe, and never uses a proxy.

    A request may be sent twice. That is harmless, since reading, replacing by key and deleting are idempotent.

    Args:
        timeout: seconds to connect, and between two pieces of an answer.
    """

    def __init__(self, timeout: float) -> None:
        # splunkd would log the warning as an error with every call. Connections to Microsoft are verified.
        urllib3.disable_warnings(InsecureRequestWarning)
        self._pools = urllib3.PoolManager(
            ssl_context=_unverified(), cert_reqs="CERT_NONE", timeout=timeout, maxsize=_MOST_IDLE
        )

    def __call__(self, url: str, message: Mapping[str, Any], **_: Any) -> dict[str, Any]:
        """Send a request and return the complete answer in ``HttpLib``'s form.

        Raises:
            urllib3.exceptions.HTTPError: splunkd could not be reached or did not answer.
        """
        answer = None
        # The connection may have been closed while idle, which urllib3 only notices before it sends.
        with contextlib.suppress(ProtocolError, SSLError):
            answer = self._ask(url, message)
        if answer is None:
            answer = self._ask(url, message)
        return {
            "status": answer.status,
            "reason": answer.reason,
            "headers": list(answer.headers.items()),
            "body": io.BytesIO(answer.data),
        }

    def _ask(self, url: str, message: Mapping[str, Any]) -> urllib3.HTTPResponse:
        answer: urllib3.HTTPResponse = self._pools.urlopen(
            message["method"],
            url,
            body=message.get("body"),
            headers={"User-Agent": APP, "Accept": "*/*", **dict(message["headers"])},
            redirect=False,
            retries=False,
            enforce_content_length=True,
        )
        return answer

    def __del__(self) -> None:
        """Close the sockets: a setup page's process may outlive its request."""
        self._pools.clear()


def _unverified() -> ssl.SSLContext:
    """TLS without verification.

    splunkd's certificate is self-made at installation, so nothing on this host can verify it, and the connection does
    not leave this machine.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
