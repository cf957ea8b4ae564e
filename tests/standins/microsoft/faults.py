"""Everything that can go wrong between the add-on and Microsoft, and the script that says when it does."""

from __future__ import annotations

import threading
import zlib
from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Callable, TypeVar

from standins.microsoft import aadsts
from standins.microsoft.wire import Answer, Headers, Request

if TYPE_CHECKING:
    from standins.microsoft.certificates import Certificate
    from standins.microsoft.origin import Exchange

_TICK_SECONDS = 0.05


class Fault:
    """Something that goes wrong at a host."""


class RequestFault(Fault, ABC):
    """Played instead of a request's genuine answer."""

    @abstractmethod
    def play(self, exchange: Exchange) -> None:
        """Do to the exchange what the fault does."""


class Delay(Fault, ABC):
    """Played before a request is answered, genuinely or by a `RequestFault`."""

    @abstractmethod
    def wait(self, stopping: threading.Event) -> None:
        """Return when the answer may begin, or the cloud is closing."""


@dataclass(frozen=True)
class ShowCertificate(Fault):
    """Show the wrong certificate in the TLS handshake; counted per connection."""

    certificate: Certificate


@dataclass(frozen=True)
class RefuseTunnel(Fault):
    """Let the proxy refuse the CONNECT (SOCKS5: "not allowed by ruleset"); counted per connection."""

    status: int = 403
    body: bytes = b"<html><body>Access denied by policy.</body></html>"


@dataclass(frozen=True)
class DropTunnel(Fault):
    """Let the proxy reset the connection instead of answering the CONNECT; counted per connection."""


@dataclass(frozen=True)
class Latency(Delay):
    """Begin every answer so many seconds late."""

    seconds: float

    def wait(self, stopping: threading.Event) -> None:
        """Wait the seconds."""
        stopping.wait(self.seconds)


@dataclass(frozen=True)
class Hold(Delay):
    """Begin the answer when the test opens the gate."""

    gate: threading.Event = field(default_factory=threading.Event)

    def wait(self, stopping: threading.Event) -> None:
        """Wait for the gate."""
        while not self.gate.wait(_TICK_SECONDS) and not stopping.is_set():
            pass


@dataclass(frozen=True)
class Status(RequestFault):
    """A status of the test's choice; a body is JSON unless the headers say otherwise."""

    status: int
    body: bytes = b""
    headers: Headers = ()

    def play(self, exchange: Exchange) -> None:
        """Answer it."""
        content = (("Content-Type", "application/json; charset=utf-8"),) if self.body else ()
        exchange.answer(Answer(self.status, self.body, self.headers).with_headers(*content))


def throttled(retry_after: int | str | None = None, *, status: int = 429, body: bytes = b"") -> Status:
    """Return a 429 (or a 503) whose Retry-After is seconds, an HTTP date, or missing (RFC 9110, 10.2.3)."""
    headers = () if retry_after is None else (("Retry-After", str(retry_after)),)
    return Status(status, body, headers)


@dataclass(frozen=True)
class EntraError(RequestFault):
    """An error body of Entra ID, for what its stand-in doesn't do by itself, such as 90055 (throttled)."""

    code: int
    status: int | None = None
    """Instead of the code's usual one."""

    def play(self, exchange: Exchange) -> None:
        """Answer the code's body."""
        answer = aadsts.refusal(self.code, exchange.now, exchange.request)
        exchange.answer(replace(answer, status=self.status or answer.status))


def ok(body: bytes) -> Status:
    """Return a 200 with a body of the test's choice, or none at all."""
    return Status(200, body)


def captive_portal() -> Status:
    """Return the 200 with which a hotel's or a company's network asks for a login instead of passing it on."""
    page = b"<!DOCTYPE html><html><head><title>Sign in to the network</title></head><body>Hello</body></html>"
    return Status(200, page, (("Content-Type", "text/html; charset=utf-8"),))


def redirect(location: str) -> Status:
    """Return a redirect to somewhere else."""
    return Status(302, b"", (("Location", location),))


def not_gzip() -> Status:
    """Return plain text under ``Content-Encoding: gzip``."""
    return Status(200, b"[]", (("Content-Encoding", "gzip"),))


@dataclass(frozen=True)
class Hang(RequestFault):
    """Never answer."""

    def play(self, exchange: Exchange) -> None:
        """Wait until the client gives up."""
        exchange.connection.wait_for_client_to_leave()


@dataclass(frozen=True)
class Stall(RequestFault):
    """Send headers and a part of the body, then nothing more."""

    part: float = 0.5

    def play(self, exchange: Exchange) -> None:
        """Send the part, then wait until the client gives up."""
        exchange.answer(exchange.genuine(), part=self.part)
        exchange.connection.wait_for_client_to_leave()


@dataclass(frozen=True)
class ResetBeforeHeaders(RequestFault):
    """Break the connection (RST) instead of answering."""

    def play(self, exchange: Exchange) -> None:
        """Reset."""
        exchange.connection.reset()


@dataclass(frozen=True)
class ResetInBody(RequestFault):
    """Break the connection (RST) when a part of the body has arrived."""

    part: float = 0.5

    def play(self, exchange: Exchange) -> None:
        """Send the part and reset."""
        exchange.answer(exchange.genuine(), part=self.part)
        exchange.connection.reset()


