"""The only ways into the stand-in cloud: an HTTP proxy, the same over TLS, and a SOCKS5 proxy.

A tunnel ends in this process: its socket is handed to the host that was asked for, so that a fault there
(a RST, a slow drip) reaches the client as it is. No host of the cloud has an address that could be reached without a proxy.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import ipaddress
import re
import select
import socket
import ssl
import threading
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import quote

from standins.microsoft.certificates import Certificate
from standins.microsoft.faults import DropTunnel, RefuseTunnel, ShowCertificate
from standins.microsoft.journal import Tunnel
from standins.microsoft.origin import Origins
from standins.microsoft.wire import Answer, BadRequestError, ClientGoneError, Connection, Request

Credentials = tuple[str, str]

_AUTHORITY = re.compile(r"([A-Za-z0-9._-]+):(\d{1,5})", re.ASCII)
_HTTPS = 443
_SOCKS_REPLIES = {200: 0, 403: 2, 503: 4}
"""RFC 1928, section 6: succeeded, not allowed by ruleset, host unreachable."""


@dataclass(frozen=True)
class ProxyAddress:
    """Where a proxy listens."""

    scheme: str
    """``http``, ``https`` or ``socks5``."""
    host: str
    port: int

    def url(self, credentials: Credentials | None = None, *, scheme: str | None = None) -> str:
        """Return the URL for a client's settings, credentials percent-encoded."""
        user = "" if credentials is None else f"{quote(credentials[0], safe='')}:{quote(credentials[1], safe='')}@"
        return f"{scheme or self.scheme}://{user}{self.host}:{self.port}"


class Ruleset:
    """Whom and what the proxies let through. May be changed at any time."""

    def __init__(self, origins: Origins, credentials: Credentials | None) -> None:
        self.origins = origins
        self.credentials = credentials
        self.challenges: tuple[str, ...] = ('Basic realm="stand-in proxy"',)
        self.forgotten: set[str] = set()
        """Hosts whose names don't resolve any more."""
        self._lock = threading.Lock()

    def decide(self, kind: str, host: str, port: int, *, authorised: bool) -> Answer | None:
        """Return 200 for a tunnel or a refusal, or None to drop the connection; note it in the journal."""
        host = host.lower()
        answer = self._decide(host, port, authorised=authorised)
        status = 0 if answer is None else answer.status
        self.origins.journal.tunnel(Tunnel(host, port, kind, status, self.origins.clock.now()))
        return answer

    def _decide(self, host: str, port: int, *, authorised: bool) -> Answer | None:
        html = ("Content-Type", "text/html")
        if not authorised:
            challenges = tuple(("Proxy-Authenticate", challenge) for challenge in self.challenges)
            return Answer(407, b"<html><body>Proxy authentication required</body></html>", (*challenges, html))
        if self.origins.faults.take(DropTunnel, host) is not None:
            return None
        refusal = self.origins.faults.take(RefuseTunnel, host)
        if refusal is not None:
            return Answer(refusal.status, refusal.body, (html,))
        if port != _HTTPS:  # as Squid's default ruleset does: deny CONNECT !SSL_ports
            return Answer(403, b"<html><body>Only port 443</body></html>", (html,))
        if host in self.forgotten or host not in self.origins.services:
            # As Squid answers where a name doesn't resolve.
            failed = ("X-Squid-Error", "ERR_DNS_FAIL 0")
            return Answer(503, b"<html><body>DNS lookup failed</body></html>", (failed, html))
        return Answer(200)


@dataclass(frozen=True)
class HttpProxy:
    """CONNECT (RFC 9110, section 9.3.6) with Basic credentials (RFC 7617) where the ruleset wants any."""

    rules: Ruleset

    def serve(self, sock: socket.socket) -> None:
        """Serve one client."""
        host = self._negotiate(Connection(sock), "http")
        if host is not None:
            self.rules.origins.serve(sock, host)

    def serve_tls(self, sock: socket.socket) -> None:
        """Serve one client that speaks TLS to the proxy itself, and TLS to the host inside."""
        workers = self.rules.origins.workers
        wrong = self.rules.origins.faults.take(ShowCertificate, "127.0.0.1")
        certificate = Certificate.OWN if wrong is None else wrong.certificate
        context = self.rules.origins.authority.context("127.0.0.1", certificate)
        tls = context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
        with workers.tracked(tls):
            try:
                tls.do_handshake()
            except (OSError, ssl.SSLError):
                return
            host = self._negotiate(Connection(tls), "https")
            if host is None:
                return
            near, far = _connected_pair()
            with workers.tracked(near):
                workers.start("tunnel", lambda inner: self.rules.origins.serve(inner, host), far)
                _relay(tls, near)

    def _negotiate(self, connection: Connection, kind: str) -> str | None:
        """Answer until a tunnel stands, and return its host; None when the client is done with."""
        try:
            while True:
                request = connection.read_request("")
                if request is None:
                    return None
                target = _AUTHORITY.fullmatch(request.target)
                if request.method != "CONNECT" or target is None:
                    raise BadRequestError("this proxy takes CONNECT host:port only")  # noqa: TRY301 - answered below
                answer = self.rules.decide(kind, target[1], int(target[2]), authorised=self._is_authorised(request))
                if answer is None:
                    connection.reset()
                    return None
                if answer.status == HTTPStatus.OK:
                    connection.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
                    return None if connection.has_more else target[1].lower()
                connection.send(answer.head() + answer.body)
        except BadRequestError as error:
            with contextlib.suppress(ClientGoneError):
                refusal = Answer(error.status, str(error).encode(), (("Connection", "close"),))
                connection.send(refusal.head() + refusal.body)
            return None
        except ClientGoneError:
            return None

    def _is_authorised(self, request: Request) -> bool:
        if self.rules.credentials is None:
            return True
        scheme, _, encoded = request.headers.get("proxy-authorization", "").partition(" ")
        try:
            given = base64.b64decode(encoded.strip(), validate=True)
        except binascii.Error:
            return False
        # RFC 7617 leaves the charset open. Browsers send UTF-8, and so what a user can log in with is that.
        return scheme.lower() == "basic" and given == ":".join(self.rules.credentials).encode()


