"""How late Microsoft shows alerts, against a stand-in that shows them after drawn delays: the bounds hold, for every draw."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

import pytest
from defender_alerts.checkpoint.checkpoint import Checkpoint, CheckpointKey, resets
from defender_alerts.checkpoint.versions import Version
from defender_alerts.collect.lateness import KEYS, Lateness
from defender_alerts.settings import seconds_between_runs
from defender_alerts.times import TICKS_PER_SECOND, seconds
from standins.microsoft.cloud import MicrosoftCloud
from standins.microsoft.graph_samples import graph_alert, graph_incident
from standins.polling import PolledInput
from standins.sources import GRAPH, INCIDENTS, SIEM, SOURCES, Source, customer

INTERVAL = 300
"""What ``PolledInput`` has."""
OVERLAP = 3_600
CLOCK = 2.0
"""Seconds between what the stand-in's clock says and what a poll can know of it: ``Date`` has whole ones."""


@dataclass(frozen=True)
class Drawn:
    """A version that Microsoft shows late; times in ticks."""

    updated: int
    visible: int


class Scene:
    """One input, polled every five minutes against a cloud whose clock stands still in between."""

    def __init__(self, cloud: MicrosoftCloud, source: Source, overlap: int = OVERLAP) -> None:
        self.cloud, self.source = cloud, source
        self.tenant, application = customer(cloud)
        self.polled: PolledInput = source.input(cloud, self.tenant, application, overlap=overlap)
        cloud.clock.freeze(cloud.clock.now() // seconds(1) * seconds(1))
        self.number = 0

    def publish(self, updated: int, visible: int) -> Drawn:
        self.number += 1
        self.source.publish(self.cloud, self.tenant, [self.source.make(self.number, updated)], visible_from=visible)
        return Drawn(updated, visible)

    def poll(self) -> dict[str, str | float]:
        result = self.polled.poll()
        assert result.failures == []
        (outcome,) = result.outcomes
        return outcome.collector.summary(1.0)

    def wait(self, length: float = INTERVAL) -> None:
        self.cloud.clock.advance(length)

    def now(self) -> int:
        return self.cloud.clock.now()


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.kind)
@pytest.mark.parametrize("seed", range(4))
def test_the_true_delays_lie_within_the_bounds_that_are_told(cloud: MicrosoftCloud, source: Source, seed: int) -> None:
    draw = random.Random(seed)
    scene = Scene(cloud, source)
    scene.poll()
    answered, open_, measured = scene.now(), [], 0
    for _ in range(6):
        before = scene.now()
        for _ in range(draw.randrange(12)):
            updated = before + round(draw.uniform(0, INTERVAL) * TICKS_PER_SECOND)
            delay = round(draw.choice((0, 5, INTERVAL / 2, INTERVAL, 3 * INTERVAL)) * draw.random() * TICKS_PER_SECOND)
            open_.append(scene.publish(updated, updated + delay))
        scene.wait()
        now = scene.now()
        summary = scene.poll()
        found = [one for one in open_ if one.visible <= now]
        open_ = [one for one in open_ if one.visible > now]
        late = [one for one in found if one.updated < answered]
        if not found:
            assert not set(summary) & set(KEYS)
        elif not late:
            assert summary["late_share"] == 0
            assert "late_at_least_max" not in summary
        else:
            measured += 1
            assert summary["late_share"] == pytest.approx(len(late) / len(found))
            least = sorted((answered - one.updated) / TICKS_PER_SECOND for one in late)
            true = sorted((one.visible - one.updated) / TICKS_PER_SECOND for one in late)
            assert float(summary["late_at_least_max"]) <= true[-1] <= float(summary["late_at_most_max"])
            assert all(low <= high for low, high in zip(least, true, strict=True))
            assert least[-1] - CLOCK <= float(summary["late_at_least_max"]) <= least[-1]
            p99 = least[math.ceil(0.99 * len(least)) - 1]
            assert p99 - CLOCK <= float(summary["late_at_least_p99"]) <= p99
        answered = now
    assert measured


def late_one(scene: Scene, delay: float = 200.0) -> None:
    """A version that a poll just now would not be shown."""
    scene.publish(scene.now() - seconds(100), scene.now() + seconds(delay - 100))


@pytest.fixture
def polled_once(cloud: MicrosoftCloud) -> Scene:
    scene = Scene(cloud, GRAPH)
    scene.poll()
    return scene


def test_a_first_run_measures_nothing(cloud: MicrosoftCloud) -> None:
    scene = Scene(cloud, GRAPH)
    scene.publish(scene.now() - seconds(5_000), scene.now() - seconds(1))
    summary = scene.poll()
    assert summary["new"] == 1
    assert not set(summary) & set(KEYS)


