"""One call to Microsoft, repeated for as long as repeating it makes sense.

What is repeated: no answer, an answer that breaks off, a 5xx, a 408, a 429. What ends the call at once: everything that
the same request will meet again. Every wait ends early when the process is asked to stop.
"""

from __future__ import annotations

import html
import json
import logging
import random
import re
import textwrap
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Callable, Protocol, TypeVar

import requests
import urllib3

from defender_alerts.errors import (
    AddonError,
    BrokenAnswerError,
    ConnectionFailedError,
    ServiceError,
    StoppedError,
    UnexpectedAnswerError,
)
from defender_alerts.times import TICKS_PER_SECOND, parse_http_date

from .body import arriving
from .failures import no_answer
from .rate_limit import Pace
from .server_clock import ServerClock
from .session import Session

T = TypeVar("T")

FIRST_BACKOFF = 1.0
LONGEST_BACKOFF = 60.0
# A longer wait is left to the next run, which will be told again.
LONGEST_RETRY_AFTER = 3_600.0
# A refusal or a token answer is read so far and no further: those of Microsoft's are a few KB.
LARGEST_TEXT = 1_000_000
# Request ids of Microsoft's services; Azure Front Door's and its predecessor's references.
_MICROSOFTS_HEADERS = ("request-id", "client-request-id", "x-ms-", "x-azure-ref", "x-msedge-ref")
_TITLE = re.compile(r"<title[^>]*>([^<]{1,200})", re.IGNORECASE)
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
# Beside every 5xx: the service gave up waiting for the request, or is asked too often.
_MAY_PASS = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})


class Stop(Protocol):
    """Whether the process was asked to stop; ``threading.Event`` is one."""

    def is_set(self) -> bool:
        """True from the moment of asking."""

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for at most ``timeout`` seconds; True if asked to stop."""


class Bearer(Protocol):
    """The token of one resource."""

    def token(self) -> str:
        """A token that is valid now."""

    def reject(self, token: str) -> None:
        """The API refused this token: don't hand it out again."""


@dataclass(frozen=True)
class RetryLimits:
    """After how many failures of one request in a row the call is given up.

    Five failures take half a minute, which gets over the restart of a front end; a longer outage is the next run's.
    Throttling says when to come back, so it is no outage; ten times in a row it is.
    """

    failures: int = 5
    throttlings: int = 10


@dataclass(frozen=True)
class Request:
    """What is asked.

    Attributes:
        accepts: the statuses whose bodies the caller wants to read.
        failures: after how many failures in a row it is given up; None: as any other.
    """

    method: str
    url: str
    params: tuple[tuple[str, str], ...] = ()
    form: Mapping[str, str] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    accepts: frozenset[int] = frozenset({200})
    failures: int | None = None


