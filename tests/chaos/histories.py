"""What there is to be collected, in the shapes that batches and windows have trouble with, and what becomes of it.

10,000 events for each region of a history. The records of today's APIs are updated as well, between two runs and while
one of them reads: an update moves a record to another time, and its former version is shown no more.
"""

from __future__ import annotations

import random
import threading
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from chaos.ledger import Ledger
from chaos.targets import ENDPOINT_ALERTS, GRAPH_ALERTS, SIEM_ALERTS, SPLIT_INCIDENTS, Target
from integration.installation import DAY, MINUTE, REGIONS, Installation
from standins.microsoft import ticks
from standins.microsoft.graph_samples import graph_alert

PER_REGION = 10_000
OVERLAP = 600 * ticks.PER_SECOND
"""The input's overlap: so late may a version become visible."""
_LATEST = OVERLAP - 10 * ticks.PER_SECOND
_NEWEST, _OLDEST = 2 * OVERLAP, 7 * DAY - 60 * MINUTE
_LONG_TEXT = "The process wrote to many files. " * 600
_MOST_NEWCOMERS = 20


@dataclass(frozen=True)
class Shape:
    """A backlog.

    Attributes:
        name: for the report.
        ages: gives how old a region's records are, in ticks.
        long: of the first so many, each is about 20 KB long.
        regions: where it is so; the records of the others are spread over a week.
        lasts: how many times as long as the others its drain takes, about.
        inside: an incident holds at least and at most so many alerts.
        days: so much older than their incident may these be.
    """

    name: str
    ages: Callable[[random.Random, int], Iterator[int]]
    long: int = 0
    regions: tuple[str, ...] | None = None
    lasts: float = 1.0
    inside: tuple[int, int] = (0, 0)
    days: int = 0


def _even(rng: random.Random, count: int) -> Iterator[int]:
    yield from (rng.randrange(_NEWEST, _OLDEST) for _ in range(count))


