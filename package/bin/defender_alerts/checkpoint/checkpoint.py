"""A checkpoint: how far one input has collected one region of one tenant.

It holds three times and the versions already delivered:

- ``watermark``: everything up to here has been collected.
- ``settled``: nothing new is expected before this time, and the next run reads from here. A version may become visible
  up to ``overlap`` after its version time, so a time is settled only if it was read that much later. In a long run
  ``settled`` is earlier than ``watermark - overlap``: late versions may have appeared in what was read an hour ago.
- ``seen_from``: versions from this time on are remembered one by one. Older ones are never delivered again.

``seen_from <= settled <= watermark``, and none of them ever goes back.

A reset of the checkpoint, or a deletion of its input, raises its generation. Each generation has its own document, so a
process that has not noticed the reset writes to the old generation's document, which is ignored.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from defender_alerts.errors import CheckpointError
from defender_alerts.times import iso, parse_iso, seconds

from .last_error import LastError
from .versions import Seen

LAYOUT = 1

# A checkpoint's key has five parts: kind, input, tenant, cloud, region.
_PARTS = 5

# Neighbouring windows overlap by this much: Microsoft documents neither whether the APIs' bounds are inclusive nor how
# they are rounded. Versions this much older than ``settled`` are still remembered.
MARGIN = seconds(1)

# Most incomplete records to remember. With more, the watermark stays before them.
MOST_INCOMPLETE = 1_000

# This many versions make a document of 4 MB, saved with each batch. MongoDB limits a document to 16 MB.
MOST_SEEN = 150_000


class CheckpointKey(NamedTuple):
    """The identity of a checkpoint. Changing a filter, resource, credential or proxy keeps the checkpoint."""

    kind: str
    input: str
    tenant: str
    cloud: str
    region: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.input}:{self.tenant}:{self.cloud}:{self.region}"

    @property
    def source(self) -> str:
        """The ``source`` of the input's events."""
        return f"{self.kind}:{self.tenant}:{self.region}:{self.input}"

    def of_generation(self, generation: int) -> str:
        """The key of the document that belongs to one generation."""
        return f"{self}:{generation}" if generation else str(self)


class IncompleteRecord(NamedTuple):
    """A record that arrived incomplete, as an incident without its alerts.

    Attributes:
        time: its version time, in ticks. The same or a later version with everything completes it.
        gone: the number of runs in which the service no longer showed it.
    """

    time: int
    gone: int = 0


