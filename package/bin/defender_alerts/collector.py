"""Collects one region: reads window after window, writes what is new, and moves the place on.

The order is what the promise hangs on: read a window whole, write the versions not seen before in batches in time
order, flush, and only then save the place. What a kill at any moment can repeat is one batch.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from .apis import Api
from .auth import ResourceBearer
from .errors import AddonError, UnexpectedAnswerError, UnknownHostError
from .events import EventSink, Origin
from .http.calls import Answer, Caller, Refusal
from .http.clock import MOST_SKEW
from .place import Place, PlaceStore
from .records import BrokenRecord, cut_array
from .times import TICKS_PER_SECOND, iso
from .versions import Version, fingerprint
from .windows import Window, WindowWidth

# At most this much is written between two saves, and so at most this much can come twice.
BATCH_VERSIONS = 1_000
BATCH_CHARACTERS = 4_000_000
# An answer that holds more is read in narrower windows, however few its records.
LONGEST_ANSWER_KEPT = 24_000_000


@dataclass
class Tally:
    """What a region's run has done so far; ``bytes`` as written, all else in pieces."""

    windows: int = 0
    received: int = 0
    new: int = 0
    late: int = 0
    broken: int = 0
    bytes: int = 0
    saves: int = 0


@dataclass(frozen=True)
class RegionJob:
    """What collecting one region takes.

    Attributes:
        api: the API at the region's host.
        place: how far it has been collected.
        origin: what stands in its events beside the alert.
        overlap: how late a version may become visible, in ticks.
    """

    api: Api
    place: Place
    origin: Origin
    overlap: int


@dataclass
class _Batch:
    versions: list[Version] = field(default_factory=list)
    characters: int = 0

    def add(self, version: Version) -> bool:
        """Take a version in; True when the batch is full."""
        self.versions.append(version)
        self.characters += len(version.raw)
        return len(self.versions) >= BATCH_VERSIONS or self.characters >= BATCH_CHARACTERS


class _CutShortError(Exception):
    """The answer holds as much as an answer may hold, so it may have been cut short."""


