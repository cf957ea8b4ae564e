"""How each input is doing, out of the documents in the KV store of this host.

An input may run elsewhere, as on a heavy forwarder: then there is nothing of it here, and that is what is said.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from defender_alerts.checkpoint.checkpoint import PlaceKey, Reset, is_reset, latest_places, what_counts
from defender_alerts.checkpoint.last_error import Trouble
from defender_alerts.errors import CheckpointError, ConfigurationError
from defender_alerts.input_kinds import KINDS
from defender_alerts.times import TICKS_PER_SECOND, iso, parse_iso


@dataclass(frozen=True)
class KnownInput:
    """An input as it stands in inputs.conf."""

    kind: str
    name: str
    stanza: Mapping[str, str]

    def regions(self) -> Sequence[str]:
        """The regions that it collects; none where a setting is wrong."""
        try:
            return KINDS[self.kind].read(self.name, self.stanza).regions
        except ConfigurationError:
            return ()


@dataclass(frozen=True)
class RegionStatus:
    """How far a region is; times in ticks, None for what is not known.

    Attributes:
        tenant: empty before the first save.
        collected: when a run was last through with it.
        remembered: how many versions are remembered one by one, those that were seen inside the overlap.
        restart: where the next run starts, if somebody has ordered that and no run has obeyed yet.
        trouble: what went wrong after ``collected``.
    """

    region: str
    tenant: str = ""
    collected: int | None = None
    watermark: int | None = None
    remembered: int | None = None
    restart: int | None = None
    trouble: Trouble | None = None

    def lag(self, now: int) -> float | None:
        """How many seconds the region is behind ``now``; None before the first save."""
        return None if self.watermark is None else max(0, now - self.watermark) / TICKS_PER_SECOND

    def shown(self, now: int) -> dict[str, Any]:
        """The region as a page gets it."""
        return {
            "region": self.region,
            "collected": _text(self.collected),
            "watermark": _text(self.watermark),
            "lag_seconds": self.lag(now),
            "seen": self.remembered,
            "restart": _text(self.restart),
            "last_error": _error(self.trouble),
        }


@dataclass(frozen=True)
class InputStatus:
    """How an input is doing; ``trouble`` is what went wrong before its regions, after the last success of any."""

    kind: str
    name: str
    is_here: bool
    regions: tuple[RegionStatus, ...]
    trouble: Trouble | None

    @property
    def collected(self) -> int | None:
        """When all regions were last collected: the time of the one that was so longest ago."""
        times = [region.collected for region in self.regions]
        known = [time for time in times if time is not None]
        return min(known) if known and len(known) == len(times) else None

    @property
    def last_trouble(self) -> Trouble | None:
        """The latest of what went wrong and has not been followed by a success."""
        troubles = [self.trouble, *(region.trouble for region in self.regions)]
        return max((one for one in troubles if one), key=lambda one: one.time, default=None)

    def lag(self, now: int) -> float | None:
        """How many seconds its worst region is behind; None where one has never been saved, for that has no lag."""
        lags = [region.lag(now) for region in self.regions]
        known = [lag for lag in lags if lag is not None]
        return max(known) if known and len(known) == len(lags) else None

    def shown(self, now: int) -> dict[str, Any]:
        """The input as a page gets it."""
        return {
            "kind": self.kind,
            "name": self.name,
            "here": self.is_here,
            "collected": _text(self.collected),
            "lag_seconds": self.lag(now),
            "last_error": _error(self.last_trouble),
            "regions": [region.shown(now) for region in self.regions],
        }


def statuses(inputs: Iterable[KnownInput], documents: Iterable[Mapping[str, Any]]) -> list[InputStatus]:
    """The status of each input.

    Args:
        inputs: of all kinds.
        documents: of the collection of checkpoints, those of other inputs and other kinds of document among them.
    """
    by_input: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for document in documents:
        by_input.setdefault((str(document.get("kind")), str(document.get("input"))), []).append(document)
    return [_status(known, by_input.get((known.kind, known.name), [])) for known in inputs]


def _status(known: KnownInput, documents: Sequence[Mapping[str, Any]]) -> InputStatus:
    try:
        counting = what_counts(documents)
    except CheckpointError:
        # Its next run says so. The page shows what there is.
        counting = [document for document in documents if "deleted" not in document]
    troubles = {trouble.region: trouble for trouble in map(Trouble.of, counting) if trouble}
    latest: dict[str, RegionStatus] = {}
    for place in (_region(key, document, counting) for key, document in latest_places(counting).items()):
        other = latest.get(place.region)
        # An account that was pointed at another tenant has left the place of the former one.
        if other is None or _age(place) > _age(other):
            latest[place.region] = place
    regions = tuple(
        _with(latest.get(region, RegionStatus(region)), troubles.get(region))
        for region in known.regions() or sorted({*latest, *troubles} - {""})
    )
    successes = [region.collected for region in regions if region.collected is not None]
    whole = troubles.get("")
    if whole and successes and whole.time <= max(successes):
        whole = None
    return InputStatus(known.kind, known.name, bool(latest or troubles), regions, whole)


def _region(key: PlaceKey, place: Mapping[str, Any], documents: Sequence[Mapping[str, Any]]) -> RegionStatus:
    """The status of a place, by its document."""
    starts = [document.get("start") for document in documents if document.get("_key") == Reset.key_of(key)]
    return RegionStatus(
        key.region,
        key.tenant,
        _time(place.get("collected")),
        _time(place.get("watermark")),
        int(place["remembered"]) if "remembered" in place else None,
        _time(starts[0]) if is_reset(place, documents) else None,
    )


def _with(region: RegionStatus, trouble: Trouble | None) -> RegionStatus:
    """The region with what went wrong, unless it has been collected since."""
    if trouble is None or (region.collected is not None and trouble.time <= region.collected):
        return region
    return replace(region, trouble=trouble)


def _age(region: RegionStatus) -> tuple[int, int]:
    return region.collected or 0, region.watermark or 0


def _time(text: Any) -> int | None:
    try:
        return parse_iso(text)
    except (TypeError, ValueError):
        # Of a damaged document: the page shows that it is not known.
        return None


def _text(time: int | None) -> str | None:
    return None if time is None else iso(time)


def _error(trouble: Trouble | None) -> dict[str, str] | None:
    if trouble is None:
        return None
    return {"time": iso(trouble.time), "category": trouble.category, "sentence": trouble.sentence}
