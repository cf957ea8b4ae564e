"""Collecting again what an audit has found missing: why it is not a reset."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from defender_alerts.checkpoint.checkpoint import Checkpoint, CheckpointKey
from defender_alerts.checkpoint.versions import Seen, Version, fingerprint
from defender_alerts.collect.events import Origin
from defender_alerts.collect.recollection import Recollection
from defender_alerts.times import seconds
from standins.microsoft.cloud import MicrosoftCloud
from standins.microsoft.graph_samples import graph_incident
from standins.polling import MemorySink, PolledInput
from standins.sources import INCIDENTS, customer

DAY = 86_400
INTERVAL = 300
OLD = 2_000
NEW = 9_999


class TimedSink(MemorySink):
    """Notes how many seconds a run had lasted when the new incident was written."""

    def __init__(self, polled: PolledInput) -> None:
        super().__init__()
        self._polled = polled
        self.begun = polled.jumped
        self.waited: float | None = None

    def write(self, origin: Origin, versions: Iterable[Version]) -> int:
        batch = list(versions)
        if any(f'"id":"{NEW}"'.encode() in version.raw.replace(b'": "', b'":"') for version in batch):
            self.waited = self._polled.jumped - self.begun
        return super().write(origin, batch)


@pytest.fixture
def thirty_days(cloud: MicrosoftCloud) -> tuple[PolledInput, list[tuple[str, int]]]:
    """An input that has collected the last hour, and 2,000 incidents of the 30 days before that, five to an answer."""
    polled = INCIDENTS.input(cloud, *customer(cloud))
    polled.most_records = 5
    polled.start_time = "-1h"
    polled.let_time_pass()
    cloud.clock.freeze(cloud.clock.now() // seconds(1) * seconds(1))
    now = cloud.clock.now()
    old = [(str(number), now - seconds(30 * DAY - number * 1_290)) for number in range(OLD)]
    for name, time in old:
        cloud.graph("commercial").incidents.put(polled.tenant, graph_incident(int(name), time))
    assert polled.poll().failures == []
    cloud.clock.advance(INTERVAL)
    polled.jumped += INTERVAL
    cloud.graph("commercial").incidents.put(polled.tenant, graph_incident(NEW, cloud.clock.now() - seconds(60)))
    return polled, old


def _checkpoint(polled: PolledInput) -> Checkpoint:
    (document,) = polled.store.documents.values()
    key = CheckpointKey(*(document[name] for name in ("kind", "input", "tenant", "cloud", "region")))
    return Checkpoint.from_document(key, document)


def _versions(old: list[tuple[str, int]]) -> Seen:
    versions = Seen()
    for name, time in old:
        versions.add(fingerprint(name, time), time)
    return versions


def test_new_alerts_arrive_within_one_poll_while_thirty_days_are_collected_again(
    thirty_days: tuple[PolledInput, list[tuple[str, int]]],
) -> None:
    polled, old = thirty_days
    checkpoint = _checkpoint(polled)
    polled.store.save(Recollection(checkpoint.key, checkpoint.generation, _versions(old), ordered=len(old)).document())
    polled.sink = sink = TimedSink(polled)
    assert polled.poll().failures == []
    assert len(set(sink.raws())) == len(sink.raws()) == OLD + 1
    assert polled.jumped - sink.begun > INTERVAL, "so few are read within an interval anyway"
    assert sink.waited is not None
    assert sink.waited < INTERVAL
