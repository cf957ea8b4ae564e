"""Saves a place, for as long as this process is the one to do so."""

from __future__ import annotations

from typing import Callable

from .errors import PlaceTakenError
from .lease import LENGTH, NOBODY, Lease
from .place import Deletion, Place, PlaceStore, Reset
from .times import seconds

# What was read or saved so recently is not read again before a save: a poll with nothing new costs one call, not two.
_FRESH = seconds(2)


class PlaceKeeper:
    """Keeps one place, and the lease on it, in the store.

    Args:
        place: as it was read; moved on by others.
        store: where it is kept.
        owner: this process's name.
        now: the server's time, in ticks.
        has_older: there is something of older generations in the store. It counts for nothing, and is deleted.
    """

    def __init__(
        self, place: Place, store: PlaceStore, owner: str, now: Callable[[], int], *, has_older: bool = False
    ) -> None:
        self.place = place
        self._store = store
        self._owner = owner
        self._now = now
        self._has_older = has_older
        self._known_at = now()
        self.saves = 0

    def save(self, *, last: bool = False) -> None:
        """Save the place, and renew the lease; with the ``last`` save of a run give it back.

        Raises:
            PlaceTakenError: it is not this process's to save any more; nothing was saved.
            CheckpointError: it could not be saved.
        """
        begins = not self.saves and not last
        if begins or self._now() - self._known_at > _FRESH:
            self.make_sure()
        lease = NOBODY if last else Lease(self._owner, self._now() + LENGTH)
        self.place.revision += 1
        if last:
            self.place.collected = self._now()
        self._store.save({**self.place.document(), **lease.fields()})
        self._known_at = self._now()
        self.saves += 1
        if last and self._has_older:
            self._store.delete_older(self.place.key, self.place.generation)

    def make_sure(self) -> None:
        """Make sure, before something is written, that nobody else is or was at work here, nor reset or deleted it.

        A run looks before its first save: another process may have done the whole work since the place was read, and
        given it back. Of two that look at once both save, and look again before they write; the one that saved first
        finds the other's lease, and leaves the place to it.

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
            # What an older revision says came late, from a process that is gone: it is saved over.
            if int(heads[own].get("revision", 0)) > self.place.revision:
                raise PlaceTakenError("another process has collected the region meanwhile; the next run goes on there")
            lease = Lease.of(heads[own])
            if lease is not None and lease.keeps_out(self._owner, self._now()):
                raise PlaceTakenError(f"another process, {lease.owner}, has taken the region over")
        self._known_at = self._now()
