"""Below each limit of the code, at it and beyond it: everything comes once, whichever side a number falls on.

``test_limits`` says which sweep belongs to which limit, and that none is missing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Literal

import pytest
from defender_alerts.checkpoint import checkpoint as checkpoints
from defender_alerts.checkpoint import writer
from defender_alerts.checkpoint.checkpoint import Checkpoint, CheckpointKey, find_checkpoint
from defender_alerts.collect import reader
from defender_alerts.collect import region as collector
from defender_alerts.collect.delivery import BATCH_BYTES, BATCH_VERSIONS
from defender_alerts.errors import CheckpointTakenError, ConfigurationError, IncompleteError, ServiceError
from defender_alerts.microsoft import json_stream
from defender_alerts.microsoft.apis import siem_alerts
from defender_alerts.microsoft.apis.base import Api
from defender_alerts.microsoft.apis.odata import ODataApi
from defender_alerts.microsoft.json_stream import BrokenRecord, Record, cut_array
from defender_alerts.microsoft.transport.client import FIRST_BACKOFF, LONGEST_RETRY_AFTER
from defender_alerts.microsoft.transport.server_clock import MOST_SKEW
from defender_alerts.splunk.resetting import delete_input
from defender_alerts.times import TICKS_PER_SECOND, parse_iso, seconds
from standins.microsoft import faults
from standins.microsoft.cloud import MicrosoftCloud
from standins.microsoft.odata_query import Query
from standins.microsoft.samples import siem_alert
from standins.polling import ChangedSettings, MemoryPlaces, MemorySink, PolledInput
from standins.sources import ENDPOINT, GRAPH, Source, customer
from unit.past import past

HOUR, DAY = seconds(3_600), seconds(86_400)
KEY = CheckpointKey("defender_siem_alerts", "test", "tenant", "commercial", "eu")


def _anew(polled: PolledInput) -> PolledInput:
    """The same input before it has collected anything, and a service that shows nothing."""
    polled.cloud.siem("eu").remove(polled.tenant)
    return replace(polled, store=MemoryPlaces(), sink=MemorySink())


def _assert_collected(polled: PolledInput, alerts: Sequence[bytes]) -> None:
    """Let Microsoft show these, and poll twice: each comes once."""
    polled.cloud.siem("eu").add_all(polled.tenant, alerts)
    for _ in range(2):
        assert polled.poll().failures == []
        assert sorted(polled.sink.raws()) == sorted(alert.decode() for alert in alerts)


@pytest.mark.parametrize("count", past(60))
def test_any_number_of_alerts_in_an_hour_comes_once(polled: PolledInput, count: int) -> None:
    """An answer with so many counts as cut short; 5,000 in fact, here fewer."""
    polled.most_records = 60
    assert polled.most_records < siem_alerts.MOST_RECORDS
    start = polled.cloud.clock.now() - HOUR
    # Half of them stand within a second, where windows overlap.
    _assert_collected(
        polled, [siem_alert(number, start + number * (1 if number % 2 else 1_000_000)) for number in range(count)]
    )


@pytest.mark.parametrize("count", past(BATCH_VERSIONS))
def test_any_number_of_versions_is_written_in_batches_of_a_thousand(
    polled: PolledInput, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "LONGEST_ANSWER_KEPT", 100_000_000)
    start = polled.cloud.clock.now() - HOUR
    alerts = [siem_alert(number, start + number) for number in range(count)]
    polled.cloud.siem("eu").add_all(polled.tenant, alerts)
    assert polled.poll().failures == []
    assert sorted(polled.sink.raws()) == sorted(alert.decode() for alert in alerts)
    full, rest = divmod(count, BATCH_VERSIONS)
    assert polled.sink.batches == [BATCH_VERSIONS] * full + [rest] * bool(rest)


def test_any_number_of_bytes_is_written_in_batches_that_one_version_alone_makes_larger(polled: PolledInput) -> None:
    size = 400_000
    for count in past(BATCH_BYTES // size):
        polled = _anew(polled)
        start = polled.cloud.clock.now() - HOUR
        alerts = [siem_alert(number, start + number, CommandLine="x" * size) for number in range(count)]
        _assert_collected(polled, alerts)
        assert sum(polled.sink.batches) == count
        assert all(batch * size < BATCH_BYTES + size for batch in polled.sink.batches)


@pytest.mark.parametrize(
    ("order", "spread"), [("newest_first", 0), ("newest_first", 1), ("oldest_first", 1), ("shuffled", 1)]
)
def test_an_answer_of_any_length_costs_few_calls(
    polled: PolledInput,
    spread: int,
    order: Literal["newest_first", "oldest_first", "shuffled"],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Beyond so many characters its window is split by the times of what has come, whatever their order."""
    most, size = 400_000, 4_000
    assert most < reader.LONGEST_ANSWER_KEPT
    monkeypatch.setattr(reader, "LONGEST_ANSWER_KEPT", most)
    region = polled.cloud.siem("eu")
    region.behaviour = replace(region.behaviour, order=order)
    for count in past(most // size):
        polled = _anew(polled)
        polled.cloud.journal.clear()
        start = polled.cloud.clock.now() - DAY
        alerts = [siem_alert(number, start + number * spread, CommandLine="x" * 2_500) for number in range(count)]
        assert size < len(alerts[-1]) < size + 1_000 if alerts else True
        _assert_collected(polled, alerts)
        # A few for each window that fits, and those in which the width grows again from ticks to days. With halves alone it
        # was 150 for as many as 5.
        assert len(polled.cloud.journal.calls(region.host)) <= 32 + 8 * count * size // most, count


@pytest.mark.parametrize("count", past(50))
def test_any_number_of_alerts_inside_the_overlap_comes_once_or_ends_the_run_with_what_to_do(
    polled: PolledInput, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """150,000 would take minutes; the limit is lowered."""
    assert checkpoints.MOST_SEEN > 50
    monkeypatch.setattr(collector, "MOST_SEEN", 50)
    now = polled.cloud.clock.freeze()
    alerts = [siem_alert(number, now - seconds(500) + number) for number in range(count)]
    polled.cloud.siem("eu").add_all(polled.tenant, alerts)
    failures = polled.poll().failures
    assert [type(failure) for failure in failures] == [ConfigurationError] * (count > 50)
    assert all("Lower the input's overlap" in str(failure) for failure in failures)
    polled.overlap = 60
    for _ in range(2):
        assert polled.poll().failures == []
    assert sorted(polled.sink.raws()) == sorted(alert.decode() for alert in alerts)


@pytest.mark.parametrize("asked", past(int(LONGEST_RETRY_AFTER)))
def test_a_wait_of_any_length_is_waited_for_or_left_to_a_later_run(polled: PolledInput, asked: int) -> None:
    alert = polled.publish()
    polled.cloud.faults.add(polled.cloud.siem("eu").host, faults.throttled(asked))
    failures = polled.poll().failures
    if asked <= LONGEST_RETRY_AFTER:
        assert (failures, polled.stop.waits) == ([], [max(FIRST_BACKOFF, asked)])
    else:
        assert ([type(failure) for failure in failures], polled.stop.waits) == ([ServiceError], [])
        assert f"The wait it asks for, {asked} s, is left to a later run." in str(failures[0])
        assert polled.poll().failures == []
    assert polled.sink.raws() == [alert]


@pytest.mark.parametrize("ahead", [sign * skew for skew in past(MOST_SKEW // TICKS_PER_SECOND) for sign in (1, -1)])
def test_a_clock_that_is_wrong_by_any_time_hides_nothing_and_is_said_where_it_matters(
    polled: PolledInput, ahead: int, caplog: pytest.LogCaptureFixture
) -> None:
    polled.cloud.clock.skew(ahead)
    alert = polled.publish(ago=5)
    assert polled.poll().failures == []
    assert polled.sink.raws() == [alert]
    # The server says its time in whole seconds.
    if abs(abs(ahead) - MOST_SKEW // TICKS_PER_SECOND) > 1:
        assert ("set this machine's by NTP" in caplog.text) == (abs(ahead) * TICKS_PER_SECOND > MOST_SKEW)
        assert ("behind" if ahead > 0 else "ahead of") in caplog.text or abs(ahead) * TICKS_PER_SECOND <= MOST_SKEW


@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize("passed", [step * writer._FRESH // 4 for step in (0, 1, 3, 4, 5, 8, 60, 2_000)])
def test_a_save_that_comes_any_time_after_the_last_look_does_not_bring_a_deleted_input_back(
    passed: int, *, last: bool
) -> None:
    now = [seconds(1_780_000_000)]
    store = MemoryPlaces()
    dying = writer.CheckpointWriter(Checkpoint.first(KEY, 0), store, "dying/process", lambda: now[0])
    dying.save()
    delete_input(store, KEY.kind, KEY.input, now[0])
    now[0] += passed
    if passed > writer._FRESH or not last:
        with pytest.raises(CheckpointTakenError, match="the input has been deleted"):
            dying.save(last=last)
    else:
        dying.save(last=last)
    found = find_checkpoint(KEY, store.checkpoints_of(KEY.kind, KEY.input), 7)
    assert (found.generation, found.revision, found.settled) == (1, 0, 7)


@pytest.mark.parametrize("moves", past(reader.MOST_READINGS))
@pytest.mark.parametrize("source", [GRAPH], ids=lambda source: source.kind)
def test_an_instant_that_moves_for_any_number_of_readings_is_whole_or_left_to_the_next_run(
    cloud: MicrosoftCloud, source: Source, moves: int
) -> None:
    polled = source.input(cloud, *customer(cloud), most_records=8)
    polled.let_time_pass()
    now = cloud.clock.freeze(cloud.clock.now() // TICKS_PER_SECOND * TICKS_PER_SECOND)
    instant = now - 2 * DAY
    current = {number: source.make(number, instant) for number in range(1, 31)}
    source.publish(cloud, polled.tenant, current.values())
    put = set(current.values())
    shelf, readings = source.shelf(cloud), [0]

    def move(query: Query) -> None:
        """Update a record behind the first page of a reading."""
        is_instant = query.since is not None and query.until is not None and query.until - query.since <= 2
        readings[0] += is_instant and not query.skip
        if is_instant and query.skip and 0 < readings[0] <= moves and len(put) < 30 + readings[0]:
            number = len(put) - 29
            current[number] = source.make(number, cloud.clock.now() - seconds(number))
            put.add(current[number])
            source.publish(cloud, polled.tenant, [current[number]])

    shelf.before_answer = move
    (one,) = polled.poll().outcomes
    shelf.before_answer = None
    # Each reading differs from the one before for as long as something moves. The look that finds it full is one more.
    assert one.outcome == ("incomplete" if moves > reader.MOST_READINGS else "done")
    if one.outcome == "incomplete":
        assert type(one.failure) is IncompleteError
        (document,) = polled.store.documents.values()
        assert parse_iso(document["watermark"]) <= instant
    cloud.clock.advance(60)
    assert polled.poll().failures == []
    taken = Counter(polled.sink.raws())
    assert {raw.decode() for raw in current.values()} <= set(taken) <= {raw.decode() for raw in put}
    assert set(taken.values()) == {1}


@pytest.mark.parametrize("source", [ENDPOINT, GRAPH], ids=lambda source: source.kind)
def test_an_instant_that_is_too_long_to_be_kept_but_on_one_page_is_whole_however_much_of_it_moves(
    cloud: MicrosoftCloud, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "LONGEST_ANSWER_KEPT", 20_000)
    polled = source.input(cloud, *customer(cloud))
    polled.let_time_pass()
    now = cloud.clock.freeze(cloud.clock.now() // TICKS_PER_SECOND * TICKS_PER_SECOND)
    shelf, put = source.shelf(cloud), [source.make(number, now - 2 * DAY) for number in range(30)]
    source.publish(cloud, polled.tenant, put)
    shown = list(put)

    def move(query: Query) -> None:
        """Update another record before each answer."""
        del query
        moved = len(put) - 30
        number = moved % len(shown)
        put.append(source.make(number, now - seconds(200 - moved)))
        shown[number] = put[-1]
        source.publish(cloud, polled.tenant, [put[-1]])

    shelf.before_answer = move
    assert polled.poll().failures == []
    shelf.before_answer = None
    assert len(put) > 30 + reader.MOST_READINGS
    assert polled.poll().failures == []
    taken = Counter(polled.sink.raws())
    assert {raw.decode() for raw in shown} <= set(taken) <= {raw.decode() for raw in put}
    assert set(taken.values()) == {1}


@pytest.mark.parametrize("source", [ENDPOINT, GRAPH], ids=lambda source: source.kind)
def test_an_instant_of_any_size_is_collected_as_far_as_records_can_be_skipped_and_then_by_links(
    cloud: MicrosoftCloud, source: Source
) -> None:
    """A service without links, and with them again: what can't be skipped to holds the watermark, and nothing else."""
    page, most_skip = 4, 12

    def small(api: Api) -> Api:
        assert isinstance(api, ODataApi)
        assert 0 < most_skip < api.collection.most_skip
        return api._replace(most_records=page, collection=api.collection._replace(most_skip=most_skip))

    usual = source.input(cloud, *customer(cloud))
    usual.let_time_pass()
    shelf = source.shelf(cloud)
    linking = shelf.behaviour
    for count in past(most_skip + page, least=1):
        polled = _with_api(replace(usual, store=MemoryPlaces(), sink=MemorySink()), small)
        shelf.remove(polled.tenant)
        shelf.behaviour = replace(linking, links="never")
        instant = cloud.clock.now() - 2 * DAY
        other = source.make(10_000, instant + HOUR)
        crowd = [source.make(number, instant) for number in range(1, count + 1)]
        source.publish(cloud, polled.tenant, [*crowd, other])
        (one,) = polled.poll().outcomes
        # A full page at the furthest place may have something behind it.
        assert one.outcome == ("done" if count < most_skip + page else "incomplete")
        assert other.decode() in polled.sink.raws()
        shelf.behaviour = replace(linking, links="more")
        for _ in range(2):
            assert polled.poll().failures == []
        assert sorted(polled.sink.raws()) == sorted(raw.decode() for raw in [*crowd, other])


class _Changed(PolledInput):
    """An input whose API a test has changed."""

    change: Callable[[Api], Api]

    def plan(self) -> Any:
        plan = super().plan()
        return plan._replace(own=ChangedSettings(plan.own, self.change))


def _with_api(polled: PolledInput, change: Callable[[Api], Api]) -> PolledInput:
    changed = _Changed(**vars(polled))
    changed.change = change
    return changed


def _cut_between_two(record: bytes) -> list[Record | BrokenRecord]:
    """What is cut out of an answer in which a record stands between two small ones."""
    body = b'[{"id":"before"},' + record + b',{"id":"behind"}]'
    pieces = (body[at : at + 4_000_000] for at in range(0, len(body), 4_000_000))
    return list(cut_array(pieces, lambda value: "id" in value))


@pytest.mark.parametrize("over", [-100_000, json_stream.LARGEST_RECORD])
def test_a_record_of_any_length_spares_its_neighbours(over: int) -> None:
    size = json_stream.LARGEST_RECORD + over
    long = b'{"id":"long","a":"' + b"x" * size + b'"}'
    found = _cut_between_two(long)
    raws = [one.raw for one in found if isinstance(one, Record)]
    assert raws[0] == '{"id":"before"}'
    assert raws[-1] == '{"id":"behind"}'
    broken = [one for one in found if isinstance(one, BrokenRecord)]
    assert (raws[1:-1], len(broken)) == (([long.decode()], 0) if over < 0 else ([], 1))


@pytest.mark.parametrize("depth", past(json_stream._DEEPEST, least=json_stream._DEEPEST - 1)[:4])
def test_a_record_of_any_depth_spares_its_neighbours(depth: int) -> None:
    found = _cut_between_two(b'{"id":"deep","a":' + b"[" * depth + b"]" * depth + b"}")
    assert [one.raw for one in found if isinstance(one, Record)] == ['{"id":"before"}', '{"id":"behind"}']
    assert len(found) == 3