@pytest.mark.parametrize(("intervals", "is_measured"), [(1.0, True), (1.9, True), (2.1, False), (50.0, False)])
def test_behind_a_pause_of_more_than_two_intervals_nothing_is_measured(
    polled_once: Scene, intervals: float, *, is_measured: bool
) -> None:
    late_one(polled_once)
    polled_once.wait(intervals * INTERVAL)
    summary = polled_once.poll()
    assert summary["new"] == 1
    assert ("late_at_least_max" in summary) == is_measured


KEY = CheckpointKey("k", "i", "t", "c", "r")
T = seconds(1_700_000_000)


def checkpoint(*, settled: int, watermark: int = 0, collected: int | None = 0) -> Checkpoint:
    """A place, its times in seconds before T."""
    when = None if collected is None else T - seconds(collected)
    return Checkpoint(KEY, T - seconds(watermark), T - seconds(settled), T - seconds(settled), collected=when)


def measured(before: Checkpoint, *versions: Version) -> dict[str, float]:
    lateness = Lateness(before, overlap=seconds(600), interval=seconds(INTERVAL), now=T + seconds(INTERVAL))
    for version in versions:
        lateness.note(version, lambda: T + seconds(INTERVAL))
    return lateness.summary(len(versions))


def test_behind_a_run_of_many_windows_nothing_is_taken_for_asked_later_than_it_was() -> None:
    """It has asked for the last ten minutes at different times, the first of them when what is settled was ten minutes old."""
    version = Version(T - seconds(500), b"1", b"{}")
    assert measured(checkpoint(settled=600), version)["late_at_least_max"] == 500
    assert measured(checkpoint(settled=800), version)["late_at_least_max"] == 300
    assert measured(checkpoint(settled=5_000), version) == {}


def test_a_record_that_has_got_what_it_lacked_is_not_late() -> None:
    complete = Version(T - seconds(500), b"1", b"{}", completes="incident 1")
    assert measured(checkpoint(settled=600), complete) == {"late_share": 0.0}
    assert measured(checkpoint(settled=600, collected=None), complete) == {}


def test_after_a_reset_nothing_is_measured(polled_once: Scene) -> None:
    documents = polled_once.polled.store.checkpoints_of(GRAPH.kind, "test")
    for reset in resets(documents, polled_once.now() - seconds(50)):
        polled_once.polled.store.save(reset.document())
    late_one(polled_once)
    polled_once.publish(polled_once.now() - seconds(40), polled_once.now() + seconds(50))
    polled_once.wait()
    assert not set(polled_once.poll()) & set(KEYS)


def test_what_was_late_once_is_not_late_again(polled_once: Scene) -> None:
    late_one(polled_once)
    polled_once.wait()
    assert "late_at_least_max" in polled_once.poll()
    polled_once.wait()
    assert "late_at_least_max" not in polled_once.poll()


def test_an_answer_that_was_cut_short_and_comes_again_counts_each_version_once(cloud: MicrosoftCloud) -> None:
    scene = Scene(cloud, SIEM)
    scene.poll()
    scene.polled.most_records = 4
    for _ in range(9):
        late_one(scene)
        scene.cloud.clock.advance(0.01)
    scene.wait()
    assert scene.poll()["late_share"] == 1


def test_alerts_cut_out_of_incidents_are_not_measured(cloud: MicrosoftCloud) -> None:
    """They are as old as their own last change, and come with the incident's."""
    scene = Scene(cloud, INCIDENTS)
    scene.polled.own = {"alerts": "split"}
    scene.poll()
    scene.wait()
    old = graph_alert(1, scene.now() - seconds(5_000))
    INCIDENTS.publish(cloud, scene.tenant, [graph_incident(1, scene.now() - seconds(5))], alerts=[old])
    summary = scene.poll()
    assert summary["new"] == 2
    assert summary["late_share"] == 0


def test_a_cron_schedule_is_no_interval() -> None:
    every = [seconds_between_runs(interval) for interval in ("*/5 * * * *", "-1", "30", "300", "inf")]
    assert every == [0, 0, 60, 300, 0]


@pytest.mark.parametrize(("pause", "measured"), [(2 * INTERVAL, {"late_share": 0.0}), (2 * INTERVAL + 1, {})])
def test_what_was_asked_two_intervals_ago_still_tells_what_is_late_and_no_more_after_that(
    pause: int, measured: dict[str, float]
) -> None:
    checkpoint = Checkpoint.first(CheckpointKey("kind", "input", "tenant", "commercial", "global"), 0)
    checkpoint.collected = 0
    lateness = Lateness(checkpoint, overlap=0, interval=seconds(INTERVAL), now=seconds(pause))
    assert lateness.summary(1) == measured
