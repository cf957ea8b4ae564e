"""The status of inputs, read from the documents in this host's KV store, and their health in one line.

An input that runs on another host, such as a heavy forwarder, has no documents here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from defender_alerts.checkpoint.checkpoint import CheckpointKey, Reset, is_reset, latest_checkpoints, what_counts
from defender_alerts.checkpoint.last_error import INCOMPLETE, LastError
from defender_alerts.errors import CheckpointError
from defender_alerts.settings import DEFAULT_INTERVAL, seconds_between_runs
from defender_alerts.splunk.inputs import KnownInput
from defender_alerts.splunk.resetting import time_in
from defender_alerts.times import TICKS_PER_SECOND, iso

# A run may take a while, and splunkd starts the next one only after it has ended.
_LATE_INTERVALS, _LATE_SLACK = 3, 600
_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"))
# Each digit becomes a character that nobody types into the table's search box; their code points are in order.
_DIGITS = 0x2460
_MOST_LAG = 10**9 - 1


@dataclass(frozen=True)
class RegionStatus:
    """The status of a region; times in ticks, None if unknown.

    Attributes:
        collected: when a run last completed.
        watermark: everything up to this time has been collected.
        remembered: the number of versions that the checkpoint remembers.
        restart: where the next run starts, if a reset is pending.
        last_error: an error after ``collected``.
    """

    region: str
    collected: int | None = None
    watermark: int | None = None
    remembered: int | None = None
    restart: int | None = None
    last_error: LastError | None = None

    def lag(self, now: int) -> float | None:
        """The seconds that the region is behind ``now``; None before the first save."""
        return _lag(self.watermark, now)

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
        """When all regions had last been collected: the earliest of their times; None if one never has been."""
        return _earliest([region.collected for region in self.regions])

    @property
    def latest_error(self) -> LastError | None:
        """The latest error that has not been followed by a success."""
        last_errors = [self.last_error, *(region.last_error for region in self.regions)]
        return max((one for one in last_errors if one), key=lambda one: one.time, default=None)

    def lag(self, now: int) -> float | None:
        """The seconds that its worst region is behind; None if a region has never been saved."""
        return _lag(_earliest([region.watermark for region in self.regions]), now)

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
    found = [_region(key, document, counting) for key, document in latest_checkpoints(counting).items()]
    # The account may have been changed to another tenant, which leaves the former tenant's checkpoint behind.
    latest = {region.region: region for region in sorted(found, key=_age)}
    names = known.own.regions if known.own else sorted({*latest, *last_errors} - {""})
    listed = [latest.get(name, RegionStatus(name)) for name in names]
    regions = tuple(replace(one, last_error=_lasting(last_errors.get(one.region), one.collected)) for one in listed)
    success = max((one.collected for one in listed if one.collected is not None), default=None)
    whole = _lasting(last_errors.get(""), success)
    return InputStatus(known.kind, known.name, bool(latest or last_errors), regions, whole)


def _region(key: CheckpointKey, checkpoint: Mapping[str, Any], documents: Sequence[Mapping[str, Any]]) -> RegionStatus:
    """The status in a checkpoint's document."""
    starts = [document.get("start") for document in documents if document.get("_key") == Reset.key_of(key)]
    return RegionStatus(
        key.region,
        time_in(checkpoint.get("collected")),
        time_in(checkpoint.get("watermark")),
        int(checkpoint["remembered"]) if "remembered" in checkpoint else None,
        time_in(starts[0]) if is_reset(checkpoint, documents) else None,
    )


def _lasting(last_error: LastError | None, success: int | None) -> LastError | None:
    """The error, unless there has been a success since."""
    is_over = last_error is not None and success is not None and last_error.time <= success
    return None if is_over else last_error


def _earliest(times: Sequence[int | None]) -> int | None:
    """The earliest time; None if one is unknown."""
    return None if None in times else min((time for time in times if time is not None), default=None)


def _lag(watermark: int | None, now: int) -> float | None:
    return None if watermark is None else max(0, now - watermark) / TICKS_PER_SECOND


