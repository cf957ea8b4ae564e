"""The status of inputs, read from the documents in this host's KV store.

An input that runs on another host, such as a heavy forwarder, has no documents here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from defender_alerts.checkpoint.checkpoint import CheckpointKey, Reset, is_reset, latest_checkpoints, what_counts
from defender_alerts.checkpoint.last_error import LastError
from defender_alerts.errors import CheckpointError
from defender_alerts.splunk.inputs import KnownInput
from defender_alerts.splunk.resetting import time_in
from defender_alerts.times import TICKS_PER_SECOND, iso


@dataclass(frozen=True)
class RegionStatus:
    """The status of a region; times in ticks, None if unknown.

    Attributes:
        tenant: empty before the first save.
        collected: when a run last completed.
        watermark: everything up to this time has been collected.
        remembered: the number of versions that the checkpoint remembers.
        restart: where the next run starts, if a reset is pending.
        last_error: an error after ``collected``.
    """

    region: str
    tenant: str = ""
    collected: int | None = None
    watermark: int | None = None
    remembered: int | None = None
    restart: int | None = None
    last_error: LastError | None = None

    def lag(self, now: int) -> float | None:
        """The seconds that the region is behind ``now``; None before the first save."""
        return None if self.watermark is None else max(0, now - self.watermark) / TICKS_PER_SECOND

    def shown(self, now: int) -> dict[str, Any]:
        """The region as JSON for the page."""
        return {
            "region": self.region,
            "collected": _text(self.collected),
            "watermark": _text(self.watermark),
            "lag_seconds": self.lag(now),
            "seen": self.remembered,
            "restart": _text(self.restart),
            "last_error": _error(self.last_error),
        }


@dataclass(frozen=True)
class InputStatus:
    """The status of an input; ``last_error`` is one outside its regions, after the last success of any of them."""

    kind: str
    name: str
    is_here: bool
    regions: tuple[RegionStatus, ...]
    last_error: LastError | None

    @property
    def collected(self) -> int | None:
        """When all regions had last been collected: the earliest of their times."""
        times = [region.collected for region in self.regions]
        known = [time for time in times if time is not None]
        return min(known) if known and len(known) == len(times) else None

    @property
    def latest_error(self) -> LastError | None:
        """The latest error that has not been followed by a success."""
        last_errors = [self.last_error, *(region.last_error for region in self.regions)]
        return max((one for one in last_errors if one), key=lambda one: one.time, default=None)

    def lag(self, now: int) -> float | None:
        """The seconds that its worst region is behind; None if a region has never been saved."""
        lags = [region.lag(now) for region in self.regions]
        known = [lag for lag in lags if lag is not None]
        return max(known) if known and len(known) == len(lags) else None

    def shown(self, now: int) -> dict[str, Any]:
        """The input as JSON for the page."""
        return {
            "kind": self.kind,
            "name": self.name,
            "here": self.is_here,
            "collected": _text(self.collected),
            "lag_seconds": self.lag(now),
            "last_error": _error(self.latest_error),
            "regions": [region.shown(now) for region in self.regions],
        }


def statuses(inputs: Iterable[KnownInput], documents: Iterable[Mapping[str, Any]]) -> list[InputStatus]:
    """The status of each input.

    Args:
        inputs: of all kinds.
        documents: of the collection of checkpoints; others than those of the inputs are ignored.
    """
    by_input: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for document in documents:
        by_input.setdefault((str(document.get("kind")), str(document.get("input"))), []).append(document)
    return [_status(known, by_input.get((known.kind, known.name), [])) for known in inputs]


def _status(known: KnownInput, documents: Sequence[Mapping[str, Any]]) -> InputStatus:
    try:
        counting = what_counts(documents)
    except CheckpointError:
        # The next run reports this error; the page shows what can be read.
        counting = [document for document in documents if "deleted" not in document]
    last_errors = {last_error.region: last_error for last_error in map(LastError.of, counting) if last_error}
    latest: dict[str, RegionStatus] = {}
    for checkpoint in (_region(key, document, counting) for key, document in latest_checkpoints(counting).items()):
        other = latest.get(checkpoint.region)
        # The account may have been changed to another tenant, which leaves the former tenant's checkpoint behind.
        if other is None or _age(checkpoint) > _age(other):
            latest[checkpoint.region] = checkpoint
    regions = tuple(
        _with(latest.get(region, RegionStatus(region)), last_errors.get(region))
        for region in (known.own.regions if known.own else sorted({*latest, *last_errors} - {""}))
    )
    successes = [region.collected for region in regions if region.collected is not None]
    whole = last_errors.get("")
    if whole and successes and whole.time <= max(successes):
        whole = None
    return InputStatus(known.kind, known.name, bool(latest or last_errors), regions, whole)


def _region(key: CheckpointKey, checkpoint: Mapping[str, Any], documents: Sequence[Mapping[str, Any]]) -> RegionStatus:
    """The status in a checkpoint's document."""
    starts = [document.get("start") for document in documents if document.get("_key") == Reset.key_of(key)]
    return RegionStatus(
        key.region,
        key.tenant,
        time_in(checkpoint.get("collected")),
        time_in(checkpoint.get("watermark")),
        int(checkpoint["remembered"]) if "remembered" in checkpoint else None,
        time_in(starts[0]) if is_reset(checkpoint, documents) else None,
    )


def _with(region: RegionStatus, last_error: LastError | None) -> RegionStatus:
    """Add the last error to a region, unless it has been collected since."""
    if last_error is None or (region.collected is not None and last_error.time <= region.collected):
        return region
    return replace(region, last_error=last_error)


def _age(region: RegionStatus) -> tuple[int, int]:
    return region.collected or 0, region.watermark or 0


def _text(time: int | None) -> str | None:
    return None if time is None else iso(time)


def _error(last_error: LastError | None) -> dict[str, str] | None:
    if last_error is None:
        return None
    return {"time": iso(last_error.time), "category": last_error.category, "sentence": last_error.sentence}
