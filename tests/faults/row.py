"""A row of the matrix: what goes wrong, and every column of what then happens, each of them checked.

A row is played on a stage: a poll in this process where that shows the same, else the built add-on as a process. The
run that meets the fault is followed by one after its end and, where it is cheap, by a third that has to find nothing.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from faults.subjects import EVERY_KIND, Subject

BATCH = 1_000
"""The most that may come twice per region after an incident (design, rule 2)."""


@dataclass(frozen=True)
class Ran:
    """What came of one run: the events' texts, the exit status, and what an administrator finds in the log.

    Where a row is about memory, `peak` is the most that the process took, in bytes.
    """

    raws: list[str]
    status: int
    sentences: list[str]
    peak: int = 0


class Stage(Protocol):
    """Where a row is played: one input, at whose first region things go wrong; another region is well.

    Attributes:
        subject: the kind of input.
        earlier: what runs before the fault have delivered.
        is_cheap: whether a run more costs next to nothing.
    """

    subject: Subject
    earlier: list[str]
    is_cheap: bool

    def run(self) -> Ran:
        """Run the input to its end."""

    def mend(self) -> None:
        """End every fault, as time or an administrator does."""

    def published(self, region: str) -> list[str]:
        """The texts of the events that what the API shows of a region has to become."""


StageT = TypeVar("StageT", bound=Stage)


@dataclass(frozen=True)
class Story:
    """What a row is judged by: what there is to be delivered, and the runs.

    Attributes:
        sick: what the region that meets the fault shows while it lasts.
        healthy: what the others show.
        at_last: what all show in the end.
        earlier: what runs before the fault have delivered.
        first: the run that meets the fault.
        later: the one after its end.
    """

    sick: list[str]
    healthy: list[str]
    at_last: list[str]
    earlier: list[str]
    first: Ran
    later: Ran

    @property
    def due(self) -> list[str]:
        """What the run that met the fault had to deliver."""
        return list((Counter(self.sick + self.healthy) - Counter(self.earlier)).elements())

    @property
    def repeated(self) -> tuple[int, int]:
        """How many events of each region came twice, in all runs together."""
        counted = Counter(self.earlier + self.first.raws + self.later.raws)
        sick, healthy = (
            sum(counted[text] - 1 for text in set(texts) if counted[text]) for texts in (self.sick, self.healthy)
        )
        return sick, healthy

    @property
    def missing(self) -> set[str]:
        """What no run has delivered."""
        return {*self.sick, *self.healthy, *self.at_last} - {*self.earlier, *self.first.raws, *self.later.raws}


@dataclass(frozen=True)
class Delivered:
    """A value of the column "what is delivered", and what it claims."""

    words: str
    holds: Callable[[Story], bool]


EVERYTHING = Delivered("everything", lambda summary: sorted(summary.first.raws) == sorted(summary.due))
OTHER_REGIONS = Delivered(
    "the other regions, nothing of this one",
    lambda summary: (
        sorted(summary.first.raws) == sorted((Counter(summary.healthy) - Counter(summary.earlier)).elements())
    ),
)
NOTHING = Delivered("nothing", lambda summary: summary.first.raws == [])
WHAT_WAS_READ = Delivered(
    "what was read until then", lambda summary: 0 < len(summary.first.raws) < len(summary.due) and not summary.earlier
)
ALL_AGAIN = Delivered(
    "everything since `start_time`, also what had been delivered before",
    lambda summary: bool(summary.earlier) and sorted(summary.first.raws) == sorted(summary.sick + summary.healthy),
)


@dataclass(frozen=True)
class Later:
    """A value of the column "what the next run does"; `again` meets the fault once more before it ends.

    Attributes:
        words: what stands in the table.
        holds: what it claims.
        again: the fault lasts, and a second run meets it and ends as the first one did.
    """

    words: str
    holds: Callable[[Story], bool]
    again: bool = False


def is_whole(summary: Story) -> bool:
    """Nothing is missing, and nothing came twice."""
    return not summary.missing and summary.repeated == (0, 0)


GOES_ON = Later("goes on as ever", lambda summary: is_whole(summary) and summary.later.raws == [])
THE_REST = Later("delivers the rest, nothing twice", lambda summary: is_whole(summary) and summary.later.raws != [])
WHEN_OVER = Later(
    "the same for as long as it lasts, then delivers what is missing, nothing twice",
    lambda summary: is_whole(summary) and summary.later.raws != [],
    again=True,
)
A_BATCH_AGAIN = Later(
    "delivers the rest, and at most one batch per region again",
    lambda summary: not summary.missing and summary.later.raws != [] and 0 < max(summary.repeated) <= BATCH,
)
GOES_ON_AFTER_REPEATING = Later(
    "goes on as ever", lambda summary: not summary.missing and summary.later.raws == [] and min(summary.repeated) > 0
)


@dataclass(frozen=True)
class Row(Generic[StageT]):
    """One fault.

    Attributes:
        name: of the fault.
        provoked: how it is provoked, in words.
        provoke: the same in deeds, before the run.
        delivered: what the run delivers that meets it.
        status: its exit status.
        says: what an administrator finds in the log, with … for what differs and ``{names}`` for what each kind of input
            says in its own way; all of it, and nothing else.
        later: what the next run does.
        subjects: the kinds of input that it is played with; None: those of its group.
        run: the run that meets the fault, where it is not one as ever.
        mend: what ends it, where the stage can't know.
    """

    name: str
    provoked: str
    provoke: Callable[[StageT], object]
    delivered: Delivered
    status: int
    says: tuple[str, ...]
    later: Later
    subjects: Sequence[Subject] | None = None
    run: Callable[[StageT], Ran] = field(default=lambda stage: stage.run())
    mend: Callable[[StageT], None] = field(default=lambda stage: stage.mend())

    def play(self, stage: StageT) -> None:
        """Let it happen, and check every column."""
        says = stage.subject.says(self.says)
        self.provoke(stage)
        first = self.run(stage)
        if self.later.again:
            again = self.run(stage)
            _same("the run that meets it again", (again.status, again.raws), (first.status, []))
            _same("not told, when it is met again", untold(says, again.sentences), [])
        sick, *others = _shown(stage)
        self.mend(stage)
        later = stage.run()
        at_last = [text for texts in _shown(stage) for text in texts]
        summary = Story(sick, [text for texts in others for text in texts], at_last, stage.earlier, first, later)
        _same(f"exit status {first.sentences}", first.status, self.status)
        _same("not told", untold(says, first.sentences), [])
        _same(f"not said {first.sentences}", unsaid(says, first.sentences), [])
        assert self.delivered.holds(summary), (
            f"not {self.delivered.words!r}: {len(first.raws)} of {len(summary.due)}, {first.peak} bytes"
        )
        _same("the next run", (later.status, later.sentences), (0, []))
        assert self.later.holds(summary), (
            f"not {self.later.words!r}: {len(later.raws)} came, {len(summary.missing)} are missing, "
            f"{summary.repeated} came twice"
        )
        if stage.is_cheap:
            _same("a third run", len(stage.run().raws), 0)


@dataclass(frozen=True)
class Group(Generic[StageT]):
    """The rows of one party to the delivery; `title` heads their table, `subjects` are who they are played with."""

    title: str
    rows: Sequence[Row[StageT]]
    subjects: Sequence[Subject] = EVERY_KIND

    def played_with(self, row: Row[StageT]) -> Sequence[Subject]:
        """The kinds of input with which a row is played."""
        return self.subjects if row.subjects is None else row.subjects

    def plays(self) -> Iterator[tuple[Row[StageT], Subject]]:
        """Each row with each kind of input."""
        for row in self.rows:
            for subject in self.played_with(row):
                yield row, subject


def _shown(stage: Stage) -> list[list[str]]:
    return [stage.published(region) for region in stage.subject.regions]


def _same(what: str, found: object, told: object) -> None:
    assert found == told, f"{what}: {found!r}, and the row tells {told!r}"


def _pattern(sentence: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, sentence.split("…"))), re.DOTALL)


def untold(says: Sequence[str], sentences: Sequence[str]) -> list[str]:
    """The sentences in the log that the row does not tell."""
    return [sentence for sentence in sentences if not any(_pattern(one).fullmatch(sentence) for one in says)]


def unsaid(says: Sequence[str], sentences: Sequence[str]) -> list[str]:
    """The sentences that the row tells and the log has not."""
    return [one for one in says if not any(_pattern(one).fullmatch(sentence) for sentence in sentences)]