def _age(region: RegionStatus) -> tuple[int, int]:
    return region.collected or 0, region.watermark or 0


def _text(time: int | None) -> str | None:
    return None if time is None else iso(time)


def _error(last_error: LastError | None) -> dict[str, str] | None:
    if last_error is None:
        return None
    return {"time": iso(last_error.time), "category": last_error.category, "sentence": last_error.sentence}


class State(Enum):
    """The state of an input, the worst one first. The value is the first word of the line."""

    ACCOUNT_MISSING = "Account missing"
    FAILED = "Failed"
    INCOMPLETE = "Incomplete"
    LATE = "Late"
    NO_RUN = "No run yet"
    COLLECTING = "Collecting"
    INACTIVE = "Inactive"


@dataclass(frozen=True)
class Health:
    """The health of an input.

    Attributes:
        state: the state.
        line: begins with the state's word.
        lag: seconds that the worst region is behind; None if unknown.
    """

    state: State
    line: str
    lag: float | None = None

    @property
    def sort_key(self) -> str:
        """A text that sorts the worst state first, and within a state the greatest lag last; not for display."""
        rank = list(State).index(self.state)
        lag = min(_MOST_LAG, int(self.lag or 0))
        return "".join(chr(_DIGITS + int(digit)) for digit in f"{rank}{lag:09d}")

    def shown(self) -> dict[str, Any]:
        """The health as JSON for the page."""
        return {"state": self.state.name.lower(), "word": self.state.value, "line": self.line}


def health(known: KnownInput, status: InputStatus, *, has_account: bool, now: int) -> Health:
    """The health of an input.

    This host can't know whether the input runs on another one. An input that is enabled here is started here, so one
    without a checkpoint is one that has not run yet.

    Args:
        known: the input and its stanza.
        status: of its regions, on this host.
        has_account: whether its account exists.
        now: in ticks.
    """
    if not known.is_enabled:
        return Health(State.INACTIVE, "Inactive")
    if not has_account:
        what = f"there is no account {known.account}" if known.account else "the input names none"
        return Health(State.ACCOUNT_MISSING, f"Account missing: {what}. Edit the input, or add the account.")
    last_error = status.latest_error
    if last_error is not None:
        where = f"{last_error.region}: " if last_error.region and len(status.regions) > 1 else ""
        state = State.INCOMPLETE if last_error.outcome == INCOMPLETE else State.FAILED
        return Health(state, f"{state.value}: {where}{last_error.sentence}", status.lag(now))
    # A cron schedule counts as the default.
    interval = seconds_between_runs(known.stanza.get("interval") or "") or DEFAULT_INTERVAL
    if not status.is_here:
        return Health(State.NO_RUN, f"No run yet (starts within {interval} s)")
    return _collecting(status, interval, now)


def _collecting(status: InputStatus, interval: int, now: int) -> Health:
    """The health of an input without errors."""
    lag, collected = status.lag(now), status.collected
    if lag is None:
        never = ", ".join(region.region for region in status.regions if region.watermark is None)
        return Health(State.COLLECTING, f"Collecting, no success yet: {never}" if never else "Collecting")
    behind = f"{duration(lag)} behind"
    if collected is None:
        return Health(State.COLLECTING, f"Collecting for the first time, {behind}", lag)
    silence = (now - collected) / TICKS_PER_SECOND
    if silence > _LATE_INTERVALS * interval + _LATE_SLACK:
        worst = max(status.regions, key=lambda region: region.lag(now) or 0)
        where = f" ({worst.region})" if len(status.regions) > 1 else ""
        last = iso(collected)
        return Health(State.LATE, f"Late, {behind}{where}. Last success {last[:10]} {last[11:16]} UTC", lag)
    return Health(State.COLLECTING, f"Collecting, {behind}", lag)


def duration(seconds: float) -> str:
    """Format seconds in the largest unit of which there are at least two."""
    size, unit = next(((size, unit) for size, unit in _UNITS if seconds >= 2 * size), (1, "s"))
    return f"{int(seconds // size)} {unit}"
