"""Calls splunkd through ``splunklib``, with kept connections, time-outs, retries and distinguishable errors."""

from __future__ import annotations

import http.client
import io
import json
import logging
import ssl
import threading
import time
from collections.abc import Mapping
from typing import Any, Callable, NamedTuple
from urllib.parse import quote, urlsplit

import urllib3
from splunklib import binding, client
from urllib3.exceptions import HTTPError, InsecureRequestWarning, ProtocolError, SSLError

from defender_alerts.errors import AddonError, ConfigurationError, ServiceError, StoppedError
from defender_alerts.microsoft.transport.client import Stop
from defender_alerts.microsoft.transport.failures import causes

from .names import APP

TIMEOUT = 60
# More than the concurrent calls of a process: urllib3 warns on standard error if it discards a connection.
_MOST_IDLE = 32
_BACKOFFS = (0.25, 0.5)
_LONGEST_BACKOFF = 2.0
# OpenSSL's messages (1.0.2 to 3) if the other end requires a certificate and gets none: an alert, or nothing.
_WANTS_CERTIFICATE = ("certificate required", "CERTIFICATE_REQUIRED", "handshake failure", "HANDSHAKE_FAILURE", "EOF")


class SplunkdError(Exception):
    """splunkd refused a call (``status`` is the HTTP status) or could not be reached (``status`` is 0).

    Attributes:
        may_pass: splunkd behaves like this while it is busy, starting or restarting.
        wants_certificate: splunkd behaves like this if it requires a client certificate.
    """

    def __init__(self, status: int, message: str, *, may_pass: bool = False, wants_certificate: bool = False) -> None:
        super().__init__(message)
        self.status = status
        self.may_pass = may_pass or status == http.client.SERVICE_UNAVAILABLE
        self.wants_certificate = wants_certificate


class RetryBudget(NamedTuple):
    """How long to wait for a splunkd that is busy or starting, and how.

    Attributes:
        seconds: in total, for one call.
        stop: ends each wait.
        log: notes that a wait begins.
    """

    seconds: float
    stop: Stop
    log: logging.Logger
    monotonic: Callable[[], float] = time.monotonic


_NO_PATIENCE = RetryBudget(0.0, threading.Event(), logging.getLogger(__name__))
"""For pages, whose reader would give up first."""


class Connections:
    """A handler for ``splunklib.binding.HttpLib`` that keeps connections open; thread-safe, and never uses a proxy.

    ``splunklib``'s own opens a new TLS connection for each call. splunkd keeps an idle connection open for two hours
    (server.conf: ``keepAliveIdleTimeout``), and closes it earlier if it is busy or restarts.
    A request may be sent twice. That is harmless, since reading, replacing by key and deleting are idempotent.

    Args:
        scheme: of splunkd's address, with its host and port.
        timeout: seconds to connect, and between two pieces of an answer.
    """

    def __init__(self, scheme: str, host: str, port: int, timeout: float) -> None:
        # splunkd would log the warning as an error with every call. Connections to Microsoft are verified.
        urllib3.disable_warnings(InsecureRequestWarning)
        # splunkd's certificate is self-made at installation, so nothing on this host can verify it, and the connection
        # does not leave this machine.
        unverified = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        unverified.check_hostname, unverified.verify_mode = False, ssl.CERT_NONE
        # Each call through the PoolManager would check the URL character by character once more: 0.1 ms.
        self._pool = urllib3.PoolManager(
            ssl_context=unverified, cert_reqs="CERT_NONE", timeout=timeout, maxsize=_MOST_IDLE
        ).connection_from_host(host, port, scheme)

    def __call__(self, url: str, message: Mapping[str, Any], **_: Any) -> dict[str, Any]:
        """Send a request and return the complete answer in ``HttpLib``'s form.

        Raises:
            urllib3.exceptions.HTTPError: splunkd could not be reached or did not answer.
        """
        target = "/" + url.split("/", 3)[-1]

        def send() -> Any:
            return self._pool.urlopen(
                message["method"],
                target,
                body=message.get("body"),
                headers={"User-Agent": APP, "Accept": "*/*", **dict(message["headers"])},
                redirect=False,
                retries=False,
                enforce_content_length=True,
            )

        try:
            answer = send()
        except (ProtocolError, SSLError):
            # The connection may have been closed while idle, which urllib3 only notices before it sends.
            answer = send()
        return {
            "status": answer.status,
            "reason": answer.reason,
            "headers": list(answer.headers.items()),
            "body": io.BytesIO(answer.data),
        }

    def __del__(self) -> None:
        """Close the sockets: a setup page's process may outlive its request."""
        self._pool.close()


