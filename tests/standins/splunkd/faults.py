"""Faults a test scripts into splunkd's answers, and the record of the calls it received."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Call:
    """One call that splunkd received; status 0 where the connection was closed without an answer.

    `path` is as it came, without the query. `session` tells runs apart: an input's run has a key of its own.
    """

    method: str
    path: str
    user: str
    status: int
    body_bytes: int
    seconds: float
    session: str


@dataclass
class Fault:
    """What happens instead of, or besides, the answer to calls whose path contains `path` (a pattern).

    With `body` (a pattern as well) only calls that carry it are meant: a batch_save names its documents there alone.
    `skip` calls go well first, then `times` (None: all) are hit: `delay` seconds later, and when the `gate` is open, they
    are `dropped` (no answer), or answered with `status` and `text`, or with `status` and `content` as it is, or, with
    none of these, answered as ever. With `applied` the call is carried out although the caller learns nothing of it.
    """

    path: str
    methods: frozenset[str] = frozenset({"GET", "POST", "PUT", "DELETE"})
    skip: int = 0
    times: int | None = None
    status: int | None = None
    text: str = "Service Unavailable"
    content: bytes | None = None
    delay: float = 0.0
    gate: threading.Event | None = None
    dropped: bool = False
    applied: bool = False
    body: str = ""
    hits: int = field(default=0, compare=False)
    answered: int = field(default=0, compare=False)


class Faults:
    """The faults in force. The first that fits a call is taken."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> Fault:
        """Put a fault in force; keep it to remove it or to read its hits."""
        with self._lock:
            self._faults.append(fault)
        return fault

    def remove(self, fault: Fault) -> None:
        """Lift one fault."""
        with self._lock:
            self._faults = [other for other in self._faults if other is not fault]

    def clear(self) -> None:
        """Lift all faults."""
        with self._lock:
            self._faults.clear()

    def finish(self, fault: Fault) -> None:
        """Count a call that a fault has hit and that is over."""
        with self._lock:
            fault.answered += 1

    def take(self, method: str, path: str, body: bytes = b"") -> Fault | None:
        """The fault that hits this call, counted."""
        with self._lock:
            for fault in self._faults:
                if method not in fault.methods or not re.search(fault.path, path):
                    continue
                if fault.body and not re.search(fault.body.encode(), body):
                    continue
                if fault.skip > 0:
                    fault.skip -= 1
                    continue
                if fault.times is not None and fault.hits >= fault.times:
                    continue
                fault.hits += 1
                return fault
        return None
