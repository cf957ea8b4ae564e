"""Keeps a process below half of a published rate limit, which leaves room for the application's other processes."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Callable, NamedTuple


class Limit(NamedTuple):
    """A rate limit: calls per seconds, for one application in one tenant."""

    calls: int
    seconds: float


class Pace:
    """Says how long to wait before the next call, so that at most half of each limit is used.

    A limit belongs to the application, not to the process: another input, a script or another product may share it.
    Their calls are not known here; a 429 tells when all of them together are too many.

    Calls are not spread evenly: a quiet poll makes its few calls at once, and only a backlog is slowed down.

    Args:
        limits: Microsoft's published limits; without any, there is never a wait.
        monotonic: a monotonic clock, in seconds.
    """

    def __init__(self, limits: Sequence[Limit], monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._made = [(limit, deque[float](maxlen=max(1, limit.calls // 2))) for limit in limits]

    def wait(self) -> float:
        """The seconds to wait before the next call."""
        now = self._monotonic()
        waits = [made[0] + limit.seconds - now for limit, made in self._made if len(made) == made.maxlen]
        return max([0.0, *waits])

    def note(self) -> None:
        """Record that a call is made now."""
        for _, made in self._made:
            made.append(self._monotonic())
