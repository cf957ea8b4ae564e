"""What there is to be collected: 10,000 alerts per region, in the shapes that batches and windows have trouble with."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from integration.installation import DAY, MINUTE, REGIONS
from standins.microsoft import ticks
from standins.microsoft.samples import siem_alert

PER_REGION = 10_000
OVERLAP = 600 * ticks.PER_SECOND
"""The input's overlap: so late may a version become visible."""
_NEWEST, _OLDEST = 2 * OVERLAP, 7 * DAY - 60 * MINUTE
_LONG_TEXT = "The process wrote to many files. " * 600


@dataclass(frozen=True)
class Shape:
    """A backlog.

    Attributes:
        name: for the report.
        ages: gives how old a region's alerts are, in ticks.
        long: of the first so many, each is about 20 KB long.
        regions: where it is so; the alerts of the others are spread over a week.
        lasts: how many times as long as the others its drain takes, about.
    """

    name: str
    ages: Callable[[random.Random, int], Iterator[int]]
    long: int = 0
    regions: tuple[str, ...] = REGIONS
    lasts: float = 1.0


def _even(rng: random.Random, count: int) -> Iterator[int]:
    yield from (rng.randrange(_NEWEST, _OLDEST) for _ in range(count))


def _dense(rng: random.Random, count: int) -> Iterator[int]:
    begun = rng.randrange(DAY, 6 * DAY)
    yield from (begun - rng.randrange(DAY // 4) for _ in range(count))


def _crowds(rng: random.Random, count: int) -> Iterator[int]:
    while count > 0:
        crowd = min(count, rng.randrange(1, 1_600))
        yield from [rng.randrange(_NEWEST, _OLDEST)] * crowd
        count -= crowd


def _full_instant(rng: random.Random, count: int) -> Iterator[int]:
    crowd = 5_600
    yield from [rng.randrange(_NEWEST, _OLDEST)] * crowd
    yield from _even(rng, count - crowd)


WEEK = Shape("spread over a week", _even)
CROWDS = Shape("crowds at one time", _crowds)
HOURS = Shape("within six hours", _dense, lasts=2.0)
LONG = Shape("long ones among them", _even, long=600)
# No request can be narrow enough for it, which takes a run many requests to find out.
INSTANT = Shape("5,600 at one instant", _full_instant, regions=REGIONS[:1], lasts=4.0)
SHAPES = (WEEK, CROWDS, HOURS, LONG, WEEK, CROWDS, HOURS, LONG, WEEK, CROWDS, INSTANT)
"""What one history after the other is about."""


class Backlog:
    """Makes the alerts of one history; no two have the same number."""

    def __init__(self, shape: Shape, seed: str, now: int, per_region: int = PER_REGION) -> None:
        self.shape = shape
        self.per_region = per_region
        self._rng = random.Random(seed)
        self._now = now
        self._numbers = dict.fromkeys(REGIONS, 0)

    def alerts(self, region: str) -> list[bytes]:
        """What a region shows at the beginning."""
        shape = self.shape if region in self.shape.regions else WEEK
        ages = shape.ages(self._rng, self.per_region)
        return [self._alert(region, self._now - age, is_long=place < shape.long) for place, age in enumerate(ages)]

    def newcomers(self, region: str, now: int) -> list[bytes]:
        """What a region shows in addition from now on: new ones, and late ones within the overlap."""
        latest = OVERLAP - 10 * ticks.PER_SECOND
        return [self._alert(region, now - self._rng.randrange(latest)) for _ in range(self._rng.randrange(20))]

    def _alert(self, region: str, moment: int, *, is_long: bool = False) -> bytes:
        number = REGIONS.index(region) * 1_000_000 + self._numbers[region]
        self._numbers[region] += 1
        return siem_alert(number, moment, Description=_LONG_TEXT) if is_long else siem_alert(number, moment)