@dataclass(frozen=True)
class CutOff(RequestFault):
    """Close in order when a part of the body has been sent: short of Content-Length or of the last chunk."""

    part: float = 0.5

    def play(self, exchange: Exchange) -> None:
        """Send the part and close."""
        exchange.answer(exchange.genuine(), part=self.part)
        exchange.connection.finish()


@dataclass(frozen=True)
class LengthTooLong(RequestFault):
    """Claim more than there is, send all there is, and close in order."""

    extra: int = 7

    def play(self, exchange: Exchange) -> None:
        """Send everything under a false length and close."""
        answer = replace(exchange.genuine(), chunked=False)
        exchange.answer(answer, length=len(answer.body) + self.extra)
        exchange.connection.finish()


@dataclass(frozen=True)
class CutGzip(RequestFault):
    """A gzip body that ends early although Content-Length fits it."""

    part: float = 0.5

    def play(self, exchange: Exchange) -> None:
        """Send the part as if it were all."""
        packed = exchange.genuine().packed()
        exchange.answer(replace(packed, body=packed.body[: int(len(packed.body) * self.part)]))


@dataclass(frozen=True)
class GzipFlood(RequestFault):
    """A gzip body that unpacks to so many bytes of JSON white space, made while it is sent."""

    unpacked: int

    def play(self, exchange: Exchange) -> None:
        """Send it until the client has enough."""
        packer = zlib.compressobj(9, wbits=16 + zlib.MAX_WBITS)
        head = Answer(200, b"", (("Content-Type", "application/json"), ("Content-Encoding", "gzip")), chunked=True)
        exchange.connection.send(head.head())
        blanks = b" " * 1_000_000
        for _ in range(self.unpacked // len(blanks)):
            send_chunk(exchange, packer.compress(blanks))
        send_chunk(exchange, packer.flush())
        exchange.connection.send(b"0\r\n\r\n")


def send_chunk(exchange: Exchange, piece: bytes) -> None:
    """Send a piece of a body that is framed by chunks; an empty one would end it."""
    if piece:
        exchange.connection.send(b"%x\r\n%b\r\n" % (len(piece), piece))


@dataclass(frozen=True)
class Drip(RequestFault):
    """Send the genuine answer so slowly that no single read times out."""

    bytes_per_second: int

    def play(self, exchange: Exchange) -> None:
        """Send a little, wait a little."""
        exchange.answer(exchange.genuine(), piece=max(1, int(self.bytes_per_second * _TICK_SECONDS)))


FaultT = TypeVar("FaultT", bound=Fault)


class Scripted:
    """One fault in the script."""

    def __init__(
        self,
        host: str | None,
        fault: Fault,
        *,
        path: str | None,
        times: int | None,
        after: int,
        when: Callable[[Request], bool] | None,
    ) -> None:
        self.fault = fault
        self.host = host
        self.played = 0
        self.has_begun = threading.Event()
        """Set when it is played for the first time."""
        self._path = path
        self._times = times
        self._after = after
        self._when = when
        self._removed = False

    def remove(self) -> None:
        """Play it no more."""
        self._removed = True

    def _is_due(self, host: str, request: Request | None) -> bool:
        if self._removed or (self._times is not None and self.played >= self._times):
            return False
        if self.host not in (None, host):
            return False
        if request is not None:
            if self._path is not None and request.path.rstrip("/").lower() != self._path.rstrip("/").lower():
                return False
            if self._when is not None and not self._when(request):
                return False
        if self._after > 0:
            self._after -= 1
            return False
        self.played += 1
        self.has_begun.set()
        return True


class Faults:
    """The script: faults wait in the order in which they were added. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._script: list[Scripted] = []

    def add(
        self,
        host: str | None,
        fault: Fault,
        *,
        path: str | None = None,
        times: int | None = 1,
        after: int = 0,
        when: Callable[[Request], bool] | None = None,
    ) -> Scripted:
        """Let a fault happen.

        Args:
            host: Where; None for every host.
            fault: What. Delays add up; of the others one is played at a time.
            path: Only for requests to this path (case and a trailing slash ignored).
            times: For so many requests (certificates and tunnels: connections), or None until it is removed.
            after: Let so many matching ones pass first.
            when: Only for requests that satisfy this.
        """
        scripted = Scripted(
            None if host is None else host.lower(), fault, path=path, times=times, after=after, when=when
        )
        with self._lock:
            self._script.append(scripted)
        return scripted

    def clear(self, host: str | None = None) -> None:
        """Remove everything, or everything at one host."""
        with self._lock:
            self._script = [scripted for scripted in self._script if host is not None and scripted.host != host.lower()]

    def take(self, kind: type[FaultT], host: str, request: Request | None = None) -> FaultT | None:
        """Return the first fault of a kind that is due, and count it as played."""
        with self._lock:
            for scripted in self._script:
                if isinstance(scripted.fault, kind) and scripted._is_due(host, request):
                    return scripted.fault
        return None

    def take_delays(self, host: str, request: Request) -> list[Delay]:
        """Return all delays that are due, and count them as played."""
        with self._lock:
            return [
                scripted.fault
                for scripted in self._script
                if isinstance(scripted.fault, Delay) and scripted._is_due(host, request)
            ]
