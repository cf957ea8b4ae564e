"""Remembers which versions of split alerts have been delivered.

An incident lists its alerts with each of its own updates, even weeks after the alerts were last updated, and an alert
may move to another incident. The checkpoint only remembers versions inside the overlap, so each version of an alert is
remembered here for as long as an incident may show it.

One KV store document holds the versions of one day, by the alerts' own version time: an answer touches a few days, and
a batch saves only those. They are saved after the events and before the checkpoint, so a kill repeats at most a batch.
"""

from __future__ import annotations

import base64

from defender_alerts.errors import CheckpointError
from defender_alerts.times import iso, seconds

from .checkpoint import CheckpointKey, CheckpointStore
from .versions import FINGERPRINT_BYTES, Version

_DAY = seconds(86_400)
# Defender keeps incidents for 180 days, and the alerts in one may be older: this is more than twice as long.
_KEPT = 400 * _DAY
# Most days held in memory; 10,000 versions take one megabyte.
_MOST_DAYS_HELD = 16


class DeliveredSplitAlerts:
    """The split alerts that one checkpoint has delivered.

    Args:
        key: of the checkpoint.
        generation: of the checkpoint. What was delivered before a reset has to be delivered again.
        store: where the documents are saved.
    """

    def __init__(self, key: CheckpointKey, generation: int, store: CheckpointStore) -> None:
        self._key = key
        self._generation = generation
        self._store = store
        self._days: dict[str, set[bytes]] = {}
        self._changed: set[str] = set()

    def is_new(self, version: Version) -> bool:
        """Whether this version has not been delivered yet.

        Raises:
            CheckpointError: the store can't be read.
        """
        return version.fingerprint not in self._day(_day_of(version.time))

    def add(self, version: Version) -> None:
        """Remember a delivered version.

        Raises:
            CheckpointError: the store can't be read.
        """
        day = _day_of(version.time)
        self._day(day).add(version.fingerprint)
        self._changed.add(day)

    def save(self) -> None:
        """Save the days to which versions have been added.

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
        """Delete the days that no incident shows any more at ``now`` (ticks); to be called once, at the end of a run.

        Raises:
            CheckpointError: the store can't be written.
        """
        if self._days:
            self._store.delete_split_alerts(str(self._key), _day_of(now - _KEPT))

    def _document_key(self, day: str) -> str:
        return f"{self._key.of_generation(self._generation)}:split_alerts:{day}"

    def _day(self, day: str) -> set[bytes]:
        if day not in self._days:
            if len(self._days) >= _MOST_DAYS_HELD and not self._changed:
                self._days.clear()
            self._days[day] = self._read(day)
        return self._days[day]

    def _read(self, day: str) -> set[bytes]:
        for document in self._store.read(self._document_key(day)):
            try:
                packed = base64.b64decode(document["fingerprints"].encode("ascii"), validate=True)
                if len(packed) % FINGERPRINT_BYTES:
                    raise ValueError("it is cut off")  # noqa: TRY301 - one sentence for all damages
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
