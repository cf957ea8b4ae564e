"""An order to collect missing alerts again: carried out by the input, once, whatever happens meanwhile."""

from __future__ import annotations

import pytest
from audit.audited import Audited
from defender_alerts.collect import delivery
from defender_alerts.splunk.resetting import delete_input
from integration.installation import COLLECTION, DAY
from standins.microsoft import ticks


def test_missing_alerts_are_collected_again_and_then_the_index_is_complete(audited: Audited) -> None:
    lost = audited.collected({"us": 20, "eu": 30, "uk": 10}, lost=range(0, 60, 7))
    done = audited.audit("--collect", "--json")
    assert done.status == 1
    assert sum(region["ordered"] for region in done.regions.values()) == len(lost)
    before = list(audited.indexed)
    audited.run()
    again = audited.indexed[len(before) :]
    # Time, source, host, index and bytes are those of the event that was lost.
    assert sorted(again, key=str) == sorted(lost, key=str)
    assert audited.audit().status == 0
    assert all(order["versions"] == "" for order in audited.orders())
    assert sum(order["delivered"] for order in audited.orders()) == len(lost)


def test_an_order_is_carried_out_once(audited: Audited) -> None:
    audited.collected({"eu": 10}, lost=[1, 2])
    audited.audit("--collect")
    audited.run()
    audited.run()
    assert len(audited.indexed) == 10


def test_alerts_older_than_the_inputs_beginning_can_be_collected_for_a_range(audited: Audited) -> None:
    audited.publish({"eu": 5}, ago=20 * DAY)
    # Splunk has to show some event of the source before anything is taken for missing.
    audited.collected({"eu": 1}, ago=DAY)
    assert len(audited.indexed) == 1
    assert audited.audit("--collect", "--json").regions["eu"]["ordered"] == 5
    audited.run()
    assert audited.audit().status == 0


def test_what_lies_between_the_missing_ones_is_not_read_again(audited: Audited) -> None:
    audited.publish({"eu": 1}, ago=29 * DAY)
    audited.collected({"eu": 2}, ago=DAY, lost=[1])
    assert audited.audit("--collect", "--json").regions["eu"]["ordered"] == 2
    audited.installation.cloud.journal.clear()
    audited.run()
    asked = [call for call in audited.installation.cloud.journal if "exporter-eu" in call.host]
    assert len(asked) == 3, "one for the poll, two for the order"


def test_an_alert_that_the_api_no_longer_shows_is_given_up(audited: Audited) -> None:
    audited.ordered([1, 4])
    shown = audited.installation.cloud.siem("eu").alerts(audited.installation.tenant)
    audited.installation.cloud.siem("eu").remove(audited.installation.tenant, lambda one: one == shown[1])
    audited.run()
    (order,) = audited.orders()
    assert (order["ordered"], order["delivered"], order["not_shown"], order["versions"]) == (2, 1, 1, "")


def test_a_second_order_waits_for_the_first(audited: Audited) -> None:
    first = audited.ordered([1, 4])
    again = audited.audit("--collect")
    assert again.status == 1
    assert "2 alerts of an earlier order have yet to be collected" in again.out
    assert audited.orders() == [first]


def test_an_order_of_before_a_reset_is_dropped(audited: Audited) -> None:
    audited.ordered([1])
    kvstore = audited.installation.splunkd.kvstore
    (checkpoint,) = [one for one in audited.installation.checkpoints() if one["_key"].endswith(":eu")]
    kvstore.put(COLLECTION, {**checkpoint, "_key": f"{checkpoint['_key']}:1", "generation": 1})
    audited.run()
    assert len(audited.indexed) == 5
    assert audited.orders() == []


def test_an_order_of_a_deleted_input_goes_with_it(audited: Audited) -> None:
    audited.ordered([1])
    delete_input(audited.store(), "defender_siem_alerts", "corp_all", audited.installation.cloud.clock.now())
    assert audited.orders() == []


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(delivery, "BATCH_VERSIONS", 5)
    return 5


@pytest.mark.parametrize("room", range(7))
def test_runs_that_end_at_any_save_lose_nothing_of_an_order_and_repeat_a_batch_each_at_most(
    audited: Audited, small_batches: int, room: int
) -> None:
    audited.collected({"eu": 40}, lost=range(5, 25))
    assert audited.audit("--collect", "--json").regions["eu"]["ordered"] == 20
    audited.run(room=room)
    # A checkpoint that moves forgets what was delivered of the order: by then, the order must not hold it any more.
    audited.installation.cloud.clock.advance(3_600)
    audited.run(room=1)
    audited.run()
    assert len({event.raw for event in audited.indexed}) == 40
    assert len(audited.indexed) - 40 <= 2 * small_batches, "a batch for each run that ended early"
    assert [order["versions"] for order in audited.orders()] == [""]


def test_an_order_that_can_not_be_read_is_an_error_and_no_first_order(audited: Audited) -> None:
    order = audited.ordered([1])
    audited.installation.splunkd.kvstore.put(COLLECTION, {**order, "versions": "garbage!"})
    done = audited.audit("--collect", "--json")
    assert done.status == 3
    assert "can't be read" in done.regions["eu"]["error"]


def test_an_order_that_can_not_be_read_is_reported_and_does_not_hold_up_what_is_new(audited: Audited) -> None:
    order = audited.ordered([1])
    audited.installation.splunkd.kvstore.put(COLLECTION, {**order, "versions": "garbage!"})
    audited.publish({"us": 2, "eu": 3}, ago=120 * ticks.PER_SECOND)
    result = audited.run()
    assert [one.outcome for one in result.outcomes] == ["done"] * 3
    (failure,) = result.failures
    assert failure.exit_status == 3
    assert "can't be read" in str(failure)
    assert len(audited.indexed) == 5 + 5


def test_alerts_within_the_overlap_are_not_ordered_while_they_may_still_come(audited: Audited) -> None:
    audited.publish({"eu": 3}, ago=DAY)
    audited.collected({"eu": 3}, ago=120 * ticks.PER_SECOND, lost=[4])
    assert audited.audit("--collect").status == 0
    assert audited.orders() == []