class Checkpoint:
    """How far one region has been collected; times in ticks.

    Attributes:
        key: what the checkpoint belongs to.
        watermark: everything up to this time has been collected.
        settled: nothing new is expected before this time.
        seen_from: versions from this time on are remembered in ``seen``.
        seen: the versions delivered.
        generation: how often the checkpoint has been reset or its input deleted.
        revision: how often it has been saved in this generation.
        writer: the id of the run that saved it last.
        typed_tenant: the tenant as the account names it, possibly by a domain.
        collected: when a run last completed, by the server's clock; None before the first time.
        incomplete: the incomplete records by identity, in the order in which they are requested again.
        held: a time that this run must not pass, since it could not be read completely; None for none.
    """

    typed_tenant = ""
    held: int | None = None

    def __init__(
        self,
        key: CheckpointKey,
        watermark: int,
        settled: int,
        seen_from: int,
        *,
        seen: Seen | None = None,
        generation: int = 0,
        revision: int = 0,
        writer: str = "",
        collected: int | None = None,
        incomplete: Mapping[str, IncompleteRecord] = MappingProxyType({}),
    ) -> None:
        self.key = key
        self.watermark, self.settled, self.seen_from = watermark, settled, seen_from
        self.seen = Seen() if seen is None else seen
        self.generation, self.revision, self.writer = generation, revision, writer
        self.collected = collected
        self.incomplete = dict(incomplete)

    @classmethod
    def first(cls, key: CheckpointKey, start: int, generation: int = 0) -> Checkpoint:
        """A checkpoint that starts at ``start``: for a new input, or after a reset."""
        return cls(key, watermark=start, settled=start, seen_from=start, generation=generation)

    def is_new(self, time: int, version_fingerprint: bytes) -> bool:
        """Whether this version has not been delivered yet."""
        return time >= self.seen_from and version_fingerprint not in self.seen

    def add_incomplete(self, identity: str, time: int) -> None:
        """Remember that a record's version of ``time`` is incomplete, unless a later incomplete one is known."""
        before = self.incomplete.get(identity)
        if before is None or before.time < time:
            self.incomplete[identity] = IncompleteRecord(time)

    def hold(self, time: int) -> None:
        """Do not move past ``time`` in this run; the next run reads from there."""
        self.held = time if self.held is None else min(time, self.held)

    def advance(self, watermark: int, settled: int) -> None:
        """Move forward to these times (never back) and forget versions that are too old to be read again."""
        if self.held is not None:
            watermark, settled = min(watermark, self.held), min(settled, self.held)
        self.watermark = max(self.watermark, watermark)
        self.settled = max(self.settled, min(settled, self.watermark))
        seen_from = max(self.seen_from, self.settled - MARGIN)
        if seen_from > self.seen_from:
            self.seen_from = seen_from
            self.seen.forget_before(seen_from)

    def document(self) -> dict[str, Any]:
        """The checkpoint as a KV store document."""
        return {
            "_key": self.key.of_generation(self.generation),
            "layout": LAYOUT,
            **self.key._asdict(),
            "watermark": iso(self.watermark),
            "settled": iso(self.settled),
            "seen_from": iso(self.seen_from),
            "seen": self.seen.pack(),
            "remembered": len(self.seen),
            "collected": "" if self.collected is None else iso(self.collected),
            "incomplete": json.dumps([[name, iso(one.time), one.gone] for name, one in self.incomplete.items()]),
            "generation": self.generation,
            "revision": self.revision,
            "writer": self.writer,
            "typed_tenant": self.typed_tenant,
        }

    @classmethod
    def from_document(cls, key: CheckpointKey, document: Mapping[str, Any]) -> Checkpoint:
        """Read a checkpoint from its KV store document.

        Raises:
            CheckpointError: another version of the add-on wrote it, or it is damaged. This is never treated as a first
                run, which would deliver everything again or skip what lies between.
        """
        if document.get("layout") != LAYOUT:
            raise CheckpointError(
                f"The checkpoint {key} has the layout {document.get('layout')!r}, and this version of the add-on "
                f"reads {LAYOUT}. Install the version that wrote it, or reset the checkpoint on the Inputs page or by "
                "defender_alerts_reset.py: the input then starts again at a time of your choice."
            )
        try:
            checkpoint = cls(
                key,
                watermark=parse_iso(document["watermark"]),
                settled=parse_iso(document["settled"]),
                seen_from=parse_iso(document["seen_from"]),
                seen=Seen.unpack(document["seen"]),
                generation=int(document["generation"]),
                revision=int(document["revision"]),
                writer=str(document.get("writer", "")),
                collected=parse_iso(document["collected"]) if document.get("collected") else None,
                incomplete={
                    str(name): IncompleteRecord(parse_iso(time), int(gone))
                    for name, time, gone in json.loads(document.get("incomplete") or "[]")
                },
            )
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise CheckpointError(
                f"The checkpoint {key} is damaged ({error}). Nothing was collected. Restore the collection "
                "ta_defender_alerts_checkpoints from a backup of the KV store, or reset the checkpoint to the time of "
                "the input's last event, on the Inputs page or by defender_alerts_reset.py."
            ) from error
        if not checkpoint.seen_from <= checkpoint.settled <= checkpoint.watermark:
            raise CheckpointError(
                f"The checkpoint {key} contradicts itself: seen_from {document['seen_from']}, settled "
                f"{document['settled']}, watermark {document['watermark']} are not in this order. Nothing was "
                "collected. Reset the checkpoint to the time of the input's last event, on the Inputs page or by "
                "defender_alerts_reset.py."
            )
        return checkpoint


