"""Calls Microsoft, with retries.

A call is retried if there is no answer, if the answer breaks off, and after a 5xx, 408 or 429. Every other failure ends
it at once, since the same request would fail again. Every wait ends early when the process is asked to stop.
"""

from __future__ import annotations

import html
import json
import logging
import random
import re
import ssl
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Callable, NamedTuple, TypeVar

import requests
import urllib3

from defender_alerts.errors import (
    AddonError,
    ConnectionFailedError,
    ServiceError,
    StoppedError,
    UnexpectedAnswerError,
)
from defender_alerts.microsoft.network import Network
from defender_alerts.times import TICKS_PER_SECOND, machine_time, parse_http_date

from .body import arriving
from .connection import OnDeadAddresses
from .failures import no_answer
from .rate_limit import Limit, Pace
from .server_clock import ServerClock
from .session import Session, open_session

if TYPE_CHECKING:
    from defender_alerts.microsoft.tokens import ResourceBearer

T = TypeVar("T")

FIRST_BACKOFF = 1.0
LONGEST_BACKOFF = 60.0
# A longer wait is left to the next run.
LONGEST_RETRY_AFTER = 3_600.0
# At most this much of a refusal or a token answer is read; Microsoft's have a few KB.
LARGEST_TEXT = 1_000_000
# Headers with the request ids of Microsoft's services, of Azure Front Door and of its predecessor.
_MICROSOFTS_HEADERS = ("request-id", "client-request-id", "x-ms-", "x-azure-ref", "x-msedge-ref")
_TITLE = r"(?i)<title[^>]*>([^<]{1,200})"
_HOST = r"(?i)(?:https?:)?//(?:[^/?#@]*@)?([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?=[:/?#]|\Z)"
# What can go wrong with a request, and is counted apart.
_TOKEN, _THROTTLED, _FAILED = "rejected token", "throttled", "failed"
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
# Retried in addition to every 5xx: the service timed out waiting for the request, or throttles.
_MAY_PASS = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})


Stop = threading.Event
"""Set once the process is asked to stop; every wait on it then ends."""


class RetryLimits(NamedTuple):
    """How many failures of one request in a row end a call.

    Five failures take half a minute, long enough for a front end to restart; after a longer outage the next run goes
    on. Throttling is not an outage, since the service says when to come back, unless it happens ten times in a row.
    """

    failures: int = 5
    throttlings: int = 10


_PATIENT = RetryLimits()
ASKS_ONCE = RetryLimits(failures=1, throttlings=1)


class Request(NamedTuple):
    """An HTTP request.

    Attributes:
        accepts: the statuses whose bodies the caller wants to read.
        failures: how many failures in a row end the call; None for the caller's default.
        may_pass: further statuses after which the call is retried.
    """

    method: str
    url: str
    params: tuple[tuple[str, str], ...] = ()
    form: Mapping[str, str] | None = None
    headers: Mapping[str, str] = MappingProxyType({})
    accepts: frozenset[int] = frozenset({200})
    failures: int | None = None
    may_pass: frozenset[int] = frozenset()


class Refusal(NamedTuple):
    """An answer that ends the call: Microsoft's status, code, message and correlation id, as far as they are known.

    Attributes:
        page: the body as text.
    """

    host: str
    status: int
    code: str
    message: str
    correlation_id: str
    page: str = ""

    def quoted(self) -> str:
        """Microsoft's message and ids, to be appended to a sentence."""
        words = ": ".join(part for part in (self.code, self.message) if part)
        told = f" Microsoft says: {words}." if words else ""
        return f"{told} (HTTP {self.status}, correlation id {self.correlation_id or 'not given'})"


Explain = Callable[[Refusal], AddonError]


class Answer:
    """An answer whose body is still arriving."""

    def __init__(self, response: requests.Response, date: int | None, stop: Stop) -> None:
        self._response = response
        self._stop = stop
        self.status = response.status_code
        self.headers = response.headers
        self.date = date

    def pieces(self) -> Iterator[bytes]:
        """The body, unpacked, as it arrives.

        Raises:
            StoppedError: the process was asked to stop.
            ConnectionFailedError: the answer breaks off or takes too long.
            UnexpectedAnswerError: it has an encoding that was not requested, or is too large.
        """
        for piece in arriving(self._response.raw):
            if self._stop.is_set():
                raise StoppedError
            yield piece

    def text(self) -> str:
        """The body as text, cut at ``LARGEST_TEXT`` bytes."""
        collected = bytearray()
        for piece in self.pieces():
            collected += piece
            if len(collected) > LARGEST_TEXT:
                break
        return collected[:LARGEST_TEXT].decode("utf-8", "replace")


