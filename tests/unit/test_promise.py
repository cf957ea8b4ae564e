"""The promise as a model: every version that the API shows is delivered, and none twice, whatever happens.

``hypothesis`` makes up histories: alerts that are created, updated, visible late, that share times in groups larger
than an answer should be; polls that fail at any point; a service that means its bounds this way or that. What the model
does not prove: how the process dies (see ``tests/integration``) and how fast anything is.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from defender_alerts import delivery
from defender_alerts.place import MARGIN, Place, PlaceKey
from defender_alerts.times import TICKS_PER_SECOND, parse_iso, seconds
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule
from standins.microsoft import faults
from standins.microsoft.cloud import MicrosoftCloud
from standins.microsoft.samples import siem_alert
from standins.microsoft.siem import SiemBehaviour
from standins.polling import SECRET, PolledInput

EU = "wdatp-alertexporter-eu.windows.com"
OVERLAP = 600
ANSWER = 8
BATCH = 3


FAULTS: dict[str, faults.Fault] = {
    "500": faults.Status(500),
    "403": faults.Status(403),
    "429": faults.throttled(1),
    "401": faults.Status(401),
    "reset": faults.ResetInBody(),
    "cut off": faults.CutOff(),
    "portal": faults.captive_portal(),
}


class Promise(RuleBasedStateMachine):
    """One input, one region, and everything that can happen to them."""

    alerts: Bundle[int] = Bundle("alerts")

    def __init__(self) -> None:
        super().__init__()
        self.cloud = MicrosoftCloud()
        self.cloud.__enter__()
        # A start in whole seconds: what the server calls now has no fraction either.
        self.cloud.clock.freeze(seconds(1_780_000_000))
        tenant = self.cloud.entra.add_tenant(domain="contoso.onmicrosoft.com", cloud="commercial")
        application = tenant.add_application(secret=SECRET)
        self.polled = PolledInput(self.cloud, tenant, application, overlap=OVERLAP, most_records=ANSWER)
        self.region = self.cloud.siem("eu")
        self.region.home(tenant)
        self.shown: set[str] = set()
        self.instants = Counter[int]()
        self.number = 0
        self.repeats_allowed = 0
        self.watermark = self.settled = 0
        self.usual_batch, delivery.BATCH_VERSIONS = delivery.BATCH_VERSIONS, BATCH

    @initialize(
        lower=st.booleans(),
        upper=st.booleans(),
        order=st.sampled_from(["newest_first", "oldest_first", "shuffled"]),
        capped=st.booleans(),
    )
    def behave(self, *, lower: bool, upper: bool, order: Any, capped: bool) -> None:
        self.region.behaviour = SiemBehaviour(
            lower_inclusive=lower, upper_inclusive=upper, order=order, silent_cap=ANSWER if capped else None
        )

    def _show(self, number: int, time: int, late: int = 0, digits: int = 7) -> None:
        step = 10 ** (7 - digits)
        time = time // step * step
        if self.region.behaviour.silent_cap and self._crowd_at(time) >= ANSWER - 1:
            # What a silent cap keeps back of one instant can't be asked for by anybody.
            return
        self.instants[time] += 1
        raw = siem_alert(number, time, digits=digits)
        visible = None if late == 0 else max(self.cloud.clock.now(), time + seconds(late))
        self.region.add(self.polled.tenant, raw, visible_from=visible)
        self.shown.add(raw.decode())

    def _crowd_at(self, time: int) -> int:
        """How many alerts the narrowest request around an instant would bring, one more let in on either side."""
        return max(sum(self.instants[first + step] for step in range(3)) for first in (time - 2, time - 1, time))

    @rule(
        target=alerts,
        ago=st.integers(min_value=0, max_value=seconds(OVERLAP - 60)),
        late=st.sampled_from([0, 0, 0, 30, 300, OVERLAP - 61]),
        digits=st.integers(min_value=0, max_value=7),
    )
    def create(self, ago: int, late: int, digits: int) -> int:
        self.number += 1
        now = self.cloud.clock.now()
        # An alert that happened a while ago appears now: within the overlap of its version time.
        self._show(self.number, now - ago, late if ago == 0 else 0, digits)
        return self.number

    @rule(number=consumes(alerts), ago=st.integers(min_value=1, max_value=seconds(30)))
    def update(self, number: int, ago: int) -> None:
        self._show(number, self.cloud.clock.now() - ago)

    @rule(
        count=st.integers(min_value=2, max_value=2 * ANSWER),
        ago=st.integers(min_value=0, max_value=seconds(300)),
        spread=st.sampled_from([0, 1, 3, 10_000, TICKS_PER_SECOND]),
    )
    def crowd(self, count: int, ago: int, spread: int) -> None:
        """A crowd at one instant, or a few instants wide."""
        now = self.cloud.clock.now()
        for place in range(count):
            self.number += 1
            self._show(self.number, now - ago - place * spread)

    @rule(count=st.integers(min_value=ANSWER, max_value=3 * ANSWER), late=st.sampled_from([100, OVERLAP - 61]))
    def poll_slowly_through_a_crowd_behind_a_late_alert(self, count: int, late: int) -> None:
        """The run goes on long after the time of the late alert was read, and for longer than the overlap."""
        self.number += 1
        self._show(self.number, self.cloud.clock.now(), late)
        self.cloud.clock.advance(1)
        self.crowd(count, 0, TICKS_PER_SECOND // 4)
        self.cloud.clock.advance(60)
        self.poll_slowly(100)

    @rule(passed=st.sampled_from([0.3, 1, 1.7, 60, 299.9, 601, 4_000, 90_000]))
    def wait(self, passed: float) -> None:
        self.cloud.clock.advance(passed)

    @rule()
    def poll(self) -> None:
        self.polled.poll()

    @rule(name=st.sampled_from(sorted(FAULTS)), times=st.sampled_from([1, 2, 12]), after=st.integers(0, 3))
    def poll_with_a_fault(self, name: str, times: int, after: int) -> None:
        self.cloud.faults.add(EU, FAULTS[name], times=times, after=after)
        self.polled.poll()
        self.cloud.faults.clear()

    @rule(after=st.integers(min_value=0, max_value=6))
    def poll_with_saves_failing(self, after: int) -> None:
        """As a kill between write and save does it: one batch at most comes again."""
        saved = len(self.polled.store.history)
        self.polled.store.fail_save = lambda count: count >= saved + after
        if self.polled.poll().failures:
            self.repeats_allowed += BATCH
        self.polled.store.fail_save = lambda _: False

    @rule(room=st.integers(min_value=0, max_value=9))
    def poll_with_the_pipe_closing(self, room: int) -> None:
        self.polled.sink.room = len(self.polled.sink.taken) + room
        self.polled.poll()
        self.polled.sink.room = None

    @rule(request=st.integers(min_value=0, max_value=4))
    def poll_and_stop(self, request: int) -> None:
        asked = Counter[str]()

        def stop(_: object) -> None:
            asked["requests"] += 1
            if asked["requests"] > request:
                self.polled.stop.set()

        self.region.before_answer = stop
        self.polled.poll()
        self.region.before_answer = None
        self.polled.stop.clear()

    @rule(step=st.sampled_from([1, 30, 200]))
    def poll_slowly(self, step: int) -> None:
        """Each answer takes its time: late arrivals come behind the reader's back."""
        asked = Counter[str]()

        def take_time(_: object) -> None:
            asked["requests"] += 1
            if asked["requests"] < 40:
                self.cloud.clock.advance(step)

        self.region.before_answer = take_time
        self.polled.poll()
        self.region.before_answer = None

    @invariant()
    def nothing_is_delivered_that_was_not_shown_and_little_twice(self) -> None:
        taken = Counter(self.polled.sink.raws())
        assert set(taken) <= self.shown
        assert sum(taken.values()) - len(taken) <= self.repeats_allowed

    @invariant()
    def no_time_goes_back_and_the_memory_is_bounded(self) -> None:
        for document in self.polled.store.documents.values():
            watermark, settled = parse_iso(document["watermark"]), parse_iso(document["settled"])
            assert watermark >= self.watermark
            assert settled >= self.settled
            self.watermark, self.settled = watermark, settled
            key = PlaceKey(*(document[name] for name in ("kind", "input", "tenant", "cloud", "region")))
            place = Place.from_document(key, document)
            assert all(time >= settled - MARGIN for time, _ in place.seen)

    def teardown(self) -> None:
        try:
            for _ in range(3):
                self.cloud.clock.advance(OVERLAP + 5)
                assert self.polled.poll().failures == []
            delivered = set(self.polled.sink.raws())
            assert self.shown - delivered == set()
            self.nothing_is_delivered_that_was_not_shown_and_little_twice()
        finally:
            delivery.BATCH_VERSIONS = self.usual_batch
            self.cloud.__exit__(None, None, None)


TestThePromise = pytest.mark.timeout(600)(Promise.TestCase)
TestThePromise.settings = settings(
    max_examples=40,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
