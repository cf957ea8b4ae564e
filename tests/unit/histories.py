"""What can happen to one input, as rules of a ``hypothesis`` state machine: what the models of the promise share.

A model adds the records: how they come, how they change, and which of them must have been delivered by when.
"""

from __future__ import annotations

import logging
from collections import Counter
from typing import Any

from defender_alerts.checkpoint.checkpoint import MARGIN, Checkpoint, CheckpointKey
from defender_alerts.collect import delivery
from defender_alerts.errors import IncompleteError
from defender_alerts.times import parse_iso, seconds
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from standins.microsoft import faults
from standins.microsoft.cloud import MicrosoftCloud
from standins.polling import PolledInput
from standins.sources import Source, customer

OVERLAP = 600
ANSWER = 8
"""An answer with so many records counts as cut short."""
BATCH = 3

FAULTS: dict[str, faults.Fault] = {
    "500": faults.Status(500),
    "400": faults.Status(400),
    "403": faults.Status(403),
    "429": faults.throttled(1),
    "401": faults.Status(401),
    "reset": faults.ResetInBody(),
    "cut off": faults.CutOff(),
    "portal": faults.captive_portal(),
}

SETTINGS = settings(
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


class History(RuleBasedStateMachine):
    """One input, one region, time that passes, and polls with everything that can go wrong with them.

    Attributes:
        put: the text of every version that Microsoft was ever given to show.
        repeats_allowed: so many versions may have come twice by now.
    """

    source: Source

    def __init__(self) -> None:
        super().__init__()
        self.cloud = MicrosoftCloud()
        self.cloud.__enter__()
        # A start in whole seconds: what the server calls now has no fraction either.
        self.cloud.clock.freeze(seconds(1_780_000_000))
        tenant, application = customer(self.cloud)
        self.polled: PolledInput = self.source.input(
            self.cloud, tenant, application, overlap=OVERLAP, most_records=ANSWER
        )
        self.shelf: Any = self.source.shelf(self.cloud)
        if self.source.meter is not None:
            # No time passes in most polls, and so there would soon be nothing but throttling.
            self.source.meter(self.cloud).limits = ()
        # Hypothesis shows what a failing history has logged: hundreds of lines, if all of it.
        self.polled.log = logging.Logger("history", logging.ERROR)  # noqa: LOG001 - of this history alone
        self.put: set[str] = set()
        self.number = 0
        self.repeats_allowed = 0
        self.watermark = self.settled = 0
        self.usual_batch, delivery.BATCH_VERSIONS = delivery.BATCH_VERSIONS, BATCH

    @property
    def now(self) -> int:
        """The cloud's time."""
        return self.cloud.clock.now()

    def missing(self) -> set[str]:
        """The versions that a poll up to now has to have delivered, and has not."""
        raise NotImplementedError

    def may_be_incomplete(self) -> bool:
        """Whether the service leaves no way to read some of what there is."""
        return False

    def mend(self) -> None:
        """End all that keeps something back."""

    def poll_undisturbed(self) -> None:
        """Poll, while nothing changes and nothing fails."""
        result = self.polled.poll()
        (one,) = result.outcomes
        if one.outcome == "incomplete" and self.may_be_incomplete():
            assert [type(failure) for failure in result.failures] == [IncompleteError]
            return
        assert result.failures == []
        assert one.outcome == "done"

    @rule(passed=st.sampled_from([0.3, 1, 1.7, 60, 299.9, 601, 4_000, 90_000]))
    def wait(self, passed: float) -> None:
        self.cloud.clock.advance(passed)

    @rule()
    def poll(self) -> None:
        self.poll_undisturbed()

    @rule(name=st.sampled_from(sorted(FAULTS)), times=st.integers(1, 30), after=st.integers(0, 12))
    def poll_with_a_fault(self, name: str, times: int, after: int) -> None:
        self.cloud.faults.add(self.source.host, FAULTS[name], times=times, after=after)
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

        self.shelf.before_answer = stop
        self.polled.poll()
        self.shelf.before_answer = None
        self.polled.stop.clear()

    @rule(step=st.sampled_from([1, 30, 200]))
    def poll_slowly(self, step: int) -> None:
        """Each answer takes its time: late arrivals come behind the reader's back."""
        asked = Counter[str]()

        def take_time(_: object) -> None:
            asked["requests"] += 1
            if asked["requests"] < 40:
                self.cloud.clock.advance(step)

        self.shelf.before_answer = take_time
        self.polled.poll()
        self.shelf.before_answer = None

    @invariant()
    def nothing_is_delivered_that_was_not_shown_and_little_twice(self) -> None:
        taken = Counter(self.polled.sink.raws())
        assert set(taken) <= self.put
        assert sum(taken.values()) - len(taken) <= self.repeats_allowed

    @invariant()
    def no_time_goes_back_and_the_memory_is_bounded(self) -> None:
        for document in self.polled.store.documents.values():
            if "watermark" not in document:
                continue
            watermark, settled = parse_iso(document["watermark"]), parse_iso(document["settled"])
            assert watermark >= self.watermark
            assert settled >= self.settled
            self.watermark, self.settled = watermark, settled
            key = CheckpointKey(*(document[name] for name in ("kind", "input", "tenant", "cloud", "region")))
            checkpoint = Checkpoint.from_document(key, document)
            assert all(time >= settled - MARGIN for time, _ in checkpoint.seen)

    def teardown(self) -> None:
        try:
            self.mend()
            for _ in range(3):
                # A record updated within the second that still runs may be read only by a later poll.
                self.cloud.clock.advance(OVERLAP + 5)
                self.poll_undisturbed()
            assert self.missing() == set()
            self.nothing_is_delivered_that_was_not_shown_and_little_twice()
        finally:
            delivery.BATCH_VERSIONS = self.usual_batch
            self.cloud.__exit__(None, None, None)