class Splunkd:
    """A client for splunkd with one session key, in the add-on's namespace.

    Args:
        server_uri: scheme, host and port, as splunkd passes them to a modular input or a REST handler.
        session_key: from the same source; valid as long as that process runs.
        patience: how ``get_with_retries`` waits; calls of the KV store wait by it too.
        timeout: seconds that splunkd may take to answer a call.

    Attributes:
        patience: as given.
        service: ``splunklib``'s, for searches.
    """

    def __init__(
        self, server_uri: str, session_key: str, patience: RetryBudget = _NO_PATIENCE, timeout: float = TIMEOUT
    ) -> None:
        self.patience = patience
        self.session_key = session_key
        address = urlsplit(server_uri)
        scheme, host, port = address.scheme, address.hostname or "", address.port or 8089
        self.service = client.Service(
            scheme=scheme,
            host=host,
            port=port,
            token=session_key,
            owner="nobody",
            app=APP,
            handler=Connections(scheme, host, port, timeout),
        )

    def get_with_retries(self, path: str, **query: Any) -> Any:
        """The same as ``get``, with retries while splunkd is busy, starting or restarting.

        Raises:
            SplunkdError: splunkd refused the call or could not be reached.
            StoppedError: the process was asked to stop meanwhile.
        """
        patience = self.patience
        deadline = patience.monotonic() + patience.seconds
        tries = 0
        while True:
            try:
                return self.get(path, **query)
            except SplunkdError as error:
                tries += 1
                is_early = error.may_pass and patience.monotonic() < deadline
                is_unwell = error.status in {0, http.client.SERVICE_UNAVAILABLE}
                if not (is_early or (is_unwell and tries <= len(_BACKOFFS))):
                    raise
                if is_early and tries == len(_BACKOFFS):
                    patience.log.info(
                        "splunkd is busy or starting (%s); this run waits for it, up to %.0f s.",
                        error,
                        patience.seconds,
                    )
            if patience.stop.wait(min(_BACKOFFS[0] * 2 ** (tries - 1), _LONGEST_BACKOFF)):
                raise StoppedError

    def get(self, path: str, **query: Any) -> Any:
        """Send a GET and return its JSON.

        Raises:
            SplunkdError: splunkd refused the call or could not be reached.
        """
        return json_of(lambda: self.service.get(path, output_mode="json", **query).body)

    def post_json(self, path: str, body: Any) -> Any:
        """Send JSON by POST and return the JSON of the answer.

        Raises:
            SplunkdError: splunkd refused the call or could not be reached.
        """
        return json_of(
            lambda: (
                self.service.post(
                    path, headers=[("Content-Type", "application/json")], body=json.dumps(body).encode("utf-8")
                ).body
            )
        )

    def post(self, *segments: str, **form: str) -> Any:
        """Send a form by POST to the path of these segments, and return the JSON of the answer.

        Raises:
            SplunkdError: splunkd refused the call or could not be reached.
        """
        return json_of(lambda: self.service.post(path_of(*segments), output_mode="json", **form).body)

    def delete(self, path: str, **query: Any) -> None:
        """Send a DELETE.

        Raises:
            SplunkdError: splunkd refused the call or could not be reached.
        """
        json_of(lambda: self.service.delete(path, **query).body)

    def stanzas(self, conf: str) -> dict[str, Mapping[str, str]]:
        """All stanzas of one of the add-on's conf files, by name.

        Raises:
            SplunkdError: splunkd refused the call or could not be reached.
        """
        return {entry.name: entry.content for entry in entries(self.get_with_retries(f"configs/conf-{conf}", count=0))}

    def stanza(self, conf: str, name: str) -> Mapping[str, str] | None:
        """One stanza of one of the add-on's conf files; None if it does not exist.

        Raises:
            SplunkdError: splunkd refused the call or could not be reached.
        """
        try:
            answer = self.get_with_retries(path_of("configs", f"conf-{conf}", name))
        except SplunkdError as error:
            if error.status == http.client.NOT_FOUND:
                return None
            raise
        return content_of(answer)


