"""Keeps a process's calls below a published limit, so that other programs of the same application have room."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Callable, NamedTuple


class Limit(NamedTuple):
    """So many calls in so many seconds are allowed to an application in a tenant."""

    calls: int
    seconds: float


class Pace:
    """Says how long to wait before the next call, so that at most half of each limit is used.

    Half, because the limit is the application's and not the process's: another input, a script or another product may
    use the same one. What they spend is not known here; it is obeyed as a 429.

    Calls are not spread evenly: a quiet poll's few calls go out at once, and only a backlog is slowed down.

    Args:
        limits: what Microsoft publishes; none means no pace.
        monotonic: seconds that never jump.
    """

    def __init__(self, limits: Sequence[Limit], monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._made = [(limit, deque[float](maxlen=max(1, limit.calls // 2))) for limit in limits]

    def wait(self) -> float:
        """The seconds to wait before a call may be made; 0 for none."""
        now = self._monotonic()
        waits = [made[0] + limit.seconds - now for limit, made in self._made if len(made) == made.maxlen]
        return max([0.0, *waits])

    def note(self) -> None:
        """A call is made now."""
        for _, made in self._made:
            made.append(self._monotonic())
