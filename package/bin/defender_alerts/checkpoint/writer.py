"""Saves a checkpoint, for as long as this process is the one to do so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Callable

from defender_alerts.errors import CheckpointTakenError
from defender_alerts.times import seconds

from .checkpoint import Checkpoint, CheckpointStore, Deletion, Reset, who_saved

# What was read or saved so recently is not read again before a save: a poll with nothing new costs one call, not two.
_FRESH = seconds(2)


class CheckpointWriter:
    """Keeps one checkpoint in the store, and notices who else saves it.

    The KV store has no compare-and-set, so nothing keeps a second process out. Each save carries the random id of the
    run that wrote it, which is read again before each batch: what is repeated when one run takes over from another is
    the batch that both had begun.

    Args:
        checkpoint: as it was read; moved on by others.
        store: where it is kept.
        writer: this run's id.
        now: the server's time, in ticks.
        has_older: there is something of older generations in the store. It counts for nothing, and is deleted.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        store: CheckpointStore,
        writer: str,
        now: Callable[[], int],
        *,
        has_older: bool = False,
    ) -> None:
        self.checkpoint = checkpoint
        self._store = store
        self._writer = writer
        self._predecessor: str | None = checkpoint.writer
        self._now = now
        self._has_older = has_older
        self._known_at = now()
        self.saves = 0

    def save(self, *, last: bool = False) -> None:
        """Save the checkpoint; with the ``last`` save of a run note when that was.

        Raises:
            CheckpointTakenError: it is not this process's to save any more; nothing was saved.
            CheckpointError: it could not be saved.
        """
        begins = not self.saves and not last
        if begins or self._now() - self._known_at > _FRESH:
            self.ensure_owner()
        self.checkpoint.revision += 1
        self.checkpoint.writer = self._writer
        if last:
            self.checkpoint.collected = self._now()
        self._store.save(self.checkpoint.document())
        self._known_at = self._now()
        self.saves += 1
        if last and self._has_older:
            self._store.delete_older(self.checkpoint.key, self.checkpoint.generation)

    def ensure_owner(self) -> None:
        """Make sure, before something is written, that nobody else is or was at work here, nor reset or deleted it.

        A run looks before its first save: another process may have done the whole work since the checkpoint was read.
        Of two that look at once both save, and look again before they write; the one that saved first finds the other's
        id, and leaves the checkpoint to it.

        Raises:
            CheckpointTakenError: it is not this process's any more.
            CheckpointError: the store can't be read.
        """
        key, generation = self.checkpoint.key, self.checkpoint.generation
        own, deletion = key.of_generation(generation), Deletion.key_of(key.kind, key.input)
        heads = {str(head["_key"]): head for head in self._store.revisions_of(own, Reset.key_of(key), deletion)}
        if int(heads.get(deletion, {}).get("generation", 0)) > generation:
            raise CheckpointTakenError("the input has been deleted; a new one of its name starts at its own start_time")
        if int(heads.get(Reset.key_of(key), {}).get("generation", 0)) > generation:
            raise CheckpointTakenError("an administrator has reset the checkpoint; the next run starts where that says")
        if own not in heads:
            if self.checkpoint.revision:
                raise CheckpointTakenError(
                    "the checkpoint has been deleted; the next run starts at the input's start_time"
                )
        else:
            self._look_for_another(heads[own])
        self._known_at = self._now()

    def _look_for_another(self, head: Mapping[str, Any]) -> None:
        writer, revision = who_saved(head)
        if (writer, revision) == (self.checkpoint.writer, self.checkpoint.revision):
            return
        if writer == self._predecessor and revision < self.checkpoint.revision:
            # A save of the run before this one, which was killed, came late. It is saved over, once.
            self._predecessor = None
            return
        raise CheckpointTakenError("another process has saved the checkpoint meanwhile")
