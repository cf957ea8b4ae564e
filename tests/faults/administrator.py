"""Rows: what an administrator does to an input while it runs, at each step of the run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from defender_alerts.collect import delivery
from defender_alerts.splunk.resetting import delete_input, request_resets
from defender_alerts.times import seconds
from faults.polls import Polls
from faults.row import EVERYTHING, Delivered, Group, Later, Row, Story
from faults.subjects import GRAPH_ALERTS, SIEM_ALERTS, Subject
from unit.steps import StepsOf

# A run of two batches, or of several where incidents are split.
_BATCH = 5
_NEW = 6
_NAME = "test"
"""What ``PolledInput`` calls its input."""


def _delete(stage: Polls) -> None:
    delete_input(stage.polled.store, stage.subject.source.kind, _NAME, stage.cloud.clock.now())


def _reset(stage: Polls) -> None:
    start = stage.cloud.clock.now() - seconds(7_200)
    request_resets(stage.polled.store, stage.subject.source.kind, _NAME, start, "")


@dataclass(frozen=True)
class AtStep:
    """Something that an administrator does before one step of a run, of an input that has run before.

    Attributes:
        deed: what it is.
        is_noticed: whether the steps are those up to the last look at the checkpoint, or those behind it.
        step: before which step, counted from 1.
    """

    deed: Callable[[Polls], None]
    is_noticed: bool
    step: int = 0

    def __call__(self, stage: Polls) -> None:
        """Let the next run meet it."""
        self._prepare(stage)
        steps = self._steps(stage)
        steps.at, steps.then = self.step, lambda: self._do(stage)

    def steps(self, stage: Polls) -> Iterable[int]:
        """All steps of a run before which it may happen."""
        self._prepare(stage)
        steps = self._steps(stage)
        stage.run()
        # The first of the two steps that the last look makes.
        last_look = max(step for step, name in enumerate(steps.names) if name == "revisions_of")
        # Before its checkpoint is read the run is one like any other.
        return range(2, last_look + 1) if self.is_noticed else range(last_look + 1, steps.count + 1)

    def _prepare(self, stage: Polls) -> None:
        # Or a slow machine would look at the checkpoint more often.
        stage.cloud.clock.freeze()
        stage.monotonic = lambda: 0.0
        stage.earlier = stage.run().raws
        stage.patch.setattr(delivery, "BATCH_VERSIONS", _BATCH)
        start = stage.cloud.clock.now() - seconds(60)
        stage.publish(*(stage.subject.record(1_000 + number, start + number) for number in range(_NEW)))

    def _steps(self, stage: Polls) -> StepsOf:
        """The steps of the next run, and of no other."""
        steps = StepsOf(stage.polled, stage.shelf)
        stage.around = steps
        return steps

    def _do(self, stage: Polls) -> None:
        self.deed(stage)
        # Who runs next is another process.
        stage.polled = replace(stage.polled, writer="another process")


def _is_part_of_what_is_due(summary: Story) -> bool:
    return bool(summary.earlier) and Counter(summary.first.raws) <= Counter(summary.due)


def _begins_anew(summary: Story) -> bool:
    return sorted(summary.later.raws) == sorted(summary.at_last)


def _rows(
    name: str,
    provoked: str,
    deed: Callable[[Polls], None],
    says: str,
    later: str,
    *,
    subjects: Sequence[Subject] | None = None,
) -> Iterable[Row[Polls]]:
    for is_noticed, when, delivered, said in (
        (True, "while it runs", Delivered("what was read until then", _is_part_of_what_is_due), (says,)),
        (False, "during its last save", EVERYTHING, ()),
    ):
        where = "up to its last look at the checkpoint" if is_noticed else "behind that, its last save included"
        yield Row(
            f"{name} {when}",
            f"{provoked}, at each step of a run {where}",
            AtStep(deed, is_noticed),
            delivered,
            0,
            said,
            Later(later, _begins_anew),
            subjects,
        )


# One region: with two side by side, a run's steps have no order.
_SIEM_ALERTS = replace(SIEM_ALERTS, regions=SIEM_ALERTS.regions[:1])

ADMINISTRATOR: Group[Polls] = Group(
    "Administrator",
    (
        *_rows(
            "input deleted",
            "the input is deleted, and made anew under its name",
            _delete,
            "region={region} is left: the input has been deleted; a new one of its name starts at its own start_time",
            "the new input starts at its `start_time`: everything, each version once, whatever the other run saved late",
        ),
        *_rows(
            "checkpoint reset",
            "the checkpoint is reset to two hours ago",
            _reset,
            "region={region} is left: an administrator has reset the checkpoint; the next run starts where that says",
            "starts where the reset says: everything since then, each version once, whatever the other run saved late",
            subjects=(_SIEM_ALERTS,),
        ),
    ),
    # Split incidents are swept in tests/unit/test_deleted_and_reset.py.
    (_SIEM_ALERTS, GRAPH_ALERTS),
)
