"""The one clock of the stand-in cloud."""

from __future__ import annotations

import threading
import time

from standins.microsoft import ticks


class CloudClock:
    """What the cloud takes for "now": the ``Date`` header, token life, visibility of alerts, "the last two hours".

    Real time unless a test freezes it, moves it, or puts it apart from this machine's clock.
    All times are ticks of 100 ns since 1970; all durations are seconds. Thread-safe.
    """

    def __init__(self, frozen_at: int | None = None) -> None:
        self._lock = threading.Lock()
        self._frozen_at = frozen_at
        self._ahead = 0

    def now(self) -> int:
        """Return the cloud's time."""
        with self._lock:
            return self._now()

    def freeze(self, at: int | None = None) -> int:
        """Stop the clock, at ``at`` or where it is, and return that time."""
        with self._lock:
            self._frozen_at = self._now() if at is None else at
            return self._frozen_at

    def advance(self, seconds: float) -> int:
        """Move the clock, frozen or running, by seconds (back if negative), and return its time."""
        with self._lock:
            step = round(seconds * ticks.PER_SECOND)
            if self._frozen_at is None:
                self._ahead += step
            else:
                self._frozen_at += step
            return self._now()

    def skew(self, seconds: float) -> None:
        """Run exactly so many seconds ahead of this machine's clock (behind if negative)."""
        with self._lock:
            self._frozen_at = None
            self._ahead = round(seconds * ticks.PER_SECOND)

    def _now(self) -> int:
        return _machine_now() + self._ahead if self._frozen_at is None else self._frozen_at


def _machine_now() -> int:
    return time.time_ns() // 100
