"""The promise as a model, for records that move: the API shows each at its present version alone.

An update takes the place of the version before, at a later time, perhaps while a page is read that it leaves or comes
into. So what was overwritten before a poll could read it may be missing. Everything else holds as for the records that
stay (``test_promise``): what is shown to an undisturbed poll has been delivered behind it, nothing else ever is, and
nothing twice. The behaviours that Microsoft's documents leave open are made up with the histories.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
from defender_alerts.errors import IncompleteError
from defender_alerts.times import TICKS_PER_SECOND, seconds
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule
from standins.microsoft import json_members
from standins.microsoft.graph_samples import graph_alert
from standins.microsoft.odata_query import Behaviour
from standins.sources import ENDPOINT, GRAPH, INCIDENTS, Source
from unit.histories import ANSWER, LATE, OVERLAP, SETTINGS, History

# Each record has a time of creation of its own: an instant that can't be paged is told apart by nothing else.
_CREATED = seconds(1_770_000_000)
_NEVER_FULL = 1_000
_NEVER_SKIPPED = 500
_MOST_TOO_LARGE = 3


@dataclass(frozen=True)
class Given:
    """A version that Microsoft was given to show.

    Attributes:
        time: its version time, in ticks.
        visible_from: when it takes the place of the one before.
        raw: its text.
        alerts: the texts of those inside it that become events of their own.
    """

    time: int
    visible_from: int
    raw: str
    alerts: tuple[str, ...] = ()

    @property
    def inside(self) -> str:
        """The record's text with the alerts in it."""
        alerts = b"[" + ",".join(self.alerts).encode() + b"]"
        return json_members.extended(self.raw.encode(), "alerts", alerts).decode()


@st.composite
def behaviours(draw: st.DrawFn, usual: Behaviour) -> Behaviour:
    """What the documents leave open, each way that leaves a reader a chance."""
    links: Any = draw(st.sampled_from(["never", "more", "full", "always"]))
    link_by: Any = draw(st.sampled_from(["skiptoken", "skip"]))
    # Where every page has a link, one that is refused leaves no way to know an answer as whole.
    refusals: list[int | None] = [None, 2, 3] if links == "always" else [None, 1, 2, 3]
    skips: list[int | None] = [None] if links == "always" and link_by == "skip" else [None, 0, ANSWER, 500]
    refused_from = draw(st.sampled_from(refusals))
    has_empty_pages = links != "never" and link_by == "skiptoken" and refused_from is None
    return replace(
        usual,
        order=draw(st.sampled_from(["newest_first", "oldest_first", "oldest_of_newest_first", "none"])),
        links=links,
        link_by=link_by,
        links_break_from=refused_from,
        empty_first=draw(st.just(0) | st.integers(0, 20)) if has_empty_pages else 0,
        # A page smaller than was asked for, and nothing that says so, can't be told from the end.
        page_maximum=draw(st.sampled_from([_NEVER_FULL] if links == "never" else [_NEVER_FULL, ANSWER, 5, 3])),
        most_skip=draw(st.sampled_from(skips)),
        link_first=draw(st.booleans()),
        chunked=draw(st.booleans()),
        space=draw(st.sampled_from([b"", b"\r\n  "])),
    )


