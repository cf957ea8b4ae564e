"""How an input is doing in one line: the word, what comes behind it, and which of two is worse."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from defender_alerts.checkpoint.checkpoint import Checkpoint, CheckpointKey
from defender_alerts.checkpoint.last_error import FAILED, INCOMPLETE, LastError
from defender_alerts.splunk.inputs import KnownInput
from defender_alerts.splunk.pages.status_model import Health, State, duration, health, statuses
from defender_alerts.times import parse_iso, seconds
from hypothesis import given
from hypothesis import strategies as st

KIND, NAME = "defender_siem_alerts", "corp"
NOW = parse_iso("2026-11-23T12:00:00Z")
ACCOUNT = "corp"


def checkpoint(region: str, *, ago: int | None = 60, behind: int = 60) -> Mapping[str, Any]:
    """Give the document of a region that was collected so many seconds ago."""
    made = Checkpoint.first(CheckpointKey(KIND, NAME, "tenant", "commercial", region), NOW - seconds(behind))
    made.collected = None if ago is None else NOW - seconds(ago)
    return made.document()


def last_error(region: str, sentence: str, outcome: str = FAILED) -> Mapping[str, Any]:
    """Give what went wrong just now."""
    return LastError(KIND, NAME, region, NOW, "server_error", sentence, NOW, outcome).document()


def line(*documents: Mapping[str, Any], has_account: bool = True, **fields: str) -> Health:
    """Give the health of an input in eu and us."""
    stanza = {"account": ACCOUNT, "regions": "eu,us", "resource": "https://graph.windows.net", "interval": "300"}
    known = KnownInput(KIND, NAME, {**stanza, **fields})
    [status] = statuses([known], documents)
    return health(known, status, has_account=has_account, now=NOW)


EU, US = checkpoint("eu"), checkpoint("us", behind=120)
LINES = {
    "collecting": (line(EU, US), State.COLLECTING, "Collecting, 2 min behind"),
    "one region": (line(EU, regions="eu"), State.COLLECTING, "Collecting, 60 s behind"),
    "first run": (
        line(checkpoint("eu", ago=None), regions="eu"),
        State.COLLECTING,
        "Collecting for the first time, 60 s beh",
    ),
    "new region": (line(EU), State.COLLECTING, "Collecting, no success yet: us"),
    "failed": (line(last_error("", "No network.")), State.FAILED, "Failed: No network."),
    "failed region": (line(EU, last_error("us", "Denied.")), State.FAILED, "Failed: us: Denied."),
    "only region": (line(last_error("eu", "Denied."), regions="eu"), State.FAILED, "Failed: Denied."),
    "incomplete": (line(EU, US, last_error("us", "2 lack.", INCOMPLETE)), State.INCOMPLETE, "Incomplete: us: 2 lack."),
    "no run": (line(), State.NO_RUN, "No run yet (starts within 300 s)"),
    "no run, odd interval": (line(interval="*/5 * * * *"), State.NO_RUN, "No run yet (starts within 300 s)"),
    "no run, short interval": (line(interval="5"), State.NO_RUN, "No run yet (starts within 60 s)"),
    "inactive": (line(EU, US, disabled="1"), State.INACTIVE, "Inactive"),
    "inactive without account": (line(disabled="1", has_account=False), State.INACTIVE, "Inactive"),
    "account": (
        line(EU, US, has_account=False),
        State.ACCOUNT_MISSING,
        "Account missing: there is no account corp. Edit",
    ),
    "no account named": (
        line(account="", has_account=False),
        State.ACCOUNT_MISSING,
        "Account missing: the input names",
    ),
    "late": (
        line(checkpoint("eu", ago=1501, behind=7200), US),
        State.LATE,
        "Late, 2 h behind (eu). Last success 2026-11-23 11",
    ),
    "not late yet": (line(checkpoint("eu", ago=1500, behind=1500), US), State.COLLECTING, "Collecting, 25 min behind"),
}


@pytest.mark.parametrize("name", LINES)
def test_the_line_begins_with_the_word_of_its_state(name: str) -> None:
    found, state, words = LINES[name]
    assert found.state is state
    assert found.line.startswith(words)
    assert found.line.startswith(state.value)
    assert found.shown() == {"state": state.name.lower(), "word": state.value, "line": found.line}


@pytest.mark.parametrize(
    ("seconds_", "text"),
    [(0, "0 s"), (119, "119 s"), (120, "2 min"), (7199, "119 min"), (7200, "2 h"), (172_800, "2 d"), (1e9, "11574 d")],
)
def test_a_duration_has_at_least_two_of_its_unit(seconds_: float, text: str) -> None:
    assert duration(seconds_) == text


_HEALTHS = st.builds(
    Health, st.sampled_from(State), st.just(""), st.none() | st.floats(0, 1e12, allow_nan=False).map(float)
)


@given(_HEALTHS, _HEALTHS)
def test_the_keys_sort_by_state_and_then_by_lag_as_a_browser_compares_texts(one: Health, other: Health) -> None:
    def wanted(health: Health) -> tuple[int, int]:
        return list(State).index(health.state), min(10**9 - 1, int(health.lag or 0))

    # JavaScript compares code units of UTF-16.
    keys = [found.sort_key.encode("utf-16-be") for found in (one, other)]
    assert (keys[0] < keys[1]) == (wanted(one) < wanted(other))
    assert not any(character.isascii() for character in one.sort_key)
