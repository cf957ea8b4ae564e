"""Chooses the time window of each request.

Only the number of requests depends on this, never what is collected: the reader requests a narrower window until an
answer is whole.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from defender_alerts.times import Window, seconds

# The time since the last poll is one window, even if the input is polled once an hour.
_FIRST_WIDTH = seconds(7_200)
_WIDEST = seconds(8 * 86_400)
# How full the next answer should be. With more, uneven volume cuts too many answers short, which are read for nothing;
# with less, there are more requests.
_FILL = 0.7
# A window is at most this many times as wide as the one before.
_MOST_GROWTH = 8
# One instant of the APIs.
_NARROWEST = 1
# After an answer was cut short, the next window is narrower by a factor between these two.
_LEAST_CUT = 4
_MOST_CUT = 64


class WindowWidth:
    """The width of the next window, which follows the volume of alerts.

    A quiet tenant's poll is one window; a backlog is worked off in windows that fill most of an answer each. No order
    of the records is relied on, but what an answer that was cut short has shown is known to be there.
    """

    def __init__(self) -> None:
        self._width = self._usual = _FIRST_WIDTH
        # The last answer was nearly empty, so it says nothing about the volume behind it.
        self._is_quiet = False
        # The times in the last answer that was cut short, in order, and the width of the window after it.
        self._shown: list[int] = []
        self._narrowed = _NARROWEST

    def window(self, start: int, now: int) -> Window:
        """The next window from ``start``; it ends at ``now`` at the latest.

        Of the records that a truncated answer has shown, it holds no more than an answer should.
        """
        end = min(start + self._width, now)
        if self._is_quiet:
            # Crowds are most likely at the end: draw near by halves, and find them in answers that are not too long.
            end = min(end, start + max(_FIRST_WIDTH, (now - start) // 2))
        shown = self._shown
        if shown and start < shown[0]:
            # If that answer held the newest records, it left out as dense a crowd before them: draw near by halves.
            gap = shown[0] - start
            end = min(end, start + min(gap, max(gap // 2, self._narrowed)))
        else:
            most = bisect_left(shown, start) + int(_FILL * len(shown))
            if most < len(shown):
                end = min(end, max(shown[most], start + _NARROWEST))
        return Window(start, end)

    def can_narrow(self, window: Window) -> bool:
        """Whether a window can still be split."""
        return window.width > _NARROWEST

    def narrow(self, window: Window, times: Sequence[int]) -> None:
        """Narrow the width after the answer for ``window`` was cut short.

        Args:
            window: the window that was requested.
            times: of the answer's records. If they are all the records between the first and the last of them, the next
                window holds as many as an answer should.
        """
        shown = self._shown = sorted(time for time in times if window.start <= time < window.end)
        width = window.width // _LEAST_CUT
        if shown:
            width = min(width, max(int(_FILL * (shown[-1] - shown[0])), window.width // _MOST_CUT))
        self._width = self._narrowed = max(_NARROWEST, width)

    def fitted(self, window: Window, filled: float, times: Sequence[int]) -> None:
        """Adjust the width after the complete answer for ``window``.

        Args:
            window: the window that was requested.
            filled: the size of what it holds of this window, as a fraction of what one answer may hold.
            times: of its records in this window.
        """
        width = widest = window.width * _MOST_GROWTH
        if filled:
            # Where records begin late in a window, the next one begins in the middle of them.
            dense = 2 * (window.end - sorted(times)[len(times) // 2]) if times else window.width
            width = min(width, int(min(window.width, dense) * _FILL / filled))
        self._width = self._usual = min(_WIDEST, max(_NARROWEST, width))
        self._is_quiet = width == widest

    def passed_full_instant(self) -> None:
        """Restore the usual width after an over-full instant."""
        self._width = self._usual
