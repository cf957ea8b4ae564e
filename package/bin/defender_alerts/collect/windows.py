"""Windows of time: what one request asks for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from defender_alerts.times import Window, seconds

_FIRST_WIDTH = seconds(86_400)
_WIDEST = seconds(8 * 86_400)


class _Growth(NamedTuple):
    """A window whose answer could have held so many times as many records may be wider by a factor next time."""

    times_as_many: int
    factor: int


_GROWTHS = (_Growth(64, 8), _Growth(4, 2))


class WindowWidth:
    """How wide the next window shall be: it follows the volume.

    A quiet tenant's poll is one window; a backlog is worked off in windows as wide as one answer holds.

    Args:
        narrowest: the width in ticks that cannot be narrowed: one instant of the API.
    """

    def __init__(self, narrowest: int) -> None:
        self._narrowest = narrowest
        self._width = self._usual = _FIRST_WIDTH
        self._oldest_left_out = 0

    def window(self, start: int, now: int) -> Window:
        """The next window: from ``start``, not beyond ``now``, nor beyond where a full answer is known to begin."""
        end = min(start + self._width, now)
        return Window(start, self._oldest_left_out if start < self._oldest_left_out < end else end)

    def can_narrow(self, window: Window) -> bool:
        """Whether a window's time can still be split."""
        return window.width > self._narrowest

    def narrow(self, window: Window, times: Sequence[int]) -> None:
        """The answer for ``window`` was cut short: ask for half of it next, or for less.

        Args:
            window: what was asked for.
            times: of the records in the answer. Half of them lie before the next window's end; where that is its
                start, that instant is overfull, and the next window is that instant alone.
        """
        width = window.width // 2
        if times:
            width = min(width, sorted(times)[len(times) // 2] - window.start)
        self._width = max(self._narrowest, width)
        # An answer that holds the newest has left out what is before it: that is the next window's end, until it is
        # read. One that holds the oldest begins where the window does, and says nothing of the sort.
        oldest = min(times, default=0)
        self._oldest_left_out = oldest if oldest - window.start >= self._width else 0

    def fitted(self, records: int, most_records: int) -> None:
        """The last answer was whole, with so many records out of so many that it could have held."""
        factor = next((growth.factor for growth in _GROWTHS if records * growth.times_as_many < most_records), 1)
        self._width = self._usual = min(_WIDEST, self._width * factor)

    def passed_full_instant(self) -> None:
        """An instant was read that is fuller than an answer: behind it, be as wide as before it."""
        self._width = self._usual
