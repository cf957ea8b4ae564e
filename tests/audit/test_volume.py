"""Audits of any size: answers that are cut short on either side, and memory that does not grow."""

from __future__ import annotations

import gc
import logging
import tracemalloc
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from defender_alerts.audit import compare
from defender_alerts.audit.compare import (
    AuditContext,
    AuditRequest,
    Discrepancy,
    RegionReport,
    SearchFailedError,
    audit,
)
from defender_alerts.checkpoint.checkpoint import Checkpoint, CheckpointKey
from defender_alerts.collect import recollection
from defender_alerts.collect.page import CutShortError
from defender_alerts.collect.poll import PollContext
from standins.microsoft import ticks
from standins.microsoft.cloud import MicrosoftCloud
from standins.microsoft.siem import SiemBehaviour
from standins.polling import SECRET, MemoryPlaces, MemorySink, NoWaiting, PolledInput
from unit.past import past

NAMES = ("FullId", "AlertPart", "LastProcessedTimeUtc")
DAY = 86_400 * ticks.PER_SECOND


def small_alert(number: int, moment: int) -> bytes:
    return (
        f'{{"FullId":"da{number}","AlertPart":"0","LastProcessedTimeUtc":"{ticks.text(moment)}","Text":"é"}}'
    ).encode()


@dataclass
class MemoryIndex:
    """An index in memory, whose searches return at most ``most`` versions."""

    most: int = 10**9
    counts: Counter[int] = field(default_factory=Counter)
    asked: int = 0
    warnings: Sequence[str] = ()

    def versions(self, source: str, start: int, end: int) -> Iterator[tuple[Mapping[str, Any], int]]:
        assert source.startswith("defender_siem_alerts:")
        self.asked += 1
        found = [moment for moment in self.counts if start <= moment < end]
        if len(found) >= self.most:
            raise CutShortError
        for moment in found:
            yield dict(zip(NAMES, (f"da{moment}", "0", ticks.text(moment)), strict=True)), self.counts[moment]

    def has_any(self, source: str) -> bool:
        assert source
        return bool(self.counts)


@dataclass
class Volume:
    """One region with alerts at given moments, and an index to compare it with."""

    polled: PolledInput
    index: MemoryIndex = field(default_factory=MemoryIndex)
    found: list[Discrepancy] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.now = self.polled.cloud.clock.now()

    def fill(self, moments: Sequence[int], *, indexed: bool = True) -> None:
        alerts = [small_alert(moment, moment) for moment in moments]
        self.polled.cloud.siem("eu").add_all(self.polled.tenant, alerts)
        self.index.counts.update(moments if indexed else ())

    def audit(self, *, span: int = DAY, collect: bool = False) -> RegionReport:
        plan = self.polled.plan()
        key = CheckpointKey(plan.kind.name, plan.polling.name, self.polled.tenant.guid, "commercial", "eu")
        store = MemoryPlaces()
        store.save(Checkpoint.first(key, self.now).document())
        question = AuditRequest(
            plan.kind, plan.polling.name, plan.own, plan.account, self.now - span, self.now, collect
        )
        log = logging.getLogger("tests.audit")
        given = PollContext(self.polled.network(), store, MemorySink(), NoWaiting(), log)
        means = AuditContext(given.caller, store, self.index, self.found.append, 0.0)
        (report,) = audit(question, means)
        if report.failure is not None:
            raise report.failure
        return report


@pytest.fixture
def volume() -> Iterator[Volume]:
    with MicrosoftCloud() as cloud:
        tenant = cloud.entra.add_tenant(domain="contoso.onmicrosoft.com", cloud="commercial")
        yield Volume(PolledInput(cloud, tenant, tenant.add_application(secret=SECRET)))


