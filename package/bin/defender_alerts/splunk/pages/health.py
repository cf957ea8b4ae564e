"""How an input is doing in one line, for people who look at a table of inputs: a state, and a sentence behind it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

from defender_alerts.checkpoint.last_error import INCOMPLETE
from defender_alerts.settings import DEFAULT_INTERVAL, SHORTEST_INTERVAL, cleaned, is_true
from defender_alerts.times import TICKS_PER_SECOND, iso

from .status_model import InputStatus, KnownInput, RegionStatus

# A run may take a while, and splunkd begins the next one only when it has ended.
_LATE_INTERVALS, _LATE_SLACK = 3, 600
_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"))
# A character for each digit that nobody types into the search box of the table, in the order of their code points.
_DIGITS = 0x2460
_MOST_LAG = 10**9 - 1


class State(Enum):
    """How an input is doing: the worst one first. The value is the word that the line begins with."""

    ACCOUNT_MISSING = "Account missing"
    FAILED = "Failed"
    INCOMPLETE = "Incomplete"
    LATE = "Late"
    NO_RUN = "No run yet"
    COLLECTING = "Collecting"
    INACTIVE = "Inactive"


@dataclass(frozen=True)
class Health:
    """One line about an input.

    Attributes:
        line: begins with the state's word.
        lag: seconds that the worst region is behind; None for what is not known.
    """

    state: State
    line: str
    lag: float | None = None

    @property
    def sort_key(self) -> str:
        """What sorts the worst state first, and within a state the greatest lag last. It is not to be read."""
        rank = list(State).index(self.state)
        lag = min(_MOST_LAG, int(self.lag or 0))
        return "".join(chr(_DIGITS + int(digit)) for digit in f"{rank}{lag:09d}")

    def shown(self) -> dict[str, Any]:
        """The health as a page gets it."""
        return {"state": self.state.name.lower(), "word": self.state.value, "line": self.line}


def health(known: KnownInput, status: InputStatus, *, has_account: bool, now: int) -> Health:
    """How an input is doing.

    Whether it runs on another host, nothing that is on this one can tell: an input that is enabled here is started
    here, so one that has never run is one that has not run yet.

    Args:
        known: as it stands in inputs.conf.
        status: of its regions, on this host.
        has_account: whether its account exists.
        now: in ticks.
    """
    account = cleaned(known.stanza.get("account") or "")
    if is_true(known.stanza.get("disabled")):
        return Health(State.INACTIVE, "Inactive")
    if not has_account:
        what = f"there is no account {account}" if account else "the input names none"
        return Health(State.ACCOUNT_MISSING, f"Account missing: {what}. Edit the input, or add the account.")
    last_error = status.latest_error
    if last_error is not None:
        where = f"{last_error.region}: " if last_error.region and len(status.regions) > 1 else ""
        state = State.INCOMPLETE if last_error.outcome == INCOMPLETE else State.FAILED
        return Health(state, f"{state.value}: {where}{last_error.sentence}", status.lag(now))
    interval = _interval(known)
    if not status.is_here:
        return Health(State.NO_RUN, f"No run yet (starts within {interval} s)")
    return _collecting(status, interval, now)


def _collecting(status: InputStatus, interval: int, now: int) -> Health:
    """The health of an input of which nothing has failed."""
    lag, collected = status.lag(now), status.collected
    if lag is None:
        never = ", ".join(region.region for region in status.regions if region.watermark is None)
        return Health(State.COLLECTING, f"Collecting, no success yet: {never}" if never else "Collecting")
    behind = f"{duration(lag)} behind"
    if collected is None:
        return Health(State.COLLECTING, f"Collecting for the first time, {behind}", lag)
    silence = (now - collected) / TICKS_PER_SECOND
    if silence > _LATE_INTERVALS * interval + _LATE_SLACK:
        worst = _worst(status, now)
        where = f" ({worst.region})" if len(status.regions) > 1 else ""
        last = iso(collected)
        return Health(State.LATE, f"Late, {behind}{where}. Last success {last[:10]} {last[11:16]} UTC", lag)
    return Health(State.COLLECTING, f"Collecting, {behind}", lag)


def _worst(status: InputStatus, now: int) -> RegionStatus:
    return max(status.regions, key=lambda region: region.lag(now) or 0)


def _interval(known: KnownInput) -> int:
    """Seconds from one run to the next; the default one where the stanza says something else."""
    text = cleaned(known.stanza.get("interval") or "")
    return max(SHORTEST_INTERVAL, int(text)) if text.isascii() and text.isdecimal() else DEFAULT_INTERVAL


def duration(seconds: float) -> str:
    """A length of time in the largest unit that leaves at least two of it."""
    size, unit = next(((size, unit) for size, unit in _UNITS if seconds >= 2 * size), (1, "s"))
    return f"{int(seconds // size)} {unit}"
