"""Collects one region: reads windows up to the present and moves the checkpoint forward after each."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import NamedTuple

from defender_alerts.checkpoint.checkpoint import MOST_SEEN
from defender_alerts.checkpoint.split_alerts import DeliveredSplitAlerts
from defender_alerts.checkpoint.versions import Version
from defender_alerts.checkpoint.writer import CheckpointWriter
from defender_alerts.errors import ConfigurationError, IncompleteError
from defender_alerts.microsoft.apis.base import RETENTION, Api
from defender_alerts.microsoft.tokens import ResourceBearer
from defender_alerts.microsoft.transport.client import Caller
from defender_alerts.microsoft.transport.server_clock import MOST_SKEW
from defender_alerts.times import TICKS_PER_SECOND, iso

from .delivery import Delivery
from .events import EventSink, Origin
from .lateness import Lateness
from .missing_alerts import MissingAlerts
from .page import RecordVersion
from .reader import DeliveryMode, RegionReader, Span, kept
from .recollection import PendingRecollection

# A first run may start at the very limit of Microsoft's retention. By the time it reads, the limit may have moved by up
# to this much, which is no gap to warn of.
_SMALLEST_GAP = 3_600 * TICKS_PER_SECOND


class RegionJob(NamedTuple):
    """What it takes to collect one region.

    Attributes:
        api: the API at the region's host.
        writer: saves the checkpoint.
        origin: its events' source, sourcetype, host and index.
        caller: calls the host.
        bearer: the tokens for it.
        sink: takes the events.
        log: of the input.
        overlap: how late a version may become visible, in ticks.
        interval: between two runs, in ticks; 0 if unknown.
        recollection: the missing alerts that an audit found, to be collected again; None if there are none.
        split_alerts: remembers delivered split alerts; None if the input does not split.
    """

    api: Api
    writer: CheckpointWriter
    origin: Origin
    caller: Caller
    bearer: ResourceBearer
    sink: EventSink
    log: logging.Logger
    overlap: int
    interval: int
    recollection: PendingRecollection | None
    split_alerts: DeliveredSplitAlerts | None


class RegionCollector:
    """Collects one region up to the server's present time.

    Args:
        job: what it takes.

    Attributes:
        job: as given.
        delivery: delivers the events.
    """

    def __init__(self, job: RegionJob) -> None:
        self.job = job
        self._checkpoint = checkpoint = job.writer.checkpoint
        self.delivery = Delivery(job.writer, job.origin, job.sink, job.caller.stop, job.split_alerts)
        self._reader = RegionReader(job.api, job.caller, job.bearer, job.log)
        self._reader.asked.start = self._reader.asked.end = checkpoint.settled
        # From here on, nothing that this run reads is settled; None as long as everything is.
        self._open_from: int | None = None
        self._kept: list[Version] = []
        self._missing_alerts = MissingAlerts(job.api, checkpoint, job.log)
        now = job.caller.clock.now()
        self._lateness = Lateness(checkpoint, overlap=job.overlap, interval=job.interval, now=now)
        # Instants that could not be read completely, with the reason.
        self._open: dict[str, str] = {}

    @property
    def region(self) -> str:
        """The region's name in the settings."""
        return self.job.api.region

    def run(self) -> None:
        """Collect everything up to now.

        Raises:
            StoppedError: the process was asked to stop, or the checkpoint was taken; what was saved is saved.
            AddonError: the region failed; what was saved is saved.
        """
        clock = self.job.caller.clock
        if self.job.recollection is not None:
            self.job.recollection.strike_off()
        self._missing_alerts.forget_unwanted()
        self._skip_what_is_gone()
        start, until = self._checkpoint.settled, clock.now()
        while start < until:
            asked_at = clock.now()
            span = self._reader.read(start, until, self)
            self._settle(span, asked_at)
            if span.is_last or until - span.end < TICKS_PER_SECOND:
                self._finish()
                break
            self.job.writer.save_if_due()
            if self._checkpoint.held is not None:
                self._check_memory()
            # Working off a backlog takes time, in which new alerts arrive.
            start, until = span.end, clock.now()
        self._warn_of_skew()
        self._end_incomplete()

    def receive(self, versions: Iterator[RecordVersion], mode: DeliveryMode) -> None:
        """Deliver the new versions of one answer, or keep them until their window is known to be complete."""
        # What was kept of an answer that was cut short comes again with the narrower windows.
        self._kept = []
        self._missing_alerts.begin_answer()
        new = self._new(versions)
        if mode is DeliveryMode.KEPT:
            self._kept = kept(new)
        else:
            self.delivery.as_they_come(new)
            self._missing_alerts.delivered()

    def window_complete(self) -> int:
        """Deliver the kept versions."""
        complete, self._kept = self._kept, []
        self.delivery.in_time_order(complete)
        self._missing_alerts.delivered()
        return sum(len(version.raw) for version in complete)

    def summary(self, lasted: float) -> dict[str, str | float]:
        """The fields of the ``region_done`` log line; ``lasted`` in seconds."""
        delivered, asked = self.delivery.delivered, self._reader.asked
        return {
            "region": self.region,
            "api_host": self.job.api.host,
            "asked": f"{iso(asked.start)}..{iso(asked.end)}",
            "received": asked.received,
            "new": delivered.new,
            "late": delivered.late,
            "incidents_without_alerts": len(self._missing_alerts),
            "instants_not_read": len(self._open),
            "broken": asked.broken,
            "bytes": delivered.bytes,
            "watermark": iso(self._checkpoint.watermark),
            "lag_seconds": max(0, self.job.caller.clock.now() - self._checkpoint.watermark) / TICKS_PER_SECOND,
            "windows": asked.windows,
            "calls": self.job.caller.calls,
            "saves": self.job.writer.saves,
            "throttled_seconds": self.job.caller.throttled_seconds,
            "paced_seconds": self.job.caller.paced_seconds,
            "seconds": lasted,
            "overlap_seconds": self.job.overlap // TICKS_PER_SECOND,
            **self._lateness.summary(delivered.new - delivered.split_alerts),
        }

    def _finish(self) -> None:
        """Collect again what an audit found missing, request missing alerts of incidents, and save a last time."""
        if self.job.recollection is not None:
            self.job.writer.save()
            reader = RegionReader(self.job.api, self.job.caller, self.job.bearer, self.job.log)
            self.job.recollection.execute(reader, self.delivery)
        self._missing_alerts.ask_again(self._reader, self)
        if self.job.split_alerts is not None:
            self.job.split_alerts.forget_before(self.job.caller.clock.now())
        self.job.writer.save(last=True)
        self._check_memory()

    def _new(self, versions: Iterator[RecordVersion]) -> Iterator[Version]:
        """Yield the versions that have not been delivered yet, with the split alerts inside them."""
        judge, note, now = self._missing_alerts.judge, self._lateness.note, self.job.caller.clock.now
        for one in versions:
            version, is_new = judge(one)
            if is_new and one.identity:
                note(version, now)
            if is_new:
                if one.remark:
                    self.job.log.warning(
                        "region=%s a record has no identity or version time (%s); it is indexed with the time %s",
                        self.region,
                        one.remark,
                        iso(version.time),
                    )
                if one.unreadable:
                    self.job.log.warning(
                        "region=%s the record %.100r is indexed as it came, but it can't be parsed (%s): searches may "
                        "lack some of its fields.",
                        self.region,
                        one.identity,
                        one.unreadable,
                    )
                yield version
            for alert in one.split_alerts:
                if self.job.split_alerts is not None and self.job.split_alerts.is_new(alert):
                    yield alert

    def _end_incomplete(self) -> None:
        """End the run as incomplete if something is missing.

        Raises:
            IncompleteError: something is missing.
        """
        sentences = [
            *self._missing_alerts.sentences(),
            *(
                f"More records were changed at {instant} than one answer holds, and they can't be read completely: "
                f"{why} What arrived is collected, and each run reads them again."
                for instant, why in self._open.items()
            ),
        ]
        if sentences:
            raise IncompleteError(" ".join(sentences))

    def _settle(self, span: Span, asked_at: int) -> None:
        """Move the checkpoint past a span that was read.

        Late versions are no longer expected before ``asked_at - overlap``. Once a window reaches beyond that, its time
        and all later times stay unsettled for the next run, however long this one lasts.
        """
        if span.open:
            self._open[iso(span.start)] = span.open
            self._checkpoint.hold(span.start)
        settled = min(span.end, asked_at - self.job.overlap)
        if self._open_from is not None:
            settled = min(settled, self._open_from)
        elif settled < span.end:
            self._open_from = max(span.start, settled)
        self._checkpoint.advance(span.end, settled)

    def _check_memory(self) -> None:
        """End the run if the checkpoint would have to remember too much.

        Raises:
            IncompleteError: something is missing, for which it has to remember more.
            ConfigurationError: the overlap holds too many versions.
        """
        if len(self._checkpoint.seen) <= MOST_SEEN:
            return
        if self._checkpoint.held is not None:
            raise IncompleteError(
                f"The region {self.region} has shown more than {MOST_SEEN} alerts since "
                f"{iso(self._checkpoint.held)}, since when something is missing, and a checkpoint can't remember more: "
                "later alerts wait until it has arrived. Set alerts to none in an input of incidents, or reset the "
                "input to a later time."
            )
        raise ConfigurationError(
            f"The region {self.region} shows more than {MOST_SEEN} alerts inside the overlap of "
            f"{self.job.overlap // TICKS_PER_SECOND} s, more than a checkpoint can remember. Lower the input's "
            "overlap: everything up to here is collected, and the next run goes on."
        )

    def _skip_what_is_gone(self) -> None:
        """Start no earlier than the API's retention allows; warn of the gap."""
        oldest = self.job.caller.clock.now() - RETENTION
        gap = oldest - self._checkpoint.settled
        if gap <= 0:
            return
        if gap > _SMALLEST_GAP or self._checkpoint.revision:
            self._warn_of_gap(oldest)
        self._checkpoint.advance(oldest, oldest)

    def _warn_of_gap(self, oldest: int) -> None:
        self.job.log.warning(
            "region=%s the alerts between %s and %s can't be collected: Microsoft keeps them for %d days only. If the "
            "input was down for so long, look for them in the Defender portal.",
            self.region,
            iso(self._checkpoint.settled),
            iso(oldest),
            RETENTION // (86_400 * TICKS_PER_SECOND),
        )

    def _warn_of_skew(self) -> None:
        skew = self.job.caller.clock.skew()
        if abs(skew) > MOST_SKEW:
            self.job.log.warning(
                "region=%s this machine's clock is %d s %s the server's. Alerts are read by the server's clock; set "
                "this machine's by NTP.",
                self.region,
                abs(skew) // TICKS_PER_SECOND,
                "ahead of" if skew > 0 else "behind",
            )
