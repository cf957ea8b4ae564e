"""One call to Microsoft, repeated for as long as repeating it makes sense.

What is repeated: no answer, an answer that breaks off, a 5xx, a 429. What ends the call at once: everything that the
same request will meet again. Every wait ends early when the process is asked to stop.
"""

from __future__ import annotations

import json
import logging
import random
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Callable, Protocol, TypeVar

import requests
import urllib3

from defender_alerts.errors import (
    AddonError,
    ConfigurationError,
    ConnectionFailedError,
    ServiceError,
    StoppedError,
    UnexpectedAnswerError,
    UnknownHostError,
)
from defender_alerts.times import TICKS_PER_SECOND, parse_http_date

from .clock import ServerClock

T = TypeVar("T")

FIRST_BACKOFF = 1.0
LONGEST_BACKOFF = 60.0
# A longer wait is left to the next run, which will be told again.
LONGEST_RETRY_AFTER = 3_600.0
# An answer that drips in slower than this for its whole size will not become an answer.
LONGEST_ANSWER = 600.0

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
    """What is asked; ``accepts`` are the statuses whose bodies the caller wants to read."""

    method: str
    url: str
    params: tuple[tuple[str, str], ...] = ()
    form: Mapping[str, str] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    accepts: frozenset[int] = frozenset({200})


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
    """Makes calls to one host: one session, one clock, one stop."""

    def __init__(
        self,
        session: requests.Session,
        *,
        timeout: float,
        clock: ServerClock,
        stop: Stop,
        log: logging.Logger,
        patience: Patience = Patience(),
        rng: random.Random | None = None,
    ) -> None:
        self._session = session
        self._timeout = timeout
        self._stop = stop
        self._log = log
        self._patience = patience
        self._rng = rng or random.Random()  # noqa: S311 - jitter is no secret
        self.clock = clock
        self.calls = 0
        self.throttled_seconds = 0.0

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
            if self._stop.is_set():
                raise StoppedError
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
                self._prepare_next(tries, retry)

    def _once(self, request: Request, read: Callable[[Answer], T], explain: Explain, token: str | None) -> T:
        headers = dict(request.headers)
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        began = time.monotonic()
        host = urllib3.util.parse_url(request.url).host or request.url
        self.calls += 1
        try:
            response = self._session.request(
                request.method,
                request.url,
                params=request.params or None,
                data=request.form,
                headers=headers,
                timeout=self._timeout,
                allow_redirects=False,
                stream=True,
            )
            with response:
                date = self.clock.observe(response.headers.get("Date"))
                answer = Answer(response, date, began + LONGEST_ANSWER, self._stop)
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
            raise _no_answer(host, error) from error
        except ConnectionFailedError as error:
            broken = ConnectionFailedError(f"{host}: {error}. The next run asks again.")
            raise _Retry("broken off", broken) from error

    def _refused(self, host: str, answer: Answer, explain: Explain, token: str | None) -> Exception:
        status = answer.status
        if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
            target = urllib3.util.parse_url(answer.headers.get("Location", "")).host
            return UnexpectedAnswerError(
                f"{host} redirects to {target or 'nowhere'}, which is not followed: the answer would not be "
                "Microsoft's. Look for a proxy, portal or filter on the way that asks for a login."
            )
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

    def _prepare_next(self, tries: _Tries, retry: _Retry) -> None:
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
        if tries.failures >= self._patience.failures or tries.throttlings >= self._patience.throttlings:
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
        if self._stop.wait(wait):
            raise StoppedError


class _Retry(Exception):  # noqa: N818 - no error: the reason for another try
    def __init__(self, reason: str, error: AddonError, *, status: int = 0, wait: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.error = error
        self.status = status
        self.wait = wait


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
    headers = answer.headers
    correlation = headers.get("x-ms-correlation-id") or headers.get("request-id") or headers.get("x-ms-request-id")
    return Refusal(host, answer.status, code[:80], " ".join(message.split())[:300], correlation or "")


def _no_answer(host: str, error: Exception) -> Exception:
    """What a failed exchange means: a reason to try again, or an error that trying again would meet again."""
    chain = " ".join(f"{type(link).__name__}: {link}" for link in _causes(error))
    if isinstance(error, requests.exceptions.ProxyError) and " 407 " in f"{chain} ":
        return ConfigurationError(
            "The proxy refuses its username and password (HTTP 407). Correct them under Configuration > Proxy."
        )
    if "CERTIFICATE_VERIFY_FAILED" in chain:
        return ConnectionFailedError(
            f"The certificate that answers for {host} is not trusted ({_verify_reason(chain)}). If a proxy "
            "inspects TLS here, paste its CA certificate under Configuration > Network > Additional CA certificates."
        )
    row = next(row for row in _NO_ANSWERS if row.mark in chain)
    return _Retry(row.reason, row.error(row.sentence.format(host=host, detail=_last_words(error))))


@dataclass(frozen=True)
class _NoAnswer:
    """How a failure is recognised in the names and texts of its exceptions, and what is said of it."""

    mark: str
    reason: str
    sentence: str
    error: type[ConnectionFailedError] = ConnectionFailedError


_NO_ANSWERS = (
    _NoAnswer(
        # What a proxy says of a name that it can't resolve or reach: 404, 502, 503, 504, each with its own words.
        "Tunnel connection failed",
        "refused tunnel",
        "The proxy opens no way to {host} ({detail}). Check that the proxy lets {host}:443 pass and that it can "
        "resolve that name.",
        UnknownHostError,
    ),
    _NoAnswer(
        "ProxyError",
        "proxy",
        "The proxy could not be used to reach {host} ({detail}). Check host, port and type under Configuration > "
        "Proxy, and that the proxy lets {host}:443 pass.",
    ),
    _NoAnswer(
        "SOCKS",
        "proxy",
        "The SOCKS proxy could not be used to reach {host} ({detail}). Check host, port, type and credentials under "
        "Configuration > Proxy.",
    ),
    _NoAnswer(
        "NameResolutionError",
        "unknown host",
        "The name {host} could not be resolved. Check this host's DNS, or set the proxy under Configuration > Proxy.",
        UnknownHostError,
    ),
    _NoAnswer(
        "Timeout",
        "time-out",
        "{host} did not answer in time ({detail}). Check that port 443 to it is open; a slow proxy may need a higher "
        "request timeout under Configuration > Network.",
    ),
    _NoAnswer("", "no connection", "The connection to {host} failed ({detail}). The next run asks again."),
)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The exception and what it wraps: ``requests`` keeps urllib3's in ``args``, urllib3 in ``reason``."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        inner = getattr(error, "reason", None) or (error.args[0] if error.args else None)
        error = inner if isinstance(inner, BaseException) else error.__cause__ or error.__context__


def _last_words(error: Exception) -> str:
    *_, innermost = _causes(error)
    return f"{type(innermost).__name__}: {' '.join(str(innermost).split())[:160]}"


def _verify_reason(chain: str) -> str:
    return chain.rpartition("certificate verify failed: ")[2].partition(" (_ssl")[0][:120] or "verification failed"
