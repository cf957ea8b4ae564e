"""Resets the checkpoints of an input, for the command and for the page, and deletes those of a deleted input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from defender_alerts.checkpoint.checkpoint import CheckpointStore, Deletion, Reset, latest_checkpoints, resets
from defender_alerts.errors import ConfigurationError
from defender_alerts.times import iso, parse_iso, parse_start


class DeletingStore(CheckpointStore, Protocol):
    """A store of checkpoints from which inputs are deleted. Each method raises ``CheckpointError``."""

    def delete_before(self, deletion: Deletion) -> None:
        """Delete the documents that the deletion of an input has invalidated."""


@dataclass(frozen=True)
class Effect:
    """What a reset of a region would do; times in ticks.

    Attributes:
        region: the region.
        start: where the next run would start.
        checkpoint: where it would go on without the reset; None if that can't be read.
    """

    region: str
    start: int
    checkpoint: int | None

    @property
    def skips(self) -> bool:
        """Whether alerts before the start would never be collected."""
        return self.checkpoint is not None and self.start > self.checkpoint

    def __str__(self) -> str:
        if self.checkpoint is not None and self.skips:
            return (
                f"alerts last updated between {_minute(self.checkpoint)} and {_minute(self.start)} will NEVER be "
                "collected. How many they are is not known: the add-on has not read them yet."
            )
        known = "" if self.checkpoint is None else f" The checkpoint is at {_minute(self.checkpoint)}."
        return f"collects {_minute(self.start)} to now again; what is indexed of it will be indexed twice.{known}"


def effects(store: CheckpointStore, kind: str, input_name: str, start: int, region: str) -> list[Effect]:
    """What ``request_resets`` would do with the same arguments, by region.

    Raises:
        ConfigurationError: there is nothing to reset.
        CheckpointError: the store can't be read.
    """
    documents = store.checkpoints_of(kind, input_name)
    checkpoints = latest_checkpoints(documents)
    wanted = _resets(documents, input_name, start, region)
    return [Effect(reset.key.region, reset.start, time_in(checkpoints[reset.key].get("watermark"))) for reset in wanted]


def time_in(text: Any) -> int | None:
    """A time in a document; None if there is none, or the document is damaged."""
    try:
        return parse_iso(text)
    except (TypeError, ValueError):
        return None


def parse_time(text: str, now: int, called: str) -> int:
    """Read a time that an administrator has typed; return ticks.

    Args:
        text: ISO 8601 in UTC, or relative to now (``-2d``).
        now: in ticks.
        called: the name of the field or option, for messages.

    Raises:
        ConfigurationError: it is neither.
    """
    try:
        return parse_start(text, now)
    except ValueError as error:
        raise ConfigurationError(
            f"{called} is {text!r}, and should be ISO 8601 in UTC (2026-11-01T00:00:00Z) or relative, such as "
            "-2d or -12h."
        ) from error


def parse_from(text: str, now: int, called: str) -> int:
    """Read the time from which to collect again, with the arguments of ``parse_time``; return ticks.

    Raises:
        ConfigurationError: it is none, or lies in the future.
    """
    start = parse_time(text, now, called)
    if start > now:
        raise ConfigurationError(f"{called} is {text!r}, which lies in the future. Give one that has passed.")
    return start


def request_resets(store: CheckpointStore, kind: str, input_name: str, start: int, region: str) -> list[Reset]:
    """Request that the checkpoints of an input restart at ``start`` (ticks); return the resets.

    Raises:
        ConfigurationError: there is nothing to reset.
        CheckpointError: the store can't be read or written.
    """
    ordered = _resets(store.checkpoints_of(kind, input_name), input_name, start, region)
    for reset in ordered:
        store.save(reset.document())
    return ordered


def delete_input(store: DeletingStore, kind: str, input_name: str, now: int) -> None:
    """Delete the documents of an input, even if a process is still running for it.

    Args:
        store: that holds the documents.
        kind: of the input.
        input_name: its name, which a new input may reuse.
        now: in ticks, by this machine's clock.

    Raises:
        CheckpointError: the store can't be read or written.
    """
    deletion = Deletion.following(kind, input_name, store.checkpoints_of(kind, input_name), now)
    # Saved first: from now on the other documents are invalid, even if they can't be deleted or are saved again.
    store.save(deletion.document())
    store.delete_before(deletion)


def _resets(documents: Sequence[Mapping[str, Any]], input_name: str, start: int, region: str) -> list[Reset]:
    ordered = resets(documents, start, region)
    if not ordered:
        raise ConfigurationError(
            f"The input {input_name} has no checkpoint here{' for ' * bool(region)}{region}: its next run starts at "
            "its start_time anyway."
        )
    return ordered


def _minute(ticks: int) -> str:
    return f"{iso(ticks)[:10]} {iso(ticks)[11:16]} UTC"
