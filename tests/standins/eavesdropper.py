"""A proxy that lets everything pass to another one, and reads what is sent through it to this host.

As proxies do that inspect TLS: whoever does not verify, shows it what is inside the tunnel.
"""

from __future__ import annotations

import socket
import ssl
import threading
from contextlib import AbstractContextManager, suppress
from pathlib import Path

from typing_extensions import Self

from standins.microsoft.proxy import ProxyAddress
from standins.splunkd.https import write_certificate

_HERE = (b"CONNECT 127.0.0.1:", b"CONNECT localhost:", b"CONNECT [::1]:")
_SECONDS = 20


class Eavesdropper(AbstractContextManager["Eavesdropper"]):
    """Listens on a port of its own; `heard` is the beginning of each connection, and of what was sent inside to this host."""

    def __init__(self, folder: Path, behind: ProxyAddress) -> None:
        self.heard: list[bytes] = []
        self._behind = behind
        certificate = folder / "eavesdropper.pem"
        write_certificate(certificate)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate)
        self._listener = socket.create_server(("127.0.0.1", 0))

    @property
    def url(self) -> str:
        """As a variable of the environment has it."""
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    @property
    def targets(self) -> set[str]:
        """The first lines of what was heard."""
        return {heard.partition(b"\r\n")[0].decode("latin-1") for heard in self.heard}

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, name="eavesdropper", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        # To close alone would leave the thread in accept.
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), name="heard", daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, suppress(OSError):
            client.settimeout(_SECONDS)
            head = _head(client)
            self.heard.append(head)
            if not head.startswith(b"CONNECT "):
                client.sendall(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            elif head.startswith(_HERE):
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                with self._context.wrap_socket(client, server_side=True) as inside:
                    self.heard.append(inside.recv(65_536))
            else:
                with socket.create_connection((self._behind.host, self._behind.port)) as beyond:
                    beyond.sendall(head)
                    _relay(client, beyond)


def _head(client: socket.socket) -> bytes:
    """What a client asks for, to the blank line: Python 3.9.2 sends each line of CONNECT by itself."""
    head = b""
    while b"\r\n\r\n" not in head and (data := client.recv(65_536)):
        head += data
    return head


def _relay(client: socket.socket, beyond: socket.socket) -> None:
    back = threading.Thread(target=_pass_on, args=(beyond, client), daemon=True)
    back.start()
    _pass_on(client, beyond)
    back.join(_SECONDS)


def _pass_on(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
