"""A place: how far one input has collected one region of one tenant.

It holds three times and the versions already delivered:

- ``watermark``: everything up to here has been collected.
- ``settled``: nothing new is expected before this. A version may become visible up to ``overlap`` after its version
  time, so a stretch of time is settled only if it was read that much later. The next run reads from here. In a long
  run this is earlier than ``watermark - overlap``: what was read an hour ago, minutes after it happened, has had
  late arrivals since.
- ``seen_from``: the versions from here on are remembered, one by one. Older ones are never delivered again.

``seen_from <= settled <= watermark``, and none of them ever goes back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

from .errors import CheckpointError
from .times import iso, parse_iso, seconds
from .versions import Seen

LAYOUT = 1

# Neighbouring windows share this much: whether the APIs' bounds are inclusive is not documented, nor to what
# they are rounded. Versions are remembered for that long beyond ``settled``.
MARGIN = seconds(1)

# So many versions make a document of 4 MB, written with each batch. MongoDB's limit for a document is 16 MB.
MOST_SEEN = 150_000


@dataclass(frozen=True)
class PlaceKey:
    """What a place belongs to. Nothing else: a changed filter, resource, credential or proxy keeps the place."""

    kind: str
    input: str
    tenant: str
    cloud: str
    region: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.input}:{self.tenant}:{self.cloud}:{self.region}"


@dataclass
class Place:
    """How far one region has been collected; times in ticks.

    ``generation`` counts how often an administrator has reset the place, ``revision`` how often it has been saved
    since. ``collected`` is when a run was last through with it, by the server's clock; None before the first time.
    """

    key: PlaceKey
    watermark: int
    settled: int
    seen_from: int
    seen: Seen = field(default_factory=Seen)
    generation: int = 0
    revision: int = 0
    collected: int | None = None

    @classmethod
    def first(cls, key: PlaceKey, start: int, generation: int = 0) -> Place:
        """The place of an input that has collected nothing yet, or shall forget that it has, and start at ``start``."""
        return cls(key, watermark=start, settled=start, seen_from=start, generation=generation)

    def is_new(self, time: int, version_fingerprint: bytes) -> bool:
        """Whether this version still has to be delivered."""
        return time >= self.seen_from and version_fingerprint not in self.seen

    def advance(self, watermark: int, settled: int) -> None:
        """Move on to these times (never back), and forget what can no longer be shown again."""
        self.watermark = max(self.watermark, watermark)
        self.settled = max(self.settled, min(settled, self.watermark))
        seen_from = max(self.seen_from, self.settled - MARGIN)
        if seen_from > self.seen_from:
            self.seen_from = seen_from
            self.seen.forget_before(seen_from)

    def document(self) -> dict[str, Any]:
        """The place as one document of the KV store."""
        return {
            "_key": str(self.key),
            "layout": LAYOUT,
            **asdict(self.key),
            "watermark": iso(self.watermark),
            "settled": iso(self.settled),
            "seen_from": iso(self.seen_from),
            "seen": self.seen.pack(),
            "remembered": len(self.seen),
            "collected": "" if self.collected is None else iso(self.collected),
            "generation": self.generation,
            "revision": self.revision,
        }

    @classmethod
    def from_document(cls, key: PlaceKey, document: Mapping[str, Any]) -> Place:
        """The place that ``document`` wrote.

        Raises:
            CheckpointError: another version of the add-on wrote it, or it is damaged. It is never taken for a
                first run: that would deliver everything again, or skip what lies between.
        """
        if document.get("layout") != LAYOUT:
            raise CheckpointError(
                f"The checkpoint {key} has the layout {document.get('layout')!r}, and this version of the add-on "
                f"reads {LAYOUT}. Install the version that wrote it, or delete the checkpoint to start again from "
                "the input's start_time."
            )
        try:
            place = cls(
                key,
                watermark=parse_iso(document["watermark"]),
                settled=parse_iso(document["settled"]),
                seen_from=parse_iso(document["seen_from"]),
                seen=Seen.unpack(document["seen"]),
                generation=int(document["generation"]),
                revision=int(document["revision"]),
                # Versions of this add-on that did not note it have left places without.
                collected=parse_iso(document["collected"]) if document.get("collected") else None,
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise CheckpointError(
                f"The checkpoint {key} is damaged ({error}). Nothing was collected. Restore the collection "
                "ta_defender_alerts_checkpoints from a backup of the KV store, or delete the checkpoint and set the "
                "input's start_time to the time of its last event."
            ) from error
        if not place.seen_from <= place.settled <= place.watermark:
            raise CheckpointError(
                f"The checkpoint {key} contradicts itself: seen_from {document['seen_from']}, settled "
                f"{document['settled']}, watermark {document['watermark']} are not in this order. Nothing was "
                "collected. Delete the checkpoint and set the input's start_time to the time of its last event."
            )
        return place


@dataclass(frozen=True)
class Reset:
    """An administrator's word that a place shall start again, at a time in ticks of their choice.

    A document of its own: a process that is at work while it is written would overwrite the place's. It counts until a
    place of its generation has been saved.
    """

    key: PlaceKey
    start: int
    generation: int

    @staticmethod
    def key_of(key: PlaceKey) -> str:
        """The key of the document, beside the place's."""
        return f"{key}:reset"

    def document(self) -> dict[str, Any]:
        """The reset as one document of the KV store."""
        return {
            "_key": self.key_of(self.key),
            **asdict(self.key),
            "start": iso(self.start),
            "generation": self.generation,
        }

    @classmethod
    def from_document(cls, key: PlaceKey, document: Mapping[str, Any]) -> Reset:
        """The reset that ``document`` wrote.

        Raises:
            CheckpointError: it is damaged.
        """
        try:
            return cls(key, parse_iso(document["start"]), int(document["generation"]))
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(
                f"The reset of the checkpoint {key} is damaged ({error}). Nothing was collected. Reset it again."
            ) from error


