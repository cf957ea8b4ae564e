"""Calls to Microsoft: how long is waited, whom nobody asks, and by which way; what faults end in is in tests/faults."""

from __future__ import annotations

import threading

from defender_alerts.errors import AddonError
from standins.microsoft import faults
from standins.polling import NoWaiting, PolledInput

EU = "wdatp-alertexporter-eu.windows.com"
LOGIN = "login.microsoftonline.com"


def _failure(polled: PolledInput) -> AddonError:
    (failure,) = polled.poll().failures
    return failure


def test_without_Retry_After_the_waits_double_with_jitter_up_to_a_minute(polled: PolledInput) -> None:
    polled.cloud.faults.add(EU, faults.throttled(), times=9)
    assert polled.poll().failures == []
    ceilings = [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert len(polled.stop.waits) == len(ceilings)
    for wait, ceiling in zip(polled.stop.waits, ceilings, strict=True):
        assert ceiling / 2 <= wait <= ceiling


def test_a_wait_ends_at_once_when_the_process_is_asked_to_stop(polled: PolledInput) -> None:
    class StoppedWhileWaiting(NoWaiting):
        def wait(self, timeout: float | None = None) -> bool:
            super().wait(timeout)
            self.set()
            return True

    polled.stop = StoppedWhileWaiting()
    polled.cloud.faults.add(EU, faults.throttled(3_000), times=None)
    result = polled.poll()
    assert [one.outcome for one in result.outcomes] == ["stopped"]
    assert polled.stop.waits == [3_000.0]


def test_an_error_that_nobody_foresaw_stays_in_its_region(polled: PolledInput) -> None:
    polled.regions = ("us", "eu")
    save = polled.store.save

    def fail_in_eu(document: dict[str, str]) -> None:
        if document["region"] == "eu":
            raise ZeroDivisionError("the unforeseen")
        save(document)

    polled.store.save = fail_in_eu  # type: ignore[method-assign,assignment]
    result = polled.poll()
    assert [one.outcome for one in result.outcomes] == ["done", "failed"]
    assert "ZeroDivisionError: the unforeseen (in fail_in_eu" in str(result.failures[0])


def test_a_redirect_to_something_that_is_no_address_is_a_redirect_to_nowhere(polled: PolledInput) -> None:
    polled.cloud.faults.add(EU, faults.redirect("http://[bad"))
    assert "redirects to nowhere, which is not followed" in str(_failure(polled))


def test_what_a_redirect_points_to_is_never_asked(polled: PolledInput) -> None:
    polled.cloud.faults.add(EU, faults.redirect(f"https://{polled.cloud.siem('us').host}/api/alerts"))
    _failure(polled)
    assert polled.cloud.journal.hosts() == {LOGIN, EU}


def test_a_stop_during_an_answer_ends_the_reading(polled: PolledInput) -> None:
    # One window without an alert: neither the next call nor a batch would end the run.
    polled.start_time = "-1h"
    hold = faults.Hold()
    scripted = polled.cloud.faults.add(EU, hold)

    def stop_then_answer() -> None:
        scripted.has_begun.wait(10)
        polled.stop.set()
        hold.gate.set()

    helper = threading.Thread(target=stop_then_answer)
    helper.start()
    result = polled.poll()
    helper.join()
    assert [one.outcome for one in result.outcomes] == ["stopped"]


def test_what_is_left_of_a_broken_answer_is_not_taken_for_the_next_one(polled: PolledInput) -> None:
    expected = polled.publish()
    # By HTTP it is whole, so its connection could be used again.
    polled.cloud.faults.add(EU, faults.Status(200, b'[{"AlertId":'))
    assert polled.poll().failures == []
    assert polled.sink.raws() == [expected]
    assert [tunnel.host for tunnel in polled.cloud.journal.tunnels()].count(EU) == 2


def test_a_portal_that_answers_401_is_named_and_costs_no_token(polled: PolledInput) -> None:
    page = faults.Status(401, b"<html><title>Guest login</title></html>", (("Content-Type", "text/html"),))
    polled.cloud.faults.add(EU, page, times=None)
    assert "'Guest login'" in str(_failure(polled))
    assert len(polled.cloud.journal.calls(EU)) == 1
