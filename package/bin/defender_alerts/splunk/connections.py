"""Kept-alive connections to splunkd: a process's calls share one, or as many as it has calls at the same time.

``splunklib``'s own handler opens a connection, with its TLS handshake, for each call. splunkd keeps an idle one open
for two hours (server.conf: ``keepAliveIdleTimeout``), and closes it earlier where it is busy or restarts.
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

# More than a process has calls at the same time: urllib3 warns on standard error where it throws a connection away.
_MOST_IDLE = 32


class Connections:
    """Sends what ``splunklib.binding.HttpLib`` gives its handler, from any thread, and never through a proxy.

    What is sent through it may arrive twice: reading, replacing by key and deleting do no more the second time.

    Args:
        timeout: seconds to connect, and between two pieces of an answer.
    """

    def __init__(self, timeout: float) -> None:
        # splunkd would log it as an error, with every call. Connections to Microsoft are verified by their context.
        urllib3.disable_warnings(InsecureRequestWarning)
        self._pools = urllib3.PoolManager(
            ssl_context=_unverified(), cert_reqs="CERT_NONE", timeout=timeout, maxsize=_MOST_IDLE
        )

    def __call__(self, url: str, message: Mapping[str, Any], **_: Any) -> dict[str, Any]:
        """The answer, read to its end, as ``HttpLib`` wants it.

        Raises:
            urllib3.exceptions.HTTPError: splunkd could not be reached, or did not answer.
        """
        answer = None
        # It may have been closed while it was idle: urllib3 finds out by itself only of those closed before it sends.
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
        """Leave no socket open behind: a setup page's process may outlive its request."""
        self._pools.clear()


def _unverified() -> ssl.SSLContext:
    """TLS without verification.

    splunkd's certificate is its own, made at installation: nothing on this host could verify it. The way is the
    loopback of this machine.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