class Caller:
    """Makes calls to one host.

    Attributes:
        session: with which they are made.
        timeout: seconds to wait for a connection, and for each piece of an answer; both apart, if they differ.
        clock: learns the server's time from the answers.
        stop: ends every wait.
        patience: how many failures end a call.
        pace: keeps to the limits of calls.
        calls: the number of calls so far, including retries.
        throttled_seconds: the time spent waiting because the service throttled.
        paced_seconds: the time spent waiting in order not to be throttled.
    """

    calls = 0
    throttled_seconds = paced_seconds = 0.0

    def __init__(
        self,
        session: Session,
        *,
        timeout: float | tuple[float, float],
        clock: ServerClock,
        stop: Stop,
        log: logging.Logger,
        patience: RetryLimits = _PATIENT,
        pace: Pace | None = None,
    ) -> None:
        self.session = session
        self.timeout = timeout
        self.clock = clock
        self.stop = stop
        self.log = log
        self.patience = patience
        self.pace = pace or Pace((), time.monotonic)

    def call(
        self,
        request: Request,
        read: Callable[[Answer], T],
        explain: Explain,
        bearer: ResourceBearer | None = None,
    ) -> T:
        """Make the call and return the result of ``read``.

        If an answer breaks off, ``read`` is called again with a new one.

        Raises:
            StoppedError: the process was asked to stop.
            AddonError: the call failed for good.
        """
        tries = Counter[str]()
        while True:
            self._keep_pace()
            if self.stop.is_set():
                raise StoppedError
            token = bearer.token() if bearer is not None else None
            began = time.monotonic()
            try:
                return self._once(request, read, explain, token)
            except _Retry as retry:
                if retry.kind == _TOKEN and bearer is not None and token is not None:
                    bearer.reject(token)
                self.log.debug(
                    "call=%s url=%s outcome=%s seconds=%.3f",
                    request.method,
                    request.url,
                    retry.reason,
                    time.monotonic() - began,
                )
                self._prepare_next(tries, retry, request.failures or self.patience.failures)

    def _keep_pace(self) -> None:
        wait = self.pace.wait()
        if wait:
            self.log.info("wait=%.1f reason=pace", wait)
            self.paced_seconds += wait
            self.stop.wait(wait)
        self.pace.note()

    def _once(self, request: Request, read: Callable[[Answer], T], explain: Explain, token: str | None) -> T:
        headers = dict(request.headers)
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        began = time.monotonic()
        host = urllib3.util.parse_url(request.url).host or request.url
        self.calls += 1
        try:
            with self.session.request(
                request.method,
                request.url,
                params=request.params or None,
                data=request.form,
                headers=headers,
                timeout=self.timeout,
                allow_redirects=False,
                stream=True,
            ) as response:
                date = self.clock.observe(response.headers.get("Date"))
                answer = Answer(response, date, self.stop)
                self.log.debug(
                    "call=%s url=%s params=%s status=%d seconds=%.3f",
                    request.method,
                    request.url,
                    request.params,
                    answer.status,
                    time.monotonic() - began,
                )
                if answer.status in request.accepts:
                    return read(answer)
                raise self._refused(host, answer, explain, token, request.may_pass)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            failure = no_answer(host, error, self.session)
            if not failure.may_pass:
                raise failure.error from error
            self.session.close()
            raise _Retry(failure.reason, failure.error) from error
        except ConnectionFailedError as error:
            # The rest of a broken answer must not be taken for the next one.
            self.session.close()
            broken = ConnectionFailedError(f"{host}: {error}. The next run tries again.")
            raise _Retry("broken off", broken) from error

    def _refused(
        self, host: str, answer: Answer, explain: Explain, token: str | None, may_pass: frozenset[int]
    ) -> Exception:
        status = answer.status
        if status in _REDIRECTS:
            target = re.match(_HOST, answer.headers.get("Location", ""))
            return UnexpectedAnswerError(
                f"{host} redirects to {target.group(1) if target else 'nowhere'}, which is not followed: the answer "
                "would not be Microsoft's. Look for a proxy, portal or filter in between that asks for a login."
            )
        refusal = _refusal(host, answer)
        foreign = _not_microsofts(refusal, answer)
        if status == HTTPStatus.UNAUTHORIZED and token is not None and foreign is None:
            return _Retry("401", explain(refusal), _TOKEN)
        error = foreign or explain(refusal)
        if status in _MAY_PASS or status in may_pass or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            wait = self._retry_after(answer.headers.get("Retry-After", ""))
            is_throttled = status == HTTPStatus.TOO_MANY_REQUESTS or wait is not None
            return _Retry(str(status), error, _THROTTLED if is_throttled else _FAILED, wait)
        return error

    def _retry_after(self, header: str) -> float | None:
        """Read ``Retry-After``, a number of seconds or a date (RFC 9110, 10.2.3); return seconds."""
        if re.fullmatch(r"\s*\d+\s*", header, re.ASCII):
            return max(FIRST_BACKOFF, float(header))
        try:
            return max(FIRST_BACKOFF, (parse_http_date(header) - self.clock.now()) / TICKS_PER_SECOND)
        except ValueError:
            # Without a header that can be read, back off exponentially.
            return None

    def _prepare_next(self, tries: Counter[str], retry: _Retry, most_failures: int) -> None:
        """Wait for the next try, or raise the error that ends the call; ``tries`` counts what has gone wrong so far."""
        most = {_TOKEN: 2, _THROTTLED: self.patience.throttlings, _FAILED: most_failures}
        tries[retry.kind] += 1
        if tries[retry.kind] >= most[retry.kind]:
            raise retry.error
        if retry.kind == _TOKEN:
            return
        wait = retry.wait
        if wait is None:
            ceiling = min(LONGEST_BACKOFF, FIRST_BACKOFF * 2 ** (tries[_FAILED] + tries[_THROTTLED] - 1))
            wait = random.uniform(ceiling / 2, ceiling)  # noqa: S311 - jitter is no secret
        elif wait > LONGEST_RETRY_AFTER:
            raise ServiceError(f"{retry.error} The wait it asks for, {wait:.0f} s, is left to a later run.")
        self.log.info("wait=%.1f reason=%s", wait, retry.reason)
        if retry.kind == _THROTTLED:
            self.throttled_seconds += wait
        self.stop.wait(wait)


