"""The far end of a tunnel: TLS under the host's own name, then HTTP/1.1 with keep-alive."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from dataclasses import dataclass
from typing import Protocol

from standins.microsoft import ticks
from standins.microsoft.certificates import Authority, Certificate
from standins.microsoft.clock import CloudClock
from standins.microsoft.faults import Faults, RequestFault, ShowCertificate
from standins.microsoft.journal import KEPT_HEADERS, Call, Journal
from standins.microsoft.wire import Answer, BadRequestError, ClientGoneError, Connection, Request
from standins.microsoft.workers import Workers

_SECRET_FIELDS = frozenset({"client_secret", "client_assertion", "password", "refresh_token", "code"})
_PACE_SECONDS = 0.05


class Service(Protocol):
    """What answers requests to a host."""

    def respond(self, request: Request) -> Answer:
        """Return the genuine answer."""


class Exchange:
    """One request and what becomes of it."""

    def __init__(
        self,
        connection: Connection,
        request: Request,
        *,
        service: Service,
        call: Call,
        journal: Journal,
        stopping: threading.Event,
    ) -> None:
        self.connection = connection
        self.request = request
        self.now = call.at
        """Ticks of the cloud's clock when the request had been read."""
        self._service = service
        self._call = call
        self._journal = journal
        self._stopping = stopping

    def genuine(self) -> Answer:
        """Return what the service answers, in gzip if the client asked for it."""
        answer = self._service.respond(self.request)
        return answer.packed() if self.request.takes_gzip else answer

    def answer(self, answer: Answer, *, length: int | None = None, part: float = 1.0, piece: int | None = None) -> None:
        """Write an answer.

        Args:
            answer: What; Date and Connection are added.
            length: What Content-Length claims instead of the truth.
            part: Send only this part of the body, 0.0 to 1.0.
            piece: Send so many bytes at a time with pauses in between, instead of all at once.
        """
        keep = "keep-alive" if self.request.keeps_alive else "close"
        answer = answer.with_headers(("Date", ticks.http_date(self.now)), ("Connection", keep))
        body = answer.framed()
        if part < 1.0:
            body = body[: int(len(body) * part)]
        self._journal.note(self._call.number, status=int(answer.status))
        self.connection.send(answer.head(length=length))
        step = piece or len(body) or 1
        for start in range(0, len(body), step):
            self._journal.note(self._call.number, sent=min(start + step, len(body)))
            self.connection.send(body if step >= len(body) else body[start : start + step])
            if piece is not None and self._stopping.wait(_PACE_SECONDS):
                return


@dataclass(frozen=True)
class Origins:
    """All hosts of the cloud."""

    services: dict[str, Service]
    authority: Authority
    clock: CloudClock
    journal: Journal
    faults: Faults
    workers: Workers

    def serve(self, sock: socket.socket, host: str) -> None:
        """Be ``host`` for the client at the other end of a socket until it leaves."""
        wrong = self.faults.take(ShowCertificate, host)
        certificate = Certificate.OWN if wrong is None else wrong.certificate
        tls = self.authority.context(host, certificate).wrap_socket(
            sock, server_side=True, do_handshake_on_connect=False
        )
        with self.workers.tracked(tls):
            try:
                tls.do_handshake()
            except (OSError, ssl.SSLError):  # the client doesn't like the certificate, or has left
                return
            self.journal.tls_versions.add(tls.version() or "")
            connection = Connection(tls)
            with contextlib.suppress(ClientGoneError):
                self._serve_requests(connection, host)

    def _serve_requests(self, connection: Connection, host: str) -> None:
        number = self.journal.number()
        while connection.is_open and not self.workers.stopping.is_set():
            try:
                request = _checked(connection.read_request(host))
            except BadRequestError as error:
                # What HTTP.sys does in front of Microsoft's services (assumed).
                refusal = Answer(error.status, str(error).encode(), (("Content-Type", "text/plain"),))
                connection.send(refusal.with_headers(("Connection", "close")).head() + refusal.body)
                connection.finish()
                return
            if request is None:
                return
            self._exchange(connection, request, number)
            if not request.keeps_alive:
                connection.finish()

    def _exchange(self, connection: Connection, request: Request, number: int) -> None:
        call = self._call(request, number)
        self.journal.begin(call)
        exchange = Exchange(
            connection,
            request,
            service=self.services[request.host],
            call=call,
            journal=self.journal,
            stopping=self.workers.stopping,
        )
        try:
            for delay in self.faults.take_delays(request.host, request):
                delay.wait(self.workers.stopping)
            # A kind to look for, never to make: mypy knows no type for "any subclass of".
            fault = self.faults.take(RequestFault, request.host, request)  # type: ignore[type-abstract]
            if fault is None:
                exchange.answer(exchange.genuine())
            else:
                self.journal.note(call.number, fault=type(fault).__name__)
                fault.play(exchange)
        finally:
            self.journal.note(call.number, ended=time.monotonic())

    def _call(self, request: Request, connection: int) -> Call:
        return Call(
            number=self.journal.number(),
            connection=connection,
            host=request.host,
            method=request.method,
            path=request.path,
            query=request.query,
            headers=tuple(
                (name, "***" if name == "proxy-authorization" else value)
                for name, value in request.headers.items()
                if name in KEPT_HEADERS
            ),
            form=tuple((name, "***" if name in _SECRET_FIELDS else value) for name, value in request.form),
            at=self.clock.now(),
            began=time.monotonic(),
        )


def _checked(request: Request | None) -> Request | None:
    if request is None:
        return None
    if request.version != "HTTP/1.1":  # only CONNECT may be HTTP/1.0, as http.client sends it
        raise BadRequestError("this host speaks HTTP/1.1", 505)
    if request.headers.get("host", "").lower() not in (request.host, f"{request.host}:443"):
        raise BadRequestError("Invalid Hostname")
    if not request.target.startswith("/"):
        raise BadRequestError("Invalid URL")
    try:
        _ = request.path, request.query, request.form
    except UnicodeDecodeError as error:
        raise BadRequestError("the URL and the form are UTF-8") from error
    return request