@pytest.mark.parametrize("order", ["newest_first", "oldest_first", "shuffled"])
def test_answers_that_are_cut_short_hide_nothing(volume: Volume, monkeypatch: pytest.MonkeyPatch, order: Any) -> None:
    monkeypatch.setattr(compare, "MOST_COMPARED", 1)
    volume.polled.most_records = 40
    volume.polled.cloud.siem("eu").behaviour = SiemBehaviour(silent_cap=40, order=order)
    moments = [volume.now - DAY + number * number * 300_000 for number in range(700)]
    volume.fill(moments)
    report = volume.audit()
    assert (report.existing, report.indexed, report.missing, report.gone) == (700, 700, 0, 0)
    assert volume.found == []


def test_an_instant_that_is_fuller_than_an_answer_is_compared_as_it_comes(volume: Volume) -> None:
    volume.polled.most_records = 20
    moment = volume.now - DAY // 2
    alerts = [small_alert(number, moment) for number in range(50)]
    volume.polled.cloud.siem("eu").add_all(volume.polled.tenant, alerts)
    # Of the same source, so that the source is known to be searched; and long before.
    volume.index.counts.update([volume.now - 30 * DAY])
    report = volume.audit()
    assert (report.existing, report.missing) == (50, 50)


def test_searches_that_are_cut_short_are_split(volume: Volume) -> None:
    moments = [volume.now - DAY + number * 60 * ticks.PER_SECOND for number in range(1_000)]
    volume.fill(moments)
    volume.index.counts[moments[500]] += 1
    del volume.index.counts[moments[700]]
    volume.index.most = 90
    report = volume.audit()
    assert volume.index.asked > 10
    assert (report.existing, report.indexed) == (1_000, 999)
    assert [(one.what, one.time) for one in volume.found] == [("missing", moments[700]), ("repeated", moments[500])]


def test_a_second_with_more_than_a_search_returns_is_said(volume: Volume) -> None:
    moments = [volume.now - DAY // 2 + number for number in range(100)]
    volume.fill(moments)
    volume.index.most = 50
    with pytest.raises(SearchFailedError, match="than a search returns"):
        volume.audit()


def test_alerts_are_compared_in_stretches(volume: Volume, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compare, "MOST_COMPARED", 100)
    volume.polled.most_records = 60
    moments = [volume.now - DAY + number * 60 * ticks.PER_SECOND for number in range(1_000)]
    volume.fill(moments)
    lost = moments[::250]
    for moment in lost:
        del volume.index.counts[moment]
    report = volume.audit()
    assert volume.index.asked >= 5
    assert (report.existing, report.missing) == (1_000, 4)
    assert [one.time for one in volume.found] == lost


@pytest.mark.parametrize("lost", past(20))
def test_more_missing_alerts_than_an_order_takes_are_left_to_the_next_audit(
    volume: Volume, monkeypatch: pytest.MonkeyPatch, lost: int
) -> None:
    assert recollection.MOST_ORDERED > 20
    monkeypatch.setattr(compare, "MOST_ORDERED", 20)
    moments = [volume.now - DAY + number * 60 * ticks.PER_SECOND for number in range(lost + 1)]
    volume.fill(moments, indexed=False)
    volume.index.counts[moments[0]] += 1
    report = volume.audit(collect=True)
    assert (report.missing, report.ordered) == (lost, min(lost, 20))
    assert ("It takes 20 at a time: audit again then for the others." in report.note) == (lost > 20)


def test_memory_does_not_grow_with_the_range(volume: Volume, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compare, "MOST_COMPARED", 500)
    volume.polled.most_records = 400
    moments = [volume.now - 10 * DAY + number * 60 * ticks.PER_SECOND for number in range(12_000)]
    volume.fill(moments)
    peaks = []
    for span in (2 * DAY, 10 * DAY):
        gc.collect()
        tracemalloc.start()
        report = volume.audit(span=span)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        volume.polled.cloud.journal.clear()
        assert report.missing == 0
        assert report.existing > 10_000 or span == 2 * DAY
    assert peaks[1] < peaks[0] * 1.3 + 500_000, peaks