class Callers(NamedTuple):
    """Makes callers for hosts, each with a session of its own: sessions are not for several threads.

    Attributes:
        trusted: verifies who answers.
        machine: this machine's clock, in ticks.
        monotonic: seconds that never jump.
        on_dead_addresses: called if some addresses of a host don't answer.
    """

    network: Network
    trusted: ssl.SSLContext
    stop: Stop
    log: logging.Logger
    patience: RetryLimits = _PATIENT
    machine: Callable[[], int] = machine_time
    monotonic: Callable[[], float] = time.monotonic
    on_dead_addresses: OnDeadAddresses | None = None

    def __call__(self, host: str, limits: Sequence[Limit] = (), clock: ServerClock | None = None) -> Caller:
        """A caller that keeps to limits of calls; its clock is its own, unless one is given."""
        return Caller(
            open_session(self.network, self.trusted, host, self.on_dead_addresses),
            timeout=self.network.timeout,
            clock=clock or ServerClock(self.machine, self.monotonic),
            stop=self.stop,
            log=self.log,
            patience=self.patience,
            pace=Pace(limits, self.monotonic),
        )


class _Retry(Exception):  # noqa: N818 - no error: the reason for another try
    def __init__(self, reason: str, error: AddonError, kind: str = _FAILED, wait: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.error = error
        self.kind = kind
        self.wait = wait


def _not_microsofts(refusal: Refusal, answer: Answer) -> AddonError | None:
    """The error for an HTML page that a proxy or portal sends instead of Microsoft's answer; None for Microsoft's own.

    Microsoft's services answer in JSON, and its front ends can be recognised by their headers.
    """
    is_page = "html" in answer.headers.get("Content-Type", "").lower()
    signed = any(name.lower().startswith(_MICROSOFTS_HEADERS) for name in answer.headers)
    if not is_page or signed or answer.headers.get("Server", "").startswith("Microsoft-"):
        return None
    title = re.search(_TITLE, refusal.page)
    named = f", a page called {microsofts_words(html.unescape(title.group(1)))!r}" if title else ""
    return UnexpectedAnswerError(
        f"{refusal.host} answered {answer.status} with something that is not Microsoft's answer{named}. Look for a "
        "proxy, portal or filter in between that blocks this host or asks for a login."
    )


def _refusal(host: str, answer: Answer) -> Refusal:
    """What a refusing answer says: the message in its body, if there is one, and its correlation id."""
    text, headers = answer.text(), answer.headers
    body = json_object(text)
    error = body.get("error")
    inside = error if isinstance(error, dict) else {}
    message = inside.get("message") or body.get("Message") or body.get("message") or body.get("error_description")
    correlation = (
        body.get("correlation_id")
        or headers.get("x-ms-correlation-id")
        or headers.get("request-id")
        or headers.get("x-ms-request-id")
    )
    code, said = str(inside.get("code") or "")[:80], microsofts_words(str(message or ""))
    return Refusal(host, answer.status, code, said, str(correlation or ""), text)


def json_object(text: str) -> dict[str, Any]:
    """The JSON object in a text; empty if it is something else."""
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def microsofts_words(message: str) -> str:
    """Microsoft's message as one line, without the ids that Entra ID appends."""
    # Imported here, since most polls are refused nothing.
    import textwrap

    return textwrap.shorten(message.partition("Trace ID:")[0], 300, placeholder=" …").rstrip(".")
