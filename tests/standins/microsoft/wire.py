"""HTTP/1.1 (RFC 9112) on a socket, by hand: faults need every byte and the socket itself."""

from __future__ import annotations

import contextlib
import fcntl
import gzip
import re
import socket
import struct
import termios
import time
from dataclasses import dataclass, replace
from functools import cached_property
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, unquote

Headers = tuple[tuple[str, str], ...]

MOST_HEAD = 64 * 1024
MOST_BODY = 1024 * 1024
_REQUEST_LINE = re.compile(r"([A-Z]+) (\S+) (HTTP/1\.[01])")
_HEADER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*")
_CHUNK = 64 * 1024
_DELIVERY_SECONDS = 10.0


class ClientGoneError(Exception):
    """The other side closed, reset or never finished what it began."""


class BadRequestError(Exception):
    """What arrived isn't a request that this server takes; ``status`` is the answer it deserves."""

    def __init__(self, sentence: str, status: int = 400) -> None:
        super().__init__(sentence)
        self.status = status


@dataclass(frozen=True)
class Request:
    """One request inside a tunnel."""

    host: str
    method: str
    target: str
    headers: dict[str, str]
    """Lower-case names. A header sent twice is refused."""
    body: bytes = b""
    version: str = "HTTP/1.1"

    @cached_property
    def path(self) -> str:
        """The path, percent-decoded."""
        return unquote(self.target.partition("?")[0])

    @cached_property
    def query(self) -> Headers:
        """The query's pairs in order, decoded as a form is (``+`` is a blank)."""
        return tuple(parse_qsl(self.target.partition("?")[2], keep_blank_values=True, errors="strict"))

    @cached_property
    def form(self) -> Headers:
        """The pairs of a form body; none if the body isn't declared as a form."""
        declared = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        if declared != "application/x-www-form-urlencoded":
            return ()
        return tuple(parse_qsl(self.body.decode(), keep_blank_values=True))

    @property
    def takes_gzip(self) -> bool:
        """Whether the client asked for gzip."""
        codings = [coding.partition(";") for coding in self.headers.get("accept-encoding", "").split(",")]
        return any(
            name.strip().lower() in ("gzip", "*") and weight.replace(" ", "") not in ("q=0", "q=0.0")
            for name, _, weight in codings
        )

    @property
    def keeps_alive(self) -> bool:
        """Whether the client means to send more on this connection."""
        return "close" not in self.headers.get("connection", "").lower()


@dataclass(frozen=True)
class Answer:
    """One response, as a service means it."""

    status: int
    body: bytes = b""
    headers: Headers = ()
    chunked: bool = False
    """Framed by chunks instead of a Content-Length."""

    def with_headers(self, *headers: tuple[str, str]) -> Answer:
        """Return this answer with more headers; those it has stay as they are."""
        present = {name.lower() for name, _ in self.headers}
        return replace(self, headers=(*self.headers, *(h for h in headers if h[0].lower() not in present)))

    def packed(self) -> Answer:
        """Return this answer with its body in gzip, unless it is empty or already encoded."""
        if not self.body or any(name.lower() == "content-encoding" for name, _ in self.headers):
            return self
        packed = replace(self, body=gzip.compress(self.body, compresslevel=1, mtime=0))
        return packed.with_headers(("Content-Encoding", "gzip"), ("Vary", "Accept-Encoding"))

    def head(self, *, length: int | None = None) -> bytes:
        """Return status line and headers; ``length`` is what Content-Length claims, truly by default."""
        framing: Headers = ()
        if self.chunked:
            framing = (("Transfer-Encoding", "chunked"),)
        elif self.status != HTTPStatus.NO_CONTENT:
            framing = (("Content-Length", str(len(self.body) if length is None else length)),)
        lines = [f"HTTP/1.1 {self.status} {_reason(self.status)}"]
        lines += [f"{name}: {value}" for name, value in (*self.headers, *framing)]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    def framed(self) -> bytes:
        """Return the body as it goes over the wire."""
        if not self.chunked:
            return self.body
        pieces = []
        for start in range(0, len(self.body), _CHUNK):
            piece = self.body[start : start + _CHUNK]
            pieces += [b"%x\r\n" % len(piece), piece, b"\r\n"]
        return b"".join([*pieces, b"0\r\n\r\n"])


