"""One call to Microsoft, repeated for as long as repeating it makes sense.

What is repeated: no answer, an answer that breaks off, a 5xx, a 429. What ends the call at once: everything that the
same request will meet again. Every wait ends early when the process is asked to stop.
"""

from __future__ import annotations

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
    SlowAnswerError,
    StoppedError,
    StrainedError,
    UnexpectedAnswerError,
)
from defender_alerts.times import TICKS_PER_SECOND, parse_http_date

from .clock import ServerClock
from .failures import no_answer
from .pace import Pace

T = TypeVar("T")

FIRST_BACKOFF = 1.0
LONGEST_BACKOFF = 60.0
# A longer wait is left to the next run, which will be told again.
LONGEST_RETRY_AFTER = 3_600.0
# An answer that drips in slower than this for its whole size will not become an answer.
LONGEST_ANSWER = 600.0

# What the same request, asked for less, may not meet.
_STRAINED = (StrainedError, SlowAnswerError)

_PIECE = 65_536
_EXCERPT = 4_096


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
class Patience:
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
        failures: after how many failures in a row that come of asking for much it is given up; None: as any other.
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
    """An answer that ends the call: Microsoft's status, code, message and correlation id, as far as it gave them."""

    host: str
    status: int
    code: str
    message: str
    correlation_id: str

    def quoted(self) -> str:
        """Microsoft's own words, for the end of a sentence."""
        words = ": ".join(part for part in (self.code, self.message) if part)
        told = f" Microsoft says: {words}." if words else ""
        return f"{told} (HTTP {self.status}, correlation id {self.correlation_id or 'not given'})"


Explain = Callable[[Refusal], AddonError]


class Answer:
    """An answer whose body is still arriving."""

    def __init__(self, response: requests.Response, date: int | None, deadline: float, stop: Stop) -> None:
        self._response = response
        self._deadline = deadline
        self._stop = stop
        self.status = response.status_code
        self.headers = response.headers
        self.date = date

    def pieces(self) -> Iterator[bytes]:
        """The body, decompressed, as it arrives.

        Raises:
            StoppedError: the process was asked to stop.
            ConnectionFailedError: the answer takes too long.
        """
        while True:
            if self._stop.is_set():
                raise StoppedError
            # read1 returns what has arrived; read would wait for a whole piece, and so would iter_content.
            piece = self._response.raw.read1(_PIECE, decode_content=True)
            if not piece:
                return
            yield piece
            if time.monotonic() > self._deadline:
                raise ConnectionFailedError(f"The answer did not arrive whole within {LONGEST_ANSWER:.0f} s")

    def text(self, most: int = _EXCERPT) -> str:
        """The beginning of the body as text."""
        collected = b""
        for piece in self.pieces():
            collected += piece
            if len(collected) >= most:
                break
        return collected[:most].decode("utf-8", "replace")


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
        session: requests.Session,
        *,
        timeout: float,
        clock: ServerClock,
        stop: Stop,
        log: logging.Logger,
        patience: Patience = Patience(),
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
                most = request.failures if isinstance(retry.error, _STRAINED) else None
                self._prepare_next(tries, retry, most or self._patience.failures)

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
                answer = Answer(response, date, began + LONGEST_ANSWER, self.stop)
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
            failure = no_answer(host, error)
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
        if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
            return _redirected(host, urllib3.util.parse_url(answer.headers.get("Location", "")).host)
        refusal = _refusal(host, answer)
        if status == HTTPStatus.UNAUTHORIZED and token is not None:
            return _Retry("401", explain(refusal), status=status)
        if status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            wait = self._retry_after(answer.headers.get("Retry-After"))
            return _Retry(str(status), explain(refusal), status=status, wait=wait)
        return explain(refusal)

    def _retry_after(self, header: str | None) -> float | None:
        """Seconds to wait, out of a number of seconds or a date (RFC 9110, 10.2.3)."""
        if not header:
            return None
        if re.fullmatch(r"\s*\d+\s*", header, re.ASCII):
            return max(FIRST_BACKOFF, float(header))
        try:
            return max(FIRST_BACKOFF, (parse_http_date(header) - self.clock.now()) / TICKS_PER_SECOND)
        except ValueError:
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


def _refusal(host: str, answer: Answer) -> Refusal:
    """What a refusing answer says: OData's ``error`` object where there is one, else the header's ids alone."""
    code = message = ""
    text = answer.text()
    try:
        body = json.loads(text)
    except ValueError:
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
    return Refusal(host, answer.status, code[:80], microsofts_words(message), str(correlation or ""))


def microsofts_words(message: str) -> str:
    """A message of Microsoft's as the end of a sentence: one line, without the ids that Entra ID appends."""
    return textwrap.shorten(message.partition("Trace ID:")[0], 300, placeholder=" …").rstrip(".")
