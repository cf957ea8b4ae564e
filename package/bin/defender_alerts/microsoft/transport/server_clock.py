"""The server's time: what "now" means here."""

from __future__ import annotations

from typing import Callable

from defender_alerts.times import TICKS_PER_SECOND, parse_http_date

MOST_SKEW = 300 * TICKS_PER_SECOND


class ServerClock:
    """The server's clock, as read from its answers.

    The time is the ``Date`` of the last answer plus what a monotonic clock has counted since, so that a wrong clock
    of this machine, or one that jumps, neither hides alerts nor asks for the future.

    ``Date`` has whole seconds and was written a moment ago, so this clock is late, never early: what it calls
    now has happened.

    Args:
        machine: this machine's time in ticks; counts until the first answer.
        monotonic: seconds that never jump.
    """

    def __init__(self, machine: Callable[[], int], monotonic: Callable[[], float]) -> None:
        self._machine = machine
        self._monotonic = monotonic
        self._offset: int | None = None

    def _monotonic_ticks(self) -> int:
        return int(self._monotonic() * TICKS_PER_SECOND)

    def observe(self, date: str | None) -> int | None:
        """Take over an answer's ``Date`` header; return it in ticks, or None where there is no readable one."""
        if not date:
            return None
        try:
            ticks = parse_http_date(date)
        except ValueError:
            return None
        self._offset = ticks - self._monotonic_ticks()
        return ticks

    def follow(self, other: ServerClock) -> None:
        """Start from what another clock has learned, until an answer is observed."""
        if self._offset is None:
            self._offset = other._offset

    def now(self) -> int:
        """The server's time, in ticks."""
        if self._offset is None:
            return self._machine()
        return self._monotonic_ticks() + self._offset

    def skew(self) -> int:
        """How far this machine's clock is ahead of the server's, in ticks (negative: behind)."""
        return self._machine() - self.now()
