"""splunkd's management port: HTTPS with a self-signed certificate, HTTP/1.1, one thread per connection."""

from __future__ import annotations

import datetime as dt
import errno
import socket
import ssl
import threading
import time
import traceback
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import responses
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any, Callable
from urllib.parse import parse_qs, unquote, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from standins.splunkd.answers import Answer, as_json


def write_certificate(path: Path) -> None:
    """A self-signed certificate with its key, as splunkd makes one at its first start."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "SplunkServerDefaultCert")])
    now = dt.datetime.now(dt.timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1095))
        .sign(key, hashes.SHA256())
    )
    path.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )


@dataclass(frozen=True)
class Request:
    """One request as it arrived. `segments` are the path's, each decoded once."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes = b""

    @property
    def segments(self) -> list[str]:
        """The path's parts; splunkd collapses a doubled slash."""
        return [unquote(part) for part in self.path.split("/") if part]

    @property
    def form(self) -> dict[str, list[str]]:
        """The body as form fields."""
        return parse_qs(self.body.decode(), keep_blank_values=True, strict_parsing=bool(self.body))

    @property
    def mode(self) -> str:
        """What output_mode asks for: "json", else "atom"."""
        asked = self.query.get("output_mode") or (self.form.get("output_mode") if self.is_form and self.body else None)
        return "json" if asked and asked[-1] == "json" else "atom"

    @property
    def is_form(self) -> bool:
        """Whether the body is form fields rather than JSON."""
        return "json" not in self.headers.get("content-type", "")

    def argument(self, name: str, default: str = "") -> str:
        """A query argument's last value."""
        return self.query.get(name, [default])[-1]


class Dropped(Exception):  # noqa: N818 - what happens to the connection
    """Raised by a handler to close the connection without an answer."""


Handle = Callable[[Request], Answer]


class _Connection(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "Splunkd"
    sys_version = ""
    # An answer's head and body go out together: apart, the body would wait for the caller's system to confirm the head.
    wbufsize = -1
    disable_nagle_algorithm = True
    server: _Listener

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        split = urlsplit(self.path)
        request = Request(
            self.command,
            split.path,
            parse_qs(split.query, keep_blank_values=True),
            {name.lower(): value for name, value in self.headers.items()},
            self.rfile.read(length),
        )
        try:
            answer = self.server.handle_call(request)
        except Dropped:
            self.close_connection = True
            return
        except Exception as error:  # noqa: BLE001 - reported by the owner when it closes
            self.server.failures.append("".join(traceback.format_exception(error)))
            answer = as_json({"messages": [{"type": "FATAL", "text": "stand-in failed"}]}, 500)
        self._send(answer)

    do_GET = do_POST = do_DELETE = do_PUT = do_HEAD = _answer

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status, responses.get(answer.status))
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        self.send_header("X-Content-Type-Options", "nosniff")
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if self.headers.get("Connection", "").lower() == "close":
            self.send_header("Connection", "Close")
            self.close_connection = True
        else:
            self.send_header("Connection", "Keep-Alive")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)
        if self.server.closes_idle():
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Nothing: the journal is the access log."""


class _Listener(ThreadingMixIn, HTTPServer):
    daemon_threads = False
    block_on_close = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, host: str, port: int, context: ssl.SSLContext, owner: ManagementPort) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.handle_call = owner.handle
        self.failures = owner.failures
        self._owner = owner
        self._context = context
        self._open: set[socket.socket] = set()
        self._ending = False
        self._lock = threading.Lock()
        super().__init__((host, port), _Connection)

    def finish_request(self, request: Any, client_address: Any) -> None:
        """TLS in the connection's own thread, so that a slow client holds up nobody."""
        with suppress(OSError):
            request.settimeout(120)
            with self._context.wrap_socket(request, server_side=True, do_handshake_on_connect=False) as connection:
                with self._lock:
                    if self._ending:
                        return
                    self._open.add(connection)
                    self._owner.connections += 1
                try:
                    connection.do_handshake()
                    _Connection(connection, client_address, self)
                finally:
                    with self._lock:
                        self._open.discard(connection)

    def closes_idle(self) -> bool:
        return self._owner.closes_idle

    def is_idle(self) -> bool:
        with self._lock:
            return not self._open

    def shutdown_connections(self) -> None:
        with self._lock:
            self._ending = True
            for connection in self._open:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)


@dataclass
class ManagementPort:
    """The listening port; it can be taken away and given back under the same number.

    Attributes:
        connections: how many have been opened.
        host: the address on which it listens.
        requires_certificate: as server.conf, [sslConfig], requireClientCert = true.
        closes_idle: a connection is closed behind each answer although it was to be kept alive, as where
            keepAliveIdleTimeout (server.conf) has run out, or splunkd is busy or restarts.
    """

    certificate: Path
    handle: Handle
    failures: list[str] = field(default_factory=list)
    port: int = 0
    connections: int = 0
    host: str = "127.0.0.1"
    requires_certificate: bool = False
    closes_idle: bool = False
    _listener: _Listener | None = None
    _thread: threading.Thread | None = None

    @property
    def is_idle(self) -> bool:
        """Whether every connection has ended, and with it what a process that has ended had asked for."""
        return self._listener is None or self._listener.is_idle()

    def open(self) -> None:
        """Listen; the first time on a free port, later on the same one."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate)
        if self.requires_certificate:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(self.certificate)
        self._listener = self._listen(context)
        self.port = self._listener.server_address[1]
        self._thread = threading.Thread(
            target=self._listener.serve_forever, kwargs={"poll_interval": 0.05}, name="splunkd"
        )
        self._thread.start()

    def _listen(self, context: ssl.SSLContext) -> _Listener:
        """Listen, if need be after a while: until splunkd is back, the system may give its port to a connection."""
        end = time.monotonic() + 60
        while True:
            try:
                return _Listener(self.host, self.port, context, self)
            except OSError as error:
                if error.errno != errno.EADDRINUSE or time.monotonic() > end:
                    raise
            time.sleep(0.05)

    def close(self) -> None:
        """Stop listening and end every connection; connecting is refused from now on."""
        if self._listener is None or self._thread is None:
            return
        self._listener.shutdown()
        self._listener.socket.close()
        self._listener.shutdown_connections()
        self._listener.server_close()
        self._thread.join()
        self._listener = self._thread = None
