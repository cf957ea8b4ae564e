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
from defender_alerts.microsoft.apis.base import Api
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
_BEGINNING = 3_600 * TICKS_PER_SECOND


class RegionJob(NamedTuple):
    """What it takes to collect one region.

    Attributes:
        api: the API at the region's host.
        writer: saves the checkpoint.
        origin: its events' source, sourcetype, host and index.
        overlap: how late a version may become visible, in ticks.
        recollection: the missing alerts that an audit found, to be collected again; None if there are none.
        split_alerts: remembers delivered split alerts; None if the input does not split.
        interval: between two runs, in ticks; 0 if unknown.
    """

    api: Api
    writer: CheckpointWriter
    origin: Origin
    overlap: int
    recollection: PendingRecollection | None
    split_alerts: DeliveredSplitAlerts | None
    interval: int


class RegionCollector:
    """Collects one region up to the server's present time."""

    def __init__(
        self,
        job: RegionJob,
        *,
        caller: Caller,
        bearer: ResourceBearer,
        sink: EventSink,
        log: logging.Logger,
    ) -> None:
        self._api = job.api
        self._writer = job.writer
        self._checkpoint = job.writer.checkpoint
        self._origin = job.origin
        self._overlap = job.overlap
        self._recollection = job.recollection
        self._split_alerts = job.split_alerts
        self._caller = caller
        self._bearer = bearer
        self._delivery = Delivery(job.writer, job.origin, sink, caller.stop, job.split_alerts)
        self._log = log
        self._reader = RegionReader(job.api, caller, bearer, log)
        self._reader.asked.start = self._reader.asked.end = self._checkpoint.settled
        self._open_from: int | None = None
        self._kept: list[Version] = []
        self._missing_alerts = MissingAlerts(job.api, self._checkpoint, log)
        self._lateness = Lateness(self._checkpoint, overlap=job.overlap, interval=job.interval, now=caller.clock.now())
        # Instants that could not be read completely, with the reason.
        self._open: dict[str, str] = {}

    @property
    def region(self) -> str:
        """The region's name in the settings."""
        return self._api.region

    @property
    def host(self) -> str:
        """The API host."""
        return self._api.host

    @property
    def source(self) -> str:
        """The ``source`` of its events."""
        return self._origin.source

    @property
    def now(self) -> int:
        """The server's time, in ticks."""
        return self._caller.clock.now()

    @property
    def new(self) -> int:
        """How many versions were delivered."""
        return self._delivery.delivered.new

    @property
    def new_split_alerts(self) -> int:
        """How many of them are split alerts."""
        return self._delivery.delivered.split_alerts

    @property
    def is_delivering(self) -> bool:
        """Whether a batch is being written and saved right now."""
        return self._delivery.is_under_way

    def run(self) -> None:
        """Collect everything up to now.

        Raises:
            StoppedError: the process was asked to stop, or the checkpoint was taken; what was saved is saved.
            AddonError: the region failed; what was saved is saved.
        """
        clock = self._caller.clock
        self._missing_alerts.forget_unwanted()
        self._skip_what_is_gone()
        start, until = self._checkpoint.settled, clock.now()
        while start < until:
            asked_at = clock.now()
            span = self._reader.read(start, until, self)
            self._settle(span, asked_at)
            is_last = span.is_last or until - span.end < TICKS_PER_SECOND
            if is_last and self._recollection is not None:
                self._writer.save()
                reader = RegionReader(self._api, self._caller, self._bearer, self._log)
                self._recollection.execute(reader, self._delivery)
            if is_last:
                self._missing_alerts.ask_again(self._reader, self)
            if is_last and self._split_alerts is not None:
                self._split_alerts.forget_before(clock.now())
            self._writer.save(last=is_last)
            if is_last or self._checkpoint.held is not None:
                self._check_memory()
            if is_last:
                break
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
            self._delivery.as_they_come(new)
            self._missing_alerts.delivered()

    def window_complete(self) -> int:
        """Deliver the kept versions."""
        complete, self._kept = self._kept, []
        self._delivery.in_time_order(complete)
        self._missing_alerts.delivered()
        return sum(len(version.raw) for version in complete)

    def _new(self, versions: Iterator[RecordVersion]) -> Iterator[Version]:
        for one in versions:
            version, is_new = self._missing_alerts.judge(one)
            if is_new and one.identity:
                self._lateness.note(version, self._caller.clock.now())
            if is_new:
                if one.remark:
                    self._log.warning(
                        "region=%s a record has no identity or version time (%s); it is indexed with the time %s",
                        self.region,
                        one.remark,
                        iso(version.time),
                    )
                if one.unreadable:
                    self._log.warning(
                        "region=%s the record %.100r is indexed as it came, but it can't be parsed (%s): searches may "
                        "lack some of its fields.",
                        self.region,
                        one.identity,
                        one.unreadable,
                    )
                yield version
            for alert in one.split_alerts:
                if self._split_alerts is not None and self._split_alerts.is_new(alert):
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
        settled = min(span.end, asked_at - self._overlap)
        if self._open_from is not None:
            settled = min(settled, self._open_from)
        elif settled < span.end:
            self._open_from = max(span.start, settled)
        self._checkpoint.advance(span.end, settled)

    def _check_memory(self) -> None:
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
            f"{self._overlap // TICKS_PER_SECOND} s, more than a checkpoint can remember. Lower the input's "
            "overlap: everything up to here is collected, and the next run goes on."
        )

    def _skip_what_is_gone(self) -> None:
        """Start no earlier than the API's retention allows; warn of the gap."""
        oldest = self._caller.clock.now() - self._api.retention
        gap = oldest - self._checkpoint.settled
        if gap <= 0:
            return
        if gap > _BEGINNING or self._checkpoint.revision:
            self._warn_of_gap(oldest)
        self._checkpoint.advance(oldest, oldest)

    def _warn_of_gap(self, oldest: int) -> None:
        self._log.warning(
            "region=%s the alerts between %s and %s can't be collected: Microsoft keeps them for %d days only. If the "
            "input was down for so long, look for them in the Defender portal.",
            self.region,
            iso(self._checkpoint.settled),
            iso(oldest),
            self._api.retention // (86_400 * TICKS_PER_SECOND),
        )

    def _warn_of_skew(self) -> None:
        skew = self._caller.clock.skew()
        if abs(skew) > MOST_SKEW:
            self._log.warning(
                "region=%s this machine's clock is %d s %s the server's. Alerts are read by the server's clock; set "
                "this machine's by NTP.",
                self.region,
                abs(skew) // TICKS_PER_SECOND,
                "ahead of" if skew > 0 else "behind",
            )

    def summary(self, lasted: float) -> dict[str, str | float]:
        """The fields of the ``region_done`` log line; ``lasted`` in seconds."""
        delivered, asked = self._delivery.delivered, self._reader.asked
        return {
            "region": self.region,
            "api_host": self.host,
            "asked": f"{iso(asked.start)}..{iso(asked.end)}",
            "received": asked.received,
            "new": delivered.new,
            "late": delivered.late,
            "incidents_without_alerts": len(self._missing_alerts),
            "instants_not_read": len(self._open),
            "broken": asked.broken,
            "bytes": delivered.bytes,
            "watermark": iso(self._checkpoint.watermark),
            "lag_seconds": max(0, self._caller.clock.now() - self._checkpoint.watermark) / TICKS_PER_SECOND,
            "windows": asked.windows,
            "calls": self._caller.calls,
            "saves": self._writer.saves,
            "throttled_seconds": self._caller.throttled_seconds,
            "paced_seconds": self._caller.paced_seconds,
            "seconds": lasted,
            "overlap_seconds": self._overlap // TICKS_PER_SECOND,
            **self._lateness.summary(delivered.new - delivered.split_alerts),
        }
