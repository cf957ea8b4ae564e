"""Incidents whose alerts don't come: whatever the reason and however long, they come in the end, and none comes twice.

The number of calls that fail is swept from none to far beyond everything that the code counts, so that no number of its
own is the last one that is tried.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from defender_alerts.checkpoint import checkpoint
from defender_alerts.collect import missing_alerts
from defender_alerts.errors import AddonError, IncompleteError
from defender_alerts.times import iso, parse_iso, seconds
from hypothesis import given, settings
from hypothesis import strategies as st
from standins.microsoft import faults
from standins.microsoft.cloud import MicrosoftCloud
from standins.microsoft.graph_samples import graph_alert, graph_incident
from standins.microsoft.odata_query import Query
from standins.polling import PolledInput
from standins.sources import INCIDENTS, customer
from unit.past import past

HOUR = seconds(3_600)
HOST = "graph.microsoft.com"
MODES = pytest.mark.parametrize("mode", ["inside", "split"])


@dataclass
class Tenant:
    """One tenant with incidents, two alerts each, and its input."""

    cloud: MicrosoftCloud
    mode: str
    polled: PolledInput = field(init=False)
    alerts: dict[str, list[str]] = field(default_factory=dict)
    plain: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.polled = replace(INCIDENTS, own={"alerts": self.mode}).input(self.cloud, *customer(self.cloud))
        self.polled.let_time_pass()
        self.cloud.clock.freeze(self.cloud.clock.now() // seconds(1) * seconds(1))

    @property
    def shelf(self) -> Any:
        return self.cloud.graph("commercial").incidents

    def put(self, number: int, ago: int) -> None:
        """Let an incident be new, or updated, so many seconds ago."""
        updated = self.cloud.clock.now() - seconds(ago)
        raw = graph_incident(number, updated)
        alerts = [graph_alert(10 * number + each, updated - seconds(60), id=f"da{number}_{each}") for each in range(2)]
        self.shelf.put(self.polled.tenant, raw, alerts=alerts)
        self.plain[str(number)] = raw.decode()
        self.alerts[str(number)] = [alert.decode() for alert in alerts]

    def put_many(self, count: int, ago: int, step: int) -> None:
        """Let so many incidents be there, from 1 on, each updated so many seconds after the one before."""
        for number in range(1, count + 1):
            self.put(number, ago - step * number)

    def poll(self, passed: int = 300) -> tuple[str, int]:
        """Let time pass and poll; how that ended, and how many incidents then lack their alerts."""
        self.cloud.clock.advance(passed)
        self.polled.jumped += passed
        (one,) = self.polled.poll().outcomes
        assert (one.outcome == "incomplete") == (type(one.failure) is IncompleteError)
        incomplete = one.collector.summary(0)["incidents_without_alerts"]
        assert isinstance(incomplete, int)
        return one.outcome, incomplete

    def poll_until_whole(self, most: int) -> None:
        """Poll until nothing is missing, and once more."""
        for _ in range(most):
            if self.poll() == ("done", 0):
                break
        assert self.poll() == ("done", 0)

    def failure(self) -> AddonError:
        (failure,) = self.polled.poll().failures
        return failure

    def incomplete(self) -> set[str]:
        """The incidents whose alerts have not been indexed."""
        texts = set(self.polled.sink.raws())
        if self.mode == "split":
            return {number for number, alerts in self.alerts.items() if not set(alerts) <= texts}
        with_alerts = {json.loads(text)["id"] for text in texts if '"alerts":[{' in text}
        return set(self.alerts) - with_alerts

    def times_each(self) -> set[int]:
        """How often the events have come, each of them."""
        return set(Counter(self.polled.sink.raws()).values())

    def assert_all_came_once(self) -> None:
        """Each incident and all its alerts are indexed, and nothing is twice."""
        assert self.incomplete() == self.unindexed() == set()
        assert self.times_each() == {1}

    def unindexed(self) -> set[str]:
        """The incidents that have not been indexed at all."""
        shown = {json.loads(one.version.raw)["id"] for one in self.polled.sink.taken if not one.version.is_split}
        return set(self.plain) - shown

    def calls(self) -> list[str]:
        """The paths that were asked for."""
        return [call.path for call in self.cloud.journal.calls(HOST)]


@pytest.fixture
def tenant(cloud: MicrosoftCloud, mode: str) -> Tenant:
    return Tenant(cloud, mode)


@pytest.mark.parametrize(("status", "ago"), [(503, 7_200), (404, 100)])
@MODES
def test_an_outage_of_any_length_costs_no_alert(tenant: Tenant, status: int, ago: int) -> None:
    tenant.poll()
    number = 0
    for failing in (*range(8), 11, 12, 13, 25):
        tenant.cloud.clock.advance(20_000)
        tenant.polled.jumped += 20_000
        for _ in range(4):
            number += 1
            tenant.put(number, ago - number % 4)
        tenant.cloud.faults.add(HOST, faults.Status(status), times=failing)
        for _ in range(40):
            if tenant.poll()[0] == "done":
                break
        else:
            pytest.fail("it never ends")
        tenant.cloud.faults.clear()
        assert tenant.incomplete() == tenant.unindexed() == set(), failing
    assert tenant.times_each() == {1}


@settings(max_examples=12, deadline=None)
@given(
    mode=st.sampled_from(["inside", "split"]),
    failing=st.lists(st.booleans(), min_size=1, max_size=60),
    expanding=st.lists(st.booleans(), min_size=1, max_size=60),
    new=st.lists(st.tuples(st.integers(0, 9), st.sampled_from([5, 400, 9_000])), max_size=12),
)
def test_calls_that_fail_in_any_pattern_cost_no_alert(
    mode: str, failing: list[bool], expanding: list[bool], new: list[tuple[int, int]]
) -> None:
    """Some whatever they ask for, some only when they ask for alerts; meanwhile incidents are made and updated."""
    with MicrosoftCloud() as cloud:
        tenant = Tenant(cloud, mode)
        tenant.poll(9_100)
        fails, fails_expanding = iter(failing), iter(expanding)
        cloud.faults.add(HOST, faults.Status(503), times=None, when=lambda _: next(fails, False))
        tenant.shelf.expansion_fails = lambda _: next(fails_expanding, False)
        for number, ago in new or [(1, 5)]:
            cloud.clock.advance(10_000)
            tenant.polled.jumped += 10_000
            tenant.put(number, ago)
            tenant.poll(5)
        for _ in range(100):
            if tenant.poll()[0] == "done":
                break
        tenant.assert_all_came_once()


@dataclass(frozen=True)
class Failing:
    """A service that fails over alerts.

    Attributes:
        when: a request with alerts fails.
        ever: the incidents, of those from 1 to 60, whose alerts it can't give at all.
    """

    when: Callable[[Query], bool]
    ever: frozenset[int] = frozenset()


FAILING = {
    "for more than ten": Failing(lambda query: query.size > 10),
    "for more than one": Failing(lambda query: query.size > 1),
    "for some": Failing(lambda _: False, frozenset({30, 31, 59})),
    "for some in a row": Failing(lambda _: False, frozenset(range(30, 42))),
    "for all": Failing(lambda _: True, frozenset(range(1, 61))),
}


@pytest.mark.parametrize("name", FAILING)
@MODES
def test_a_tenant_whose_alerts_come_one_by_one_or_not_at_all_has_its_incidents_collected(
    tenant: Tenant, name: str
) -> None:
    failing = FAILING[name]
    tenant.shelf.expansion_fails = failing.when
    tenant.shelf.too_large.update(map(str, failing.ever))
    tenant.put_many(60, 18_000, 59)
    outcome, incomplete = tenant.poll()
    assert tenant.unindexed() == set()
    assert len(tenant.incomplete()) == incomplete
    for _ in range(6):
        outcome, incomplete = tenant.poll(900)
    assert tenant.incomplete() == set(map(str, failing.ever))
    assert (outcome, incomplete) == ("incomplete" if failing.ever else "done", len(failing.ever))
    assert tenant.times_each() == {1}
    if failing.ever:
        failure = tenant.failure()
        assert f"The alerts of {len(failing.ever)} incidents are missing (" in str(failure)
        assert "add an input of the kind defender_graph_alerts" in str(failure)
    tenant.shelf.expansion_fails = None
    tenant.shelf.too_large.clear()
    tenant.poll_until_whole(20)
    tenant.assert_all_came_once()


@MODES
def test_nothing_is_asked_for_less_while_incidents_without_alerts_fail_as_well(tenant: Tenant) -> None:
    tenant.put(1, 100)
    tenant.cloud.faults.add(HOST, faults.Status(503), times=None)
    assert tenant.poll() == ("failed", 0)
    expanded = ["$expand" in dict(call.query) for call in tenant.cloud.journal.calls(HOST)]
    # With the whole patience, and then once without.
    assert expanded == [True] * 5 + [False]
    assert tenant.polled.sink.raws() == []


@MODES
def test_a_later_version_with_its_alerts_settles_an_incident(tenant: Tenant) -> None:
    tenant.shelf.too_large.add("7")
    tenant.put(7, 7_200)
    assert tenant.poll() == ("incomplete", 1)
    tenant.shelf.too_large.clear()
    tenant.put(7, 10)
    tenant.cloud.journal.clear()
    assert tenant.poll() == ("done", 0)
    assert not [path for path in tenant.calls() if path.endswith("/7")]
    tenant.assert_all_came_once()


@MODES
def test_an_older_version_does_not_settle_a_later_one(tenant: Tenant) -> None:
    tenant.shelf.too_large.add("7")
    tenant.put(7, 100)
    assert tenant.poll(0) == ("incomplete", 1)
    (document,) = (one for one in tenant.polled.store.documents.values() if "incomplete" in one)
    now = iso(tenant.cloud.clock.now() + HOUR)
    document["incomplete"] = json.dumps([["7", now, 0]])
    tenant.shelf.too_large.clear()
    assert tenant.poll(5_000) == ("incomplete", 1)
    assert tenant.poll(5_000) == ("incomplete", 1)


@MODES
def test_an_incident_that_is_not_shown_in_three_runs_is_named_once_and_asked_for_no_more(
    tenant: Tenant, caplog: pytest.LogCaptureFixture
) -> None:
    tenant.shelf.too_large.add("7")
    tenant.put(7, 7_200)
    assert tenant.poll() == ("incomplete", 1)
    tenant.shelf.remove(tenant.polled.tenant, "7")
    told = []
    for run in range(1, 8):
        outcome, incomplete = tenant.poll()
        told += [run for one in caplog.records if "the alerts of the incident 7 have never arrived" in one.getMessage()]
        caplog.clear()
        gone = run >= missing_alerts.RUNS_UNTIL_GONE
        assert incomplete == (0 if gone else 1)
        assert outcome == ("incomplete" if run <= missing_alerts.RUNS_UNTIL_GONE else "done")
    assert told == [missing_alerts.RUNS_UNTIL_GONE]


@pytest.mark.parametrize("count", [4, 5, 17])
@MODES
def test_more_incidents_than_are_remembered_hold_the_watermark_and_not_the_incidents(
    tenant: Tenant, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(missing_alerts, "MOST_INCOMPLETE", 4)
    tenant.shelf.expansion_fails = lambda _: True
    tenant.put_many(count, 20_000, 60)
    for _ in range(3):
        assert tenant.poll() == ("incomplete", count)
        assert tenant.unindexed() == set()
        (document,) = (one for one in tenant.polled.store.documents.values() if "incomplete" in one)
        assert len(json.loads(document["incomplete"])) == min(4, count)
        if count > 4:
            assert parse_iso(document["watermark"]) < tenant.cloud.clock.now() - 4 * HOUR
    tenant.shelf.expansion_fails = None
    tenant.poll_until_whole(2 + count)
    tenant.assert_all_came_once()


@MODES
def test_an_input_that_does_not_want_alerts_any_more_lacks_none(tenant: Tenant) -> None:
    tenant.shelf.expansion_fails = lambda _: True
    tenant.put(7, 7_200)
    assert tenant.poll() == ("incomplete", 1)
    tenant.polled.own = {"alerts": "none"}
    assert tenant.poll() == ("done", 0)


@pytest.mark.parametrize("after", range(12))
@MODES
def test_a_save_that_fails_leaves_the_alerts_to_the_next_run(tenant: Tenant, mode: str, after: int) -> None:
    tenant.shelf.expansion_fails = lambda _: True
    tenant.put_many(5, 7_200, 0)
    assert tenant.poll() == ("incomplete", 5)
    assert tenant.times_each() == {1}
    tenant.shelf.expansion_fails = None
    saved = len(tenant.polled.store.history)
    tenant.polled.store.fail_save = lambda count: count >= saved + after
    tenant.poll()
    tenant.polled.store.fail_save = lambda _: False
    for _ in range(2):
        tenant.poll()
    assert tenant.poll() == ("done", 0)
    assert tenant.incomplete() == set()
    # An incident and its alerts are a batch of their own, and one batch may come again.
    twice = [text for text, count in Counter(tenant.polled.sink.raws()).items() if count > 1]
    assert len(twice) <= (2 if mode == "split" else 1)


def test_incomplete_incidents_survive_the_checkpoint() -> None:
    key = checkpoint.CheckpointKey("defender_incidents", "test", "tenant", "commercial", "global")
    one = checkpoint.Checkpoint.first(key, 5)
    one.incomplete = {"7": checkpoint.IncompleteRecord(70, 2), "3": checkpoint.IncompleteRecord(30)}
    again = checkpoint.Checkpoint.from_document(key, one.document())
    assert list(again.incomplete.items()) == list(one.incomplete.items())
    former = one.document()
    del former["incomplete"]
    assert checkpoint.Checkpoint.from_document(key, former).incomplete == {}


@pytest.mark.parametrize("count", [missing_alerts.MOST_ASKED_SINGLY + over for over in (0, 103)])
@pytest.mark.parametrize("mode", ["split"])
def test_more_incidents_than_one_run_asks_for_come_with_later_runs(tenant: Tenant, count: int) -> None:
    tenant.shelf.expansion_fails = lambda _: True
    tenant.put_many(count, 20_000, 1)
    assert tenant.poll() == ("incomplete", count)
    tenant.shelf.expansion_fails = None
    for left in range(count - missing_alerts.MOST_ASKED_SINGLY, 0, -missing_alerts.MOST_ASKED_SINGLY):
        assert tenant.poll() == ("incomplete", left)
    assert tenant.poll() == ("done", 0)
    tenant.assert_all_came_once()


@pytest.mark.parametrize("failing", past(missing_alerts._MOST_FAILURES_IN_A_ROW))
@pytest.mark.parametrize("mode", ["inside"])
def test_however_many_incidents_fail_in_a_row_the_others_have_their_turn(tenant: Tenant, failing: int) -> None:
    """A run gives up after a few in a row, and the next one begins with those behind them."""
    tenant.shelf.expansion_fails = lambda _: True
    count = 16
    tenant.put_many(count, 20_000, 1)
    assert tenant.poll() == ("incomplete", count)
    tenant.shelf.expansion_fails = None
    tenant.shelf.too_large.update(str(number) for number in range(1, failing + 1))
    for _ in range(1 + failing // missing_alerts._MOST_FAILURES_IN_A_ROW):
        tenant.poll()
    assert tenant.incomplete() == set(map(str, range(1, failing + 1)))
    tenant.shelf.too_large.clear()
    tenant.poll()
    assert tenant.poll() == ("done", 0)
    assert tenant.times_each() == {1}


@pytest.mark.parametrize("failing", [0, 1, 9, 24])
@MODES
def test_however_many_answers_come_without_alerts_they_are_soon_asked_for_again(tenant: Tenant, failing: int) -> None:
    """In one run, whose windows are split all the while: an answer without alerts is asked for again, narrower, with them."""
    tenant.polled.most_records = 2
    tenant.put_many(40, 20_000, 60)
    answers: list[Query] = []
    tenant.shelf.before_answer = answers.append
    tenant.shelf.expansion_fails = lambda _: len(answers) <= failing
    assert tenant.poll() == ("done", 0)
    asked = [answer.expands for answer in answers[failing:] if answer.since is not None]
    assert asked.count(False) <= failing
    assert asked[-1]
    tenant.assert_all_came_once()
