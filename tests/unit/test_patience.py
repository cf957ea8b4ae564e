"""How long somebody waits for a splunkd that is busy or starting."""

from __future__ import annotations

import logging

import pytest
from defender_alerts.errors import StoppedError
from defender_alerts.splunk.rest_client import RetryBudget, SplunkdError
from defender_alerts.splunk.rest_client import Splunkd as Client
from standins.polling import NoWaiting, PassingTime
from standins.splunkd import Fault, Splunkd

PATH = "configs/conf-ta_defender_alerts_settings"


@pytest.fixture(autouse=True)
def without_faults(splunkd: Splunkd) -> None:
    splunkd.faults.clear()


class Waiting:
    """A caller with 120 s of patience, for whom they pass at once."""

    def __init__(self, splunkd: Splunkd, stop: NoWaiting | None = None) -> None:
        self.stop = stop or NoWaiting()
        patience = RetryBudget(120.0, self.stop, logging.getLogger("test"), lambda: sum(self.stop.waits))
        self.client = Client(splunkd.server_uri, splunkd.session_key(), patience)


@pytest.mark.parametrize("times", [0, 1, 2, 3, 10, 30, 50])
def test_a_splunkd_that_is_busy_for_less_than_two_minutes_is_waited_for(splunkd: Splunkd, times: int) -> None:
    splunkd.faults.add(Fault(PATH, status=503, times=times))
    waiting = Waiting(splunkd)
    assert "entry" in waiting.client.get_with_retries(PATH)
    assert len(waiting.stop.waits) == times
    assert max(waiting.stop.waits, default=0.0) <= 2.0


def test_a_splunkd_that_refuses_connections_is_waited_for(splunkd: Splunkd) -> None:
    gone = splunkd.unreachable()
    gone.__enter__()

    def come_back(_: float) -> None:
        if len(waiting.stop.waits) == 20:
            gone.__exit__(None, None, None)

    waiting = Waiting(splunkd, PassingTime(come_back))
    assert "entry" in waiting.client.get_with_retries(PATH)
    assert len(waiting.stop.waits) == 21


def test_after_two_minutes_it_is_an_error(splunkd: Splunkd) -> None:
    splunkd.faults.add(Fault(PATH, status=503))
    waiting = Waiting(splunkd)
    with pytest.raises(SplunkdError, match="503"):
        waiting.client.get_with_retries(PATH)
    assert 120 <= sum(waiting.stop.waits) < 123


@pytest.mark.parametrize(
    ("fault", "waits"), [(Fault(PATH, dropped=True), 2), (Fault(PATH, status=403), 0), (Fault(PATH, status=500), 0)]
)
def test_what_does_not_pass_by_waiting_is_an_error_at_once_or_soon(splunkd: Splunkd, fault: Fault, waits: int) -> None:
    splunkd.faults.add(fault)
    waiting = Waiting(splunkd)
    with pytest.raises(SplunkdError):
        waiting.client.get_with_retries(PATH)
    assert len(waiting.stop.waits) == waits


def test_whoever_has_no_patience_is_told_soon(splunkd: Splunkd) -> None:
    fault = splunkd.faults.add(Fault(PATH, status=503))
    with pytest.raises(SplunkdError, match="503"):
        Client(splunkd.server_uri, splunkd.session_key()).get_with_retries(PATH)
    assert fault.hits == 3


def test_a_wait_ends_when_the_process_is_asked_to_stop(splunkd: Splunkd) -> None:
    splunkd.faults.add(Fault(PATH, status=503))
    waiting = Waiting(splunkd)
    waiting.stop.set()
    with pytest.raises(StoppedError):
        waiting.client.get_with_retries(PATH)
    assert len(waiting.stop.waits) == 1
