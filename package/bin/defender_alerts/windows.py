"""Windows of time: what one request asks for."""

from __future__ import annotations

from dataclasses import dataclass

from .times import iso, seconds

_FIRST_WIDTH = seconds(86_400)
_WIDEST = seconds(8 * 86_400)
# A window whose answer would have held four times as many may be twice as wide next time.
_SPARSE = 4


@dataclass(frozen=True)
class Window:
    """The version times from ``start`` (inclusive) to ``end`` (exclusive), in ticks."""

    start: int
    end: int

    @property
    def width(self) -> int:
        """Its length in ticks."""
        return self.end - self.start

    def __str__(self) -> str:
        return f"{iso(self.start)}..{iso(self.end)}"


class WindowWidth:
    """How wide the next window shall be: it follows the volume.

    A quiet tenant's poll is one window; a backlog is worked off in windows as wide as one answer holds.

    Args:
        most_records: with so many records, an answer counts as cut short.
        narrowest: the width in ticks that cannot be halved: one instant of the API.
    """

    def __init__(self, most_records: int, narrowest: int) -> None:
        self._most_records = most_records
        self._narrowest = narrowest
        self._width = _FIRST_WIDTH

    def window(self, start: int, now: int) -> Window:
        """The next window: from ``start``, not beyond ``now``."""
        return Window(start, min(start + self._width, now))

    def can_halve(self, window: Window) -> bool:
        """Whether a window's time can still be split."""
        return window.width > self._narrowest

    def halve(self, window: Window) -> None:
        """The answer for ``window`` was cut short: ask for its first half next."""
        self._width = max(self._narrowest, window.width // 2)

    def fitted(self, records: int) -> None:
        """The last answer was whole, with so many records."""
        if records * _SPARSE < self._most_records:
            self._width = min(_WIDEST, self._width * 2)
