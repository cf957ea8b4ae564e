"""Chooses the time window of each request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from defender_alerts.times import Window, seconds

_FIRST_WIDTH = seconds(86_400)
_WIDEST = seconds(8 * 86_400)


class _Growth(NamedTuple):
    """If an answer was at most 1/``times_as_many`` full, the next window is wider by ``factor``."""

    times_as_many: int
    factor: int


_GROWTHS = (_Growth(64, 8), _Growth(4, 2))


class WindowWidth:
    """The width of the next window, which follows the volume of alerts.

    A quiet tenant's poll is one window; a backlog is worked off in windows that fill one answer each.

    Args:
        narrowest: the smallest width in ticks: one instant of the API.
    """

    def __init__(self, narrowest: int) -> None:
        self._narrowest = narrowest
        self._width = self._usual = _FIRST_WIDTH
        self._oldest_left_out = 0

    def window(self, start: int, now: int) -> Window:
        """The next window from ``start``; it ends at ``now`` at the latest, or where a truncated answer began."""
        end = min(start + self._width, now)
        return Window(start, self._oldest_left_out if start < self._oldest_left_out < end else end)

    def can_narrow(self, window: Window) -> bool:
        """Whether a window can still be split."""
        return window.width > self._narrowest

    def narrow(self, window: Window, times: Sequence[int]) -> None:
        """Halve the width, or more, after the answer for ``window`` was cut short.

        Args:
            window: the window that was requested.
            times: of the answer's records. The next window ends at their median; if that is its start, the next
                window is that instant alone.
        """
        width = window.width // 2
        if times:
            width = min(width, sorted(times)[len(times) // 2] - window.start)
        self._width = max(self._narrowest, width)
        # An answer with the newest records has left out those before its oldest one, where the next window ends. An
        # answer with the oldest records begins at the window's start and tells nothing about this.
        oldest = min(times, default=0)
        self._oldest_left_out = oldest if oldest - window.start >= self._width else 0

    def fitted(self, filled: float) -> None:
        """Widen after a complete answer that was ``filled`` to this fraction of what one answer may hold."""
        factor = next((growth.factor for growth in _GROWTHS if filled * growth.times_as_many < 1), 1)
        self._width = self._usual = min(_WIDEST, self._width * factor)

    def passed_full_instant(self) -> None:
        """Restore the usual width after an over-full instant."""
        self._width = self._usual
