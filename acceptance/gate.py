"""Holds the answers of an API of the stand-in cloud back, so that an input is in the middle of its backlog."""

from __future__ import annotations

import threading

from standins.microsoft.odata_query import Query


class Gate:
    """Holds each answer of a host back until it is let out."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._changed = threading.Condition()
        self._held = 0
        self._free = 0
        self._is_open = False

    def __call__(self, query: Query) -> None:
        """Hold an answer back."""
        if query.host != self._host:
            return
        with self._changed:
            self._held += 1
            self._changed.wait_for(lambda: self._is_open or self._free > 0, _LONGEST_HELD)
            self._held -= 1
            self._free = max(0, self._free - 1)

    @property
    def holds(self) -> bool:
        """Whether an answer is being held back."""
        with self._changed:
            return self._held > self._free

    def let_out_one(self) -> None:
        """Let one answer out."""
        with self._changed:
            self._free += 1
            self._changed.notify()

    def open(self) -> None:
        """Hold nothing back any more."""
        with self._changed:
            self._is_open = True
            self._changed.notify_all()


_LONGEST_HELD = 50
"""Seconds: the add-on waits 60 for an answer."""
