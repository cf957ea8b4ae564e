"""Saves a checkpoint for as long as this run owns it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Callable

from defender_alerts.errors import CheckpointTakenError
from defender_alerts.times import seconds

from .checkpoint import Checkpoint, CheckpointStore, Deletion, Reset, who_saved

# What a run has read or saved this recently, it neither saves again after a window without new alerts nor reads again
# before its last save: that spares a quiet poll one call of two, and the quiet part of a backlog all of them.
_FRESH = seconds(2)


class CheckpointWriter:
    """Saves one checkpoint and detects other processes that save it too.

    The KV store has no compare-and-set, so a second process can't be locked out. Each save carries the random id of
    the run that wrote it, and the id is read again before each batch and before each save: when one run takes over from
    another, only the batch that both have started comes twice.

    Args:
        checkpoint: as it was read; the caller moves it forward.
        store: where it is saved.
        writer: this run's id.
        now: returns the server's time, in ticks.
        has_older: the store holds older generations of the checkpoint, which the last save deletes.

    Attributes:
        saves: how often this run has saved it.
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
        # What the previous run, which was killed, saved late; None again after the next save of this run.
        self._late_save: tuple[str, int] | None = None
        self._now = now
        self._has_older = has_older
        self._known_at = now()
        self.saves = 0

    def save(self, *, last: bool = False) -> None:
        """Save the checkpoint, unless somebody else has saved, reset or deleted it; the last save sets ``collected``.

        Two processes that each look only after their own save may never see the other's: each batch would come twice.

        Raises:
            CheckpointTakenError: this run no longer owns it; nothing was saved.
            CheckpointError: it could not be saved.
        """
        if not last or self._is_stale():
            self.ensure_owner()
        self.checkpoint.revision += 1
        self.checkpoint.writer = self._writer
        if last:
            self.checkpoint.collected = self._now()
        self._store.save(self.checkpoint.document())
        self._known_at = self._now()
        self._late_save = None
        self.saves += 1
        if last and self._has_older:
            self._store.delete_older(self.checkpoint.key, self.checkpoint.generation)

    def save_if_due(self) -> None:
        """Save the checkpoint at the end of a window, unless that has just been done.

        Nothing depends on this save: the next one adds what it would say. If there is no other, the next run only reads
        again the windows since the last one.

        Raises:
            CheckpointTakenError: this run no longer owns it; nothing was saved.
            CheckpointError: it could not be saved.
        """
        if self._is_stale():
            self.save()

    def ensure_owner(self) -> None:
        """Check that nobody else has saved, reset or deleted it; to be called before a batch is written.

        A run checks before its first save, since another process may have done all the work after the checkpoint was
        read. If two check at the same time, both save and check again before they write; the one that saved first then
        finds the other's id and leaves the checkpoint to it.

        Raises:
            CheckpointTakenError: this run no longer owns it.
            CheckpointError: the store can't be read.
        """
        key, generation = self.checkpoint.key, self.checkpoint.generation
        own, deletion = key.of_generation(generation), Deletion.key_of(key.kind, key.input)
        heads = {str(head["_key"]): head for head in self._store.revisions_of(key.kind, key.input)}
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

    def _is_stale(self) -> bool:
        return self._now() - self._known_at > _FRESH

    def _look_for_another(self, head: Mapping[str, Any]) -> None:
        writer, revision = who_saved(head)
        if (writer, revision) == (self.checkpoint.writer, self.checkpoint.revision):
            return
        if (writer, revision) == self._late_save:
            return
        if writer == self._predecessor and revision < self.checkpoint.revision:
            # The previous run saved this late, after this one had begun: overwrite it once.
            self._predecessor, self._late_save = None, (writer, revision)
            return
        raise CheckpointTakenError("another process has saved the checkpoint meanwhile")
