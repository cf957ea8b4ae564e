"""What reached the stand-in cloud: every tunnel asked of a proxy and every request inside one."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Callable

KEPT_HEADERS = frozenset(
    {
        "accept",
        "accept-encoding",
        "connection",
        "content-type",
        "host",
        "prefer",
        "proxy-authorization",  # must never be seen inside a tunnel; its value is not kept
        "user-agent",
    }
)


@dataclass(frozen=True)
class Tunnel:
    """One connection asked of a proxy."""

    host: str
    port: int
    proxy: str
    """Which proxy: ``http``, ``https`` or ``socks5``."""
    status: int
    """What the proxy answered, as the HTTP status (SOCKS5 replies count as 200, 407, 403 and 503)."""
    at: int
    """Ticks of the cloud's clock."""


@dataclass(frozen=True)
class Call:
    """One HTTP request. Neither secrets nor tokens are kept."""

    number: int
    connection: int
    """Requests on one kept-alive connection share this number."""
    host: str
    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: tuple[tuple[str, str], ...]
    """Lower-case names, only those of `KEPT_HEADERS`."""
    form: tuple[tuple[str, str], ...]
    """A form body's fields, secrets replaced by ``***``."""
    at: int
    """Ticks of the cloud's clock when the request had been read."""
    began: float
    """`time.monotonic` at the same moment."""
    ended: float | None = None
    """`time.monotonic` when the answer, or what a fault left of it, was out; None until then, and perhaps for a
    moment longer: the client may be quicker. The fields below are noted before the client can know."""
    status: int | None = None
    """The status that was put on the wire; None if none was."""
    sent: int = 0
    """Bytes of the body that were handed to the socket."""
    fault: str | None = None
    """The fault that was played, by its class name."""

    def values(self, name: str) -> list[str]:
        """Return the values of one query parameter, in order."""
        return [value for key, value in self.query if key == name]

    def header(self, name: str) -> str | None:
        """Return one kept header."""
        return dict(self.headers).get(name.lower())


class Journal:
    """Calls and tunnels in the order in which they arrived. Thread-safe; iterating gives a snapshot of the calls."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: list[Call] = []
        self._tunnels: list[Tunnel] = []
        self._numbers = 0
        self.tls_versions: set[str] = set()
        """Of all connections to a host so far, such as ``TLSv1.3``."""

    def calls(
        self,
        host: str | None = None,
        *,
        path: str | None = None,
        method: str | None = None,
        where: Callable[[Call], bool] | None = None,
    ) -> list[Call]:
        """Return the calls to a host and path (case ignored) that also satisfy ``where``."""
        return [
            call
            for call in self
            if (host is None or call.host == host.lower())
            and (path is None or call.path.lower() == path.lower())
            and (method is None or call.method == method)
            and (where is None or where(call))
        ]

    def tunnels(self, host: str | None = None) -> list[Tunnel]:
        """Return what was asked of the proxies, refused or not."""
        with self._lock:
            return [tunnel for tunnel in self._tunnels if host is None or tunnel.host == host.lower()]

    def hosts(self) -> set[str]:
        """Return every host that anybody tried to reach."""
        return {tunnel.host for tunnel in self.tunnels()}

    def clear(self) -> None:
        """Forget everything so far."""
        with self._lock:
            self._calls.clear()
            self._tunnels.clear()

    def number(self) -> int:
        """Return a number that no call has yet."""
        with self._lock:
            self._numbers += 1
            return self._numbers

    def begin(self, call: Call) -> None:
        """Note a call that has arrived."""
        with self._lock:
            self._calls.append(call)

    def note(self, number: int, **changes: Any) -> None:
        """Note what becomes of a call, field by field; one that was cleared away meanwhile stays away."""
        with self._lock:
            for position in range(len(self._calls) - 1, -1, -1):
                if self._calls[position].number == number:
                    self._calls[position] = replace(self._calls[position], **changes)
                    return

    def tunnel(self, tunnel: Tunnel) -> None:
        """Note what was asked of a proxy."""
        with self._lock:
            self._tunnels.append(tunnel)

    def __iter__(self) -> Iterator[Call]:
        with self._lock:
            return iter(self._calls.copy())

    def __len__(self) -> int:
        with self._lock:
            return len(self._calls)
