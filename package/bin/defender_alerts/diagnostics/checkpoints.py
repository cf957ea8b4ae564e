"""What the checkpoints of an input say: how far it has come, how much it remembers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from defender_alerts.checkpoint.checkpoint import MOST_SEEN, Checkpoint, CheckpointKey, latest_checkpoints
from defender_alerts.errors import CheckpointError
from defender_alerts.times import TICKS_PER_SECOND, iso

from .report import Finding, failed_by, ok, warning

# A run that works off a backlog, or waits for Microsoft, is late without being ill.
_LATE_INTERVALS, _LATE_AT_LEAST = 3, 900
_MANY = MOST_SEEN * 3 // 4


def checkpoints(documents: Iterable[Mapping[str, Any]], interval: str, now: int) -> Iterator[tuple[str, Finding]]:
    """The region and what was found of it, for each checkpoint among an input's documents.

    Args:
        documents: those of the input in the store.
        interval: of the input, as typed: seconds, or a cron schedule.
        now: ticks.
    """
    try:
        latest = latest_checkpoints(documents)
    except CheckpointError as error:
        yield "", failed_by(error)
        return
    for key, document in latest.items():
        yield key.region, _checkpoint(key, document, interval, now)


def _checkpoint(key: CheckpointKey, document: Mapping[str, Any], interval: str, now: int) -> Finding:
    try:
        checkpoint = Checkpoint.from_document(key, document)
    except CheckpointError as error:
        return failed_by(error)
    lag = max(0, (now - checkpoint.watermark) // TICKS_PER_SECOND)
    found = (
        f"Tenant {key.tenant} in {key.cloud}: collected up to {iso(checkpoint.watermark)} ({lag} s ago), remembers "
        f"{len(checkpoint.seen)} versions, saved {checkpoint.revision} times."
    )
    if lag > _late(interval):
        return warning(
            found,
            "The input is behind. See that it is enabled and what its log says; a checkpoint of a tenant that is no "
            "longer collected stays as it is.",
        )
    if len(checkpoint.seen) > _MANY:
        return warning(found, f"It can remember {MOST_SEEN} versions. Lower the input's overlap.")
    return ok(found)


def _late(interval: str) -> float:
    try:
        return max(_LATE_AT_LEAST, _LATE_INTERVALS * float(interval))
    except ValueError:
        return 86_400.0  # a cron schedule
