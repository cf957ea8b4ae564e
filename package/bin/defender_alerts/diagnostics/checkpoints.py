"""Checks an input's checkpoints: how far it has collected, and how much it remembers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from defender_alerts.checkpoint.checkpoint import MOST_SEEN, Checkpoint, CheckpointKey, latest_checkpoints
from defender_alerts.errors import CheckpointError
from defender_alerts.settings import seconds_between_runs
from defender_alerts.times import TICKS_PER_SECOND, iso

from .report import Finding, failed_by, ok, warning

# An input that works off a backlog or is throttled may be late without a fault.
_LATE_INTERVALS, _LATE_AT_LEAST, _LATE_BY_CRON = 3, 900, 86_400
_MANY = MOST_SEEN * 3 // 4


def checkpoints(documents: Iterable[Mapping[str, Any]], interval: str, now: int) -> Iterator[tuple[str, Finding]]:
    """Yield the region and the finding for each checkpoint of an input.

    Args:
        documents: the input's documents in the KV store.
        interval: of the input, as typed: seconds, or a cron schedule.
        now: in ticks.
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
    every = seconds_between_runs(interval)
    if lag > (max(_LATE_AT_LEAST, _LATE_INTERVALS * every) if every else _LATE_BY_CRON):
        return warning(
            found,
            "The input is behind. See that it is enabled and what its log says; a checkpoint of a tenant that is no "
            "longer collected stays as it is.",
        )
    if len(checkpoint.seen) > _MANY:
        return warning(found, f"It can remember {MOST_SEEN} versions. Lower the input's overlap.")
    return ok(found)