class Reset(NamedTuple):
    """An administrator's request to restart a checkpoint at ``start`` (ticks).

    It has a document of its own, since a running process would overwrite the checkpoint's. It applies until a
    checkpoint of its generation has been saved.
    """

    key: CheckpointKey
    start: int
    generation: int

    @staticmethod
    def key_of(key: CheckpointKey) -> str:
        """The key of the reset's document."""
        return f"{key}:reset"

    def document(self) -> dict[str, Any]:
        """The reset as a KV store document."""
        return {
            "_key": self.key_of(self.key),
            **self.key._asdict(),
            "start": iso(self.start),
            "generation": self.generation,
        }

    @classmethod
    def from_document(cls, key: CheckpointKey, document: Mapping[str, Any]) -> Reset:
        """Read a reset from its KV store document.

        Raises:
            CheckpointError: it is damaged.
        """
        try:
            return cls(key, parse_iso(document["start"]), int(document["generation"]))
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(
                f"The reset of the checkpoint {key} is damaged ({error}). Nothing was collected. Reset it again."
            ) from error


class Deletion(NamedTuple):
    """The record of a deleted input: only checkpoints of this generation or a later one are valid.

    It has a document of its own, so that a process that is still running notices it. A new input of the same name
    starts with this generation. ``deleted`` is the time of the deletion by this machine's clock.
    """

    kind: str
    input: str
    generation: int
    deleted: int

    @staticmethod
    def key_of(kind: str, input_name: str) -> str:
        """The key of the deletion's document; a checkpoint's key has more parts."""
        return f"{kind}:{input_name}:deleted"

    @classmethod
    def following(cls, kind: str, input_name: str, documents: Iterable[Mapping[str, Any]], now: int) -> Deletion:
        """The deletion of an input at ``now``, with a generation above that of all its documents."""
        return cls(kind, input_name, 1 + max(map(_generation, documents), default=0), now)

    def document(self) -> dict[str, Any]:
        """The deletion as a KV store document."""
        return {
            "_key": self.key_of(self.kind, self.input),
            "kind": self.kind,
            "input": self.input,
            "generation": self.generation,
            "deleted": iso(self.deleted),
        }

    @classmethod
    def among(cls, documents: Iterable[Mapping[str, Any]]) -> Deletion | None:
        """Find the deletion among an input's documents; None if the input was never deleted.

        Raises:
            CheckpointError: the deletion can't be read.
        """
        document = next((one for one in documents if str(one.get("_key")).endswith(":deleted")), None)
        if document is None:
            return None
        kind, input_name, _ = str(document["_key"]).split(":")
        try:
            return cls(kind, input_name, int(document["generation"]), parse_iso(document["deleted"]))
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(
                f"The note that an input {input_name} was deleted is damaged ({error}). Nothing was collected. Delete "
                f"the document {cls.key_of(kind, input_name)} from the collection ta_defender_alerts_checkpoints."
            ) from error