class Connection:
    """One client's socket (plain or TLS), read request by request. Used by one thread."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._buffer = b""
        self.is_open = True

    def read_request(self, host: str) -> Request | None:
        """Read the next request; None if the client closed in between.

        Raises:
            BadRequestError: It isn't HTTP/1.0 or 1.1 as a client of this cloud may speak it.
            ClientGoneError: The client left in the middle of it.
        """
        head = self._read_head()
        if head is None:
            return None
        try:
            first, *lines = head.decode("ascii").split("\r\n")
        except UnicodeDecodeError as error:
            raise BadRequestError("a request's head is ASCII") from error
        match = _REQUEST_LINE.fullmatch(first)
        if match is None:
            raise BadRequestError(f"not an HTTP/1 request line: {first[:80]!r}")
        headers: dict[str, str] = {}
        for line in lines:
            parts = _HEADER.fullmatch(line)
            if parts is None or parts[1].lower() in headers:
                raise BadRequestError(f"a malformed or repeated header: {line.partition(':')[0]!r}")
            headers[parts[1].lower()] = parts[2]
        return Request(host, match[1], match[2], headers, self._read_body(headers), match[3])

    @property
    def has_more(self) -> bool:
        """Whether bytes beyond the last request have been read already."""
        return bool(self._buffer)

    def send(self, data: bytes) -> None:
        """Send everything.

        Raises:
            ClientGoneError: The client doesn't take it any more.
        """
        try:
            self._socket.sendall(data)
        except (OSError, ValueError) as error:
            self.is_open = False
            raise ClientGoneError from error

    def reset(self) -> None:
        """Break the connection with a TCP RST, once all that was sent has arrived."""
        self._await_delivery()
        if self.is_open:
            self.is_open = False
            with contextlib.suppress(OSError):
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._socket.close()

    def finish(self) -> None:
        """Close in order: TLS close_notify where there is TLS, then FIN."""
        if self.is_open:
            self.is_open = False
            unwrap: Any = getattr(self._socket, "unwrap", None)
            with contextlib.suppress(OSError, ValueError):
                self._socket.settimeout(1.0)  # unwrap waits for the client's own close_notify
                if unwrap is not None:
                    unwrap()
            self._socket.close()

    def wait_for_client_to_leave(self) -> None:
        """Read and drop until the client closes."""
        with contextlib.suppress(ClientGoneError):
            while self._receive():
                pass
        self.is_open = False

    def _read_head(self) -> bytes | None:
        while True:
            head, end, rest = self._buffer.partition(b"\r\n\r\n")
            if end:
                self._buffer = rest
                return head
            if len(self._buffer) > MOST_HEAD:
                raise BadRequestError("the request's head is too long", 431)
            received = self._receive()
            if not received:
                if self._buffer:
                    raise ClientGoneError
                return None
            self._buffer += received

    def _read_body(self, headers: dict[str, str]) -> bytes:
        if "transfer-encoding" in headers:
            raise BadRequestError("a request's body needs a Content-Length here", 411)
        declared = headers.get("content-length", "0")
        if not declared.isdecimal() or int(declared) > MOST_BODY:
            raise BadRequestError("Content-Length is no number or too large", 413)
        while len(self._buffer) < int(declared):
            received = self._receive()
            if not received:
                raise ClientGoneError
            self._buffer += received
        body, self._buffer = self._buffer[: int(declared)], self._buffer[int(declared) :]
        return body

    def _receive(self) -> bytes:
        try:
            return self._socket.recv(65536)
        except (OSError, ValueError) as error:
            self.is_open = False
            raise ClientGoneError from error

    def _await_delivery(self) -> None:
        """Wait until the client's kernel has acknowledged everything: a RST would overtake the rest."""
        deadline = time.monotonic() + _DELIVERY_SECONDS
        with contextlib.suppress(OSError):
            while time.monotonic() < deadline:
                queued = fcntl.ioctl(self._socket.fileno(), termios.TIOCOUTQ, struct.pack("i", 0))
                if struct.unpack("i", queued) == (0,):
                    return
                time.sleep(0.002)


def _reason(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Status"
