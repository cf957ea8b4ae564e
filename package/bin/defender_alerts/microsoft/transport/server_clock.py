"""The server's time, which the add-on uses as "now"."""

from __future__ import annotations

from typing import Callable

from defender_alerts.times import TICKS_PER_SECOND, parse_http_date, seconds

MOST_SKEW = 300 * TICKS_PER_SECOND


class ServerClock:
    """The server's clock, learned from its answers.

    The time is the ``Date`` of the last answer plus the time that has passed since by a monotonic clock. So a machine
    whose clock is wrong or jumps neither misses alerts nor requests the future.

    ``Date`` has whole seconds and is a moment old, so this clock may be slow but is never fast.

    Args:
        machine: this machine's clock in ticks, used until the first answer.
        monotonic: a monotonic clock, in seconds.
    """

    def __init__(self, machine: Callable[[], int], monotonic: Callable[[], float]) -> None:
        self._machine = machine
        self._monotonic = monotonic
        self._offset: int | None = None

    def observe(self, date: str | None) -> int | None:
        """Set the clock by an answer's ``Date`` header; return it in ticks, or None if it can't be read."""
        try:
            ticks = parse_http_date(date or "")
        except ValueError:
            return None
        self._offset = ticks - seconds(self._monotonic())
        return ticks

    def follow(self, other: ServerClock) -> None:
        """Use another clock's time until an answer is observed."""
        self._offset = other._offset

    def now(self) -> int:
        """The server's time, in ticks."""
        if self._offset is None:
            return self._machine()
        return seconds(self._monotonic()) + self._offset

    def skew(self) -> int:
        """How far this machine's clock is ahead of the server's, in ticks (negative: behind)."""
        return self._machine() - self.now()