@dataclass(frozen=True)
class Refusal:
    """An answer that ends the call: Microsoft's status, code, message and correlation id, as far as it gave them.

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
        """Microsoft's own words, for the end of a sentence."""
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
            UnexpectedAnswerError: it is packed or as large as no answer of Microsoft's is.
        """
        for piece in arriving(self._response.raw):
            if self._stop.is_set():
                raise StoppedError
            yield piece

    def text(self) -> str:
        """The body as text; one that is longer than ``LARGEST_TEXT`` is left there."""
        collected = bytearray()
        for piece in self.pieces():
            collected += piece
            if len(collected) > LARGEST_TEXT:
                break
        return collected[:LARGEST_TEXT].decode("utf-8", "replace")


@dataclass
class _Tries:
    """What has gone wrong so far with one request."""

    failures: int = 0
    throttlings: int = 0
    rejected_tokens: int = 0


class Caller:
    """Makes calls to one host: one session, one clock, one stop, one pace.

    Attributes:
        calls: those made so far, also those made again.
        throttled_seconds: waited because the service asked for it.
        paced_seconds: waited so that it would not have to.
    """

    def __init__(
        self,
        session: Session,
        *,
        timeout: float,
        clock: ServerClock,
        stop: Stop,
        log: logging.Logger,
        patience: RetryLimits = RetryLimits(),
        pace: Pace | None = None,
        rng: random.Random | None = None,
    ) -> None:
        self._session = session
        self._timeout = timeout
        self.stop = stop
        self._log = log
        self._patience = patience
        self._pace = pace
        self._rng = rng or random.Random()  # noqa: S311 - jitter is no secret
        self.clock = clock
        self.calls = 0
        self.throttled_seconds = 0.0
        self.paced_seconds = 0.0

    def call(
        self,
        request: Request,
        read: Callable[[Answer], T],
        explain: Explain,
        bearer: Bearer | None = None,
    ) -> T:
        """Make the call, and return what ``read`` makes of its answer.

        ``read`` may be called again with a new answer if the first one breaks off.

        Raises:
            StoppedError: the process was asked to stop.
            AddonError: the call failed for good; the sentence says what to do.
        """
        tries = _Tries()
        while True:
            if self.stop.is_set():
                raise StoppedError
            self._keep_pace()
            token = bearer.token() if bearer is not None else None
            began = time.monotonic()
            try:
                return self._once(request, read, explain, token)
            except _Retry as retry:
                if retry.status == HTTPStatus.UNAUTHORIZED and bearer is not None and token is not None:
                    bearer.reject(token)
                self._log.debug(
                    "call=%s url=%s outcome=%s seconds=%.3f",
                    request.method,
                    request.url,
                    retry.reason,
                    time.monotonic() - began,
                )
                self._prepare_next(tries, retry, request.failures or self._patience.failures)

    def _keep_pace(self) -> None:
        if self._pace is None:
            return
        wait = self._pace.wait()
        if wait:
            self._log.info("wait=%.1f reason=pace", wait)
            self.paced_seconds += wait
            if self.stop.wait(wait):
                raise StoppedError
        self._pace.note()

    def _once(self, request: Request, read: Callable[[Answer], T], explain: Explain, token: str | None) -> T:
        headers = dict(request.headers)
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        began = time.monotonic()
        host = urllib3.util.parse_url(request.url).host or request.url
        self.calls += 1
        answer: Answer | None = None
        try:
            response = self._send(request, headers)
            with response:
                date = self.clock.observe(response.headers.get("Date"))
                answer = Answer(response, date, self.stop)
                self._log.debug(
                    "call=%s url=%s params=%s status=%d seconds=%.3f",
                    request.method,
                    request.url,
                    request.params,
                    answer.status,
                    time.monotonic() - began,
                )
                if answer.status in request.accepts:
                    return read(answer)
                raise self._refused(host, answer, explain, token)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            failure = no_answer(host, error, self._session)
            if not failure.may_pass:
                raise failure.error from error
            self._drop_connections()
            # Once an answer has begun, it is the answer that breaks, not the way to it.
            broke = answer is not None and type(failure.error) is ConnectionFailedError
            raise _Retry(failure.reason, BrokenAnswerError(str(failure.error)) if broke else failure.error) from error
        except _NoAddressError as error:
            raise _redirected(host, None) from error
        except ConnectionFailedError as error:
            self._drop_connections()
            broken = BrokenAnswerError(f"{host}: {error}. The next run asks again.")
            raise _Retry("broken off", broken) from error

    def _drop_connections(self) -> None:
        """What is left on the line of an answer that broke must not be taken for the next one."""
        self._session.close()

    def _send(self, request: Request, headers: Mapping[str, str]) -> requests.Response:
        try:
            return self._session.request(
                request.method,
                request.url,
                params=request.params or None,
                data=request.form,
                headers=dict(headers),
                timeout=self._timeout,
                allow_redirects=False,
                stream=True,
            )
        except requests.RequestException:
            raise
        except ValueError as error:
            # requests takes a redirect's target apart even when it is told not to follow (2.32.5).
            raise _NoAddressError from error

    def _refused(self, host: str, answer: Answer, explain: Explain, token: str | None) -> Exception:
        status = answer.status
        if status in _REDIRECTS:
            return _redirected(host, urllib3.util.parse_url(answer.headers.get("Location", "")).host)
        refusal = _refusal(host, answer)
        foreign = _not_microsofts(refusal, answer)
        if status == HTTPStatus.UNAUTHORIZED and token is not None and foreign is None:
            return _Retry("401", explain(refusal), status=status)
        error = foreign or explain(refusal)
        if status in _MAY_PASS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            wait = self._retry_after(answer.headers.get("Retry-After"))
            return _Retry(str(status), error, status=status, wait=wait)
        return error

    def _retry_after(self, header: str | None) -> float | None:
        """Seconds to wait, out of a number of seconds or a date (RFC 9110, 10.2.3)."""
        if not header:
            return None
        if re.fullmatch(r"\s*\d+\s*", header, re.ASCII):
            return max(FIRST_BACKOFF, float(header))
        try:
            return max(FIRST_BACKOFF, (parse_http_date(header) - self.clock.now()) / TICKS_PER_SECOND)
        except ValueError:
            # What can't be read is as good as not given: we back off by our own rule.
            return None

    def _prepare_next(self, tries: _Tries, retry: _Retry, most_failures: int) -> None:
        """Wait for the next try, or raise what ends the call."""
        if retry.status == HTTPStatus.UNAUTHORIZED:
            tries.rejected_tokens += 1
            if tries.rejected_tokens > 1:
                raise retry.error
            return
        throttled = retry.status == HTTPStatus.TOO_MANY_REQUESTS or retry.wait is not None
        if throttled:
            tries.throttlings += 1
        else:
            tries.failures += 1
        if tries.failures >= most_failures or tries.throttlings >= self._patience.throttlings:
            raise retry.error
        wait = retry.wait
        if wait is None:
            ceiling = min(LONGEST_BACKOFF, FIRST_BACKOFF * 2 ** (tries.failures + tries.throttlings - 1))
            wait = self._rng.uniform(ceiling / 2, ceiling)
        elif wait > LONGEST_RETRY_AFTER:
            raise ServiceError(f"{retry.error} The wait it asks for, {wait:.0f} s, is left to a later run.")
        self._log.info("wait=%.1f reason=%s", wait, retry.reason)
        if throttled:
            self.throttled_seconds += wait
        if self.stop.wait(wait):
            raise StoppedError


class _NoAddressError(Exception):
    """An answer redirects to something that is no address."""


class _Retry(Exception):  # noqa: N818 - no error: the reason for another try
    def __init__(self, reason: str, error: AddonError, *, status: int = 0, wait: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.error = error
        self.status = status
        self.wait = wait


def _redirected(host: str, target: str | None) -> AddonError:
    return UnexpectedAnswerError(
        f"{host} redirects to {target or 'nowhere'}, which is not followed: the answer would not be Microsoft's. Look "
        "for a proxy, portal or filter on the way that asks for a login."
    )


def _not_microsofts(refusal: Refusal, answer: Answer) -> AddonError | None:
    """What is said of a page that somebody on the way puts in the place of Microsoft's answer; None for their own.

    Microsoft's services answer in JSON, and where a front end of theirs does not, its headers say whose it is.
    """
    is_page = "html" in answer.headers.get("Content-Type", "").lower()
    signed = any(name.lower().startswith(_MICROSOFTS_HEADERS) for name in answer.headers)
    if not is_page or signed or answer.headers.get("Server", "").startswith("Microsoft-"):
        return None
    title = _TITLE.search(refusal.page)
    named = f", a page called {microsofts_words(html.unescape(title.group(1)))!r}" if title else ""
    return UnexpectedAnswerError(
        f"{refusal.host} answered {answer.status} with something that is not Microsoft's answer{named}. Look for a "
        "proxy, portal or filter on the way that blocks this host or asks for a login."
    )


def _refusal(host: str, answer: Answer) -> Refusal:
    """What a refusing answer says: OData's ``error`` object where there is one, else the header's ids alone."""
    code = message = ""
    text = answer.text()
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        body = None
    error = body.get("error") if isinstance(body, dict) else None
    if isinstance(error, dict):
        code, message = str(error.get("code") or ""), str(error.get("message") or "")
    elif isinstance(body, dict):
        message = str(body.get("Message") or body.get("message") or body.get("error_description") or "")
    headers, inside = answer.headers, body if isinstance(body, dict) else {}
    correlation = (
        inside.get("correlation_id")
        or headers.get("x-ms-correlation-id")
        or headers.get("request-id")
        or headers.get("x-ms-request-id")
    )
    return Refusal(host, answer.status, code[:80], microsofts_words(message), str(correlation or ""), text)


def microsofts_words(message: str) -> str:
    """A message of Microsoft's as the end of a sentence: one line, without the ids that Entra ID appends."""
    return textwrap.shorten(message.partition("Trace ID:")[0], 300, placeholder=" …").rstrip(".")
