"""Each version that the API shows is delivered once, whatever the documents leave open about its windows."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Literal

import pytest
from defender_alerts.checkpoint.versions import Version
from defender_alerts.checkpoint.writer import _FRESH
from defender_alerts.collect.events import Origin
from defender_alerts.errors import CheckpointError, UnexpectedAnswerError
from defender_alerts.times import TICKS_PER_SECOND, iso, parse_iso, seconds
from standins.microsoft import faults
from standins.microsoft.samples import siem_alert
from standins.microsoft.siem import SiemBehaviour
from standins.microsoft.siem_query import SiemQuery
from standins.polling import MemorySink, PolledInput

HOUR, DAY = seconds(3_600), seconds(86_400)


def _deliver(polled: PolledInput, alerts: Sequence[bytes], region: str = "eu") -> None:
    polled.cloud.siem(region).add_all(polled.tenant, alerts)


def _texts(alerts: Sequence[bytes]) -> list[str]:
    return [alert.decode() for alert in alerts]


def _poll(polled: PolledInput) -> None:
    result = polled.poll()
    assert result.failures == []
    assert [one.outcome for one in result.outcomes] == ["done"] * len(polled.regions)


def _calls(polled: PolledInput, region: str = "eu") -> list[tuple[int, int]]:
    """The windows that were asked for, as ticks."""
    return [
        (parse_iso(call.values("sinceTimeUtc")[0]), parse_iso(call.values("untilTimeUtc")[0]))
        for call in polled.cloud.journal.calls(polled.cloud.siem(region).host)
    ]


BEHAVIOURS = [
    pytest.param(
        SiemBehaviour(lower_inclusive=lower, upper_inclusive=upper, silent_cap=cap, order=order),  # type: ignore[arg-type]
        id=f"lower {'in' if lower else 'ex'}clusive, upper {'in' if upper else 'ex'}clusive, cap {cap}, {order}",
    )
    for (lower, upper), (cap, order) in itertools.product(
        itertools.product([True, False], repeat=2),
        [(None, "shuffled"), (100, "newest_first"), (100, "oldest_first")],
    )
]


@pytest.mark.parametrize("behaviour", BEHAVIOURS)
def test_a_backlog_is_delivered_once_in_time_order_whatever_the_bounds_mean(
    polled: PolledInput, behaviour: SiemBehaviour
) -> None:
    polled.cloud.siem("eu").behaviour = behaviour
    polled.most_records = 100
    rng = random.Random(7)
    now = polled.cloud.clock.now()
    crowded = now - 2 * DAY
    moments = [
        *(now - rng.randrange(seconds(20), 6 * DAY) for _ in range(60)),
        *(crowded + rng.randrange(seconds(30)) for _ in range(130)),
        *[crowded + 5] * 60,
    ]
    alerts = [siem_alert(number, moment) for number, moment in enumerate(sorted(moments))]
    _deliver(polled, alerts)
    _poll(polled)
    assert sorted(polled.sink.raws()) == sorted(_texts(alerts))
    times = [one.version.time for one in polled.sink.taken]
    assert times == sorted(times)
    _poll(polled)
    assert len(polled.sink.taken) == len(alerts)


@pytest.mark.parametrize("lower", [True, False])
@pytest.mark.parametrize("upper", [True, False])
def test_an_alert_on_the_border_of_two_windows_is_delivered_once(
    polled: PolledInput, *, lower: bool, upper: bool
) -> None:
    polled.cloud.siem("eu").behaviour = SiemBehaviour(lower_inclusive=lower, upper_inclusive=upper)
    now = polled.cloud.clock.freeze(polled.cloud.clock.now() // TICKS_PER_SECOND * TICKS_PER_SECOND)
    # So far back that these borders do not depend on when exactly each window is chosen: halves of the rest come later.
    start = now - 32 * DAY
    polled.start_time = iso(start)
    borders = [start + hours * HOUR for hours in (2, 18, 146, 338, 530)]
    alerts = [siem_alert(number, time) for number, time in enumerate((start, *borders, now))]
    _deliver(polled, alerts)
    _poll(polled)
    calls = _calls(polled)
    assert [until for _, until in calls[: len(borders)]] == borders
    assert all(since <= border for border, (since, _) in zip(borders, calls[1 : len(borders) + 1], strict=True))
    polled.cloud.clock.advance(60)
    _poll(polled)
    assert polled.sink.raws() == _texts(alerts)


def test_an_alert_on_the_border_is_found_behind_a_second_that_fills_the_answer(polled: PolledInput) -> None:
    polled.cloud.siem("eu").behaviour = SiemBehaviour(lower_inclusive=False)
    polled.most_records = 10
    start = polled.cloud.clock.now() - DAY
    polled.start_time = iso(start)
    _deliver(polled, [siem_alert(number, start - number) for number in range(30)])
    _poll(polled)
    assert siem_alert(0, start).decode() in polled.sink.raws()


@pytest.mark.parametrize("precision", ["ms", "s"])
def test_a_service_that_rounds_the_bounds_down_costs_no_alert(polled: PolledInput, precision: str) -> None:
    polled.cloud.siem("eu").behaviour = SiemBehaviour(rounds_bounds_to=precision, upper_inclusive=False)  # type: ignore[arg-type]
    clock = polled.cloud.clock
    alerts: list[bytes] = []
    clock.freeze(clock.now() // TICKS_PER_SECOND * TICKS_PER_SECOND)
    for step in range(6):
        now = clock.advance(60.7654321)
        fresh = [siem_alert(step * 10 + n, now - n * 3_333_333 - 1) for n in range(5)]
        _deliver(polled, fresh)
        alerts += fresh
        _poll(polled)
    clock.advance(5)
    _poll(polled)
    assert sorted(polled.sink.raws()) == sorted(_texts(alerts))


def test_a_quiet_poll_asks_the_region_once_and_saves_once(polled: PolledInput) -> None:
    _poll(polled)
    polled.cloud.journal.clear()
    saves = len(polled.store.history)
    # Nobody can have saved since the poll began: the store is not looked at once more.
    polled.store.revisions_of = lambda *_: pytest.fail("read again")  # type: ignore[method-assign]
    _poll(polled)
    assert len(polled.cloud.journal.calls(polled.cloud.siem("eu").host)) == 1
    assert len(polled.cloud.journal.calls("login.microsoftonline.com")) == 1
    assert len(polled.store.history) == saves + 1


@pytest.mark.parametrize("lasts", [0, 1, 3, 70])
def test_a_backlog_without_alerts_is_saved_every_few_seconds_and_at_its_end(polled: PolledInput, lasts: int) -> None:
    clock, region, began = polled.cloud.clock, polled.cloud.siem("eu"), polled.cloud.clock.freeze()
    polled.start_time = "-20d"
    saved: list[int] = []

    def note(_: int) -> bool:
        saved.append(clock.now())
        return False

    polled.store.fail_save = note

    def take_time(_: SiemQuery) -> None:
        clock.advance(lasts)

    region.before_answer = take_time
    _poll(polled)
    windows = len(polled.cloud.journal.calls(region.host))
    assert windows > 10
    # The server says in whole seconds what time it was when the request came, and this machine's passes as well.
    assert max(later - earlier for earlier, later in zip([began, *saved], saved)) <= _FRESH + seconds(2 * lasts + 2)
    if lasts == 0:
        assert len(saved) == 1
    if seconds(lasts - 1) > _FRESH:
        assert len(saved) >= windows - 1


def test_a_save_that_fails_on_the_way_through_empty_windows_loses_nothing(polled: PolledInput) -> None:
    clock, region = polled.cloud.clock, polled.cloud.siem("eu")
    now = clock.freeze()
    alert = siem_alert(1, now - HOUR)
    _deliver(polled, [alert])

    def take_time(_: SiemQuery) -> None:
        clock.advance(70)

    region.before_answer = take_time
    polled.start_time, polled.store.fail_save = "-20d", lambda saves: saves == 2
    (failure,) = polled.poll().failures
    assert (type(failure), polled.sink.raws()) == (CheckpointError, [])
    polled.store.fail_save = lambda _: False
    _poll(polled)
    assert polled.sink.raws() == _texts([alert])


def test_requests_carry_both_bounds_and_never_a_limit(polled: PolledInput) -> None:
    _deliver(polled, [siem_alert(1, polled.cloud.clock.now() - HOUR)])
    _poll(polled)
    for call in polled.cloud.journal.calls(polled.cloud.siem("eu").host):
        assert [name for name, _ in call.query] == ["sinceTimeUtc", "untilTimeUtc"]
        assert call.header("accept-encoding") == "gzip"


def test_machine_groups_are_sent_one_by_one(polled: PolledInput) -> None:
    polled.machine_groups = ("Servers", "Berlin & Paris")
    _poll(polled)
    (call, *_) = polled.cloud.journal.calls(polled.cloud.siem("eu").host)
    assert call.values("machinegroups") == ["Servers", "Berlin & Paris"]


def test_an_alert_read_early_in_a_long_run_is_still_waited_for_after_it(polled: PolledInput) -> None:
    """A run of half an hour: the watermark is long past, but what was read first was read when it had just happened."""
    clock, region = polled.cloud.clock, polled.cloud.siem("eu")
    clock.freeze()
    polled.start_time, polled.most_records = "-1h", 500
    _poll(polled)
    began = clock.now()
    crowd = [siem_alert(number, began + seconds(60) + number) for number in range(600)]
    happened = began - seconds(30)
    late = siem_alert(9_999, happened)
    region.add_all(polled.tenant, crowd)
    region.add(polled.tenant, late, visible_from=happened + seconds(580))
    clock.advance(120)

    shown: list[int] = []

    def take_time(query: SiemQuery) -> None:
        if query.since <= happened < query.until:
            shown.append(clock.now())
        clock.advance(70)

    region.before_answer = take_time
    _poll(polled)
    region.before_answer = None
    watermark = parse_iso(polled.store.history[-1]["watermark"])
    assert max(shown) < happened + seconds(580) < watermark - seconds(600), "the case is not the one it should be"
    assert late.decode() not in polled.sink.raws()
    clock.advance(60)
    _poll(polled)
    assert late.decode() in polled.sink.raws()
    assert len(polled.sink.raws()) == len(set(polled.sink.raws())) == 601


class _Busy(MemorySink):
    """A Splunk that takes half an hour for a batch."""

    def __init__(self, polled: PolledInput) -> None:
        super().__init__()
        self._polled = polled

    def write(self, origin: Origin, versions: Iterable[Version]) -> int:
        self._polled.jumped += 1_800
        self._polled.cloud.clock.advance(1_800)
        return super().write(origin, versions)


def test_an_alert_that_becomes_visible_while_its_window_is_being_written_is_waited_for(polled: PolledInput) -> None:
    clock, region = polled.cloud.clock, polled.cloud.siem("eu")
    clock.freeze()
    _poll(polled)
    happened = clock.advance(60)
    late = siem_alert(1, happened)
    region.add(polled.tenant, late, visible_from=happened + seconds(590))
    region.add(polled.tenant, siem_alert(2, happened + 1))
    clock.advance(30)
    polled.sink = _Busy(polled)
    _poll(polled)
    clock.advance(60)
    _poll(polled)
    assert polled.sink.raws().count(late.decode()) == 1


def test_a_raised_overlap_brings_nothing_again(polled: PolledInput) -> None:
    now = polled.cloud.clock.now()
    _deliver(polled, [siem_alert(number, now - number * HOUR) for number in range(1, 20)])
    _poll(polled)
    polled.overlap = 86_400
    _poll(polled)
    assert len(polled.sink.taken) == 19


def test_versions_sharing_a_time_are_told_apart_by_FullId_and_AlertPart(polled: PolledInput) -> None:
    at = polled.cloud.clock.now() - HOUR
    alerts = [siem_alert(1, at, AlertPart=0), siem_alert(1, at, AlertPart=1), siem_alert(2, at, AlertPart=0)]
    _deliver(polled, [*alerts, alerts[0]])
    _poll(polled)
    assert sorted(polled.sink.raws()) == sorted(_texts(alerts))


def test_a_record_that_an_answer_holds_twice_is_delivered_once_across_batches(polled: PolledInput) -> None:
    now = polled.cloud.clock.now()
    alerts = [siem_alert(number, now - HOUR + number) for number in range(1_500)]
    _deliver(polled, [*alerts, alerts[999]])
    _poll(polled)
    assert polled.sink.raws() == _texts(alerts)


def test_batches_of_text_that_is_not_ASCII_are_measured_in_bytes(polled: PolledInput) -> None:
    now = polled.cloud.clock.now()
    _deliver(polled, [siem_alert(number, now - HOUR + number, Description="é" * 500_000) for number in range(5)])
    _poll(polled)
    assert polled.sink.batches == [3, 2]


def test_one_instant_that_holds_more_than_an_answer_should_is_accepted_and_said(
    polled: PolledInput, caplog: pytest.LogCaptureFixture
) -> None:
    at = polled.cloud.clock.now() - HOUR
    polled.most_records = 100
    alerts = [siem_alert(number, at) for number in range(440)]
    _deliver(polled, [*alerts, *alerts[:220]])
    _poll(polled)
    assert sorted(polled.sink.raws()) == sorted(_texts(alerts))
    assert "the instant" in caplog.text
    _poll(polled)
    assert len(polled.sink.taken) == 440


def test_the_document_is_saved_as_it_is_before_the_first_event(polled: PolledInput) -> None:
    # One window: the empty ones before it would be saved first.
    polled.start_time = "-2h"
    _deliver(polled, [siem_alert(1, polled.cloud.clock.now() - HOUR)])
    polled.store.fail_save = lambda _: True
    result = polled.poll()
    assert [type(failure) for failure in result.failures] == [CheckpointError]
    assert polled.sink.taken == []


def test_a_region_does_not_lag_behind_a_server_whose_clock_was_set_back(polled: PolledInput) -> None:
    polled.cloud.clock.freeze()
    _poll(polled)
    polled.cloud.clock.advance(-60)
    [outcome] = polled.poll().outcomes
    assert outcome.collector.summary(0.0)["lag_seconds"] == 0


@pytest.mark.parametrize("shape", ["2017", "2018", "2020"])
@pytest.mark.parametrize("digits", [0, 3, 7])
def test_all_shapes_the_API_has_had_are_delivered_as_they_came(polled: PolledInput, shape: str, digits: int) -> None:
    at = (polled.cloud.clock.now() - HOUR) // TICKS_PER_SECOND * TICKS_PER_SECOND
    alerts = [siem_alert(number, at, shape=shape, digits=digits) for number in range(3)]  # type: ignore[arg-type]
    _deliver(polled, alerts)
    _poll(polled)
    _poll(polled)
    assert sorted(polled.sink.raws()) == sorted(_texts(alerts))


_UNUSUAL: dict[str, Callable[[int], bytes]] = {
    "without LastProcessedTimeUtc": lambda at: json.dumps({"FullId": "1:x", "AlertTitle": iso(at)}).encode(),
    "with null as its time": lambda _: b'{"FullId":"2:x","LastProcessedTimeUtc":null}',
    "with a time that is none": lambda _: b'{"FullId":"3:x","LastProcessedTimeUtc":"soon"}',
    "without FullId": lambda at: json.dumps({"AlertId": "4", "LastProcessedTimeUtc": iso(at)}).encode(),
    "with neither": lambda _: b'{"AlertTitle":"something"}',
}


@pytest.mark.parametrize("name", _UNUSUAL)
def test_an_alert_without_identity_or_time_is_delivered_once_and_said(
    polled: PolledInput, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    clock = polled.cloud.clock
    clock.freeze()
    at = clock.now() - seconds(120)
    unusual, usual = _UNUSUAL[name](at), siem_alert(1, at + 1)
    polled.cloud.siem("eu").add(polled.tenant, unusual, processed=at)
    _deliver(polled, [usual])
    for _ in range(8):
        _poll(polled)
        clock.advance(200)
    assert sorted(polled.sink.raws()) == sorted([unusual.decode(), usual.decode()])
    assert caplog.text.count("no identity or version time") == 1
    # The last instant of the first window that showed it.
    [time] = [one.version.time for one in polled.sink.taken if one.version.raw == unusual]
    assert time == next(until for since, until in _calls(polled) if since <= at < until) - 1


def test_what_is_no_object_is_reported_and_its_neighbours_are_delivered(
    polled: PolledInput, caplog: pytest.LogCaptureFixture
) -> None:
    at = polled.cloud.clock.now() - HOUR
    region = polled.cloud.siem("eu")
    for number, broken in enumerate((b"null", b"17", b'{"AlertId": nope}')):
        region.add(polled.tenant, broken, processed=at + number)
    usual = siem_alert(1, at + 10)
    _deliver(polled, [usual])
    result = polled.poll()
    assert polled.sink.raws() == [usual.decode()]
    assert result.outcomes[0].collector.summary(0.0)["broken"] == 3
    assert caplog.text.count("can't be read") == 3
    assert caplog.text.count('exc_l="Server Error" region=eu') == 3


def test_regions_keep_places_of_their_own(polled: PolledInput) -> None:
    polled.regions = ("us", "eu", "uk")
    now = polled.cloud.clock.now()
    for number, region in enumerate(polled.regions):
        _deliver(polled, [siem_alert(number, now - HOUR)], region)
    _poll(polled)
    assert len(polled.sink.taken) == 3
    assert {document["region"] for document in polled.store.documents.values()} == {"us", "eu", "uk"}
    assert {one.origin.source.split(":")[2] for one in polled.sink.taken} == {"us", "eu", "uk"}


def test_another_tenant_is_another_place_and_is_said(polled: PolledInput, caplog: pytest.LogCaptureFixture) -> None:
    _deliver(polled, [siem_alert(1, polled.cloud.clock.now() - HOUR)])
    _poll(polled)
    assert "for the first time" not in caplog.text
    first = polled.tenant
    polled.tenant = polled.cloud.entra.add_tenant(domain="fabrikam.onmicrosoft.com", cloud="commercial")
    polled.application = polled.tenant.add_application(secret=polled.secret)
    other = siem_alert(2, polled.cloud.clock.now() - HOUR)
    _deliver(polled, [other])
    _poll(polled)
    assert polled.sink.raws()[-1] == other.decode()
    assert f"it collected {first.guid}" in caplog.text
    assert len(polled.store.documents) == 2


def _configurations(polled: PolledInput) -> int:
    calls = polled.cloud.journal.calls("login.microsoftonline.com")
    return sum("openid-configuration" in call.path for call in calls)


def test_the_guid_of_a_domain_is_asked_for_once_and_leads_to_the_same_checkpoint(polled: PolledInput) -> None:
    _deliver(polled, [siem_alert(1, polled.cloud.clock.now() - HOUR)])
    for _ in range(3):
        assert polled.poll(tenant_id=polled.tenant.domain).failures == []
        assert _configurations(polled) == 1
    _poll(polled)
    assert (_configurations(polled), len(polled.sink.taken)) == (1, 1)
    assert [document["tenant"] for document in polled.store.documents.values()] == [polled.tenant.guid]


@pytest.mark.parametrize(
    "body", [b"<html>", b"[]", b"{}", b'{"issuer": null}', b'{"issuer": "https://login.example/common/v2.0"}']
)
def test_a_domain_whose_configuration_names_no_tenant_ends_the_run_before_anything_is_saved(
    polled: PolledInput, body: bytes
) -> None:
    polled.cloud.faults.add("login.microsoftonline.com", faults.Status(200, body), after=1)
    with pytest.raises(UnexpectedAnswerError, match="The OpenID configuration of the account's domain names no tenant"):
        polled.poll(tenant_id=polled.tenant.domain)
    assert polled.store.documents == {}
    assert polled.sink.taken == []


@pytest.mark.parametrize("order", ["newest_first", "oldest_first", "shuffled"])
@pytest.mark.parametrize("over", [60, 6 * 86_400])
def test_a_backlog_costs_a_few_calls_for_each_full_answer_whatever_the_order(
    polled: PolledInput, order: Literal["newest_first", "oldest_first", "shuffled"], over: int
) -> None:
    polled.most_records = 50
    polled.let_time_pass()
    region = polled.cloud.siem("eu")
    region.behaviour = replace(region.behaviour, order=order)
    now = polled.cloud.clock.now()
    alerts = [siem_alert(number, now - seconds(over + 60) + number * seconds(over) // 1_000) for number in range(1_000)]
    region.add_all(polled.tenant, alerts)
    assert polled.poll().failures == []
    assert len(polled.sink.taken) == len(alerts)
    calls = len(polled.cloud.journal.calls(region.host))
    assert len(polled.store.history) <= calls < 8 * len(alerts) / 50


@pytest.mark.parametrize("fraction", [0, 1, 5_000_000, TICKS_PER_SECOND - 1])
def test_the_watermark_goes_no_further_than_the_servers_clock_had_come(polled: PolledInput, fraction: int) -> None:
    """Its ``Date`` has whole seconds: what is younger it may not have known, whatever the time of asking was."""
    now = 1_780_000_000
    polled.cloud.clock.freeze(seconds(now) + fraction)
    _deliver(polled, [siem_alert(1, seconds(now - 60))])
    _poll(polled)
    (document,) = polled.store.documents.values()
    assert parse_iso(document["watermark"]) == seconds(now)