def json_of(call: Callable[[], Any]) -> Any:
    """The JSON in the body that a call of ``splunklib`` returns; None if it is empty.

    Raises:
        SplunkdError: Splunk refused the call, could not be reached, or answered something else.
    """
    try:
        body = call().read()
    except binding.AuthenticationError as error:
        raise SplunkdError(http.client.UNAUTHORIZED, "splunkd no longer accepts the session key") from error
    except binding.HTTPError as error:
        raise SplunkdError(error.status, f"HTTP {error.status}: {_message_of(error)}") from error
    except (OSError, HTTPError, http.client.HTTPException) as error:
        raise _unanswered(error) from error
    if not body:
        return None
    try:
        return json.loads(body)
    except ValueError as error:
        raise SplunkdError(0, f"splunkd answered with something that is not JSON: {body[:80]!r}") from error


class Entry(NamedTuple):
    """An entry in an answer of splunkd: a stanza, an input, a password."""

    name: str
    content: Mapping[str, Any]


def entries(answer: Any) -> list[Entry]:
    """The entries in an answer of splunkd's REST API.

    Raises:
        SplunkdError: the JSON has another shape, such as that of a gateway in front of splunkd.
    """
    try:
        found = [Entry(entry["name"], entry["content"]) for entry in answer["entry"]]
    except (KeyError, TypeError):
        raise _strange(answer) from None
    if not isinstance(answer["entry"], list) or not all(
        isinstance(one.name, str) and isinstance(one.content, dict) for one in found
    ):
        raise _strange(answer)
    return found


def content_of(answer: Any) -> Mapping[str, Any]:
    """The content of an answer with one entry.

    Raises:
        SplunkdError: there is no entry, or the JSON has another shape.
    """
    for entry in entries(answer):
        return entry.content
    raise _strange(answer)


def documents(answer: Any) -> list[Mapping[str, Any]]:
    """The documents in an answer of the KV store.

    Raises:
        SplunkdError: the JSON has another shape.
    """
    if not isinstance(answer, list) or not all(isinstance(document, dict) for document in answer):
        raise _strange(answer)
    return answer


def path_of(*segments: str) -> binding.UrlEncoded:
    """A path with each segment quoted exactly once; splunklib would quote a plain string again.

    Dots alone are quoted too, since urllib3 would resolve "." and ".." as relative segments.
    """
    quoted = (quote(segment, safe="") if segment.strip(".") else segment.replace(".", "%2E") for segment in segments)
    return binding.UrlEncoded("/".join(quoted), skip_encode=True)


def without_answer(error: BaseException) -> SplunkdError | None:
    """The error for a call without an answer, even if a library has wrapped its cause; None for other errors."""
    if any(isinstance(one, (OSError, HTTPError, http.client.HTTPException)) for one in causes(error)):
        return _unanswered(error)
    return None


def explained(error: SplunkdError) -> AddonError:
    """The error for a run that can't read its settings."""
    if error.wants_certificate:
        return ConfigurationError(
            f"splunkd ends the connection before it answers ({error}). If server.conf has requireClientCert = true "
            "under [sslConfig], set it to false: splunkd gives an add-on no certificate to show. If not, see "
            "splunkd.log."
        )
    return ServiceError(f"splunkd does not return the settings ({error}). See splunkd.log; the next run tries again.")


def explained_to_a_page(error: SplunkdError) -> str:
    """The sentence for a page; if splunkd refused the call, its own words."""
    if error.wants_certificate:
        return str(explained(error))
    if error.status:
        return str(error)
    return str(
        ServiceError(f"splunkd gives this page no usable answer ({error}). See splunkd.log, and load the page again.")
    )


def _message_of(error: binding.HTTPError) -> str:
    """The messages in splunkd's refusal, or the reason in the status line."""
    try:
        messages = json.loads(error.body)["messages"]
        return " ".join(str(message["text"]) for message in messages)
    except (ValueError, KeyError, TypeError):
        return " ".join(str(error).split())[:200]


def _strange(answer: Any) -> SplunkdError:
    return SplunkdError(0, f"splunkd answered with JSON of another shape than its REST API has: {str(answer)[:80]!r}")


def _unanswered(error: BaseException) -> SplunkdError:
    *_, cause = causes(error)
    return SplunkdError(
        0,
        f"{type(cause).__name__}: {cause}",
        may_pass=isinstance(cause, ConnectionRefusedError),
        wants_certificate=_wants_certificate(cause),
    )


def _wants_certificate(error: BaseException) -> bool:
    """Whether a call failed as it does if splunkd requires a client certificate.

    With TLS 1.3 the caller only learns this after its request, and a reset connection may swallow the alert.
    """
    if isinstance(error, ssl.SSLError):
        return any(mark in str(error) for mark in _WANTS_CERTIFICATE)
    return isinstance(error, ConnectionResetError) and not isinstance(error, http.client.RemoteDisconnected)
