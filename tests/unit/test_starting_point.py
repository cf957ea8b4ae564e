"""Where an input begins that has no checkpoint: at its start_time, on whichever host, and without a word of a gap."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from defender_alerts.checkpoint.checkpoint import Checkpoint, CheckpointKey
from defender_alerts.times import iso, parse_iso, seconds
from standins.microsoft.cloud import MicrosoftCloud
from standins.polling import MemoryPlaces, MemorySink, PolledInput
from standins.sources import GRAPH, SOURCES, Source, customer

DAY = 86_400
KEPT = 180 * DAY
"""Microsoft keeps alerts for so many seconds."""


@pytest.fixture(params=SOURCES, ids=lambda source: source.kind)
def source(request: pytest.FixtureRequest) -> Source:
    found: Source = request.param
    return found


def _input(source: Source, cloud: MicrosoftCloud, start_time: str) -> PolledInput:
    return source.input(cloud, *customer(cloud), start_time=start_time)


def _ago(cloud: MicrosoftCloud, passed: int) -> str:
    return iso(cloud.clock.now() - seconds(passed))


@pytest.mark.parametrize("start_time", ["-180d", "-4320h", "-1h", KEPT, KEPT + 3_000])
@pytest.mark.parametrize("waited", [0, 500])
def test_a_start_as_old_as_Microsofts_memory_is_no_gap_however_long_the_run_waits_before_it_asks(
    cloud: MicrosoftCloud, source: Source, start_time: str | int, waited: int, caplog: pytest.LogCaptureFixture
) -> None:
    """It waits for a KV store that is starting, or for Microsoft's leave; a time was typed in before it began."""
    cloud.clock.freeze(cloud.clock.now())
    polled = _input(source, cloud, start_time if isinstance(start_time, str) else _ago(cloud, start_time))
    usual = polled.store.checkpoints_of

    def wait(kind: str, name: str) -> list[Mapping[str, Any]]:
        cloud.clock.advance(waited)
        polled.jumped += waited
        return usual(kind, name)

    polled.store.checkpoints_of = wait  # type: ignore[method-assign,assignment]
    now = cloud.clock.now()
    source.publish(
        cloud, polled.tenant, [source.make(1, now - seconds(KEPT - DAY * 2)), source.make(2, now - seconds(60))]
    )
    assert polled.poll().failures == []
    assert "can't be collected" not in caplog.text
    assert len(polled.sink.taken) == (1 if start_time == "-1h" else 2)


def test_a_start_is_inclusive_and_exact_to_the_last_digit(cloud: MicrosoftCloud, source: Source) -> None:
    """So an input goes on where another one stopped: what carries that very time comes once more, nothing is left out."""
    stopped = cloud.clock.now() - seconds(DAY) + 1_234_567
    polled = _input(source, cloud, iso(stopped))
    source.publish(cloud, polled.tenant, [source.make(number, stopped + number - 1) for number in range(4)])
    assert polled.poll().failures == []
    assert [one.version.time for one in polled.sink.taken] == [stopped, stopped + 1, stopped + 2]


@pytest.mark.parametrize("start_time", ["-181d", "-4322h", KEPT + 3_700])
def test_a_start_before_Microsofts_memory_is_said(
    cloud: MicrosoftCloud, source: Source, start_time: str | int, caplog: pytest.LogCaptureFixture
) -> None:
    polled = _input(source, cloud, start_time if isinstance(start_time, str) else _ago(cloud, start_time))
    assert polled.poll().failures == []
    assert caplog.text.count("can't be collected: Microsoft keeps them for 180 days only") == 1


@pytest.mark.parametrize("missed", [-10 * DAY, -1, 1, 60, DAY])
def test_an_input_that_was_down_for_longer_than_Microsofts_memory_says_so_however_short_the_gap(
    cloud: MicrosoftCloud, source: Source, missed: int, caplog: pytest.LogCaptureFixture
) -> None:
    cloud.clock.freeze(cloud.clock.now())
    polled = _input(source, cloud, "-7d")
    assert polled.poll().failures == []
    down = KEPT - polled.overlap + missed
    cloud.clock.advance(down)
    polled.jumped += down
    assert polled.poll().failures == []
    assert caplog.text.count("can't be collected") == (missed > 0)


def test_an_input_that_was_down_for_longer_than_microsoft_remembers_starts_there_and_names_the_gap(
    polled: PolledInput, caplog: pytest.LogCaptureFixture
) -> None:
    now = polled.cloud.clock.freeze()
    down_since = now - seconds(200 * DAY)
    key = CheckpointKey("defender_siem_alerts", "test", polled.tenant.guid, "commercial", "eu")
    polled.store.save(Checkpoint.first(key, down_since).document())
    alert = polled.publish(ago=DAY)
    assert polled.poll().failures == []
    assert polled.sink.raws() == [alert]
    assert f"between {iso(down_since)} and 2026-" in caplog.text
    assert "Microsoft keeps them for 180 days only" in caplog.text
    first = min(
        parse_iso(call.values("sinceTimeUtc")[0]) for call in polled.cloud.journal.calls(polled.cloud.siem("eu").host)
    )
    assert now - seconds(181 * DAY) < first < now - seconds(179 * DAY)
    caplog.clear()
    assert polled.poll().failures == []
    assert "Microsoft keeps them" not in caplog.text


@pytest.fixture
def forwarders(cloud: MicrosoftCloud) -> tuple[PolledInput, PolledInput]:
    """Give an input on two forwarders, each with a KV store of its own; the first has collected, the second stands by."""
    cloud.clock.freeze(cloud.clock.now())
    first = _input(GRAPH, cloud, "-2h")
    GRAPH.publish(cloud, first.tenant, [GRAPH.make(1, cloud.clock.now() - seconds(600))])
    assert first.poll().failures == []
    return first, replace(first, store=MemoryPlaces(), sink=MemorySink(), writer="cold process")


def test_a_forwarder_whose_KV_store_is_new_begins_at_start_time(
    forwarders: tuple[PolledInput, PolledInput],
) -> None:
    """It repeats what the first has collected since then, and misses what came before while nobody collected."""
    first, cold = forwarders
    cloud = first.cloud
    for number, passed in ((2, 3_600), (3, 3_600), (4, 3_600)):
        cloud.clock.advance(passed)
        GRAPH.publish(cloud, first.tenant, [GRAPH.make(number, cloud.clock.now() - seconds(60))])
    assert cold.poll().failures == []
    numbers = {raw: number for number in range(1, 5) for raw in cold.sink.raws() if f"da{number:08d}_1" in raw}
    assert sorted(numbers.values()) == [3, 4]


def test_the_first_forwarder_goes_on_where_it_was_and_repeats_what_the_other_one_has_collected(
    forwarders: tuple[PolledInput, PolledInput],
) -> None:
    first, cold = forwarders
    cloud = first.cloud
    cloud.clock.advance(1_800)
    GRAPH.publish(cloud, first.tenant, [GRAPH.make(2, cloud.clock.now() - seconds(60))])
    assert cold.poll().failures == []
    assert len(cold.sink.taken) == 2
    cloud.clock.advance(60)
    GRAPH.publish(cloud, first.tenant, [GRAPH.make(3, cloud.clock.now() - seconds(30))])
    before = len(first.sink.taken)
    assert first.poll().failures == []
    assert sorted(raw.partition('_1"')[0][-1] for raw in first.sink.raws()[before:]) == ["2", "3"]
