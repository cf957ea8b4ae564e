"""Measures how late Microsoft shows a version, which decides how large the overlap must be.

A version that this poll finds, with a version time before the previous poll's answer, was not visible then. So its
delay is at least the previous answer's time less its own, and at most this answer's time less its own. All other
versions appeared within one interval; nothing more is known of them.

Versions that look late for another reason are left out: a first run and one after a reset have no previous answer, and
after a backlog or a pause of more than two intervals the previous answer is too old. One case can't be told apart: if a
filter has been widened, the older alerts that it now lets through count as late.
"""

from __future__ import annotations

import math
from typing import Callable

from defender_alerts.checkpoint.checkpoint import Checkpoint
from defender_alerts.checkpoint.versions import Version
from defender_alerts.times import TICKS_PER_SECOND

KEYS = ("late_share", "late_at_least_p99", "late_at_least_max", "late_at_most_max")
"""The fields of ``region_done`` that this module adds."""

MOST_INTERVALS = 2

# The server's clock is known to one second and is never ahead.
_CLOCK = TICKS_PER_SECOND


class Lateness:
    """Notes the versions that one run of a region finds late.

    Args:
        checkpoint: as it was before the run.
        overlap: of the input, in ticks.
        interval: of the input, in ticks; 0 if unknown, as with a cron schedule, and then nothing is measured.
        now: the server's time at the start of the run, in ticks.
    """

    def __init__(self, checkpoint: Checkpoint, *, overlap: int, interval: int, now: int) -> None:
        # A run with several windows requested the last ``overlap`` at different times: what is not settled was
        # requested at ``settled + overlap`` at the earliest. After a run with one window this is its watermark.
        self._previous = min(checkpoint.watermark, checkpoint.settled + overlap)
        is_known = checkpoint.collected is not None and now - self._previous <= MOST_INTERVALS * interval
        self._bounds: dict[bytes, tuple[int, int]] | None = {} if is_known else None

    def note(self, version: Version, now: Callable[[], int]) -> None:
        """Note a version that has not been delivered yet; its answer came at ``now`` (ticks) at the latest."""
        if self._bounds is None or version.completes or version.time >= self._previous:
            return
        # A truncated answer is requested again; the version was first seen in the earlier one.
        bounds = (self._previous - version.time, now() + _CLOCK - version.time)
        self._bounds.setdefault(version.fingerprint, bounds)

    def summary(self, new: int) -> dict[str, float]:
        """The measurements as fields of ``region_done``; empty if nothing was measured or delivered.

        ``late_share`` is the share of the ``new`` versions that were not visible at the previous answer. The other
        fields are in seconds and only describe those versions.
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
