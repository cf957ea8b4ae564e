"""What goes wrong on the way to Microsoft is either got over, or ends in one sentence that says what to do."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, replace

import pytest
from defender_alerts.errors import (
    AccessDeniedError,
    AddonError,
    AuthenticationError,
    ConfigurationError,
    ConnectionFailedError,
    ServiceError,
    UnexpectedAnswerError,
    UnknownHostError,
)
from defender_alerts.http import calls
from defender_alerts.settings import Proxy
from defender_alerts.times import seconds
from standins.microsoft import faults, ticks
from standins.microsoft.certificates import Certificate
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


@dataclass(frozen=True)
class Passing:
    """A fault that one run gets over."""

    name: str
    fault: faults.Fault
    host: str = EU
    times: int = 1


PASSING = (
    Passing("a 500", faults.Status(500)),
    Passing("four 503 in a row", faults.Status(503), times=4),
    Passing("a 502 with HTML from a gateway", faults.Status(502, b"<html>bad gateway</html>")),
    Passing("a 504", faults.Status(504)),
    Passing("a reset before the headers", faults.ResetBeforeHeaders()),
    Passing("a reset in the middle of the body", faults.ResetInBody()),
    Passing("a body cut off short of its length", faults.CutOff()),
    Passing("a length longer than the body", faults.LengthTooLong()),
    Passing("a gzip body that ends early", faults.CutGzip()),
    Passing("plain text under the name of gzip", faults.NotGzip()),
    Passing("a connection that the proxy drops", faults.DropTunnel()),
    Passing("a token that the API refuses once", faults.Status(401)),
    Passing("nine throttlings in a row", faults.throttled(1), times=9),
    Passing("a 500 of Entra ID", faults.Status(500), LOGIN),
    Passing("a throttling of Entra ID", faults.throttled(1), LOGIN),
    Passing("a reset of Entra ID", faults.ResetBeforeHeaders(), LOGIN),
)


@pytest.mark.parametrize("passing", PASSING, ids=lambda passing: passing.name)
def test_a_passing_fault_is_got_over_within_the_run(polled: PolledInput, passing: Passing) -> None:
    alert = _alert(polled)
    scripted = polled.cloud.faults.add(passing.host, passing.fault, times=passing.times)
    assert polled.poll().failures == []
    assert polled.sink.raws() == [alert]
    assert scripted.played == passing.times


@dataclass(frozen=True)
class Lasting:
    """A fault that lasts, and what the administrator reads."""

    name: str
    fault: faults.Fault
    error: type[AddonError]
    says: str
    tries: int
    host: str = EU


LASTING = (
    Lasting("500", faults.Status(500), ServiceError, r"answered with an error; the next run asks again.*HTTP 500", 5),
    Lasting("throttling", faults.throttled(1), ServiceError, r"throttles this application", 10),
    Lasting(
        "400",
        faults.Status(400, b'{"error":{"code":"BadRequest","message":"no such group"}}'),
        UnexpectedAnswerError,
        r"machine groups.*Microsoft says: BadRequest: no such group\. \(HTTP 400",
        1,
    ),
    Lasting("401 for ever", faults.Status(401), AuthenticationError, r"refuses a fresh token.*Settings > SIEM", 2),
    Lasting("403", faults.Status(403), AccessDeniedError, r"denies this application.*region eu.*no permissions", 1),
    Lasting("404", faults.Status(404), UnexpectedAnswerError, r"no longer serves alerts.*defender_graph_alerts", 1),
    Lasting("410", faults.Status(410), UnexpectedAnswerError, r"no longer serves alerts.*defender_graph_alerts", 1),
    Lasting("a captive portal", faults.captive_portal(), UnexpectedAnswerError, r"no JSON array.*proxy, portal", 1),
    Lasting("an empty body", faults.Body(b""), ConnectionFailedError, r"is empty\. The next run asks again", 5),
    Lasting(
        "an error with status 200", faults.Body(b'{"error":{"code":"x"}}'), UnexpectedAnswerError, r"no JSON array", 1
    ),
    Lasting(
        "a redirect",
        faults.Redirect("https://portal.example/login"),
        UnexpectedAnswerError,
        r"redirects to portal\.example, which is not followed",
        1,
    ),
    Lasting("a body cut off for ever", faults.CutOff(), ConnectionFailedError, r"The next run asks again", 5),
    Lasting("a gzip cut off for ever", faults.CutGzip(), ConnectionFailedError, r"The next run asks again", 5),
    Lasting(
        "the certificate of another host",
        faults.ShowCertificate(Certificate.OTHER_HOST),
        ConnectionFailedError,
        r"not trusted \(Hostname mismatch.*Something else answers in its place",
        1,
    ),
    Lasting(
        "an expired certificate",
        faults.ShowCertificate(Certificate.EXPIRED),
        ConnectionFailedError,
        r"not trusted \(certificate has expired.*this machine's clock",
        1,
    ),
    Lasting(
        "an unknown authority",
        faults.ShowCertificate(Certificate.UNKNOWN_AUTHORITY),
        ConnectionFailedError,
        r"not trusted \(.*Additional CA certificates",
        1,
    ),
    Lasting(
        "a proxy that forbids the host",
        faults.RefuseTunnel(403),
        UnknownHostError,
        r"The proxy opens no way to wdatp-alertexporter-eu\.windows\.com \(.*403.*defender_graph_alerts",
        5,
    ),
)


@pytest.mark.parametrize("lasting", LASTING, ids=lambda lasting: lasting.name)
def test_a_lasting_fault_ends_in_one_sentence_and_nothing_is_lost(polled: PolledInput, lasting: Lasting) -> None:
    alert = _alert(polled)
    scripted = polled.cloud.faults.add(lasting.host, lasting.fault, times=None)
    failure = _failure(polled)
    assert type(failure) is lasting.error
    assert re.search(lasting.says, str(failure)), str(failure)
    assert scripted.played == lasting.tries
    assert polled.sink.taken == []
    polled.cloud.faults.clear()
    assert polled.poll().failures == []
    assert polled.sink.raws() == [alert]


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


def test_a_wait_longer_than_an_hour_is_left_to_a_later_run(polled: PolledInput) -> None:
    alert = _alert(polled)
    polled.cloud.faults.add(EU, faults.throttled(7_200))
    assert "7200 s, is left to a later run" in str(_failure(polled))
    assert polled.stop.waits == []
    assert polled.poll().failures == []
    assert polled.sink.raws() == [alert]


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


@pytest.mark.parametrize("fault", [faults.Hang(), faults.Stall()], ids=["before the headers", "in the body"])
def test_a_server_that_stops_talking_is_given_up_after_the_timeout(polled: PolledInput, fault: faults.Fault) -> None:
    alert = _alert(polled)
    polled.timeout = 0.3
    polled.cloud.faults.add(EU, fault)
    assert polled.poll().failures == []
    assert polled.sink.raws() == [alert]


def test_an_answer_that_only_drips_is_given_up(polled: PolledInput, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "LONGEST_ANSWER", 0.5)
    alert = _alert(polled)
    polled.cloud.faults.add(EU, faults.Drip(bytes_per_second=40))
    assert polled.poll().failures == []
    assert polled.sink.raws() == [alert]


def test_a_host_that_the_proxy_no_longer_knows_is_called_retired(polled: PolledInput) -> None:
    alert = _alert(polled)
    polled.cloud.forget_host(EU)
    failure = _failure(polled)
    assert type(failure) is UnknownHostError
    assert "may have switched it off: replace this input with defender_graph_alerts" in str(failure)
    polled.cloud.remember_host(EU)
    assert polled.poll().failures == []
    assert polled.sink.raws() == [alert]


def test_one_region_that_fails_leaves_the_others_untouched(polled: PolledInput) -> None:
    polled.regions = ("us", "eu", "uk")
    for number, region in enumerate(polled.regions):
        polled.cloud.siem(region).add(polled.tenant, siem_alert(number, polled.cloud.clock.now() - seconds(60)))
    polled.cloud.faults.add(EU, faults.Status(500), times=None)
    result = polled.poll()
    assert [one.outcome for one in result.outcomes] == ["done", "failed", "done"]
    assert len(polled.sink.taken) == 2
    polled.cloud.faults.clear()
    assert polled.poll().failures == []
    assert len(polled.sink.taken) == 3


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


def test_what_a_redirect_points_to_is_never_asked(polled: PolledInput) -> None:
    polled.cloud.faults.add(EU, faults.Redirect(f"https://{polled.cloud.siem('us').host}/api/alerts"))
    _failure(polled)
    assert polled.cloud.journal.hosts() == {LOGIN, EU}


@pytest.mark.parametrize("kind", ["http", "https", "socks5"])
def test_each_type_of_proxy_leads_to_microsoft_with_credentials(kind: str) -> None:
    with MicrosoftCloud(proxy_credentials=("splunk@corp", "p@ss:w/rd%?")) as cloud:
        polled = _through(cloud, kind)
        assert polled.proxy is not None
        polled.proxy = replace(polled.proxy, username="splunk@corp", password="p@ss:w/rd%?", remote_dns=True)
        alert = _alert(polled)
        assert polled.poll().failures == []
        assert polled.sink.raws() == [alert]
        assert {tunnel.proxy for tunnel in cloud.journal.tunnels()} == {kind}


def _through(cloud: MicrosoftCloud, kind: str) -> PolledInput:
    tenant = cloud.entra.add_tenant(domain="contoso.onmicrosoft.com", cloud="commercial")
    application = tenant.add_application(secret="nobody's~secret.0123456789")
    address = {"http": cloud.proxy, "https": cloud.https_proxy, "socks5": cloud.socks_proxy}[kind]
    return PolledInput(cloud, tenant, application, proxy=http_proxy(address))


def test_a_proxy_that_refuses_its_password_is_named_as_such() -> None:
    with MicrosoftCloud(proxy_credentials=("splunk", "right")) as cloud:
        polled = _through(cloud, "http")
        assert polled.proxy is not None
        polled.proxy = replace(polled.proxy, username="splunk", password="wrong")
        with pytest.raises(ConfigurationError, match=r"407.*Configuration > Proxy"):
            polled.poll()


def test_a_proxy_that_is_not_there_is_named_as_such(polled: PolledInput) -> None:
    polled.proxy = Proxy(kind="http", host="127.0.0.1", port=9)
    with pytest.raises(ConnectionFailedError, match=r"proxy could not be used.*Configuration > Proxy"):
        polled.poll()


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
    network = replace(polled.network(), proxy=None)
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
