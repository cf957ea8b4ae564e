"""Many records, many of them at one instant, some of which are updated while they are read.

The list that the stand-in cuts its pages out of is live, and a link to a further page is an offset into it: whatever
leaves the part already read lets something else slip through between two pages. Each version that remains is delivered
once all the same, and none twice.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
from defender_alerts.collect import reader
from defender_alerts.errors import IncompleteError
from defender_alerts.times import TICKS_PER_SECOND, iso, parse_iso, seconds
from standins.microsoft.cloud import MicrosoftCloud
from standins.microsoft.odata_query import Behaviour, Query
from standins.polling import PolledInput
from standins.sources import CURRENT, ENDPOINT, GRAPH, INCIDENTS, Source, customer

DAY = seconds(86_400)
MINUTE, HOUR = 60, 3_600
# The widest window, in ticks, that is one instant with its margin.
_AN_INSTANT = 2


@dataclass(frozen=True)
class Volume:
    """How much there is.

    Attributes:
        records: in all.
        crowd: so many of them at one instant.
        moving: so many updates there are while they are read.
        requests: in about so many requests are they read.
    """

    records: int
    crowd: int
    moving: int
    requests: int


class Shelf:
    """The records of one tenant, some of which are updated before each answer.

    Attributes:
        current: of each record by its number, the present version.
        put: every version there ever was.
        moved: so many updates there have been, and so many of them in the crowd while it was looked at by itself.
    """

    def __init__(self, source: Source, polled: PolledInput, volume: Volume) -> None:
        self._source = source
        self._polled = polled
        self._volume = volume
        self._rng = random.Random(25_000)
        self.stand_in: Any = source.shelf(polled.cloud)
        self.current: dict[int, str] = {}
        self.put: set[str] = set()
        self.moved = self.moved_in_crowd = 0
        now = polled.cloud.clock.now()
        self._instant = now - 2 * DAY
        self._numbers = range(1, volume.records + 1)
        # Here and there, as if somebody had closed all alerts of one kind.
        self._crowd = sorted(self._rng.sample(self._numbers, volume.crowd))
        times = {number: now - self._rng.randrange(seconds(MINUTE), 6 * DAY) for number in self._numbers}
        times.update(dict.fromkeys(self._crowd, self._instant))
        self.stand_in.put_all(polled.tenant, [self._version(number, time) for number, time in times.items()])

    def _version(self, number: int, time: int) -> bytes:
        created = self._instant - 5 * DAY - number * TICKS_PER_SECOND
        raw = self._source.make(number, time, created=created)
        self.current[number] = raw.decode()
        self.put.add(self.current[number])
        return raw

    def move_some(self, query: Query) -> None:
        """Update some records before an answer: of all, and of the crowd while it is looked at by itself."""
        volume = self._volume
        if query.since is not None and query.until is not None and query.until - query.since <= _AN_INSTANT:
            self.moved_in_crowd += 1
            self._move(self._crowd, 1)
        else:
            share = volume.moving / volume.requests
            count = int(share) + (self._rng.random() < share % 1)
            self._move(self._numbers, max(0, min(count, volume.moving - self.moved)))

    def _move(self, among: Sequence[int], count: int) -> None:
        for number in self._rng.sample(among, count):
            self.stand_in.put(self._polled.tenant, self._version(number, self._polled.cloud.clock.now()))
            self.moved += 1


def _poll(polled: PolledInput) -> None:
    result = polled.poll()
    assert result.failures == []
    assert [one.outcome for one in result.outcomes] == ["done"]


def _outcome(polled: PolledInput) -> tuple[str, object]:
    """How a poll ends, and how many instants it could not read whole."""
    (one,) = polled.poll().outcomes
    assert one.outcome != "incomplete" or type(one.failure) is IncompleteError
    return one.outcome, one.collector.summary(0)["instants_not_read"]


def _collect(
    cloud: MicrosoftCloud, source: Source, volume: Volume, *, page: int | None = None, **behaviour: Any
) -> PolledInput:
    """Read all there is while it moves, then what has moved; each version that is left has come once, and none twice."""
    polled = source.input(cloud, *customer(cloud), most_records=page)
    polled.let_time_pass()
    shelf = Shelf(source, polled, volume)
    usual: Behaviour = shelf.stand_in.behaviour
    shelf.stand_in.behaviour = replace(usual, links="more", **behaviour)
    shelf.stand_in.before_answer = shelf.move_some
    # What moves with each look at it can't be read whole: the watermark stays before it, and all the rest comes.
    is_crowded = volume.crowd > (page or usual.page_maximum)
    assert _outcome(polled) == (("incomplete", 1) if is_crowded else ("done", 0))
    shelf.stand_in.before_answer = None
    assert shelf.moved >= volume.moving * 0.8
    if is_crowded:
        assert shelf.moved_in_crowd > 1
    # A record that was updated within the second that still runs may be read only by a later poll. And each poll is a
    # process, with a pace of its own.
    cloud.clock.advance(HOUR)
    _poll(polled)
    delivered = Counter(polled.sink.raws())
    assert set(shelf.current.values()) - set(delivered) == set()
    assert set(delivered) <= shelf.put
    assert max(delivered.values()) == 1
    return polled


def _is_in_time_order(polled: PolledInput) -> bool:
    times = [taken.version.time for taken in polled.sink.taken]
    return times == sorted(times)


@dataclass(frozen=True)
class Full:
    """The volume at which one API has to prove itself; ``most_calls`` it takes, in both polls together."""

    source: Source
    volume: Volume
    most_calls: int


@pytest.mark.parametrize(
    "full",
    [
        Full(ENDPOINT, Volume(12_000, crowd=3_000, moving=120, requests=3), 20),
        Full(GRAPH, Volume(5_000, crowd=1_200, moving=50, requests=15), 70),
        Full(INCIDENTS, Volume(2_500, crowd=300, moving=25, requests=100), 300),
    ],
    ids=lambda full: full.source.kind,
)
def test_thousands_of_records_of_which_some_move_are_delivered_once_in_time_order_at_half_of_the_limits(
    cloud: MicrosoftCloud, monkeypatch: pytest.MonkeyPatch, full: Full
) -> None:
    # The numbers of records alone: how many calls long answers cost is in test_past_limits.py.
    monkeypatch.setattr(reader, "LONGEST_ANSWER_KEPT", 100_000_000)
    polled = _collect(cloud, full.source, full.volume)
    assert _is_in_time_order(polled)
    assert len(cloud.journal.calls(full.source.host)) <= full.most_calls
    assert full.source.meter is not None
    meter = full.source.meter(cloud)
    for limit in meter.limits:
        # The way there takes its time, not always the same: what leaves a minute apart may arrive a little closer.
        assert meter.busiest(limit.seconds - 1) <= limit.calls // 2


@pytest.mark.parametrize("order", ["newest_first", "oldest_first", "none"])
@pytest.mark.parametrize("source", CURRENT, ids=lambda source: source.kind)
def test_it_is_so_whatever_the_order_of_the_records(cloud: MicrosoftCloud, source: Source, order: str) -> None:
    _collect(cloud, source, Volume(400, crowd=120, moving=10, requests=18), page=20, order=order)
    assert len(cloud.journal.calls(source.host)) <= 300


@pytest.mark.parametrize("behaviour", [{"link_by": "skip"}, {"page_maximum": 12}], ids=str)
@pytest.mark.parametrize("source", CURRENT, ids=lambda source: source.kind)
def test_it_is_so_whatever_the_links_to_further_pages_do(
    cloud: MicrosoftCloud, source: Source, behaviour: dict[str, Any]
) -> None:
    _collect(cloud, source, Volume(300, crowd=120, moving=6, requests=16), page=20, **behaviour)
    assert len(cloud.journal.calls(source.host)) <= 320


@pytest.mark.parametrize("refused_from", [1, 2, 5])
@pytest.mark.parametrize("source", CURRENT, ids=lambda source: source.kind)
def test_an_instant_whose_links_are_refused_holds_the_watermark_and_nothing_else_until_they_are_not(
    cloud: MicrosoftCloud, source: Source, refused_from: int
) -> None:
    polled = source.input(cloud, *customer(cloud), most_records=8)
    polled.let_time_pass()
    instant = cloud.clock.freeze() - 2 * DAY
    others = [source.make(number, instant + (number - 100) * seconds(60)) for number in range(200) if number != 100]
    crowd = [source.make(1_000 + number, instant) for number in range(60)]
    source.publish(cloud, polled.tenant, [*others, *crowd])
    shelf = source.shelf(cloud)
    usual, shelf.behaviour = shelf.behaviour, replace(shelf.behaviour, links_break_from=refused_from)
    for _ in range(2):
        assert _outcome(polled) == ("incomplete", 1)
        (document,) = polled.store.documents.values()
        assert parse_iso(document["settled"]) <= parse_iso(document["watermark"]) <= instant
        delivered = Counter(polled.sink.raws())
        assert {raw.decode() for raw in others} <= set(delivered)
        assert len(set(delivered) & {raw.decode() for raw in crowd}) == 8 * refused_from
        assert max(delivered.values()) == 1
    shelf.behaviour = usual
    _poll(polled)
    assert sorted(polled.sink.raws()) == sorted(raw.decode() for raw in [*others, *crowd])


@dataclass(frozen=True)
class Trap:
    """Records at certain times, in seconds behind the start, and a service that is easily taken for another.

    Attributes:
        times: of the records.
        behaviour: what the service does with eight records a page.
    """

    times: tuple[float, ...]
    behaviour: dict[str, Any]


TRAPS = {
    "the newest are all of one instant": Trap((*range(HOUR, 21 * HOUR, HOUR), *[30 * HOUR] * 12), {}),
    "no page has the oldest": Trap((*range(HOUR, 61 * HOUR, HOUR),), {"order": "none"}),
    "a link that is refused leads to something": Trap(
        (*range(HOUR, 21 * HOUR, HOUR),), {"page_maximum": 5, "links": "more", "links_break_from": 1}
    ),
    "what was kept of an answer that turns out to be cut short comes again": Trap(
        (*[0] * 12,), {"page_maximum": 5, "links": "more"}
    ),
}


@pytest.mark.parametrize("name", TRAPS)
@pytest.mark.parametrize("source", CURRENT, ids=lambda source: source.kind)
def test_a_service_that_is_easily_taken_for_another_is_read_whole(
    cloud: MicrosoftCloud, source: Source, name: str
) -> None:
    trap = TRAPS[name]
    start = cloud.clock.freeze(cloud.clock.now() // TICKS_PER_SECOND * TICKS_PER_SECOND) - 3 * DAY
    polled = source.input(cloud, *customer(cloud), most_records=8, start_time=iso(start))
    shelf = source.shelf(cloud)
    shelf.behaviour = replace(shelf.behaviour, **trap.behaviour)
    versions = [
        source.make(number, start + seconds(behind), created=start - number * TICKS_PER_SECOND)
        for number, behind in enumerate(trap.times)
    ]
    source.publish(cloud, polled.tenant, versions)
    _poll(polled)
    assert sorted(polled.sink.raws()) == sorted(version.decode() for version in versions)
