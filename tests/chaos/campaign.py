"""Kills the built add-on at random moments, again and again, until a run ends by itself and everything is accounted for.

One history is one backlog: the input is started, killed after a random time, started again, and so on. Between two
runs Microsoft shows something more, and updates what can be updated. When a run has ended by itself, another one must
find nothing to deliver, but for what was updated while they read.
"""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count

from chaos import moments
from chaos.fetched import Fetched, Meter
from chaos.histories import PER_REGION, SHAPES, Shape, backlog
from chaos.ledger import Ledger, Repeated
from chaos.quiet import wait_until
from chaos.targets import Target
from integration.installation import REGIONS, Installation
from standins.microsoft.faults import Latency
from standins.splunkd import IndexedEvent, InputProcess, InputRun

# How long Microsoft, the KV store and splunkd's queue (for 50 events) take at most: enough to be hit meanwhile.
SLOWEST_ANSWER, SLOWEST_SAVE, SLOWEST_QUEUE = 0.1, 0.05, 0.01
_QUEUED = 50
# A run that nobody kills and that takes longer hangs.
LONGEST_RUN = 240.0


@dataclass(frozen=True)
class Moment:
    """When to kill: so many seconds after the start, or after so many events of the run."""

    seconds: float
    events: int = 0


@dataclass(frozen=True)
class Pace:
    """What a drain takes that nobody disturbs.

    Attributes:
        started: seconds until the first request for records.
        whole: seconds until the end.
        events: how many were indexed.
        records: how many were fetched for that.
    """

    started: float
    whole: float
    events: int
    records: int

    def moment(self, rng: random.Random, lasts: float) -> Moment:
        """When to kill next, in a drain that lasts so many times as long as this one."""
        kind, work = rng.random(), (self.whole - self.started) * lasts
        if kind < 0.15:
            return Moment(rng.uniform(0.0, self.started))
        if kind < 0.35:
            return Moment(self.started + rng.uniform(0.0, work))
        if kind < 0.60:
            return Moment(self.started + rng.uniform(0.0, work / 5))
        return Moment(rng.uniform(0.0, 0.1), rng.randrange(1, self.events // 5))


@dataclass
class Kill:
    """One kill: in which run of its history, when, what was going on, and what it cost."""

    run: int
    seconds: float
    indexed: float
    """The share of what was shown so far that was in the index after the kill."""
    moments: frozenset[str]
    repeated: dict[str, Repeated] = field(default_factory=dict)
    """By region, when the history is over."""
    fetched: Fetched = field(default_factory=Fetched)
    """By the run that followed."""


@dataclass(frozen=True)
class History:
    """What came of one backlog."""

    number: int
    title: str
    events: int
    lost: int
    records: int
    kills: Sequence[Kill]
    breaches: Sequence[str]
    target: str = "siem"
    regions: Sequence[str] = REGIONS


class Drain:
    """One backlog in one installation, collected by as many runs as it takes."""

    def __init__(
        self,
        installation: Installation,
        target: Target,
        seed: str,
        *,
        number: int = 0,
        shape: Shape | None = None,
        per_region: int = PER_REGION,
    ) -> None:
        target.begin(installation)
        self.rng = random.Random(seed)
        self.number = number
        self.shape = shape or self.rng.choice(SHAPES[target])
        self.ledger = Ledger()
        self.records = 0
        self._installation = installation
        self._target = target
        self._hosts = target.hosts(installation.cloud)
        self._backlog = backlog(target, installation, self.ledger, self.shape, seed)
        self._backlog.begin(per_region)
        for host in sorted(self._hosts):
            installation.cloud.faults.add(host, Latency(self.rng.uniform(0.0, SLOWEST_ANSWER)), times=None)
        self._queue = self.rng.uniform(0.0, SLOWEST_QUEUE)
        self._saves = moments.Saves(installation, self.rng.uniform(0.0, SLOWEST_SAVE))
        self._meter = Meter(installation, target, self.ledger, self._backlog.stir)
        self._runs = 0

    def undisturbed(self) -> Pace:
        """Collect all of it in one run, and tell how long that takes."""
        began = time.monotonic()
        run, _, _ = self._run(None)
        first = min(call.began for call in self._installation.cloud.journal if call.host in self._hosts)
        assert not self._breaches([], run)
        return Pace(first - began, run.seconds, self.ledger.delivered, self.records)

    def disturbed(self, pace: Pace, most_kills: int) -> History:
        """Collect it in runs that are killed, until one ends by itself, at the latest after so many kills."""
        kills: list[Kill] = []
        while True:
            moment = pace.moment(self.rng, self.shape.lasts) if len(kills) < most_kills else None
            run, kill, fetched = self._run(moment)
            if kills:
                kills[-1].fetched = fetched
            if kill is None:
                break
            kills.append(kill)
            self._backlog.go_on()
        breaches = self._breaches(kills, run)
        for kill in kills:
            kill.repeated = self.ledger.repeated_of(kill.run)
        ledger = self.ledger
        lost = ledger.published - ledger.delivered
        return History(
            self.number,
            self.shape.name,
            ledger.published,
            lost,
            self.records,
            kills,
            breaches,
            self._target.name,
            self._target.regions,
        )

    def _run(self, moment: Moment | None) -> tuple[InputRun, Kill | None, Fetched]:
        self._runs += 1
        fetched, began = self._meter.next_run(), time.monotonic()
        process = self._target.start(self._installation, self._queueing())
        _wait(process, moment, began)
        process_was_there = moment is not None and process.running()
        seen: set[str] = set()
        if process_was_there:
            process.kill()
            seen = self._what_goes_on(began)
        killed_after = time.monotonic() - began
        run = process.wait(LONGEST_RUN)
        # splunkd and the cloud finish what they were asked for, as they do long before the next interval.
        wait_until(lambda: not self._saves.under_way(), "the last save is over")
        wait_until(lambda: not moments.reading(self._installation, self._hosts, began)[1], "the last answer is over")
        self.records += fetched.records
        self.ledger.deliver(self._runs, run.events)
        kill = None
        if process_was_there and run.status == -signal.SIGKILL:
            if moments.breaks_off_in_an_event(run):
                seen.add(moments.WRITING)
            if run.stream_closed:
                seen.add(moments.ENDING)
            share = self.ledger.delivered / self.ledger.published
            kill = Kill(self._runs, killed_after, share, frozenset(seen or {moments.BETWEEN}))
        run.events.clear()  # splunkd keeps its runs, and 30,000 events take 75 MB
        return run, kill, fetched

    def _queueing(self) -> Callable[[IndexedEvent], None]:
        events = count(1)

        def queue(_: IndexedEvent) -> None:
            if next(events) % _QUEUED == 0:
                time.sleep(self._queue)

        return queue

    def _what_goes_on(self, began: float) -> set[str]:
        saving = self._saves.under_way()
        requests, answering = moments.reading(self._installation, self._hosts, began)
        return {
            moment
            for moment, is_so in (
                (moments.STARTING, not requests),
                (moments.READING, answering),
                (moments.SAVING, saving),
            )
            if is_so
        }

    def _breaches(self, kills: Sequence[Kill], last: InputRun) -> list[str]:
        """Let another run look for what the others have left, and give all broken promises."""
        self._backlog.rest()
        idle, _, _ = self._run(None)
        found = self.ledger.breaches(kill.run for kill in kills)
        for run in (last, idle):
            if (run.status != 0 and not (run is last and _left_open(run))) or run.stream_error is not None:
                found.append(
                    f"a run that nobody killed ended with {run.status} ({run.stream_error}): {run.stderr[-1:]}"
                )
        return found


def _left_open(run: InputRun) -> bool:
    """Whether all that a run has complained of is an instant whose records went on moving: that is the next run's."""
    moving = ["They move while they are read" in line for line in run.stderr]
    return run.status == 1 and moving != [] and all(moving)


def _wait(process: InputProcess, moment: Moment | None, began: float) -> None:
    """Wait for the end of a run, or for the moment to kill it."""
    end = began + LONGEST_RUN
    if moment is not None:
        while process.running() and len(process.events) < moment.events and time.monotonic() < end:
            time.sleep(0.002)
        end = min(end, (time.monotonic() if moment.events else began) + moment.seconds)
    while process.running() and time.monotonic() < end:
        time.sleep(0.002)


@dataclass(frozen=True)
class Paced:
    """A target in an installation, and what an undisturbed drain of it takes there."""

    installation: Installation
    target: Target
    pace: Pace


def measure(installation: Installation, target: Target, seed: int, per_region: int = PER_REGION) -> Paced:
    """Find out how long an undisturbed drain takes."""
    drain = Drain(installation, target, f"{seed}/pace", shape=SHAPES[target][0], per_region=per_region)
    return Paced(installation, target, drain.undisturbed())


def campaign(
    paced: Sequence[Paced],
    *,
    seed: int,
    kills: int,
    per_region: int = PER_REGION,
    tell: Callable[[History], None] = lambda _: None,
) -> list[History]:
    """Kill so many times, in one history after the other, by turns each target in each installation.

    Args:
        paced: these.
        seed: decides the backlogs and the moments; what a process does just then is not decided by it.
        kills: how many.
        per_region: how many events each region has at the beginning of a history.
        tell: called with each history when it is over.
    """
    histories: list[History] = []
    for number in _until(lambda: sum(len(history.kills) for history in histories) >= kills):
        one = paced[number % len(paced)]
        left = kills - sum(len(history.kills) for history in histories)
        drain = Drain(one.installation, one.target, f"{seed}/{number}", number=number, per_region=per_region)
        history = drain.disturbed(one.pace, left)
        histories.append(history)
        tell(history)
    return histories


def _until(done: Callable[[], bool]) -> Iterator[int]:
    for number in count():
        if done():
            return
        yield number
