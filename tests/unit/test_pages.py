"""Pages and links: an answer is whole if all its records stand on one page of its chain, wherever the empty ones are."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

import pytest
from defender_alerts.collect import reader
from defender_alerts.errors import StrangeLinkError
from defender_alerts.times import parse_iso, seconds
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from standins.microsoft.cloud import MicrosoftCloud
from standins.microsoft.faults import RequestFault
from standins.microsoft.graph import AlertsBehaviour
from standins.microsoft.origin import Exchange
from standins.microsoft.wire import Answer
from standins.polling import PolledInput
from standins.sources import CURRENT, GRAPH, Source, customer

_FEWER_PAGES = 40

_JSON = (("Content-Type", "application/json"),)


@dataclass(frozen=True)
class Chain(RequestFault):
    """A service that spreads what a window holds over the pages of a chain, by a plan of its own.

    Attributes:
        source: of the records.
        records: by version time.
        pages: how many records each page of a chain has, if there are so many; what is left stands on a last one.
        loops: the last page links to the first further one.
    """

    source: Source
    records: dict[int, bytes]
    pages: tuple[int, ...]
    loops: bool = False
    asked: list[str] = field(default_factory=list)

    def play(self, exchange: Exchange) -> None:
        query = dict(exchange.request.query)
        self.asked.append(query["$filter"])
        first, last = (parse_iso(found) for found in re.findall(r"(?:ge|lt) (\S+Z)", query["$filter"])[:2])
        left = [raw for time, raw in sorted(self.records.items()) if first <= time < last]
        number = int(query.get("$skiptoken", 0))
        for size in self.pages[:number]:
            del left[:size]
        is_last = number >= len(self.pages)
        page = left if is_last else left[: self.pages[number]]
        members = [b'"value":[' + b",".join(page) + b"]"]
        if not is_last or self.loops:
            target = 1 if is_last else number + 1
            link = (
                f"https://{self.source.host}{exchange.request.path}?$filter={quote(query['$filter'])}&$top={query['$top']}"
                f"&$skiptoken={target}"
            )
            members.append(b'"@odata.nextLink":' + json.dumps(link).encode())
        exchange.answer(Answer(200, b"{" + b",".join(members) + b"}", _JSON))


def _play(
    cloud: MicrosoftCloud, source: Source, ago: list[int], pages: Iterable[int], *, loops: bool = False
) -> tuple[PolledInput, Chain]:
    # The first window is two hours wide.
    start = "-2h" if max(ago, default=0) < 7_200 else "-7d"
    polled = source.input(cloud, *customer(cloud), start_time=start)
    polled.let_time_pass()
    now = cloud.clock.freeze(cloud.clock.now() // seconds(1) * seconds(1))
    times = [now - seconds(each) for each in ago]
    chain = Chain(
        source, {time: source.make(number, time) for number, time in enumerate(times, 1)}, tuple(pages), loops
    )
    cloud.faults.add(source.host, chain, times=None)
    return polled, chain


@pytest.mark.parametrize("empty", [0, 1, 2, 11, 99])
@pytest.mark.parametrize("source", CURRENT, ids=lambda source: source.kind)
def test_empty_pages_cost_a_call_each_and_a_record_behind_them_one_more(
    cloud: MicrosoftCloud, source: Source, empty: int
) -> None:
    polled, chain = _play(cloud, source, [100], [0] * empty)
    assert polled.poll().failures == []
    assert polled.sink.raws() == [raw.decode() for raw in chain.records.values()]
    assert len(chain.asked) == empty + 1
    assert len(set(chain.asked)) == 1


@pytest.mark.parametrize("empty", [1, 2, 30])
def test_empty_pages_without_a_record_behind_them_are_followed_to_their_end_once(
    cloud: MicrosoftCloud, empty: int
) -> None:
    polled, chain = _play(cloud, GRAPH, [], [0] * (empty - 1))
    assert polled.poll().failures == []
    assert len(chain.asked) == empty


def test_an_instant_on_several_pages_of_which_none_is_full_is_delivered_once(cloud: MicrosoftCloud) -> None:
    polled = GRAPH.input(cloud, *customer(cloud), start_time="-2h")
    at = cloud.clock.freeze() - seconds(3_600)
    GRAPH.publish(cloud, polled.tenant, [GRAPH.make(number, at) for number in range(5)])
    cloud.graph("commercial").alerts.behaviour = AlertsBehaviour(page_maximum=2)
    assert polled.poll().failures == []
    assert sorted(polled.sink.raws()) == sorted(raw.decode() for raw in GRAPH.shown(cloud, polled.tenant))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    pages=st.lists(st.sampled_from([0, 0, 0, 1, 2, 9]), max_size=20),
    ago=st.lists(st.integers(1, 500_000), max_size=12, unique=True),
)
def test_records_on_any_pages_of_a_chain_are_collected_once(pages: list[int], ago: list[int]) -> None:
    with MicrosoftCloud() as cloud:
        polled, chain = _play(cloud, GRAPH, ago, pages)
        assert polled.poll().failures == []
        assert sorted(polled.sink.raws()) == sorted(raw.decode() for raw in chain.records.values())


@pytest.mark.parametrize("pages", [_FEWER_PAGES - 1, _FEWER_PAGES])
def test_a_chain_of_too_many_pages_is_an_error_and_no_end(
    cloud: MicrosoftCloud, pages: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thousand in fact; the limit is lowered."""
    assert reader.MOST_PAGES > _FEWER_PAGES
    monkeypatch.setattr(reader, "MOST_PAGES", _FEWER_PAGES)
    polled, chain = _play(cloud, GRAPH, [100], [0] * pages)
    failures = polled.poll().failures
    if pages < reader.MOST_PAGES:
        assert failures == []
        assert len(polled.sink.taken) == 1
        return
    _is_endless(failures)
    assert len(chain.asked) == reader.MOST_PAGES
    assert polled.sink.taken == []
    assert polled.poll().failures
    cloud.faults.clear()
    GRAPH.publish(cloud, polled.tenant, chain.records.values())
    assert polled.poll().failures == []
    assert len(polled.sink.taken) == 1


@pytest.mark.parametrize("ago", [[], [100]])
@pytest.mark.parametrize("pages", [[0], [0, 0, 0], [9, 0, 0, 0]])
def test_a_link_that_comes_again_is_an_error_and_no_end(
    cloud: MicrosoftCloud, ago: list[int], pages: list[int]
) -> None:
    polled, chain = _play(cloud, GRAPH, ago, pages, loops=True)
    failures = polled.poll().failures
    if chain.records and pages[0] == 0:
        # A record again: it stands on two pages, and no narrower window helps.
        assert failures
    else:
        _is_endless(failures)
    cloud.faults.clear()
    GRAPH.publish(cloud, polled.tenant, chain.records.values())
    assert polled.poll().failures == []
    assert sorted(polled.sink.raws()) == sorted(raw.decode() for raw in chain.records.values())


def _is_endless(failures: Sequence[object]) -> None:
    (failure,) = failures
    assert type(failure) is StrangeLinkError
    assert "returns an endless chain of links to further pages: " in str(failure)
    reasons = ("the same one again", f"more than {reader.MOST_PAGES:,}")
    assert any(reason in str(failure) for reason in reasons)
    assert "If this persists, report it." in str(failure)