def find_place(key: PlaceKey, documents: Iterable[Mapping[str, Any]], start: int) -> Place:
    """The place among an input's documents; a first one at ``start`` where there is none, a new one where it was reset.

    Raises:
        CheckpointError: it is there and can't be read.
    """
    by_key = {str(document.get("_key")): document for document in documents}
    reset_document, document = by_key.get(Reset.key_of(key)), by_key.get(str(key))
    reset = Reset.from_document(key, reset_document) if reset_document is not None else None
    if reset is not None and (document is None or document.get("generation") != reset.generation):
        return Place.first(key, reset.start, reset.generation)
    return Place.first(key, start) if document is None else Place.from_document(key, document)


def resets(documents: Iterable[Mapping[str, Any]], start: int, region: str = "") -> list[Reset]:
    """The word that an input's places shall start again at ``start`` (ticks): all of them, or those of one region.

    Args:
        documents: all of the input's. Each reset is of a generation that none of them has seen.
        start: in ticks.
        region: empty for all.
    """
    by_key = {str(document.get("_key")): document for document in documents}
    keys = {_key_of(document) for document in by_key.values()}
    chosen = sorted((key for key in keys if str(key) in by_key and region in {"", key.region}), key=str)
    return [
        Reset(
            key,
            start,
            1 + max(int(by_key[name].get("generation", 0)) for name in (str(key), Reset.key_of(key)) if name in by_key),
        )
        for key in chosen
    ]


def _key_of(document: Mapping[str, Any]) -> PlaceKey:
    return PlaceKey(*(str(document.get(name)) for name in ("kind", "input", "tenant", "cloud", "region")))


class PlaceStore(Protocol):
    """Where places are kept. Each method raises ``CheckpointError`` for everything that goes wrong."""

    def places_of(self, kind: str, input_name: str) -> list[Mapping[str, Any]]:
        """The documents of all places of an input, also those of another tenant or cloud."""

    def heads_of(self, *keys: str) -> list[Mapping[str, Any]]:
        """``_key``, generation, revision and lease of those documents that exist, without the rest of them."""

    def save(self, document: Mapping[str, Any]) -> None:
        """Save one document, replacing the one with the same key."""