def what_counts(documents: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The documents of one input without those that its deletion has invalidated.

    Raises:
        CheckpointError: the deletion can't be read.
    """
    documents = list(documents)
    deletion = Deletion.among(documents)
    if deletion is None:
        return documents
    # A last error has no generation: its run may have failed before it read the checkpoint.
    errors = (LastError.of(document) for document in documents)
    return [
        document
        for document, error in zip(documents, errors)
        if (error.began > deletion.deleted if error else _generation(document) >= deletion.generation)
    ]


def latest_checkpoints(documents: Iterable[Mapping[str, Any]]) -> dict[CheckpointKey, Mapping[str, Any]]:
    """The latest document of each of an input's checkpoints; a reset that no run has applied yet may be pending.

    Raises:
        CheckpointError: the input's deletion can't be read.
    """
    latest: dict[CheckpointKey, Mapping[str, Any]] = {}
    for document in what_counts(documents):
        key = _key_of(document)
        if key is not None and (key not in latest or _generation(document) > _generation(latest[key])):
            latest[key] = document
    return latest


def is_reset(checkpoint: Mapping[str, Any], documents: Iterable[Mapping[str, Any]]) -> bool:
    """Whether a reset is pending for the checkpoint in this document."""
    wanted = Reset.key_of(key) if (key := _key_of(checkpoint)) else ""
    return any(
        document.get("_key") == wanted and _generation(document) > _generation(checkpoint) for document in documents
    )


def find_checkpoint(key: CheckpointKey, documents: Iterable[Mapping[str, Any]], start: int) -> Checkpoint:
    """Find a checkpoint among an input's documents.

    If there is none, return a new one that starts at ``start``; if a reset is pending, one that starts as it says.

    Raises:
        CheckpointError: the checkpoint can't be read.
    """
    documents = list(documents)
    document = latest_checkpoints(documents).get(key)
    reset = next((one for one in what_counts(documents) if one.get("_key") == Reset.key_of(key)), None)
    if reset is not None and (document is None or is_reset(document, [reset])):
        read = Reset.from_document(key, reset)
        return Checkpoint.first(key, read.start, read.generation)
    if document is not None:
        return Checkpoint.from_document(key, document)
    deletion = Deletion.among(documents)
    return Checkpoint.first(key, start, 0 if deletion is None else deletion.generation)


def tenant_of(typed: str, cloud: str, documents: Iterable[Mapping[str, Any]]) -> str:
    """The GUID of a tenant that was typed as a domain, as an input's checkpoints remember it; empty where none does."""
    checkpoints = latest_checkpoints(documents).items()
    return next((key.tenant for key, one in checkpoints if (key.cloud, one.get("typed_tenant")) == (cloud, typed)), "")


def has_older(checkpoint: Checkpoint, documents: Iterable[Mapping[str, Any]]) -> bool:
    """Whether the input's documents include older generations of a checkpoint."""
    return any(
        _key_of(document) == checkpoint.key and _generation(document) < checkpoint.generation for document in documents
    )


def resets(documents: Iterable[Mapping[str, Any]], start: int, region: str = "") -> list[Reset]:
    """The resets that restart an input's checkpoints at ``start``.

    Args:
        documents: all of the input's documents. Each reset gets a generation above theirs.
        start: in ticks.
        region: the one to reset; empty for all.
    """
    documents = list(documents)
    by_key = {str(document.get("_key")): document for document in documents}
    checkpoints = latest_checkpoints(documents)
    chosen = sorted((key for key in checkpoints if region in {"", key.region}), key=str)
    return [
        Reset(key, start, 1 + max(_generation(checkpoints[key]), _generation(by_key.get(Reset.key_of(key), {}))))
        for key in chosen
    ]


def who_saved(head: Mapping[str, Any]) -> tuple[str, int]:
    """The writer and revision of a checkpoint's document; ``("", -1)`` if they can't be read."""
    try:
        return str(head.get("writer", "")), int(head["revision"])
    except (KeyError, TypeError, ValueError, OverflowError):
        return "", -1


class CheckpointStore(Protocol):
    """Stores checkpoints and what belongs to them. Each method raises ``CheckpointError`` for every failure."""

    def checkpoints_of(self, kind: str, input_name: str) -> list[Mapping[str, Any]]:
        """All documents of an input, including those of other tenants and clouds."""

    def revisions_of(self, kind: str, input_name: str) -> list[Mapping[str, Any]]:
        """``_key``, generation, revision and writer of an input's documents, without their other fields."""

    def read(self, *keys: str) -> list[Mapping[str, Any]]:
        """The documents with these keys, as far as they exist."""

    def save(self, document: Mapping[str, Any]) -> None:
        """Save a document, replacing one with the same key."""

    def delete_split_alerts(self, checkpoint: str, before: str) -> None:
        """Delete a checkpoint's days of split alerts before the given one (``2026-01-31``)."""

    def delete_older(self, key: CheckpointKey, generation: int) -> None:
        """Delete the documents of a checkpoint's older generations."""


def _key_of(document: Mapping[str, Any]) -> CheckpointKey | None:
    """The checkpoint to which a document belongs, by its ``_key`` alone; None for another kind of document."""
    parts = str(document.get("_key")).split(":")
    if len(parts) == _PARTS + 1 and parts[-1].isdecimal():
        parts.pop()
    return CheckpointKey(*parts) if len(parts) == _PARTS else None


def _generation(document: Mapping[str, Any]) -> int:
    """The generation of a document; taken from its key if the field can't be read."""
    try:
        return int(document["generation"])
    except (KeyError, TypeError, ValueError, OverflowError):
        last = str(document.get("_key")).rpartition(":")[2]
        return int(last) if last.isdecimal() else 0
