"""Remembers which versions of records inside other records have been delivered.

An incident shows its alerts with each of its own updates, weeks after they were updated themselves, and an alert may
move from one incident to another. So what a checkpoint remembers, the versions inside the overlap, does not help: each
version of an alert is remembered here for as long as an incident may show it.

One document of the KV store holds the versions of one day, by their own version time: an answer touches a few days, and
a batch saves those alone. They are saved behind the events and before the checkpoint: a kill repeats a batch, as ever.
"""

from __future__ import annotations

import base64
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Protocol

from defender_alerts.errors import CheckpointError
from defender_alerts.times import iso, seconds

from .checkpoint import CheckpointKey
from .versions import FINGERPRINT_BYTES, Version

_DAY = seconds(86_400)
# Defender shows an incident for 180 days; what is older than this is not shown again.
_KEPT = 400 * _DAY
# So many days are held in memory: 10,000 versions take a megabyte.
_MOST_DAYS_HELD = 16


class SplitAlertStore(Protocol):
    """Where the days are kept. Each method raises ``CheckpointError`` for everything that goes wrong."""

    def read(self, *keys: str) -> list[Mapping[str, Any]]:
        """Those of the documents that exist."""

    def save(self, document: Mapping[str, Any]) -> None:
        """Save one document, replacing the one with the same key."""

    def delete_split_alerts(self, checkpoint: str, before: str) -> None:
        """Delete the days of a checkpoint before one (``2026-01-31``)."""


class DeliveredSplitAlerts:
    """The memory of one checkpoint.

    Args:
        key: of the checkpoint.
        generation: of the checkpoint. What was delivered before it was reset is to be delivered again.
        store: where the days are kept.
    """

    def __init__(self, key: CheckpointKey, generation: int, store: SplitAlertStore) -> None:
        self._key = key
        self._generation = generation
        self._store = store
        self._days: OrderedDict[str, set[bytes]] = OrderedDict()
        self._changed: set[str] = set()
        self._is_tidy = False

    def is_new(self, version: Version) -> bool:
        """Whether this version still has to be delivered.

        Raises:
            CheckpointError: the store can't be read.
        """
        return version.fingerprint not in self._day(_day_of(version.time))

    def add(self, version: Version) -> None:
        """A version has been delivered.

        Raises:
            CheckpointError: the store can't be read.
        """
        day = _day_of(version.time)
        self._day(day).add(version.fingerprint)
        self._changed.add(day)

    def save(self) -> None:
        """Save what has been added.

        Raises:
            CheckpointError: the store can't be written.
        """
        for day in sorted(self._changed):
            self._store.save(
                {
                    "_key": self._document_key(day),
                    "split_alerts_of": str(self._key),
                    "split_alerts_kind": self._key.kind,
                    "split_alerts_input": self._key.input,
                    "day": day,
                    "generation": self._generation,
                    "fingerprints": base64.b64encode(b"".join(sorted(self._days[day]))).decode("ascii"),
                }
            )
            self._changed.discard(day)

    def forget_before(self, now: int) -> None:
        """Delete, once in a process, the days that no incident shows any more at ``now`` (ticks).

        Raises:
            CheckpointError: the store can't be written.
        """
        if self._days and not self._is_tidy:
            self._store.delete_split_alerts(str(self._key), _day_of(now - _KEPT))
            self._is_tidy = True

    def _document_key(self, day: str) -> str:
        return f"{self._key.of_generation(self._generation)}:split_alerts:{day}"

    def _day(self, day: str) -> set[bytes]:
        if day in self._days:
            self._days.move_to_end(day)
            return self._days[day]
        self._days[day] = self._read(day)
        unchanged = [held for held in self._days if held not in self._changed and held != day]
        for held in unchanged[: max(0, len(self._days) - _MOST_DAYS_HELD)]:
            del self._days[held]
        return self._days[day]

    def _read(self, day: str) -> set[bytes]:
        for document in self._store.read(self._document_key(day)):
            try:
                if int(document["generation"]) != self._generation:
                    continue
                packed = base64.b64decode(document["fingerprints"].encode("ascii"), validate=True)
                if len(packed) % FINGERPRINT_BYTES:
                    msg = "it is cut off"
                    raise ValueError(msg)  # noqa: TRY301 - one sentence for all damages
            except (KeyError, AttributeError, TypeError, ValueError) as error:
                raise CheckpointError(
                    f"The memory of delivered alerts {self._document_key(day)} is damaged ({error}). Nothing more was "
                    "collected. Delete that document from the collection ta_defender_alerts_checkpoints: the alerts of "
                    "that day that an incident still shows are then indexed once more."
                ) from error
            return {packed[at : at + FINGERPRINT_BYTES] for at in range(0, len(packed), FINGERPRINT_BYTES)}
        return set()


def _day_of(time: int) -> str:
    return iso(time - time % _DAY)[:10]
