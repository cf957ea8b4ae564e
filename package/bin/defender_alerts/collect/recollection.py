"""Collects versions again that an audit has found missing.

A recollection is a KV store document beside the checkpoint of its region. The audit writes it, and the input executes
it at the end of its next run. So the events are delivered like all others, with their time, source and bytes, on Splunk
Cloud as well.

What a killed run has delivered is in the checkpoint that it saved last, and the next run removes it from the document
before it does anything else. So a kill repeats at most a batch, as ever.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from defender_alerts.checkpoint.checkpoint import Checkpoint, CheckpointKey, CheckpointStore
from defender_alerts.checkpoint.versions import Seen
from defender_alerts.errors import CheckpointError
from defender_alerts.logfmt import key_values

from .delivery import Delivery
from .page import RecordVersion
from .reader import DeliveryMode, RegionReader

# This many versions make a document of 2.7 MB, which is read with each run until it has been executed.
MOST_ORDERED = 100_000


class Recollection(NamedTuple):
    """The versions to collect again in one region.

    Attributes:
        key: of the region's checkpoint.
        generation: of that checkpoint when the audit wrote this. After a reset it does not apply any more.
        versions: those still to be delivered.
        ordered: how many there were at first.
        delivered: how many have been delivered.
        not_shown: how many the API no longer returned.
    """

    key: CheckpointKey
    generation: int
    versions: Seen
    ordered: int
    delivered: int = 0
    not_shown: int = 0

    @staticmethod
    def key_of(key: CheckpointKey) -> str:
        """The key of the recollection's document."""
        return f"{key}:collect"

    def document(self) -> dict[str, Any]:
        """The recollection as a KV store document."""
        return {
            "_key": self.key_of(self.key),
            **self.key._asdict(),
            "generation": self.generation,
            "versions": self.versions.pack(),
            "ordered": self.ordered,
            "delivered": self.delivered,
            "not_shown": self.not_shown,
        }

    @classmethod
    def from_document(cls, key: CheckpointKey, document: Mapping[str, Any]) -> Recollection:
        """Read a recollection from its KV store document.

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


def find_recollection(key: CheckpointKey, documents: Iterable[Mapping[str, Any]]) -> Recollection | None:
    """Find the recollection among an input's documents, executed or not; None if there is none.

    Raises:
        CheckpointError: it can't be read.
    """
    wanted = Recollection.key_of(key)
    document = next((document for document in documents if document.get("_key") == wanted), None)
    return None if document is None else Recollection.from_document(key, document)


class PendingRecollection:
    """Executes a recollection; a recipient of what is read for it.

    Args:
        recollection: as the audit wrote it, or as an interrupted run left it.
        checkpoint: of its region, before this run has collected anything; what it remembers was delivered.
        store: where the recollection is saved.
        log: for the result.
    """

    _delivery: Delivery

    def __init__(
        self, recollection: Recollection, checkpoint: Checkpoint, store: CheckpointStore, log: logging.Logger
    ) -> None:
        self._recollection = recollection
        self._checkpoint = checkpoint
        self._store = store
        self._log = log
        self._pending = {mark: time for time, mark in recollection.versions if mark not in checkpoint.seen}

    def strike_off(self) -> None:
        """Remove what a run that was killed has delivered, before the checkpoint moves and forgets it.

        Raises:
            CheckpointError: it can't be saved.
        """
        if len(self._pending) < len(self._recollection.versions):
            self._save(self._pending)

    def execute(self, reader: RegionReader, delivery: Delivery) -> None:
        """Deliver the versions that the API still returns; afterwards nothing is pending.

        Called when the region has been collected up to the present, while this run owns the checkpoint.

        Args:
            reader: of the region.
            delivery: of the region; it writes, flushes, and saves the checkpoint.

        Raises:
            StoppedError: the process was asked to stop, or the checkpoint was taken; the rest stays pending.
            AddonError: the region can't be read, or something can't be saved; the rest stays pending.
        """
        if self._recollection.generation != self._checkpoint.generation:
            self._log.warning(
                "region=%s an order to collect %d alerts again is dropped: the checkpoint has been reset since. Run "
                "the audit again.",
                self._recollection.key.region,
                len(self._pending),
            )
            self._save({})
            return
        self._delivery = delivery
        end = max(self._pending.values(), default=0) + 1
        start: int | None = min(self._pending.values(), default=None)
        while start is not None:
            behind = reader.read(start, end, self).end
            # Skip to the next missing version.
            start = min((time for time in self._pending.values() if time >= behind), default=None)
        self._save({}, not_shown=sum(mark not in self._checkpoint.seen for mark in self._pending))
        done = key_values(
            action="collected_again",
            input=self._recollection.key.input,
            region=self._recollection.key.region,
            ordered=self._recollection.ordered,
            delivered=self._recollection.delivered,
            not_shown=self._recollection.not_shown,
        )
        self._log.info("%s", done)

    def receive(self, versions: Iterator[RecordVersion], mode: DeliveryMode) -> None:
        """Deliver the missing versions of one answer, whether or not their window is complete."""
        del mode
        self._delivery.as_they_come(
            one.version
            for one in versions
            if one.version.fingerprint in self._pending and one.version.fingerprint not in self._checkpoint.seen
        )

    def window_complete(self) -> int:
        """Do nothing: no version is kept."""
        return 0

    def _save(self, pending: Mapping[bytes, int], not_shown: int = 0) -> None:
        versions = Seen()
        for mark, time in pending.items():
            versions.add(mark, time)
        delivered = self._recollection.ordered - len(versions) - not_shown
        self._recollection = self._recollection._replace(versions=versions, delivered=delivered, not_shown=not_shown)
        self._store.save(self._recollection.document())
