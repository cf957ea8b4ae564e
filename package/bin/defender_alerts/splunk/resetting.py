"""Orders that an input starts again, for the command at a shell and for the page; and forgets one that is deleted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from defender_alerts.checkpoint.checkpoint import CheckpointStore, Deletion, Reset, latest_checkpoints, resets
from defender_alerts.errors import ConfigurationError
from defender_alerts.times import iso, parse_iso, parse_start, seconds

# No process that was at work on an input when it was deleted lives for so long: then the note of it can go, too.
_LONGEST_PROCESS = seconds(30 * 86_400)


class DeletingStore(CheckpointStore, Protocol):
    """A store of checkpoints from which inputs are deleted. Each method raises ``CheckpointError``."""

    def delete_before(self, deletion: Deletion) -> None:
        """Delete what the deletion of an input rules out."""

    def deletions_before(self, time: int) -> list[Deletion]:
        """The inputs that were deleted before a time in ticks."""

    def forget(self, deletion: Deletion) -> None:
        """Delete the note that an input was deleted."""


@dataclass(frozen=True)
class Effect:
    """What a reset of a region would do: times in ticks, ``checkpoint`` None where it can't be read.

    Attributes:
        start: where the next run would start.
        checkpoint: where it would go on without the reset.
    """

    region: str
    start: int
    checkpoint: int | None

    @property
    def skips(self) -> bool:
        """Whether what lies before the start would never be collected."""
        return self.checkpoint is not None and self.start > self.checkpoint

    def __str__(self) -> str:
        if self.checkpoint is not None and self.skips:
            return f"alerts between {_minute(self.checkpoint)} and {_minute(self.start)} will NEVER be collected."
        known = "" if self.checkpoint is None else f" The checkpoint is at {_minute(self.checkpoint)}."
        return f"collects {_minute(self.start)} to now again; what is indexed of it will be indexed twice.{known}"


def effects(store: CheckpointStore, kind: str, input_name: str, start: int, region: str) -> list[Effect]:
    """What ``request_resets`` would do with the same arguments, region by region.

    Raises:
        ConfigurationError: there is nothing to reset.
        CheckpointError: the store can't be read.
    """
    documents = store.checkpoints_of(kind, input_name)
    checkpoints = latest_checkpoints(documents)
    wanted = _resets(documents, input_name, start, region)
    return [Effect(reset.key.region, reset.start, _watermark(checkpoints[reset.key])) for reset in wanted]


def _watermark(checkpoint: Mapping[str, Any]) -> int | None:
    """Up to when a document says that was collected; None where it can't be read."""
    try:
        return parse_iso(checkpoint["watermark"])
    except (KeyError, TypeError, ValueError):
        return None


def _minute(ticks: int) -> str:
    return f"{iso(ticks)[:10]} {iso(ticks)[11:16]} UTC"


def parse_from(text: str, now: int, called: str, relative: str) -> int:
    """The time in ticks from which shall be collected again.

    Args:
        text: ISO 8601 in UTC, or how long before now (``-2d``).
        now: in ticks.
        called: what the time is called where it was given.
        relative: how a relative one is written there.

    Raises:
        ConfigurationError: it is neither, or has not come yet.
    """
    try:
        start = parse_start(text, now)
    except ValueError as error:
        raise ConfigurationError(
            f"{called} is {text!r}, and should be ISO 8601 in UTC (2026-11-01T00:00:00Z) or relative, such as "
            f"{relative}."
        ) from error
    if start > now:
        raise ConfigurationError(f"{called} is {text!r}, which lies in the future. Give one that has passed.")
    return start


def request_resets(store: CheckpointStore, kind: str, input_name: str, start: int, region: str) -> list[Reset]:
    """Order that the checkpoints of an input start again at ``start`` (ticks); return what was ordered.

    Raises:
        ConfigurationError: there is nothing to reset.
        CheckpointError: the store can't be read or written.
    """
    ordered = _resets(store.checkpoints_of(kind, input_name), input_name, start, region)
    for reset in ordered:
        store.save(reset.document())
    return ordered


def _resets(documents: Sequence[Mapping[str, Any]], input_name: str, start: int, region: str) -> list[Reset]:
    ordered = resets(documents, start, region)
    if not ordered:
        raise ConfigurationError(
            f"The input {input_name} has no checkpoint here{' for ' * bool(region)}{region}: its next run starts at "
            "its start_time anyway."
        )
    return ordered


def delete_input(store: DeletingStore, kind: str, input_name: str, now: int) -> None:
    """Delete what an input has collected from the store, for good, though a process may still be at work on it.

    Args:
        store: whose documents they are.
        kind: of the input.
        input_name: its name; a new input may have it.
        now: in ticks, by this machine's clock.

    Raises:
        CheckpointError: the store can't be read or written.
    """
    deletion = Deletion.following(kind, input_name, store.checkpoints_of(kind, input_name), now)
    # This comes first: from here on the others count for nothing, should they not be deleted or be saved again.
    store.save(deletion.document())
    store.delete_before(deletion)
    for old in store.deletions_before(now - _LONGEST_PROCESS):
        store.delete_before(old)
        store.forget(old)