def _dense(rng: random.Random, count: int) -> Iterator[int]:
    begun = rng.randrange(DAY, 6 * DAY)
    yield from (begun - rng.randrange(DAY // 4) for _ in range(count))


def _crowds(most: int) -> Callable[[random.Random, int], Iterator[int]]:
    def ages(rng: random.Random, count: int) -> Iterator[int]:
        while count > 0:
            crowd = min(count, rng.randrange(1, most))
            yield from [rng.randrange(_NEWEST, _OLDEST)] * crowd
            count -= crowd

    return ages


def _full_instant(crowd: int) -> Callable[[random.Random, int], Iterator[int]]:
    def ages(rng: random.Random, count: int) -> Iterator[int]:
        yield from [rng.randrange(_NEWEST, _OLDEST)] * min(crowd, count)
        yield from _even(rng, count - min(crowd, count))

    return ages


WEEK = Shape("spread over a week", _even)
CROWDS = Shape("crowds at one time", _crowds(1_600))
HOURS = Shape("within six hours", _dense, lasts=2.0)
LONG = Shape("long ones among them", _even, long=600)
# No request can be narrow enough for it, which takes a run many requests to find out.
INSTANT = Shape("5,600 at one instant", _full_instant(5_600), regions=REGIONS[:1], lasts=4.0)
_FEW, _MANY = (0, 8), (40, 90)
_MANY_EACH = Shape("many alerts in each", _even, inside=_MANY, days=3)
SHAPES: Mapping[Target, tuple[Shape, ...]] = {
    SIEM_ALERTS: (WEEK, CROWDS, HOURS, LONG, WEEK, CROWDS, HOURS, LONG, WEEK, CROWDS, INSTANT),
    GRAPH_ALERTS: (WEEK, CROWDS, HOURS, LONG, Shape("1,800 at one instant", _full_instant(1_800))),
    ENDPOINT_ALERTS: (WEEK, CROWDS, HOURS, LONG),
    SPLIT_INCIDENTS: (
        Shape("few alerts in each", _even, inside=_FEW, days=2),
        # An answer of 50 incidents is then several batches.
        _MANY_EACH,
        _MANY_EACH,
        Shape("alerts of many days", _even, inside=_MANY, days=25, lasts=3.0),
        Shape("incidents within hours", _dense, inside=_FEW, days=1),
        Shape("crowds of incidents", _crowds(40), inside=_FEW, days=1),
        Shape("120 at one instant", _full_instant(120), inside=_FEW, days=1, lasts=1.5),
    ),
}
"""What a history of each target can be about."""


class Backlog(ABC):
    """What Microsoft has to show in one history, entered into its ledger; no two records have the same number."""

    def __init__(self, target: Target, installation: Installation, ledger: Ledger, shape: Shape, seed: str) -> None:
        self.shape = shape
        self._target = target
        self._installation = installation
        self._ledger = ledger
        self._rng = random.Random(seed)
        self._rests = False

    @abstractmethod
    def begin(self, per_region: int) -> None:
        """Show what there is at the beginning."""

    @abstractmethod
    def go_on(self) -> None:
        """Show what has come between two runs: what is new, and what is late within the overlap."""

    @abstractmethod
    def stir(self) -> None:
        """Do what Microsoft does while a run reads; called before each answer."""

    def rest(self) -> None:
        """Stir no more: what is there is to be collected now."""
        self._rests = True

    def _now(self) -> int:
        return self._installation.cloud.clock.now()

    def _recently(self, least: int = 0) -> int:
        return self._now() - self._rng.randrange(least, _LATEST)


class GrowingBacklog(Backlog):
    """Alerts of the SIEM API, each in one region, which stay as they are."""

    def begin(self, per_region: int) -> None:
        """Show each region's alerts."""
        self._numbers = dict.fromkeys(self._target.regions, 0)
        now = self._now()
        for region in self._target.regions:
            shape = WEEK if self.shape.regions and region not in self.shape.regions else self.shape
            ages = shape.ages(self._rng, per_region)
            self._show(
                region,
                [
                    self._alert(region, now - age, is_long=checkpoint < shape.long)
                    for checkpoint, age in enumerate(ages)
                ],
            )

    def go_on(self) -> None:
        """Show a few more in each region."""
        for region in self._target.regions:
            self._show(
                region, [self._alert(region, self._recently()) for _ in range(self._rng.randrange(_MOST_NEWCOMERS))]
            )

    def stir(self) -> None:
        """Nothing: they stay as they are, and new ones come between the runs."""

    def _show(self, region: str, alerts: list[bytes]) -> None:
        self._ledger.publish(region, alerts)
        self._target.show(self._installation, region, alerts)

    def _alert(self, region: str, moment: int, *, is_long: bool = False) -> bytes:
        number = REGIONS.index(region) * 1_000_000 + self._numbers[region]
        self._numbers[region] += 1
        return self._target.source.make(number, moment, **({"Description": _LONG_TEXT} if is_long else {}))


class MovingBacklog(Backlog):
    """Alerts of today's APIs, which are updated."""

    def __init__(self, target: Target, installation: Installation, ledger: Ledger, shape: Shape, seed: str) -> None:
        super().__init__(target, installation, ledger, shape, seed)
        (self._region,) = target.regions
        self._lock = threading.Lock()
        self._moments: dict[int, int] = {}
        """The version time of each record, by its number."""
        self._raws: dict[int, bytes] = {}

    def begin(self, per_region: int) -> None:
        """Show the alerts."""
        now = self._now()
        for number, age in enumerate(self.shape.ages(self._rng, per_region), start=1):
            self._version(number, now - age, is_long=number <= self.shape.long)
        self._target.show(self._installation, self._region, self._raws.values())

    def go_on(self) -> None:
        """Show a few more, and update some."""
        with self._lock:
            for _ in range(self._rng.randrange(_MOST_NEWCOMERS)):
                self._change(len(self._moments) + 1, self._recently())
            self._update(self._rng.randrange(_MOST_NEWCOMERS))

    def stir(self) -> None:
        """Update one or two now and then."""
        with self._lock:
            if not self._rests and self._rng.random() < 0.3:
                self._update(self._rng.randrange(1, 3))

    def _update(self, count: int) -> None:
        for _ in range(count):
            # Some seconds ago: the next run is sure to see it, however soon that comes.
            number, moment = self._rng.randrange(1, len(self._moments) + 1), self._recently(5 * ticks.PER_SECOND)
            if moment > self._moments[number]:
                self._change(number, moment)

    def _change(self, number: int, moment: int) -> None:
        """Show a record at another time, or for the first time."""
        self._target.show(self._installation, self._region, [self._version(number, moment)])

    def _version(self, number: int, moment: int, *, is_long: bool = False) -> bytes:
        former = self._raws.get(number)
        raw = self._target.source.make(number, moment, **({"description": _LONG_TEXT} if is_long else {}))
        self._moments[number], self._raws[number] = moment, raw
        self._ledger.publish(self._region, [raw])
        if former is not None:
            self._ledger.excuse(self._region, [former])
        return raw


class IncidentsBacklog(MovingBacklog):
    """Incidents with alerts inside them; an update of one shows the same alerts again, updates some, and moves some."""

    def __init__(self, target: Target, installation: Installation, ledger: Ledger, shape: Shape, seed: str) -> None:
        super().__init__(target, installation, ledger, shape, seed)
        self._inside: dict[int, dict[int, bytes]] = {}
        """By incident: the alerts that it shows, by their number."""
        self._last_shown: dict[int, list[bytes]] = {}
        self._shown_by: Counter[bytes] = Counter()
        """How many incidents show a version of an alert."""
        self._alerts = 0

    def begin(self, per_region: int) -> None:
        """Show the incidents, with so many events in all."""
        now = self._now()
        least, most = self.shape.inside
        incidents = per_region // (1 + (least + most) // 2)
        for number, age in enumerate(self.shape.ages(self._rng, incidents), start=1):
            self._change(number, now - age)

    def _change(self, number: int, moment: int) -> None:
        before = self._inside.get(number)
        self._inside[number] = self._new_alerts(number, moment) if before is None else self._updated(before, moment)
        self._put(number, moment)
        if before and self._rng.random() < 0.2:
            self._move_an_alert(number)

    def _new_alerts(self, number: int, moment: int) -> dict[int, bytes]:
        least, most = self.shape.inside
        first = self._alerts + 1
        self._alerts += self._rng.randrange(least, most + 1)
        found = {alert: self._alert(alert, moment) for alert in range(first, self._alerts + 1)}
        neighbour = self._inside.get(number - 1)
        if neighbour and self._rng.random() < 0.3:
            found.update([self._rng.choice(sorted(neighbour.items()))])
        return found

    def _updated(self, before: Mapping[int, bytes], moment: int) -> dict[int, bytes]:
        """The alerts of an updated incident: most as they were, some updated with it, and perhaps a new one."""
        after = {
            number: self._alert(number, moment, days=0) if self._rng.random() < 0.1 else raw
            for number, raw in before.items()
        }
        if self._rng.random() < 0.5:
            self._alerts += 1
            after[self._alerts] = self._alert(self._alerts, moment)
        return after

    def _move_an_alert(self, giver: int) -> None:
        """An alert goes over to another incident, as it is; both are updated."""
        taker = self._rng.randrange(1, len(self._moments) + 1)
        moments = [self._recently(5 * ticks.PER_SECOND) for _ in range(2)]
        if taker == giver or any(self._moments[one] >= min(moments) for one in (giver, taker)):
            return
        alert = self._rng.choice(sorted(self._inside[giver]))
        # First there, then gone here: it is not out of sight in between.
        self._inside[taker] = {**self._inside[taker], alert: self._inside[giver][alert]}
        self._put(taker, moments[0])
        self._inside[giver] = {number: raw for number, raw in self._inside[giver].items() if number != alert}
        self._put(giver, moments[1])

    def _put(self, number: int, moment: int) -> None:
        inside = list(self._inside[number].values())
        self._ledger.publish(self._region, inside)
        raw = self._version(number, moment)
        shelf = self._target.shelf(self._installation.cloud, self._region)
        former = self._shows(number, inside)
        shelf.put(self._installation.tenant, raw, alerts=inside)
        self._ledger.excuse(self._region, (alert for alert in former if not self._shown_by[alert]))

    def _shows(self, number: int, inside: list[bytes]) -> list[bytes]:
        """Count what an incident shows from now on; give what it has shown until now."""
        former = self._last_shown.get(number, [])
        self._shown_by.update(inside)
        self._shown_by.subtract(former)
        self._last_shown[number] = inside
        return former

    def _alert(self, number: int, moment: int, *, days: int | None = None) -> bytes:
        oldest = max(1, (self.shape.days if days is None else days) * DAY)
        evidence: dict[str, Any] = {} if number % 4 == 0 else {"evidence": []}
        return graph_alert(number, moment - self._rng.randrange(oldest), id=f"da{number:08d}_1", **evidence)


_BACKLOGS: Mapping[Target, type[Backlog]] = {
    SIEM_ALERTS: GrowingBacklog,
    GRAPH_ALERTS: MovingBacklog,
    ENDPOINT_ALERTS: MovingBacklog,
    SPLIT_INCIDENTS: IncidentsBacklog,
}


def backlog(target: Target, installation: Installation, ledger: Ledger, shape: Shape, seed: str) -> Backlog:
    """The backlog of one history."""
    return _BACKLOGS[target](target, installation, ledger, shape, seed)
