"""Threads and sockets of the stand-in cloud, and their end."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Callable

_JOIN_SECONDS = 15.0


class Workers:
    """Runs listeners and connections in threads, and ends them all: nothing is left after `close`.

    An exception that escapes a connection is a defect of the stand-in; `close` raises the first one.
    """

    def __init__(self) -> None:
        self.stopping = threading.Event()
        self._lock = threading.Lock()
        self._acceptors: list[tuple[socket.socket, threading.Thread]] = []
        self._threads: set[threading.Thread] = set()
        self._sockets: set[socket.socket] = set()
        self._defects: list[BaseException] = []

    def listen(
        self, name: str, serve: Callable[[socket.socket], None], address: tuple[str, int] = ("127.0.0.1", 0)
    ) -> tuple[str, int]:
        """Serve each connection to an address in a thread of its own, and return the address; port 0 is a new one."""
        listener = socket.create_server(address, backlog=128)
        thread = threading.Thread(target=self._accept, args=(listener, name, serve), name=f"{name}-listener")
        self._acceptors.append((listener, thread))
        thread.start()
        host, port = listener.getsockname()
        return host, port

    def start(self, name: str, serve: Callable[[socket.socket], None], sock: socket.socket) -> None:
        """Serve a socket in a thread of its own; it is closed when ``serve`` returns."""

        def run() -> None:
            try:
                with self.tracked(sock):
                    serve(sock)
            except Exception as defect:  # noqa: BLE001 - kept for close(), which raises it
                with self._lock:
                    self._defects.append(defect)
            finally:
                with self._lock:
                    self._threads.discard(threading.current_thread())

        thread = threading.Thread(target=run, name=name)
        with self._lock:
            self._threads.add(thread)
        thread.start()

    @contextlib.contextmanager
    def tracked(self, sock: socket.socket) -> Iterator[None]:
        """Own a socket for a while: `close` wakes whoever waits on it; it is closed in the end."""
        with self._lock:
            self._sockets.add(sock)
            late = self.stopping.is_set()
        if late:
            _wake(sock)
        try:
            with sock:
                yield
        finally:
            with self._lock:
                self._sockets.discard(sock)

    def close(self) -> None:
        """End everything.

        Raises:
            RuntimeError: A thread doesn't end, or a connection met a defect of the stand-in.
        """
        self.stopping.set()
        for listener, _ in self._acceptors:
            _wake(listener)
        for listener, thread in self._acceptors:
            thread.join()
            listener.close()
        self._acceptors.clear()
        with self._lock:
            threads = set(self._threads)
            for sock in self._sockets:
                _wake(sock)
        for thread in threads:
            thread.join(_JOIN_SECONDS)
        alive = [thread.name for thread in threads if thread.is_alive()]
        if alive:
            raise RuntimeError(f"still running: {', '.join(alive)}")
        if self._defects:
            raise RuntimeError("the stand-in cloud itself failed") from self._defects[0]

    def _accept(self, listener: socket.socket, name: str, serve: Callable[[socket.socket], None]) -> None:
        while not self.stopping.is_set():
            try:
                sock, _ = listener.accept()
            except OSError:  # closed, or the client was gone before it was accepted
                continue
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.start(name, serve, sock)


def _wake(sock: socket.socket) -> None:
    # SSLSocket.shutdown would take the TLS state from under the thread that reads it.
    with contextlib.suppress(OSError):
        socket.socket.shutdown(sock, socket.SHUT_RDWR)
