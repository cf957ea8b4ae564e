"""Calls splunkd through ``splunklib``, with time-outs, retries and distinguishable errors."""

from __future__ import annotations

import http.client
import json
import logging
import ssl
import threading
import time
from collections.abc import Mapping
from typing import Any, Callable, NamedTuple
from urllib.parse import quote, urlsplit

from splunklib import binding, client
from urllib3.exceptions import HTTPError

from defender_alerts.errors import AddonError, ConfigurationError, ServiceError, StoppedError
from defender_alerts.microsoft.transport.client import Stop
from defender_alerts.microsoft.transport.failures import causes

from .connections import Connections
from .names import APP

TIMEOUT = 60
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
    """How long to wait for a splunkd that is busy or starting.

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


class Splunkd:
    """A client for splunkd with one session key, in the add-on's namespace.

    Args:
        server_uri: scheme, host and port, as splunkd passes them to a modular input or a REST handler.
        session_key: from the same source; valid as long as that process runs.
        patience: for ``get_again``.
        timeout: seconds that splunkd may take to answer a call.

    Attributes:
        service: ``splunklib``'s, for searches.
    """

    def __init__(
        self, server_uri: str, session_key: str, patience: RetryBudget = _NO_PATIENCE, timeout: float = TIMEOUT
    ) -> None:
        self._patience = patience
        self.session_key = session_key
        address = urlsplit(server_uri)
        self.service = client.Service(
            scheme=address.scheme,
            host=address.hostname or "",
            port=address.port or 8089,
            token=session_key,
            owner="nobody",
            app=APP,
            handler=Connections(timeout),
        )

    def get_again(self, path: str, **query: Any) -> Any:
        """The same as ``get``, with retries while splunkd is busy, starting or restarting.

        Raises:
            SplunkdError: splunkd refused the call or could not be reached.
            StoppedError: the process was asked to stop meanwhile.
        """
        patience = self._patience
        deadline = patience.monotonic() + patience.seconds
        tries = 0
        while True:
            try:
                return self.get(path, **query)
            except SplunkdError as error:
                tries += 1
                is_early = error.may_pass and patience.monotonic() < deadline
                if not (is_early or (tries <= len(_BACKOFFS) and _is_passing(error))):
                    raise
                if is_early and tries == len(_BACKOFFS):
                    patience.log.info(
                        "splunkd is busy or starting (%s); this run waits for it, up to %.0f s.",
                        error,
                        patience.seconds,
                    )
            if patience.stop.wait(min(_BACKOFFS[0] * 2 ** (tries - 1), _LONGEST_BACKOFF)):
                raise StoppedError

    def get(self, path: str, *, app: str | None = APP, **query: Any) -> Any:
        """Send a GET and return its JSON; ``app=None`` calls outside the add-on's namespace.

        Raises:
            SplunkdError: splunkd refused the call or could not be reached.
        """
        where = {"owner": "nobody", "app": app} if app else {}
        return self._json(self.service.get, path, **where, output_mode="json", **query)

    def post_json(self, path: str, body: Any) -> Any:
        """Send JSON by POST and return the JSON of the answer.

        Raises:
            SplunkdError: splunkd refused the call or could not be reached.
        """
        return self._json(
            self.service.post,
            path,
            owner="nobody",
            app=APP,
            headers=[("Content-Type", "application/json")],
            body=json.dumps(body).encode("utf-8"),
        )

    def post(self, *segments: str, **form: str) -> Any:
        """Send a form by POST to the path of these segments, and return the JSON of the answer.

        Raises:
            SplunkdError: splunkd refused the call or could not be reached.
        """
        return self._json(self.service.post, _path(*segments), owner="nobody", app=APP, output_mode="json", **form)

    def remove(self, *segments: str) -> None:
        """Send a DELETE to the path of these segments.

        Raises:
            SplunkdError: splunkd refused the call or could not be reached.
        """
        self._json(self.service.delete, _path(*segments), owner="nobody", app=APP, output_mode="json")

    def delete(self, path: str, **query: Any) -> None:
        """Send a DELETE.

        Raises:
            SplunkdError: splunkd refused the call or could not be reached.
        """
        self._json(self.service.delete, path, owner="nobody", app=APP, **query)

    @staticmethod
    def _json(method: Any, path: str, **arguments: Any) -> Any:
        try:
            body = method(path, **arguments).body.read()
        except binding.AuthenticationError as error:
            raise SplunkdError(http.client.UNAUTHORIZED, "splunkd no longer accepts the session key") from error
        except binding.HTTPError as error:
            raise SplunkdError(error.status, f"HTTP {error.status}: {message_of(error)}") from error
        except (OSError, HTTPError) as error:
            raise _unanswered(error) from error
        if not body:
            return None
        try:
            return json.loads(body)
        except ValueError as error:
            raise SplunkdError(0, f"splunkd answered with something that is not JSON: {body[:80]!r}") from error

    def stanzas(self, conf: str) -> dict[str, Mapping[str, str]]:
        """All stanzas of one of the add-on's conf files, by name.

        Raises:
            SplunkdError: splunkd refused the call or could not be reached.
        """
        return {entry.name: entry.content for entry in entries(self.get_again(f"configs/conf-{conf}", count=0))}

    def stanza(self, conf: str, name: str) -> Mapping[str, str] | None:
        """One stanza of one of the add-on's conf files; None if it does not exist.

        Raises:
            SplunkdError: splunkd refused the call or could not be reached.
        """
        try:
            answer = self.get_again(_path("configs", f"conf-{conf}", name))
        except SplunkdError as error:
            if error.status == http.client.NOT_FOUND:
                return None
            raise
        return content_of(answer)


class Entry(NamedTuple):
    """An entry in an answer of splunkd: a stanza, an input, a password."""

    name: str
    content: Mapping[str, Any]


def entries(answer: Any) -> list[Entry]:
    """The entries in an answer of splunkd's REST API.

    Raises:
        SplunkdError: the JSON has another shape, such as that of a gateway in front of splunkd.
    """
    listed = answer.get("entry") if isinstance(answer, dict) else None
    if not isinstance(listed, list):
        raise _strange(answer)
    found = []
    for entry in listed:
        name, content = (entry.get("name"), entry.get("content")) if isinstance(entry, dict) else (None, None)
        if not isinstance(name, str) or not isinstance(content, dict):
            raise _strange(entry)
        found.append(Entry(name, content))
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


def _strange(answer: Any) -> SplunkdError:
    return SplunkdError(0, f"splunkd answered with JSON of another shape than its REST API has: {str(answer)[:80]!r}")


def _path(*segments: str) -> binding.UrlEncoded:
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


def _is_passing(error: SplunkdError) -> bool:
    return error.status in {0, http.client.SERVICE_UNAVAILABLE}


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


def message_of(error: binding.HTTPError) -> str:
    """The messages in splunkd's refusal, or the reason in the status line."""
    try:
        messages = json.loads(error.body)["messages"]
        return " ".join(str(message["text"]) for message in messages)
    except (ValueError, KeyError, TypeError):
        return " ".join(str(error).split())[:200]
