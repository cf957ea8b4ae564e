"""The promise as a model: every version that the API shows is delivered, and none twice, whatever happens.

``hypothesis`` makes up histories: alerts that are created, updated, visible late, that share times in groups larger
than an answer should be; polls that fail at any point; a service that means its bounds this way or that. What the model
does not prove: how the process dies (see ``tests/integration``) and how fast anything is.

This is the API that goes on showing each version. For those that show a record's present version alone see
``test_promise_moving``.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from defender_alerts.times import TICKS_PER_SECOND, seconds
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, consumes, initialize, rule
from standins.microsoft.samples import siem_alert
from standins.microsoft.siem import SiemBehaviour
from standins.sources import SIEM
from unit.histories import ANSWER, LATE, OVERLAP, SETTINGS, History


class Promise(History):
    """Alerts of the SIEM API, and everything that can happen to them."""

    source = SIEM
    alerts: Bundle[int] = Bundle("alerts")

    def __init__(self) -> None:
        super().__init__()
        self.instants = Counter[int]()

    @initialize(
        lower=st.booleans(),
        upper=st.booleans(),
        order=st.sampled_from(["newest_first", "oldest_first", "shuffled"]),
        capped=st.booleans(),
    )
    def behave(self, *, lower: bool, upper: bool, order: Any, capped: bool) -> None:
        self.shelf.behaviour = SiemBehaviour(
            lower_inclusive=lower, upper_inclusive=upper, order=order, silent_cap=ANSWER if capped else None
        )

    def missing(self) -> set[str]:
        return self.put - set(self.polled.sink.raws())

    def _show(self, number: int, time: int, late: int = 0, digits: int = 7) -> None:
        step = 10 ** (7 - digits)
        time = time // step * step
        if self.shelf.behaviour.silent_cap and self._crowd_at(time) >= ANSWER - 1:
            # What a silent cap keeps back of one instant can't be asked for by anybody.
            return
        self.instants[time] += 1
        raw = siem_alert(number, time, digits=digits)
        visible = None if late == 0 else max(self.now, time + seconds(late))
        self.shelf.add(self.polled.tenant, raw, visible_from=visible)
        self.put.add(raw.decode())

    def _crowd_at(self, time: int) -> int:
        """How many alerts the narrowest request around an instant would bring, one more let in on either side."""
        return max(sum(self.instants[first + step] for step in range(3)) for first in (time - 2, time - 1, time))

    @rule(
        target=alerts,
        ago=st.integers(min_value=0, max_value=seconds(OVERLAP - 60)),
        late=LATE,
        digits=st.integers(min_value=0, max_value=7),
    )
    def create(self, ago: int, late: int, digits: int) -> int:
        self.number += 1
        # An alert that happened a while ago appears now: within the overlap of its version time.
        self._show(self.number, self.now - ago, late if ago == 0 else 0, digits)
        return self.number

    @rule(number=consumes(alerts), ago=st.integers(min_value=1, max_value=seconds(30)))
    def update(self, number: int, ago: int) -> None:
        self._show(number, self.now - ago)

    @rule(
        count=st.integers(min_value=2, max_value=2 * ANSWER),
        ago=st.integers(min_value=0, max_value=seconds(300)),
        spread=st.sampled_from([0, 1, 3, 10_000, TICKS_PER_SECOND]),
    )
    def crowd(self, count: int, ago: int, spread: int) -> None:
        """A crowd at one instant, or a few instants wide."""
        now = self.now
        for position in range(count):
            self.number += 1
            self._show(self.number, now - ago - position * spread)

    @rule(count=st.integers(min_value=ANSWER, max_value=3 * ANSWER), late=st.integers(100, OVERLAP - 61))
    def poll_slowly_through_a_crowd_behind_a_late_alert(self, count: int, late: int) -> None:
        """The run goes on long after the time of the late alert was read, and for longer than the overlap."""
        self.number += 1
        self._show(self.number, self.now, late)
        self.cloud.clock.advance(1)
        self.crowd(count, 0, TICKS_PER_SECOND // 4)
        self.cloud.clock.advance(60)
        self.poll_slowly(100)


TestThePromise = pytest.mark.timeout(600)(Promise.TestCase)
TestThePromise.settings = settings(SETTINGS, max_examples=30)
