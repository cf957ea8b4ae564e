"""How late Microsoft shows a version: the figure by which an overlap is chosen.

A version that this poll finds, with a version time before the previous poll's answer, was not shown then. So its delay
is at least the previous answer's time less its own, and at most this answer's less its own. Of all others nothing is
known but that they came within one interval.

What looks late for another reason is left out: a first run and one after a reset have no previous answer, and behind a
backlog or a pause of more than two intervals the previous answer is too old to say much. A filter that was widened
since shows what was there before: such a run counts it as late.
"""

from __future__ import annotations

import math

from defender_alerts.checkpoint.checkpoint import Checkpoint
from defender_alerts.checkpoint.versions import Version
from defender_alerts.times import TICKS_PER_SECOND

KEYS = ("late_share", "late_at_least_p99", "late_at_least_max", "late_at_most_max")
"""What is told of a region, where there is something to tell."""

MOST_INTERVALS = 2

# The server's clock is known to a second, and never early.
_CLOCK = TICKS_PER_SECOND


class Lateness:
    """Notes what one run of a region finds late.

    Args:
        checkpoint: as it was before the run.
        overlap: of the input, in ticks.
        interval: of the input, in ticks; 0 where none is known, as with a cron schedule: nothing is measured.
        now: the server's time when the run begins, in ticks.
    """

    def __init__(self, checkpoint: Checkpoint, *, overlap: int, interval: int, now: int) -> None:
        # A run of several windows has asked for the last `overlap` at different times: what is not settled was asked
        # for at `settled + overlap` at the earliest. After one of a single window that is its watermark.
        self._previous = min(checkpoint.watermark, checkpoint.settled + overlap)
        is_known = checkpoint.collected is not None and now - self._previous <= MOST_INTERVALS * interval
        self._bounds: dict[bytes, tuple[int, int]] | None = {} if is_known else None

    def note(self, version: Version, now: int) -> None:
        """Note a version that has not been delivered yet, in an answer that came at ``now`` (ticks) at the latest."""
        if self._bounds is None or version.completes or version.time >= self._previous:
            return
        # An answer that turns out to be cut short comes again: what counts is when it was seen first.
        bounds = (self._previous - version.time, now + _CLOCK - version.time)
        self._bounds.setdefault(version.fingerprint, bounds)

    def summary(self, new: int) -> dict[str, float]:
        """What was found, as fields of the region's line; ``new`` versions were delivered. Empty if nothing was.

        ``late_share`` is the share of versions that were not shown at the previous answer; the others, in seconds, are
        of these alone.
        """
        if self._bounds is None or not new:
            return {}
        if not self._bounds:
            return {"late_share": 0.0}
        at_least = sorted(least for least, _ in self._bounds.values())
        at_most = max(most for _, most in self._bounds.values())
        p99 = at_least[math.ceil(0.99 * len(at_least)) - 1]
        delays = (ticks / TICKS_PER_SECOND for ticks in (p99, at_least[-1], at_most))
        return dict(zip(KEYS, (min(1.0, len(at_least) / new), *delays)))