@dataclass(frozen=True)
class SocksProxy:
    """SOCKS5 (RFC 1928) with username and password (RFC 1929) where the ruleset wants any.

    Only names, never addresses: the hosts have none, so the client has to leave DNS to the proxy.
    """

    rules: Ruleset

    def serve(self, sock: socket.socket) -> None:
        """Serve one client."""
        try:
            host = self._negotiate(sock)
        except (OSError, UnicodeDecodeError):
            return
        if host is not None:
            self.rules.origins.serve(sock, host)

    def _negotiate(self, sock: socket.socket) -> str | None:
        version, count = _exactly(sock, 2)
        methods = _exactly(sock, count)
        wanted = 0 if self.rules.credentials is None else 2
        if version != 5 or wanted not in methods:
            sock.sendall(b"\x05\xff")
            return None
        sock.sendall(bytes((5, wanted)))
        if self.rules.credentials is not None and not self._is_authorised(sock, self.rules.credentials):
            return None
        _, command, _, kind = _exactly(sock, 4)
        host = self._read_address(sock, kind)
        port = int.from_bytes(_exactly(sock, 2), "big")
        if command != 1:
            sock.sendall(_reply(7))
            return None
        if host is None:
            sock.sendall(_reply(8))
            return None
        answer = self.rules.decide("socks5", host, port, authorised=True)
        if answer is None:
            Connection(sock).reset()
            return None
        sock.sendall(_reply(_SOCKS_REPLIES.get(answer.status, 1)))
        return host.lower() if answer.status == HTTPStatus.OK else None

    def _is_authorised(self, sock: socket.socket, credentials: Credentials) -> bool:
        _, length = _exactly(sock, 2)
        user = _exactly(sock, length).decode()
        (length,) = _exactly(sock, 1)
        password = _exactly(sock, length).decode()
        authorised = (user, password) == credentials
        sock.sendall(b"\x01\x00" if authorised else b"\x01\x01")
        if not authorised:
            self.rules.decide("socks5", "", 0, authorised=False)
        return authorised

    def _read_address(self, sock: socket.socket, kind: int) -> str | None:
        if kind == 3:
            (length,) = _exactly(sock, 1)
            return _exactly(sock, length).decode("ascii")
        if kind == 1:
            return str(ipaddress.IPv4Address(_exactly(sock, 4)))
        return str(ipaddress.IPv6Address(_exactly(sock, 16))) if kind == 4 else None


def _reply(code: int) -> bytes:
    return bytes((5, code, 0, 1, 0, 0, 0, 0, 0, 0))


def _exactly(sock: socket.socket, count: int) -> bytes:
    received = b""
    while len(received) < count:
        more = sock.recv(count - len(received))
        if not more:
            raise ConnectionError("the client left in the middle of the handshake")
        received += more
    return received


def _connected_pair() -> tuple[socket.socket, socket.socket]:
    # Not socketpair: what is reset at one end must look like TCP's RST at the other.
    with socket.create_server(("127.0.0.1", 0)) as listener:
        near = socket.create_connection(listener.getsockname())
        far, _ = listener.accept()
    for end in (near, far):
        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return near, far


def _relay(tls: ssl.SSLSocket, near: socket.socket) -> None:
    """Pass bytes between the client and the host until one of them closes or resets."""
    try:
        while True:
            readable = [tls] if tls.pending() else select.select([tls, near], [], [])[0]
            for source, sink in ((tls, near), (near, tls)):
                if source in readable:
                    data = source.recv(65536)
                    if not data:
                        return
                    sink.sendall(data)
    except ConnectionResetError:
        Connection(tls).reset()
    except (OSError, ValueError):
        return
