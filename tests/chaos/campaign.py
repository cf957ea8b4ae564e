"""Kills the built add-on at random moments, again and again, until a run ends by itself and everything is accounted for.

One history is one backlog: the input is started, killed after a random time, started again, and so on. Between two
runs Microsoft shows something more, and updates what can be updated. When a run has ended by itself, another one must
find nothing to deliver, but for what was updated while they read.
"""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count

from chaos import moments
from chaos.histories import PER_REGION, SHAPES, Shape, backlog
from chaos.ledger import Ledger
from chaos.moments import wait_until
from chaos.targets import Target
from integration.installation import Installation
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
    """

    started: float
    whole: float
    events: int

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


@dataclass(frozen=True)
class History:
    """What came of one backlog; `repeated` are the events that came again because of one kill in one region, at most."""

    number: int
    target: str
    title: str
    events: int
    lost: int
    kills: int
    repeated: int
    breaches: Sequence[str]


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
        self._installation = installation
        self._target = target
        self._hosts = target.hosts(installation.cloud)
        self._backlog = backlog(target, installation, self.ledger, self.shape, seed)
        self._backlog.begin(per_region)
        for host in sorted(self._hosts):
            installation.cloud.faults.add(host, Latency(self.rng.uniform(0.0, SLOWEST_ANSWER)), times=None)
        self._queue = self.rng.uniform(0.0, SLOWEST_QUEUE)
        self._saves = moments.Saves(installation, self.rng.uniform(0.0, SLOWEST_SAVE))
        for region in target.regions:
            target.shelf(installation.cloud, region).before_answer = lambda _: self._backlog.stir()
        self._runs = 0

    def undisturbed(self) -> Pace:
        """Collect all of it in one run, and tell how long that takes."""
        began = time.monotonic()
        run, _ = self._run(None)
        first = min(call.began for call in self._installation.cloud.journal if call.host in self._hosts)
        assert not self._breaches([], run)
        return Pace(first - began, run.seconds, self.ledger.delivered)

    def disturbed(self, pace: Pace, most_kills: int) -> History:
        """Collect it in runs that are killed, until one ends by itself, at the latest after so many kills."""
        killed: list[int] = []
        while True:
            moment = pace.moment(self.rng, self.shape.lasts) if len(killed) < most_kills else None
            run, was_killed = self._run(moment)
            if not was_killed:
                break
            killed.append(self._runs)
            self._backlog.go_on()
        breaches, ledger = self._breaches(killed, run), self.ledger
        return History(
            self.number,
            self._target.name,
            self.shape.name,
            ledger.published,
            ledger.published - ledger.delivered,
            len(killed),
            max((repeated.alerts for repeated in ledger.repeated.values()), default=0),
            breaches,
        )

    def _run(self, moment: Moment | None) -> tuple[InputRun, bool]:
        """One run, and whether it was killed before its end."""
        self._runs += 1
        began = time.monotonic()
        process = self._target.start(self._installation, self._queueing())
        _wait(process, moment, began)
        process_was_there = moment is not None and process.running()
        if process_was_there:
            process.kill()
        run = process.wait(LONGEST_RUN)
        # splunkd and the cloud finish what they were asked for, as they do long before the next interval.
        wait_until(lambda: not self._saves.under_way(), "the last save is over")
        wait_until(lambda: not moments.answering(self._installation, self._hosts, began), "the last answer is over")
        self.ledger.deliver(self._runs, run.events)
        run.events.clear()  # splunkd keeps its runs, and 30,000 events take 75 MB
        return run, process_was_there and run.status == -signal.SIGKILL

    def _queueing(self) -> Callable[[IndexedEvent], None]:
        events = count(1)

        def queue(_: IndexedEvent) -> None:
            if next(events) % _QUEUED == 0:
                time.sleep(self._queue)

        return queue

    def _breaches(self, killed: Sequence[int], last: InputRun) -> list[str]:
        """Let another run look for what the others have left, and give all broken promises."""
        self._backlog.rest()
        idle, _ = self._run(None)
        found = self.ledger.breaches(killed)
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
    while (left := kills - sum(history.kills for history in histories)) > 0:
        number = len(histories)
        one = paced[number % len(paced)]
        drain = Drain(one.installation, one.target, f"{seed}/{number}", number=number, per_region=per_region)
        histories.append(drain.disturbed(one.pace, left))
        tell(histories[-1])
    return histories
