"""The campaign's accounts: whatever breaks the promise is seen."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from chaos.ledger import BATCH_CHARACTERS, BATCH_VERSIONS, Ledger
from standins.splunkd import IndexedEvent


def event(raw: str, region: str = "eu") -> IndexedEvent:
    """One event of a region."""
    source = f"defender_siem_alerts:tenant:{region}:input"
    return IndexedEvent("stanza", "0", "host", source, "wdatp:alerts", "main", raw)


def delivered(*runs: Iterable[str], published: Iterable[str] = "abc") -> Ledger:
    """Give the accounts of these runs in one region."""
    ledger = Ledger()
    ledger.publish("eu", (raw.encode() for raw in published))
    for number, raws in enumerate(runs, start=1):
        ledger.deliver(number, map(event, raws))
    return ledger


@pytest.mark.parametrize(
    ("runs", "killed", "breaches"),
    [
        (("ab", "c"), {1}, []),
        (("ab",), {1}, ["1 events of eu are lost"]),
        ((["a", "b", "c", "c "],), set(), ["1 events are nothing that Microsoft has shown"]),
        (("abc", "a"), set(), ["run 1 was let finish, and 1 events of eu came again"]),
        (("aba", "c"), {1}, ["1 events came again in one run"]),
    ],
)
def test_what_is_lost_or_comes_again_without_a_kill_breaks_the_promise(
    runs: tuple[Iterable[str], ...], killed: set[int], breaches: list[str]
) -> None:
    assert delivered(*runs).breaches(killed=killed) == breaches


def test_the_same_text_in_another_region_is_another_alert() -> None:
    ledger = delivered("abc")
    ledger.publish("us", [b"a"])
    assert ledger.breaches(killed=()) == ["1 events of us are lost"]
    ledger.deliver(2, [event("b", "us")])
    assert "1 events are nothing that Microsoft has shown" in ledger.breaches(killed=())


def test_a_version_that_is_shown_no_more_need_not_come_and_may_have_come() -> None:
    ledger = delivered("ab")
    ledger.excuse("eu", [b"b", b"c"])
    assert ledger.breaches(killed={1}) == []
    assert (ledger.published, ledger.delivered) == (2, 2)
    ledger.deliver(2, [event("c")])
    assert ledger.breaches(killed={1}) == []


def test_a_version_that_is_shown_again_has_to_come() -> None:
    ledger = delivered("ab")
    ledger.excuse("eu", [b"c"])
    ledger.publish("eu", [b"c"])
    assert ledger.breaches(killed={1}) == ["1 events of eu are lost"]


def test_what_comes_again_is_put_down_to_the_run_that_delivered_it_last() -> None:
    ledger = delivered("ab", "ab", "abc")
    assert {run: repeated.alerts for (run, _), repeated in ledger.repeated.items()} == {1: 2, 2: 2}
    assert ledger.breaches(killed={1, 2}) == []


@pytest.mark.parametrize(("more", "breaks"), [(0, False), (1, True)])
def test_a_kill_may_cost_a_batch_and_no_alert_more(more: int, breaks: bool) -> None:  # noqa: FBT001 - its own sentence
    alerts = [f"{number}" for number in range(BATCH_VERSIONS + more)]
    assert bool(delivered(alerts, alerts, published=alerts).breaches(killed={1})) is breaks


@pytest.mark.parametrize(("alerts", "breaks"), [(4, False), (5, True)])
def test_a_batch_of_long_alerts_ends_with_the_one_that_fills_it(alerts: int, breaks: bool) -> None:  # noqa: FBT001
    length = BATCH_CHARACTERS // 3 - 1
    long = [f"{number}".ljust(length) for number in range(alerts)]
    assert bool(delivered(long, long, published=long).breaches(killed={1})) is breaks