class Moving(History):
    """Records of one of today's APIs, and everything that can happen to them."""

    def __init__(self) -> None:
        super().__init__()
        self.given: dict[int, list[Given]] = {}

    @initialize(data=st.data(), rounding=st.sampled_from([None, None, None, "ms", "s"]))
    def behave(self, data: st.DataObject, rounding: Any) -> None:
        self.usual: Behaviour = self.shelf.behaviour
        self.shelf.behaviour = data.draw(behaviours(self.usual))
        if rounding is not None:
            # What lies in one second with more than an answer holds can't be asked for where bounds lose their
            # fractions: here no answer is ever full.
            self.polled.most_records = _NEVER_FULL
            # A link that skips as many as that page holds is more than Graph lets anybody skip.
            self.shelf.behaviour = replace(
                self.shelf.behaviour, rounds_bounds_to=rounding, page_maximum=_NEVER_FULL, link_by="skiptoken"
            )

    def may_be_incomplete(self) -> bool:
        behaviour: Behaviour = self.shelf.behaviour
        cannot_skip = behaviour.most_skip is not None and behaviour.most_skip < _NEVER_SKIPPED
        return behaviour.links_break_from is not None or cannot_skip

    def mend(self) -> None:
        self.shelf.behaviour = replace(self.shelf.behaviour, links_break_from=None, most_skip=self.usual.most_skip)

    def _shown(self, number: int, now: int) -> Given | None:
        """The version of a record that the API shows."""
        visible = [version for version in self.given[number] if version.visible_from <= now]
        return max(visible, key=lambda version: version.time, default=None)

    def _show(self, number: int, time: int, late: int = 0, digits: int = 7) -> None:
        """Create or update a record; it never gets older."""
        before = self.given.setdefault(number, [])
        step = 10 ** (7 - digits)
        time = time // step * step
        latest = max((version.time for version in before), default=0)
        if time <= latest:
            digits, time = 7, latest + 1
            while time > self.now:
                self.cloud.clock.advance(0.01)
        visible = max(self.now, time + seconds(late)) if late else self.now
        raw = self.source.make(number, time, created=_CREATED - seconds(number), digits=digits)
        alerts = self.alerts_of(number, time)
        before.append(Given(time, visible, raw.decode(), tuple(alert.decode() for alert in alerts)))
        self.put.add(raw.decode())
        self.put.update(self.due_of(before[-1]))
        inside = {"alerts": alerts} if alerts else {}
        self.shelf.put(self.polled.tenant, raw, visible_from=visible, **inside)

    def alerts_of(self, number: int, time: int) -> Sequence[bytes]:
        """What is inside a record and becomes events of its own."""
        del number, time
        return ()

    def due_of(self, version: Given) -> Sequence[str]:
        """The texts of the events that a version has to become."""
        return (version.raw, *version.alerts)

    def missing(self) -> set[str]:
        # The server says what its time is in whole seconds, and a poll does not go on for a rest of less than one: what
        # is younger may wait for the next poll.
        now = self.now
        read_up_to = now // TICKS_PER_SECOND * TICKS_PER_SECOND - TICKS_PER_SECOND
        shown = [version for number in self.given if (version := self._shown(number, now)) is not None]
        due = {text for version in shown if version.time < read_up_to for text in self.due_of(version)}
        return due - set(self.polled.sink.raws())

    def poll_undisturbed(self) -> None:
        super().poll_undisturbed()
        if not self.may_be_incomplete():
            assert self.missing() == set()

    def _any(self, index: int) -> int | None:
        return sorted(self.given)[index % len(self.given)] if self.given else None

    @rule(
        ago=st.integers(min_value=0, max_value=seconds(OVERLAP - 60)),
        late=LATE,
        digits=st.integers(min_value=0, max_value=7),
    )
    def create(self, ago: int, late: int, digits: int) -> None:
        self.number += 1
        # A record that was made a while ago appears now: within the overlap of its version time.
        self._show(self.number, self.now - ago, late if ago == 0 else 0, digits)

    @rule(
        index=st.integers(min_value=0, max_value=99),
        ago=st.integers(min_value=0, max_value=seconds(30)),
        late=LATE,
    )
    def update(self, index: int, ago: int, late: int) -> None:
        number = self._any(index)
        if number is not None:
            self._show(number, self.now - ago, late if ago == 0 else 0)

    @rule(
        count=st.integers(min_value=2, max_value=2 * ANSWER + 5),
        ago=st.integers(min_value=0, max_value=seconds(300)),
        spread=st.sampled_from([0, 0, 1, 3, 10_000, TICKS_PER_SECOND]),
    )
    def crowd(self, count: int, ago: int, spread: int) -> None:
        """A crowd at one instant, or a few instants wide."""
        now = self.now
        for position in range(count):
            self.number += 1
            self._show(self.number, now - ago - position * spread)

    @rule(count=st.integers(min_value=2, max_value=2 * ANSWER + 5), index=st.integers(0, 99))
    def update_many_at_one_instant(self, count: int, index: int) -> None:
        """As somebody does who closes a whole list of alerts."""
        now = self.now
        numbers = sorted(self.given)
        for number in numbers[index % (len(numbers) or 1) :][:count]:
            self._show(number, now)

    @rule(
        moves=st.lists(
            st.tuples(
                st.sampled_from(["update", "update", "update", "create", "nothing"]),
                st.integers(min_value=0, max_value=99),
                st.sampled_from([0.0, 0.0, 0.4, 1.0, 61.0]),
            ),
            min_size=1,
            max_size=12,
        )
    )
    def poll_while_records_move(self, moves: list[tuple[str, int, float]]) -> None:
        """One thing happens before each answer."""
        left = list(reversed(moves))

        def happen(_: object) -> None:
            if not left:
                return
            what, index, passed = left.pop()
            self.cloud.clock.advance(passed)
            if what == "update":
                self.update(index, 0, 0)
            elif what == "create":
                self.create(0, 0, 7)

        self.shelf.before_answer = happen
        result = self.polled.poll()
        self.shelf.before_answer = None
        assert {type(failure) for failure in result.failures} <= {IncompleteError}

    @rule(count=st.integers(min_value=ANSWER, max_value=3 * ANSWER), late=st.integers(100, OVERLAP - 61))
    def poll_slowly_through_a_crowd_behind_a_late_record(self, count: int, late: int) -> None:
        """The run goes on long after the time of the late record was read, and for longer than the overlap."""
        self.number += 1
        self._show(self.number, self.now, late)
        self.cloud.clock.advance(1)
        self.crowd(count, 0, TICKS_PER_SECOND // 4)
        self.cloud.clock.advance(60)
        self.poll_slowly(100)


class EndpointAlerts(Moving):
    source = ENDPOINT


class GraphAlerts(Moving):
    source = GRAPH


class Incidents(Moving):
    source = INCIDENTS


class WithAlerts(Moving):
    """Incidents whose alerts are asked for as well: calls for them may fail in any pattern, and for some for long."""

    def __init__(self) -> None:
        super().__init__()
        self.inside: dict[int, dict[int, bytes]] = {}
        self.alert = 0

    def may_be_incomplete(self) -> bool:
        return super().may_be_incomplete() or bool(self.shelf.too_large)

    def mend(self) -> None:
        super().mend()
        self.shelf.too_large.clear()
        # What the checkpoint had no room for is read again, and no more than so many are asked for in a run.
        for _ in range(2):
            self.polled.poll()

    @rule(pattern=st.lists(st.booleans(), min_size=1, max_size=60))
    def poll_while_alerts_fail(self, pattern: list[bool]) -> None:
        fails = iter(pattern)
        self.shelf.expansion_fails = lambda _: next(fails, False)
        self.polled.poll()
        self.shelf.expansion_fails = None
        # An incident whose alerts have not come is asked for again by the next run, which nothing disturbs.
        self.polled.poll()

    @rule(index=st.integers(min_value=0, max_value=99), until_next=st.booleans())
    def fail_over_one_incident(self, index: int, *, until_next: bool) -> None:
        number = self._any(index)
        if not until_next:
            self.shelf.too_large.clear()
        elif number is not None and len(self.shelf.too_large) < _MOST_TOO_LARGE:
            self.shelf.too_large.add(str(number))

    def alerts_of(self, number: int, time: int) -> Sequence[bytes]:
        if number not in self.inside:
            self.inside[number] = {}
            for _ in range(number % 4):
                self._new_alert(number, time)
        return tuple(self.inside[number].values())

    def _new_alert(self, number: int, time: int) -> None:
        self.alert += 1
        self.inside[number][self.alert] = self._alert(self.alert, time)

    def _alert(self, alert: int, time: int) -> bytes:
        return graph_alert(alert, time, created=_CREATED - seconds(alert), id=f"da{alert:08d}_1")

    @rule(index=st.integers(min_value=0, max_value=99), age=st.sampled_from([0, 1, 700, 90_000, 86_400 * 30]))
    def add_an_alert(self, index: int, age: int) -> None:
        """It may be an old one, which only now is found to belong here."""
        number = self._any(index)
        if number is not None:
            self._new_alert(number, self.now - seconds(age))
            self._show(number, self.now)

    @rule(index=st.integers(min_value=0, max_value=99), which=st.integers(min_value=0, max_value=9))
    def update_an_alert(self, index: int, which: int) -> None:
        number = self._any(index)
        if number is None or not self.inside[number]:
            return
        self.cloud.clock.advance(0.001)
        alert = sorted(self.inside[number])[which % len(self.inside[number])]
        self.inside[number][alert] = self._alert(alert, self.now)
        self._show(number, self.now)

    @rule(
        index=st.integers(min_value=0, max_value=99),
        which=st.integers(min_value=0, max_value=9),
        to=st.integers(min_value=0, max_value=99),
    )
    def move_an_alert(self, index: int, which: int, to: int) -> None:
        """To another incident, unchanged."""
        number, other = self._any(index), self._any(to)
        if number is None or other is None or number == other or not self.inside[number]:
            return
        alert = sorted(self.inside[number])[which % len(self.inside[number])]
        self.inside[other][alert] = self.inside[number].pop(alert)
        self._show(other, self.now)
        self._show(number, self.now)

    @rule(index=st.integers(min_value=0, max_value=99), days=st.sampled_from([1, 3, 20]))
    def update_days_later(self, index: int, days: int) -> None:
        self.cloud.clock.advance(days * 86_400)
        self.update(index, 0, 0)


class SplitIncidents(WithAlerts):
    """The alerts become events of their own, each version once, however often an incident is updated."""

    source: Source = replace(INCIDENTS, own={"alerts": "split"})


class IncidentsWithAlertsInside(WithAlerts):
    """The alerts stay inside; an incident that comes without them comes again with them, and that alone."""

    source: Source = replace(INCIDENTS, own={"alerts": "inside"})

    def due_of(self, version: Given) -> Sequence[str]:
        return (version.inside,)


def _tested(model: type[Moving]) -> Any:
    case = pytest.mark.timeout(600)(model.TestCase)
    case.settings = settings(SETTINGS, max_examples=8)
    return case


TestEndpointAlerts = _tested(EndpointAlerts)
TestGraphAlerts = _tested(GraphAlerts)
TestIncidents = _tested(Incidents)
TestSplitIncidents = _tested(SplitIncidents)
TestIncidentsWithAlertsInside = _tested(IncidentsWithAlertsInside)
