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

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from .errors import CheckpointError
from .times import iso, parse_iso, seconds
from .versions import Seen

LAYOUT = 1

# Neighbouring windows share this much: whether the APIs' bounds are inclusive is not documented, nor to what
# they are rounded. Versions are remembered for that long beyond ``settled``.
MARGIN = seconds(1)

# 400,000 versions make a document of 11 MB; the KV store takes 16 MB (MongoDB's limit for a document).
MOST_SEEN = 400_000


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
    """How far one region has been collected; times in ticks."""

    key: PlaceKey
    watermark: int
    settled: int
    seen_from: int
    seen: Seen = field(default_factory=Seen)

    @classmethod
    def first(cls, key: PlaceKey, start: int) -> Place:
        """The place of an input that has collected nothing yet and shall start at ``start``."""
        return cls(key, watermark=start, settled=start, seen_from=start)

    def is_new(self, time: int, version_fingerprint: bytes) -> bool:
        """Whether this version still has to be delivered."""
        return time >= self.seen_from and version_fingerprint not in self.seen

    def advance(self, watermark: int, settled: int) -> bool:
        """Move on to these times (never back), and forget what can no longer be shown again.

        Returns:
            Whether the memory was full, so that late arrivals are not waited for as long as ``overlap`` says.
        """
        self.watermark = max(self.watermark, watermark)
        self.settled = max(self.settled, min(settled, self.watermark))
        seen_from = max(self.seen_from, self.settled - MARGIN)
        full = len(self.seen) > MOST_SEEN
        if full:
            oldest_kept = sorted(time for time, _ in self.seen)[-MOST_SEEN]
            seen_from = max(seen_from, oldest_kept)
            self.settled = max(self.settled, seen_from)
        if seen_from > self.seen_from:
            self.seen_from = seen_from
            self.seen.forget_before(seen_from)
        return full

    def document(self) -> dict[str, Any]:
        """The place as one document of the KV store."""
        return {
            "_key": str(self.key),
            "layout": LAYOUT,
            "kind": self.key.kind,
            "input": self.key.input,
            "tenant": self.key.tenant,
            "cloud": self.key.cloud,
            "region": self.key.region,
            "watermark": iso(self.watermark),
            "settled": iso(self.settled),
            "seen_from": iso(self.seen_from),
            "seen": self.seen.pack(),
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


class PlaceStore(Protocol):
    """Where places are kept. Both raise ``CheckpointError`` for everything that goes wrong."""

    def places_of(self, kind: str, input_name: str) -> list[Mapping[str, Any]]:
        """The documents of all places of an input, also those of another tenant or cloud."""

    def save(self, document: Mapping[str, Any]) -> None:
        """Save one document, replacing the one with the same key."""
