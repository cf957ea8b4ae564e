"""Collects versions again that an audit has found missing.

An order is a document of the KV store beside the place of its region. The audit writes it, and the input carries it
out at the end of its next run: so the events take the way that all events take, with their time, source and bytes, on
Splunk Cloud as well, and there is no second way into Splunk.

What has been delivered is taken out of the order behind each batch. A kill repeats at most that batch, and not even
that one if the place was saved.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Protocol

from defender_alerts.checkpoint.checkpoint import Place, PlaceKey
from defender_alerts.checkpoint.versions import Seen, Version
from defender_alerts.errors import CheckpointError
from defender_alerts.logfmt import key_values

from .delivery import Delivery
from .page import Shown
from .reader import Coming, RegionReader

# A document of 2.7 MB, read with each run until it is carried out.
MOST_ORDERED = 100_000


class OrderStore(Protocol):
    """Where orders are kept."""

    def save(self, document: Mapping[str, Any]) -> None:
        """Save one document, replacing the one with the same key.

        Raises:
            CheckpointError: it could not be saved.
        """


@dataclass(frozen=True)
class Order:
    """What shall be collected again in one region.

    Attributes:
        key: whose place it stands beside.
        generation: of that place when the order was written. A place that was reset since has collected, or will
            collect, by itself what it was told to.
        versions: those still to be delivered.
        ordered: how many there were at first.
        delivered: how many have been delivered.
        not_shown: how many the API did not show any more.
    """

    key: PlaceKey
    generation: int
    versions: Seen
    ordered: int
    delivered: int = 0
    not_shown: int = 0

    @staticmethod
    def key_of(key: PlaceKey) -> str:
        """The key of the document, beside the place's."""
        return f"{key}:collect"

    @property
    def is_pending(self) -> bool:
        """Whether something is still to be delivered."""
        return len(self.versions) > 0

    def document(self) -> dict[str, Any]:
        """The order as one document of the KV store."""
        return {
            "_key": self.key_of(self.key),
            **asdict(self.key),
            "generation": self.generation,
            "versions": self.versions.pack(),
            "ordered": self.ordered,
            "delivered": self.delivered,
            "not_shown": self.not_shown,
        }

    @classmethod
    def from_document(cls, key: PlaceKey, document: Mapping[str, Any]) -> Order:
        """The order that ``document`` wrote.

        Raises:
            CheckpointError: it is damaged.
        """
        try:
            return cls(
                key,
                generation=int(document["generation"]),
                versions=Seen.unpack(document["versions"]),
                ordered=int(document["ordered"]),
                delivered=int(document["delivered"]),
                not_shown=int(document["not_shown"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise CheckpointError(
                f"The order {cls.key_of(key)} to collect alerts again can't be read ({error}). Nothing of it was "
                "collected. Delete that document from the collection ta_defender_alerts_checkpoints and run the audit "
                "again."
            ) from error


def find_order(key: PlaceKey, documents: Iterable[Mapping[str, Any]]) -> Order | None:
    """The order among an input's documents, carried out or not; None where there is none.

    Raises:
        CheckpointError: it is there and can't be read.
    """
    wanted = Order.key_of(key)
    document = next((document for document in documents if document.get("_key") == wanted), None)
    return None if document is None else Order.from_document(key, document)


class StandingOrder:
    """An order on its way to being carried out.

    Args:
        order: as the audit wrote it, or an interrupted run left it.
        place: of its region, before this run has collected anything: what it remembers was delivered.
        store: where the order is kept.
        log: where the outcome is told.
    """

    def __init__(self, order: Order, place: Place, store: OrderStore, log: logging.Logger) -> None:
        self._order = order
        self._place = place
        self._store = store
        self._log = log
        # A run that was killed between saving the place and saving the order has delivered these.
        self._pending = {mark: time for time, mark in order.versions if mark not in place.seen}

    @classmethod
    def find(
        cls, place: Place, documents: Iterable[Mapping[str, Any]], store: OrderStore, log: logging.Logger
    ) -> StandingOrder | None:
        """The order that waits for the place's region; None where there is none, or an old one that was carried out.

        Raises:
            CheckpointError: it is there and can't be read.
        """
        order = find_order(place.key, documents)
        return None if order is None or not order.is_pending else cls(order, place, store, log)

    def execute(self, reader: RegionReader, delivery: Delivery) -> None:
        """Deliver what is wanted, as far as the API still shows it; afterwards nothing is pending.

        To be called when the region has been collected up to now, while the place is this process's.

        Args:
            reader: of the order's region.
            delivery: of the same; it writes, flushes, and saves the place.

        Raises:
            StoppedError: the process was asked to stop, or the place was taken; what is left is pending.
            AddonError: the region can't be read, or something can't be saved; what is left is pending.
        """
        if self._order.generation != self._place.generation:
            self._log.warning(
                "region=%s an order to collect %d alerts again is dropped: the checkpoint has been reset since. Run "
                "the audit again.",
                self._order.key.region,
                len(self._pending),
            )
            self._pending = {}
            self._save()
            return
        end = max(self._pending.values(), default=0) + 1
        start: int | None = min(self._pending.values(), default=None)
        while start is not None:
            behind = reader.read(start, end, _Wanted(self, delivery)).end
            # What lies between two missing versions need not be read.
            start = min((time for time in self._pending.values() if time >= behind), default=None)
        not_shown, self._pending = len(self._pending), {}
        self._save(not_shown)
        self._tell()

    def deliver(self, shown: Iterator[Shown], delivery: Delivery) -> None:
        """Deliver what is wanted of one answer."""
        delivery.as_they_come(self._wanted(shown))
        self._strike_off()

    def _wanted(self, shown: Iterator[Shown]) -> Iterator[Version]:
        last: bytes | None = None
        for one in shown:
            version = one.version
            # Delivery asks for the next version when it has written and saved a whole batch.
            if last is not None and last in self._place.seen:
                self._strike_off()
                last = None
            if version.fingerprint in self._pending and version.fingerprint not in self._place.seen:
                last = version.fingerprint
                yield version

    def _strike_off(self) -> None:
        """Take what has been delivered out of the order."""
        left = {mark: time for mark, time in self._pending.items() if mark not in self._place.seen}
        if len(left) < len(self._pending):
            self._pending = left
            self._save()

    def _save(self, not_shown: int = 0) -> None:
        versions = Seen()
        for mark, time in self._pending.items():
            versions.add(mark, time)
        delivered = self._order.ordered - len(versions) - not_shown
        self._order = replace(self._order, versions=versions, delivered=delivered, not_shown=not_shown)
        self._store.save(self._order.document())

    def _tell(self) -> None:
        done = key_values(
            action="collected_again",
            input=self._order.key.input,
            region=self._order.key.region,
            ordered=self._order.ordered,
            delivered=self._order.delivered,
            not_shown=self._order.not_shown,
        )
        self._log.info("%s", done)


@dataclass(frozen=True)
class _Wanted:
    """Takes what a region's reader reads, for an order."""

    order: StandingOrder
    delivery: Delivery

    def take(self, shown: Iterator[Shown], coming: Coming) -> None:
        # An alert that is wanted is wanted whether or not its window is whole.
        del coming
        self.order.deliver(shown, self.delivery)

    def whole(self) -> None:
        """Nothing is kept."""
