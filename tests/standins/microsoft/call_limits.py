"""How many calls an API lets an application of a tenant make."""

from __future__ import annotations

import math
import threading
from bisect import bisect_right, insort
from collections import defaultdict
from dataclasses import dataclass

from standins.microsoft import ticks
from standins.microsoft.clock import CloudClock
from standins.microsoft.directory import Bearer


@dataclass(frozen=True)
class CallLimit:
    """So many calls in so many seconds."""

    calls: int
    seconds: int


class CallMeter:
    """Counts an API's calls by the cloud's clock, for each application in each tenant by itself.

    Assumed: the time counted is any span of that length, not the minutes of a clock; a call that is refused doesn't count.
    """

    def __init__(self, clock: CloudClock, *limits: CallLimit) -> None:
        self.limits = limits
        """May be changed at any time; none: every call is let through, and counted."""
        self._clock = clock
        self._lock = threading.Lock()
        self._admitted: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
        self._all: defaultdict[tuple[str, str], list[int]] = defaultdict(list)

    def admit(self, bearer: Bearer) -> int | None:
        """Count a call; return None if it may pass, else the seconds for Retry-After."""
        caller = (bearer.tenant.guid, bearer.application.client_id)
        now = self._clock.now()
        with self._lock:
            insort(self._all[caller], now)
            admitted = self._admitted[caller]
            waits = [_wait(admitted, limit, now) for limit in self.limits]
            if any(waits):
                return math.ceil(max(waits) / ticks.PER_SECOND)
            insort(admitted, now)
            return None

    def busiest(self, seconds: int = 60) -> int:
        """Return how many calls, refused ones too, one application made in its busiest span of so many seconds."""
        span = seconds * ticks.PER_SECOND
        with self._lock:
            return max(
                (position + 1 - bisect_right(times, at - span)
                 for times in self._all.values() for position, at in enumerate(times)),
                default=0,
            )  # fmt: skip

    def clear(self) -> None:
        """Forget all calls."""
        with self._lock:
            self._admitted.clear()
            self._all.clear()


def _wait(times: list[int], limit: CallLimit, now: int) -> int:
    """Return the ticks until a further call keeps the limit."""
    span = limit.seconds * ticks.PER_SECOND
    recent = times[bisect_right(times, now - span) :]
    return 0 if len(recent) < limit.calls else recent[-limit.calls] + span - now
