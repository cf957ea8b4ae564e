"""Delivers versions: write, flush, then save the checkpoint.

A kill at any moment repeats only what was written since the last save: at most one batch.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import attrgetter

from defender_alerts.checkpoint.split_alerts import DeliveredSplitAlerts
from defender_alerts.checkpoint.versions import Version
from defender_alerts.checkpoint.writer import CheckpointWriter
from defender_alerts.errors import StoppedError
from defender_alerts.microsoft.transport.client import Stop

from .events import EventSink, Origin

# The most that is written between two saves, and thus the most that can come twice.
BATCH_VERSIONS = 1_000
BATCH_BYTES = 2_400_000


class Delivered:
    """Counts of what a run has delivered.

    Attributes:
        new: events.
        split_alerts: those of ``new`` that were split off other records.
        late: those of ``new`` that were older than the watermark.
        bytes: written to the stream.
    """

    new = split_alerts = late = bytes = 0


class Delivery:
    """Writes one region's events in batches and saves the checkpoint after each.

    Args:
        writer: saves the checkpoint.
        origin: the events' source, sourcetype, host and index.
        sink: takes the events.
        stop: checked before each batch.
        split_alerts: remembers delivered split alerts; None if the input does not split.

    Attributes:
        delivered: what has been delivered so far.
        is_under_way: a batch is being written and saved, and should be allowed to finish.
    """

    def __init__(
        self,
        writer: CheckpointWriter,
        origin: Origin,
        sink: EventSink,
        stop: Stop,
        split_alerts: DeliveredSplitAlerts | None = None,
    ) -> None:
        self._stop = stop
        self._writer = writer
        self._checkpoint = writer.checkpoint
        self._origin = origin
        self._sink = sink
        self._split_alerts = split_alerts
        self.delivered = Delivered()
        self.is_under_way = False

    def in_time_order(self, versions: Iterable[Version]) -> None:
        """Deliver a complete window in time order; each batch moves the watermark."""
        once = {version.fingerprint: version for version in versions}
        self.as_they_come(sorted(once.values(), key=attrgetter("time")), in_time_order=True)

    def as_they_come(self, versions: Iterable[Version], *, in_time_order: bool = False) -> None:
        """Deliver versions as they arrive; they move the watermark only if they are in time order."""
        for batch in _batches(versions):
            times = [version.time for version in batch if in_time_order and not version.is_split]
            self._deliver(batch, max(times, default=self._checkpoint.watermark))
            # Otherwise it would be held until the next one is complete: 3 MB more at the peak, measured.
            del batch

    def _deliver(self, batch: Sequence[Version], watermark: int) -> None:
        if self._stop.is_set():
            raise StoppedError
        if not self._writer.saves:
            # If the store can be read but not written, the run stops here, before its first event.
            self._writer.save()
        self._writer.ensure_owner()
        self.is_under_way = True
        try:
            self._write_and_save(batch, watermark)
        finally:
            self.is_under_way = False

    def _write_and_save(self, batch: Sequence[Version], watermark: int) -> None:
        self.delivered.bytes += self._sink.write(self._origin, batch)
        checkpoint, delivered = self._checkpoint, self.delivered
        for version in batch:
            if version.is_split and self._split_alerts is not None:
                self._split_alerts.add(version)
                delivered.split_alerts += 1
                continue
            checkpoint.seen.add(version.fingerprint, version.time)
            if version.completes:
                checkpoint.incomplete.pop(version.completes, None)
            if version.incomplete:
                checkpoint.add_incomplete(version.incomplete, version.time)
            delivered.late += version.time < checkpoint.watermark
        self.delivered.new += len(batch)
        if self._split_alerts is not None:
            self._split_alerts.save()
        self._checkpoint.advance(watermark, self._checkpoint.settled)
        self._writer.save()


def _batches(versions: Iterable[Version]) -> Iterable[list[Version]]:
    """Cut into batches; drop repetitions within a batch, since an answer may hold a version twice."""
    batch: dict[bytes, Version] = {}
    size = 0
    for version in versions:
        if version.fingerprint in batch:
            continue
        batch[version.fingerprint] = version
        size += len(version.raw)
        if len(batch) >= BATCH_VERSIONS or size >= BATCH_BYTES:
            yield list(batch.values())
            batch, size = {}, 0
    if batch:
        yield list(batch.values())
