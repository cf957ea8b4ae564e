"""The health of an input in one line, for the table of inputs: a state and a sentence."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

from defender_alerts.checkpoint.last_error import INCOMPLETE
from defender_alerts.settings import DEFAULT_INTERVAL, seconds_between_runs
from defender_alerts.splunk.inputs import KnownInput
from defender_alerts.times import TICKS_PER_SECOND, iso

from .status_model import InputStatus

# A run may take a while, and splunkd starts the next one only after it has ended.
_LATE_INTERVALS, _LATE_SLACK = 3, 600
_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"))
# Each digit becomes a character that nobody types into the table's search box; their code points are in order.
_DIGITS = 0x2460
_MOST_LAG = 10**9 - 1


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
