"""Collects one region: reads window after window up to now, and moves the place on behind each."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from http import HTTPStatus

from .apis import Api
from .auth import ResourceBearer
from .delivery import Delivery
from .errors import AddonError, ConfigurationError, UnknownHostError
from .events import EventSink, Origin
from .http.calls import Answer, Caller, Refusal
from .http.clock import MOST_SKEW
from .keeper import PlaceKeeper
from .orders import StandingOrder
from .place import MOST_SEEN
from .ranges import RangeReader
from .reading import CutShortError, WindowReading
from .times import TICKS_PER_SECOND, iso
from .versions import Version
from .windows import Window, WindowWidth

# An answer with more new text is read in narrower windows, however few its records: it is kept to be sorted.
LONGEST_ANSWER_KEPT = 24_000_000


@dataclass(frozen=True)
class RegionJob:
    """What collecting one region takes.

    Attributes:
        api: the API at the region's host.
        keeper: of the place, which says how far it has been collected.
        origin: what stands in its events beside the alert.
        overlap: how late a version may become visible, in ticks.
        order: to collect again what an audit has found missing; None where there is none.
    """

    api: Api
    keeper: PlaceKeeper
    origin: Origin
    overlap: int
    order: StandingOrder | None = None


@dataclass
class _Asked:
    """What a run has asked for and got."""

    start: int
    end: int
    windows: int = 0
    received: int = 0
    broken: int = 0


class RegionCollector:
    """Works through one region, up to the server's now."""

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
        self._keeper = job.keeper
        self._place = job.keeper.place
        self._overlap = job.overlap
        self._order = job.order
        self._caller = caller
        self._bearer = bearer
        self._delivery = Delivery(job.keeper, job.origin, sink, caller.stop)
        self._log = log
        self._open_from: int | None = None
        self._asked = _Asked(self._place.settled, self._place.settled)

    @property
    def region(self) -> str:
        """The region's name in the settings."""
        return self._api.region

    @property
    def host(self) -> str:
        """The host that answers for it."""
        return self._api.host

    @property
    def new(self) -> int:
        """How many versions were delivered."""
        return self._delivery.delivered.new

    @property
    def is_delivering(self) -> bool:
        """Whether a batch is being written and saved right now."""
        return self._delivery.is_under_way

    def run(self) -> None:
        """Collect everything up to now.

        Raises:
            StoppedError: the process was asked to stop, or the place was taken; what was saved is saved.
            AddonError: the region failed; what was saved is saved.
        """
        width = WindowWidth(self._api.most_records, self._api.narrowest)
        clock = self._caller.clock
        self._skip_what_is_gone()
        start, until = self._place.settled, clock.now()
        while start < until:
            window = width.window(start, until)
            asked_at = clock.now()
            try:
                reached, received = self._read(window, last_resort=not width.can_halve(window))
            except CutShortError:
                self._log.debug("region=%s window=%s outcome=cut_short", self.region, window)
                width.halve(window)
                continue
            width.fitted(received)
            self._settle(window, reached, asked_at)
            is_last = reached < window.end or until - window.end < TICKS_PER_SECOND
            if is_last and self._order is not None:
                self._keeper.save()
                self._order.execute(RangeReader(self._api, self._caller, self._bearer, self._log), self._delivery)
            self._keeper.save(last=is_last)
            if is_last:
                self._check_memory()
                break
            # Working off a backlog takes time, in which new alerts come.
            start, until = window.end, clock.now()
        self._tell_skew()

    def _read(self, window: Window, *, last_resort: bool) -> tuple[int, int]:
        """Read one window and deliver what is new in it.

        Args:
            window: what to ask for.
            last_resort: the window can't be halved; take its answer however large it is.

        Returns:
            The time up to which the answer can be complete, and the number of its records.

        Raises:
            CutShortError: the answer may have been cut short, and the window can be halved.
        """
        self._asked.windows += 1
        self._asked.end = max(self._asked.end, window.end)

        def read(answer: Answer) -> tuple[int, int]:
            # What the server's clock had not reached when it answered, it could not know.
            reached = window.end if answer.date is None else min(window.end, answer.date)
            if answer.status == HTTPStatus.NO_CONTENT:
                return reached, 0
            most = None if last_resort else self._api.most_records
            reading = WindowReading(self._api, window, self._place, self._log, most)
            if last_resort:
                self._delivery.as_they_come(reading.new_versions(answer))
                self._tell_full_instant(window, reading.received)
            else:
                self._delivery.in_time_order(list(_kept(reading.new_versions(answer))))
            self._asked.received += reading.received
            self._asked.broken += reading.broken
            return reached, reading.received

        def explain(refusal: Refusal) -> AddonError:
            return self._api.explain(refusal, self._bearer.roles)

        try:
            return self._caller.call(self._api.request(window), read, explain, self._bearer)
        except UnknownHostError as error:
            raise UnknownHostError(f"{error} {self._api.retirement}".strip()) from error

    def _settle(self, window: Window, reached: int, asked_at: int) -> None:
        """Move the place on behind a window that was read whole.

        Up to ``asked_at - overlap`` no late arrival is waited for any more. Once a window reaches beyond that, its
        time and all later stay open for the next run, however long this one lasts.
        """
        settled = min(reached, asked_at - self._overlap)
        if self._open_from is not None:
            settled = min(settled, self._open_from)
        elif settled < reached:
            self._open_from = max(window.start, settled)
        self._place.advance(reached, settled)

    def _check_memory(self) -> None:
        if len(self._place.seen) > MOST_SEEN:
            raise ConfigurationError(
                f"The region {self.region} shows more than {MOST_SEEN} alerts inside the overlap of "
                f"{self._overlap // TICKS_PER_SECOND} s, more than a checkpoint can remember. Lower the input's "
                "overlap: everything up to here is collected, and the next run goes on."
            )

    def _skip_what_is_gone(self) -> None:
        """Start no earlier than the API's memory reaches, and say what lies in between."""
        oldest = self._caller.clock.now() - self._api.retention
        if self._place.settled >= oldest:
            return
        self._log.warning(
            "region=%s the alerts between %s and %s can't be collected: Microsoft keeps them for %d days only. If the "
            "input was down for so long, look for them in the Defender portal.",
            self.region,
            iso(self._place.settled),
            iso(oldest),
            self._api.retention // (86_400 * TICKS_PER_SECOND),
        )
        self._place.advance(oldest, oldest)

    def _tell_full_instant(self, window: Window, received: int) -> None:
        if received >= self._api.most_records:
            self._log.warning(
                "region=%s the instant %s holds %d records, as many as one answer should hold or more: if the API "
                "keeps some back, they can't be asked for.",
                self.region,
                window,
                received,
            )

    def _tell_skew(self) -> None:
        skew = self._caller.clock.skew()
        if abs(skew) > MOST_SKEW:
            self._log.warning(
                "region=%s this machine's clock is %d s %s the server's. Alerts are read by the server's clock; set "
                "this machine's by NTP.",
                self.region,
                abs(skew) // TICKS_PER_SECOND,
                "ahead of" if skew > 0 else "behind",
            )

    def story(self, lasted: float) -> dict[str, str | float]:
        """What the run did in this region, as the fields of one log line; ``lasted`` in seconds."""
        delivered = self._delivery.delivered
        return {
            "region": self.region,
            "host": self.host,
            "asked": f"{iso(self._asked.start)}..{iso(self._asked.end)}",
            "received": self._asked.received,
            "new": delivered.new,
            "late": delivered.late,
            "broken": self._asked.broken,
            "bytes": delivered.bytes,
            "watermark": iso(self._place.watermark),
            "lag_seconds": max(0, self._caller.clock.now() - self._place.watermark) / TICKS_PER_SECOND,
            "windows": self._asked.windows,
            "calls": self._caller.calls,
            "saves": self._keeper.saves,
            "throttled_seconds": self._caller.throttled_seconds,
            "seconds": lasted,
        }


def _kept(versions: Iterable[Version]) -> Iterator[Version]:
    """Pass on what is kept until the window is whole, as long as it is not too much."""
    characters = 0
    for version in versions:
        characters += len(version.raw)
        if characters > LONGEST_ANSWER_KEPT:
            raise CutShortError
        yield version
