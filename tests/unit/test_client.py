"""Calls to Microsoft: how long is waited, whom nobody asks, and by which way; what faults end in is in tests/faults."""

from __future__ import annotations

import threading

import pytest
from defender_alerts.errors import AddonError
from defender_alerts.times import seconds
from standins.microsoft import faults, ticks
from standins.microsoft.cloud import MicrosoftCloud
from standins.microsoft.samples import siem_alert
from standins.polling import NoWaiting, PolledInput, http_proxy

EU = "wdatp-alertexporter-eu.windows.com"
LOGIN = "login.microsoftonline.com"


def _alert(polled: PolledInput, number: int = 1) -> str:
    alert = siem_alert(number, polled.cloud.clock.now() - seconds(3_600))
    polled.cloud.siem("eu").add(polled.tenant, alert)
    return alert.decode()


def _failure(polled: PolledInput) -> AddonError:
    (failure,) = polled.poll().failures
    return failure


def test_the_wait_is_what_Retry_After_says_in_seconds(polled: PolledInput) -> None:
    polled.cloud.faults.add(EU, faults.throttled(37))
    assert polled.poll().failures == []
    assert polled.stop.waits == [37.0]


def test_the_wait_is_until_the_date_that_Retry_After_names_by_the_servers_clock(polled: PolledInput) -> None:
    polled.cloud.clock.skew(-86_400)
    polled.cloud.clock.freeze(polled.cloud.clock.now() // ticks.PER_SECOND * ticks.PER_SECOND)
    at = polled.cloud.clock.now() + seconds(42)
    polled.cloud.faults.add(EU, faults.throttled(ticks.http_date(at)))
    assert polled.poll().failures == []
    assert polled.stop.waits == [pytest.approx(42, abs=2)]


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
    polled.cloud.faults.add(EU, faults.Redirect("http://[bad"))
    assert "redirects to nowhere, which is not followed" in str(_failure(polled))


def test_what_a_redirect_points_to_is_never_asked(polled: PolledInput) -> None:
    polled.cloud.faults.add(EU, faults.Redirect(f"https://{polled.cloud.siem('us').host}/api/alerts"))
    _failure(polled)
    assert polled.cloud.journal.hosts() == {LOGIN, EU}


@pytest.mark.parametrize("kind", ["http", "https", "socks5"])
def test_each_type_of_proxy_leads_to_microsoft_with_credentials(kind: str) -> None:
    with MicrosoftCloud(proxy_credentials=("splunk@corp", "p@ss:w/rd%?")) as cloud:
        polled = _through(cloud, kind)
        assert polled.proxy is not None
        polled.proxy = polled.proxy._replace(username="splunk@corp", password="p@ss:w/rd%?", remote_dns=True)
        alert = _alert(polled)
        assert polled.poll().failures == []
        assert polled.sink.raws() == [alert]
        assert {tunnel.proxy for tunnel in cloud.journal.tunnels()} == {kind}


def _through(cloud: MicrosoftCloud, kind: str) -> PolledInput:
    tenant = cloud.entra.add_tenant(domain="contoso.onmicrosoft.com", cloud="commercial")
    application = tenant.add_application(secret="nobody's~secret.0123456789")
    address = {"http": cloud.proxy, "https": cloud.https_proxy, "socks5": cloud.socks_proxy}[kind]
    return PolledInput(cloud, tenant, application, proxy=http_proxy(address))


def test_neither_the_environments_CA_bundle_nor_its_proxy_overrides_the_settings(
    polled: PolledInput, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere/ca.pem")
    monkeypatch.setenv("CURL_CA_BUNDLE", "/nowhere/ca.pem")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    alert = _alert(polled)
    assert polled.poll().failures == []
    assert polled.sink.raws() == [alert]


def test_without_a_proxy_in_the_settings_the_environments_is_used(
    polled: PolledInput, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", polled.cloud.proxy.url())
    network = polled.network()._replace(proxy=None)
    polled.network = lambda: network  # type: ignore[method-assign]
    alert = _alert(polled)
    assert polled.poll().failures == []
    assert polled.sink.raws() == [alert]


def test_a_stop_during_an_answer_ends_the_reading(polled: PolledInput) -> None:
    _alert(polled)
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
    assert polled.sink.taken == []


def test_what_is_left_of_a_broken_answer_is_not_taken_for_the_next_one(polled: PolledInput) -> None:
    expected = _alert(polled)
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
