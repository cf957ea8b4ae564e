"""Saves a place, for as long as this process is the one to do so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Callable

from defender_alerts.errors import PlaceTakenError
from defender_alerts.times import seconds

from .checkpoint import Deletion, Place, PlaceStore, Reset, who_saved

# What was read or saved so recently is not read again before a save: a poll with nothing new costs one call, not two.
_FRESH = seconds(2)


class PlaceKeeper:
    """Keeps one place in the store, and notices who else saves it.

    The KV store has no compare-and-set, so nothing keeps a second process out. Each save carries the random id of the
    run that wrote it, which is read again before each batch: what is repeated when one run takes over from another is
    the batch that both had begun.

    Args:
        place: as it was read; moved on by others.
        store: where it is kept.
        writer: this run's id.
        now: the server's time, in ticks.
        has_older: there is something of older generations in the store. It counts for nothing, and is deleted.
    """

    def __init__(
        self, place: Place, store: PlaceStore, writer: str, now: Callable[[], int], *, has_older: bool = False
    ) -> None:
        self.place = place
        self._store = store
        self._writer = writer
        self._predecessor: str | None = place.writer
        self._now = now
        self._has_older = has_older
        self._known_at = now()
        self.saves = 0

    def save(self, *, last: bool = False) -> None:
        """Save the place; with the ``last`` save of a run note when that was.

        Raises:
            PlaceTakenError: it is not this process's to save any more; nothing was saved.
            CheckpointError: it could not be saved.
        """
        begins = not self.saves and not last
        if begins or self._now() - self._known_at > _FRESH:
            self.make_sure()
        self.place.revision += 1
        self.place.writer = self._writer
        if last:
            self.place.collected = self._now()
        self._store.save(self.place.document())
        self._known_at = self._now()
        self.saves += 1
        if last and self._has_older:
            self._store.delete_older(self.place.key, self.place.generation)

    def make_sure(self) -> None:
        """Make sure, before something is written, that nobody else is or was at work here, nor reset or deleted it.

        A run looks before its first save: another process may have done the whole work since the place was read. Of two
        that look at once both save, and look again before they write; the one that saved first finds the other's id,
        and leaves the place to it.

        Raises:
            PlaceTakenError: it is not this process's any more.
            CheckpointError: the store can't be read.
        """
        key, generation = self.place.key, self.place.generation
        own, deletion = key.of_generation(generation), Deletion.key_of(key.kind, key.input)
        heads = {str(head["_key"]): head for head in self._store.heads_of(own, Reset.key_of(key), deletion)}
        if int(heads.get(deletion, {}).get("generation", 0)) > generation:
            raise PlaceTakenError("the input has been deleted; a new one of its name starts at its own start_time")
        if int(heads.get(Reset.key_of(key), {}).get("generation", 0)) > generation:
            raise PlaceTakenError("an administrator has reset the checkpoint; the next run starts where that says")
        if own not in heads:
            if self.place.revision:
                raise PlaceTakenError("the checkpoint has been deleted; the next run starts at the input's start_time")
        else:
            self._look_for_another(heads[own])
        self._known_at = self._now()

    def _look_for_another(self, head: Mapping[str, Any]) -> None:
        writer, revision = who_saved(head)
        if (writer, revision) == (self.place.writer, self.place.revision):
            return
        if writer == self._predecessor and revision < self.place.revision:
            # A save of the run before this one, which was killed, came late. It is saved over, once.
            self._predecessor = None
            return
        raise PlaceTakenError("another process has saved the checkpoint meanwhile")
