"""An audit compares every kind of input, and what it finds missing is collected again by the input's own way."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
from defender_alerts.audit import compare
from defender_alerts.audit.compare import AuditContext, AuditRequest, Discrepancy, RegionReport, audit
from defender_alerts.collect.poll import PollContext
from defender_alerts.input_kinds import KINDS
from defender_alerts.times import seconds
from standins.microsoft.cloud import MicrosoftCloud
from standins.microsoft.graph_samples import graph_alert, graph_incident
from standins.polling import NoWaiting, PolledInput
from standins.sources import INCIDENTS, SOURCES, Source, customer

HOUR = seconds(3_600)


@dataclass
class TakenIndex:
    """What the input's sink has taken, as an index shows it; ``lost`` are texts that never got there."""

    polled: PolledInput
    lost: Counter[str]
    warnings: Sequence[str] = ()

    def versions(self, source: str, start: int, end: int) -> Iterator[tuple[Mapping[str, Any], int]]:
        names = KINDS[self.polled.kind].identified_by
        counts = Counter(one.version.raw.decode() for one in self.polled.sink.taken if not one.version.is_split)
        times = {one.version.raw.decode(): one.version.time for one in self.polled.sink.taken}
        assert {one.origin.source for one in self.polled.sink.taken} == {source}
        for raw, count in (counts - self.lost).items():
            if start <= times[raw] < end:
                record = json.loads(raw)
                yield {name: str(record[name]) for name in names if record.get(name) is not None}, count

    def has_any(self, source: str) -> bool:
        assert source
        return True


def _audit(polled: PolledInput, index: TakenIndex, *, collect: bool = False) -> tuple[RegionReport, list[Discrepancy]]:
    plan, found, now = polled.plan(), list[Discrepancy](), polled.cloud.clock.now()
    log = logging.getLogger("tests.audit")
    given = PollContext(polled.network(), polled.store, polled.sink, NoWaiting(), log)
    question = AuditRequest(
        plan.kind, plan.polling.name, plan.own, plan.account, now - 5 * 24 * HOUR, now - HOUR, collect=collect
    )
    means = AuditContext(given.caller, polled.store, index, found.append, 0.0)
    (report,) = audit(question, means)
    if report.failure is not None:
        raise report.failure
    return report, found


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.kind)
@pytest.mark.parametrize("answer", [None, 20])
def test_what_is_missing_is_found_ordered_and_collected_once(
    cloud: MicrosoftCloud, source: Source, answer: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compare, "MOST_COMPARED", 7)
    tenant, application = customer(cloud)
    polled = source.input(cloud, tenant, application, most_records=answer)
    now = cloud.clock.now()
    # Some a tick apart, some in one second, most of them hours apart.
    moments = [now - 4 * 24 * HOUR + number * HOUR for number in range(60)]
    moments += [now - 30 * HOUR + number for number in range(15)] + [
        now - 29 * HOUR + number * 500_000 for number in range(15)
    ]
    raws = [source.make(number, moment) for number, moment in enumerate(moments, start=1)]
    source.publish(cloud, tenant, raws)
    assert polled.poll().failures == []
    assert sorted(polled.sink.raws()) == sorted(raw.decode() for raw in raws)
    lost = Counter(raw.decode() for raw in raws[10:90:9])
    index = TakenIndex(polled, lost)
    report, found = _audit(polled, index, collect=True)
    assert (report.existing, report.indexed, report.missing, report.gone) == (90, 81, 9, 0)
    assert (report.unidentified, report.unreadable, report.repeated, report.ordered) == (0, 0, 0, 9)
    assert len({finding.identity for finding in found}) == 9
    before = len(polled.sink.taken)
    # An hour later the place no longer remembers them: it is the order that brings them.
    cloud.clock.advance(4_000)
    assert polled.poll().failures == []
    assert sorted(polled.sink.raws()[before:]) == sorted(lost)
    report, _ = _audit(polled, index)
    assert report.missing == 0


def test_alerts_cut_out_of_incidents_are_not_taken_for_incidents(cloud: MicrosoftCloud) -> None:
    tenant, application = customer(cloud)
    polled = replace(INCIDENTS, own={"alerts": "split"}).input(cloud, tenant, application)
    now = cloud.clock.now()
    for number in range(1, 20):
        alerts = [graph_alert(4 * number + position, now - 30 * HOUR) for position in range(3)]
        cloud.graph("commercial").incidents.put(tenant, graph_incident(number, now - 20 * HOUR + number), alerts=alerts)
    assert polled.poll().failures == []
    report, found = _audit(polled, TakenIndex(polled, Counter()))
    assert (report.existing, report.indexed, report.missing, report.gone, found) == (19, 19, 0, 0, [])