class RegionCollector:
    """Works through one region, up to the server's now."""

    def __init__(
        self,
        job: RegionJob,
        *,
        caller: Caller,
        bearer: ResourceBearer,
        store: PlaceStore,
        sink: EventSink,
        log: logging.Logger,
    ) -> None:
        self._job = job
        self._api = job.api
        self._place = job.place
        self._caller = caller
        self._bearer = bearer
        self._store = store
        self._sink = sink
        self._log = log
        self._probed = False
        self._open_from: int | None = None
        self._asked_from = self._asked_to = job.place.settled
        self.tally = Tally()

    @property
    def region(self) -> str:
        """The region's name in the settings."""
        return self._api.region

    @property
    def host(self) -> str:
        """The host that answers for it."""
        return self._api.host

    def run(self) -> None:
        """Collect everything up to now.

        Raises:
            StoppedError: the process was asked to stop; what was saved is saved.
            AddonError: the region failed; what was saved is saved.
        """
        width = WindowWidth(self._api.most_records, self._api.narrowest)
        start = self._place.settled
        clock = self._caller.clock
        until = clock.now()
        while start < until:
            window = width.window(start, until)
            asked_at = clock.now()
            try:
                reached, received = self._read_window(window, last_resort=not width.can_halve(window))
            except _CutShortError:
                self._log.debug("region=%s window=%s outcome=cut_short", self._api.region, window)
                width.halve(window)
                continue
            width.fitted(received)
            self._settle(window, reached, asked_at)
            self._save()
            if reached < window.end:
                break
            start = window.end
            # A long backlog leaves time for new alerts; a short one has reached now.
            if until - start < TICKS_PER_SECOND:
                break
            until = clock.now()
        self._tell_skew()

    def _read_window(self, window: Window, *, last_resort: bool) -> tuple[int, int]:
        """Read one window and write what is new in it.

        Args:
            window: what to ask for.
            last_resort: the window can't be halved; take its answer however large it is.

        Returns:
            The time up to which the answer can be complete, and the number of its records.

        Raises:
            _CutShortError: the answer may have been cut short, and the window can be halved.
        """
        self.tally.windows += 1
        self._asked_to = max(self._asked_to, window.end)

        def read(answer: Answer) -> tuple[int, int]:
            reached = window.end if answer.date is None else min(window.end, answer.date)
            if answer.status == HTTPStatus.NO_CONTENT:
                return reached, 0
            versions = self._versions(answer, window)
            if last_resort:
                return reached, self._write_as_they_come(versions, window)
            return reached, self._write_in_time_order(versions, window)

        def explain(refusal: Refusal) -> AddonError:
            return self._api.explain(refusal, self._bearer.roles)

        try:
            return self._caller.call(self._api.request(window), read, explain, self._bearer)
        except UnknownHostError as error:
            raise UnknownHostError(f"{error} {self._api.retirement}".strip()) from error

    def _versions(self, answer: Answer, window: Window) -> Iterator[Version]:
        """The answer's versions, one by one; what can't be handled is reported and left out."""
        try:
            for element in cut_array(answer.pieces(), self._api.is_record):
                if isinstance(element, BrokenRecord):
                    self._report_broken(element.reason, element.excerpt)
                elif not isinstance(element.value, Mapping):
                    self._report_broken("no JSON object", element.raw[:80])
                else:
                    yield self._version(element.raw, element.value, window)
        except UnexpectedAnswerError as error:
            raise UnexpectedAnswerError(
                f"{self._api.host}: {error}. Nothing of it was taken for alerts. Look for a proxy, portal or filter on "
                "the way that answers in Microsoft's place."
            ) from error

    def _version(self, raw: str, record: Mapping[str, Any], window: Window) -> Version:
        try:
            identity, time = self._api.identify(record)
        except ValueError as error:
            # It is an alert all the same. Its own text stands for its identity, and the end of the first window that
            # shows it for its time, so that it is remembered for as long as it can be shown again.
            time, mark = window.end - 1, fingerprint(raw, 0)
            if mark not in self._place.seen:
                self._log.warning(
                    "region=%s a record has no identity or version time (%s); it is indexed with the time %s",
                    self._api.region,
                    error,
                    iso(time),
                )
            return Version(time, mark, raw)
        return Version(time, fingerprint(identity, time), raw)

    def _report_broken(self, reason: str, excerpt: str) -> None:
        self.tally.broken += 1
        self._log.error(
            "region=%s host=%s a record can't be read (%s) and is left out; it begins with %r. The others are not "
            "held up. Report this to the maker of the add-on.",
            self._api.region,
            self._api.host,
            reason,
            excerpt,
        )

    def _is_new(self, version: Version, window: Window) -> bool:
        """Whether to write it now: what lies behind the window is asked for again with the next one."""
        return version.time < window.end and self._place.is_new(version.time, version.fingerprint)

    def _write_in_time_order(self, versions: Iterator[Version], window: Window) -> int:
        """Keep the window's answer, then write what is new, oldest first."""
        received, characters = 0, 0
        new: dict[bytes, Version] = {}
        for version in versions:
            received += 1
            if self._is_new(version, window):
                new[version.fingerprint] = version
                characters += len(version.raw)
            if received >= self._api.most_records or characters > LONGEST_ANSWER_KEPT:
                raise _CutShortError
        self.tally.received += received
        self._write_batches(sorted(new.values(), key=lambda version: version.time), move_on=True)
        return received

    def _write_as_they_come(self, versions: Iterator[Version], window: Window) -> int:
        """Write an instant that is fuller than an answer should be: there is no order to keep in it."""
        received = 0

        def new() -> Iterator[Version]:
            nonlocal received
            for version in versions:
                received += 1
                if self._is_new(version, window):
                    yield version

        self._write_batches(new(), move_on=False)
        self.tally.received += received
        if received >= self._api.most_records:
            self._log.warning(
                "region=%s the instant %s holds %d records or more, as many as one answer should hold: if the API "
                "keeps some back, they can't be asked for.",
                self._api.region,
                window,
                received,
            )
        return received

    def _write_batches(self, versions: Iterable[Version], *, move_on: bool) -> None:
        batch = _Batch()
        for version in versions:
            if batch.add(version):
                self._deliver(batch, move_on=move_on)
                batch = _Batch()
        if batch.versions:
            self._deliver(batch, move_on=move_on)

    def _deliver(self, batch: _Batch, *, move_on: bool) -> None:
        """Write, flush, then checkpoint."""
        if not self._probed:
            # A store that can be read but not written stops the run here, before its first event.
            self._save()
            self._probed = True
        self.tally.bytes += self._sink.write(self._job.origin, batch.versions)
        for version in batch.versions:
            self._place.seen.add(version.fingerprint, version.time)
            self.tally.late += version.time < self._place.watermark
        self.tally.new += len(batch.versions)
        if move_on:
            self._place.advance(batch.versions[-1].time, self._place.settled)
        self._save()

    def _settle(self, window: Window, reached: int, asked_at: int) -> None:
        """Move the place on behind a window that was read whole.

        Up to ``asked_at - overlap`` no late arrival is waited for any more. Once a window reaches beyond that, its
        time and all later stay open for the next run, however long this one lasts.
        """
        settled = min(reached, asked_at - self._job.overlap)
        if self._open_from is not None:
            settled = min(settled, self._open_from)
        elif settled < reached:
            self._open_from = max(window.start, settled)
        if self._place.advance(reached, settled):
            self._log.warning(
                "region=%s the versions inside the overlap are too many to remember; late arrivals are waited for only "
                "since %s. Lower the input's overlap.",
                self._api.region,
                iso(self._place.settled),
            )

    def _save(self) -> None:
        self._store.save(self._place.document())
        self.tally.saves += 1

    def _tell_skew(self) -> None:
        skew = self._caller.clock.skew()
        if abs(skew) > MOST_SKEW:
            self._log.warning(
                "region=%s this machine's clock is %d s %s the server's. Alerts are read by the server's clock; set "
                "this machine's by NTP.",
                self._api.region,
                abs(skew) // TICKS_PER_SECOND,
                "ahead of" if skew > 0 else "behind",
            )

    def story(self, lasted: float) -> dict[str, str | float]:
        """What the run did in this region, as the fields of one log line; ``lasted`` in seconds."""
        now = self._caller.clock.now()
        return {
            "region": self._api.region,
            "host": self._api.host,
            "asked": f"{iso(self._asked_from)}..{iso(self._asked_to)}",
            "received": self.tally.received,
            "new": self.tally.new,
            "late": self.tally.late,
            "broken": self.tally.broken,
            "bytes": self.tally.bytes,
            "watermark": iso(self._place.watermark),
            "lag_seconds": max(0, now - self._place.watermark) / TICKS_PER_SECOND,
            "windows": self.tally.windows,
            "calls": self._caller.calls,
            "saves": self.tally.saves,
            "throttled_seconds": self._caller.throttled_seconds,
            "seconds": lasted,
        }
