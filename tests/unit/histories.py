"""What can happen to one input, as rules of a ``hypothesis`` state machine: what the models of the promise share.

A model adds the records: how they come, how they change, and which of them must have been delivered by when.
"""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import replace
from typing import Any

from defender_alerts.checkpoint.checkpoint import MARGIN, Checkpoint, is_reset, latest_checkpoints
from defender_alerts.collect import delivery
from defender_alerts.errors import IncompleteError
from defender_alerts.splunk.resetting import delete_input, request_resets
from defender_alerts.times import seconds
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from standins.microsoft import faults
from standins.microsoft.cloud import MicrosoftCloud
from standins.polling import MemorySink, PolledInput
from standins.sources import INCIDENTS, Source, customer
from unit.steps import StepsOf

OVERLAP = 600
ANSWER = 8
"""An answer with so many records counts as cut short."""
BATCH = 3
NAME = "test"
"""What ``PolledInput`` calls its input."""
_REACH = 170
"""So many days back does an input begin that is new or was reset."""
LATE = st.just(0) | st.integers(0, OVERLAP - 61)
"""By how many seconds a record becomes visible late: at once, or within what is promised."""
OFTEN = st.integers(0, 200)
"""Of calls in a poll."""

FAULTS: dict[str, faults.Fault] = {
    "500": faults.Status(500),
    "503": faults.Status(503),
    "408": faults.Status(408),
    "404": faults.Status(404),
    "400": faults.Status(400),
    "403": faults.Status(403),
    "429": faults.throttled(1),
    "401": faults.Status(401),
    "no answer": faults.ResetBeforeHeaders(),
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

    The input may be deleted and made anew, or reset, at any step of a poll: from then on all counts from the start.

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
        # All that a history brings lies behind it: it has a month at most.
        self.polled.start_time = f"-{_REACH}d"
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

    @rule(
        name=st.sampled_from(sorted(FAULTS)), times=st.integers(1, 30) | st.just(None), after=st.integers(0, 12) | OFTEN
    )
    def poll_with_an_outage(self, name: str, times: int | None, after: int) -> None:
        """Of any length, from any call on; None: it outlasts the poll."""
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

    def _interfere(self, what: str) -> bool:
        """Delete the input and make it anew, or reset its checkpoint; whether there was something to reset."""
        store, now = self.polled.store, self.now
        if what == "delete":
            delete_input(store, self.source.kind, NAME, now)
        elif latest_checkpoints(store.checkpoints_of(self.source.kind, NAME)):
            request_resets(store, self.source.kind, NAME, now - seconds(_REACH * 86_400), "")
        else:
            return False
        self.polled = replace(self.polled, sink=MemorySink(), writer=f"{self.polled.writer}+")
        self.repeats_allowed = 0
        self.watermark = self.settled = 0
        return True

    @rule(what=st.sampled_from(["delete", "reset"]))
    def interfere_between_polls(self, what: str) -> None:
        self._interfere(what)

    @rule(what=st.sampled_from(["delete", "reset"]), step=st.integers(2, 60), meanwhile=st.booleans())
    def interfere_during_a_poll(self, what: str, step: int, meanwhile: bool) -> None:  # noqa: FBT001 - hypothesis
        """With a poll of the new input before the end of the other one, or without."""
        dying = self.polled

        def then() -> None:
            if self._interfere(what) and meanwhile:
                self.poll_undisturbed()

        with StepsOf(dying, self.shelf) as steps:
            steps.at, steps.then = step, then
            dying.poll()
            while steps.at is not None:
                steps.step("the end")

    @invariant()
    def nothing_is_delivered_that_was_not_shown_and_little_twice(self) -> None:
        taken = Counter(self.polled.sink.raws())
        assert set(taken) <= self.put
        assert sum(taken.values()) - len(taken) <= self.repeats_allowed

    @invariant()
    def no_time_goes_back_and_the_memory_is_bounded(self) -> None:
        """Of the checkpoint that counts; what was deleted or reset stands beside it until it is swept away."""
        documents = list(self.polled.store.documents.values())
        for key, document in latest_checkpoints(documents).items():
            if is_reset(document, documents):
                continue
            checkpoint = Checkpoint.from_document(key, document)
            assert checkpoint.watermark >= self.watermark
            assert checkpoint.settled >= self.settled
            self.watermark, self.settled = checkpoint.watermark, checkpoint.settled
            # What is asked for one by one may be older, and is remembered until the watermark moves on.
            assert self.source.kind == INCIDENTS.kind or _is_bounded(checkpoint)

    def teardown(self) -> None:
        try:
            self.mend()
            for _ in range(3):
                # A record updated within the second that still runs may be read only by a later poll.
                self.cloud.clock.advance(OVERLAP + 5)
                self.poll_undisturbed()
            assert self.missing() == set()
            self.nothing_is_delivered_that_was_not_shown_and_little_twice()
            # Three polls undisturbed: what is left of inputs that were deleted or reset has been swept away.
            documents = list(self.polled.store.documents.values())
            latest = latest_checkpoints(documents)
            assert all(_is_bounded(Checkpoint.from_document(key, document)) for key, document in latest.items())
            counting = {id(one) for one in latest.values()}
            assert [one for one in documents if "watermark" in one and id(one) not in counting] == []
        finally:
            delivery.BATCH_VERSIONS = self.usual_batch
            self.cloud.__exit__(None, None, None)


def _is_bounded(checkpoint: Checkpoint) -> bool:
    """Whether a checkpoint remembers nothing that can't be shown again."""
    return all(time >= checkpoint.settled - MARGIN for time, _ in checkpoint.seen)
