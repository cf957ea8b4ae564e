"""The body of an answer: whole or an error, in bounded steps, and its taker's time is its taker's."""

from __future__ import annotations

import gzip
import tracemalloc
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from defender_alerts.errors import ConnectionFailedError, UnexpectedAnswerError
from defender_alerts.microsoft.network import Network
from defender_alerts.microsoft.transport import body, client
from defender_alerts.microsoft.transport.session import open_session, trust
from hypothesis import given, settings
from hypothesis import strategies as st
from standins.microsoft import faults
from standins.microsoft.cloud import MicrosoftCloud
from standins.microsoft.origin import Exchange
from standins.microsoft.wire import Answer, Headers
from standins.polling import PolledInput, http_proxy
from urllib3.response import HTTPResponse

EU = "wdatp-alertexporter-eu.windows.com"
LOGIN = "login.microsoftonline.com"


class Sent(faults.RequestFault):
    """An answer as the test wants it on the line."""

    def __init__(self, content: bytes, headers: Headers = (), *, chunked: bool = False, part: float = 1.0) -> None:
        self._answer = Answer(200, content, headers, chunked=chunked)
        self._part = part

    def play(self, exchange: Exchange) -> None:
        exchange.answer(self._answer, part=self._part)
        if self._part < 1.0:
            exchange.connection.finish()


@contextmanager
def answered(cloud: MicrosoftCloud, fault: faults.Fault) -> Iterator[HTTPResponse]:
    cloud.faults.clear()
    cloud.faults.add(EU, fault)
    network = Network(proxy=http_proxy(cloud.proxy), ca_pem=cloud.ca_pem)
    with (
        open_session(network, trust(network.ca_pem), EU) as session,
        session.get(f"https://{EU}/", stream=True, timeout=5) as response,
    ):
        yield response.raw


GZIP: Headers = (("Content-Encoding", "gzip"),)


@pytest.fixture(scope="module")
def shared() -> Iterator[MicrosoftCloud]:
    with MicrosoftCloud() as running:
        yield running


def _members(content: bytes, count: int) -> bytes:
    """The content packed as so many members of gzip, one behind the other."""
    step = max(1, -(-len(content) // count))
    starts = range(0, max(1, len(content)), step)
    return b"".join(gzip.compress(content[start : start + step]) for start in starts)


@settings(max_examples=30, deadline=None)
@given(
    size=st.one_of(st.integers(0, 3), st.integers(0, 4 * body.PIECE), st.sampled_from([body.PIECE, 5_000_000])),
    unit=st.sampled_from([b" ", b"0123456789abcdef", bytes(range(256))]),
    members=st.integers(0, 3),
    chunked=st.booleans(),
)
def test_a_body_arrives_whole_in_steps_that_are_never_larger_than_the_limit(
    shared: MicrosoftCloud, size: int, unit: bytes, members: int, *, chunked: bool
) -> None:
    content = (unit * (size // len(unit) + 1))[:size]
    fault = Sent(_members(content, members) if members else content, GZIP if members else (), chunked=chunked)
    with answered(shared, fault) as raw:
        pieces = list(body.arriving(raw))
    assert b"".join(pieces) == content
    assert all(0 < len(piece) <= body.PIECE for piece in pieces)


@settings(max_examples=25, deadline=None)
@given(part=st.floats(0.0, 0.999), packed=st.booleans(), chunked=st.booleans())
def test_a_body_that_ends_early_is_never_taken_for_whole(
    shared: MicrosoftCloud, part: float, *, packed: bool, chunked: bool
) -> None:
    content = bytes(range(256)) * 40
    fault = Sent(gzip.compress(content) if packed else content, GZIP if packed else (), chunked=chunked, part=part)
    arrived = b""
    try:
        with answered(shared, fault) as raw:
            arrived = b"".join(body.arriving(raw))
    except ConnectionFailedError as error:
        assert str(error) == "The answer was cut off"  # noqa: PT017 - it need not be raised
    else:
        # Nothing was missing but the end of the framing.
        assert (arrived, chunked) == (content, True)


def test_gzip_whose_length_fits_and_whose_end_is_missing_is_cut_off(shared: MicrosoftCloud) -> None:
    packed = gzip.compress(b"x" * 1_000)
    for end in range(1, len(packed)):
        with answered(shared, Sent(packed[:end], GZIP)) as raw, pytest.raises(ConnectionFailedError):
            list(body.arriving(raw))


def test_a_body_that_is_read_to_its_end_gives_its_connection_back(shared: MicrosoftCloud) -> None:
    network = Network(proxy=http_proxy(shared.proxy), ca_pem=shared.ca_pem)
    shared.journal.clear()
    with open_session(network, trust(network.ca_pem), EU) as session:
        for fault in (Sent(b"[]"), Sent(b"", ()), Sent(gzip.compress(b"[]"), GZIP), Sent(b"[1]", chunked=True)):
            shared.faults.add(EU, fault)
            with session.get(f"https://{EU}/", stream=True, timeout=5) as response:
                list(body.arriving(response.raw))
    assert len({call.connection for call in shared.journal.calls(EU)}) == 1


@pytest.mark.parametrize("coding", ["br", "deflate", "gzip, gzip", "x" * 500])
def test_a_packing_that_nobody_asked_for_is_refused_by_name(shared: MicrosoftCloud, coding: str) -> None:
    fault = Sent(b"[]", (("Content-Encoding", coding),))
    with answered(shared, fault) as raw, pytest.raises(UnexpectedAnswerError) as refused:
        list(body.arriving(raw))
    assert str(refused.value).startswith(f"The answer has the encoding {coding[:40]!r}, which was not requested.")


def test_more_than_the_largest_body_is_refused_and_never_held(
    shared: MicrosoftCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(body, "LARGEST_BODY", 30_000_000)
    tracemalloc.start()
    try:
        with (
            answered(shared, faults.GzipFlood(100_000_000)) as raw,
            pytest.raises(UnexpectedAnswerError, match="The answer is larger than 30,000,000 bytes"),
        ):
            deque(body.arriving(raw), maxlen=0)
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


def test_gigabytes_of_white_space_end_a_region_and_nothing_else(
    polled: PolledInput, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert body.LARGEST_BODY == 1_000_000_000
    monkeypatch.setattr(body, "LARGEST_BODY", 30_000_000)
    polled.regions = ("eu", "us")
    alert = polled.publish(region="us")
    polled.cloud.faults.add(EU, faults.GzipFlood(1_000_000_001), times=None)
    result = polled.poll()
    assert [one.outcome for one in result.outcomes] == ["failed", "done"]
    assert "The answer is larger than 30,000,000 bytes" in str(result.failures[0])
    assert polled.sink.raws() == [alert]
    assert len(polled.cloud.journal.calls(EU)) == 1


@pytest.mark.parametrize("size", [4_999, 5_000, 5_001, 50_000])
def test_a_refusal_is_read_up_to_a_limit_and_said_without_what_is_longer(
    polled: PolledInput, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(client, "LARGEST_TEXT", 5_000)
    beginning, end = b'{"error":{"code":"Odd","message":"so it is"},"padding":"', b'"}'
    content = beginning.ljust(size - len(end), b"x") + end
    polled.cloud.faults.add(EU, faults.Status(400, content), times=None)
    (failure,) = polled.poll().failures
    assert ("Odd: so it is" in str(failure)) == (size <= 5_000)


@pytest.mark.parametrize("size", [1_500, 50_000])
def test_a_token_that_is_longer_than_the_limit_is_not_entra_ids(
    polled: PolledInput, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(client, "LARGEST_TEXT", 1_000)
    answer = b'{"access_token":"%b","expires_in":3599}' % (b"x" * size)
    polled.cloud.faults.add(LOGIN, faults.ok(answer), times=None)
    with pytest.raises(UnexpectedAnswerError, match="something that is not Entra ID's"):
        polled.poll()


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize("spent", [1.0, body.LONGEST_ARRIVAL, 10 * body.LONGEST_ARRIVAL])
def test_what_the_taker_spends_between_two_pieces_is_not_held_against_the_service(
    shared: MicrosoftCloud, spent: float
) -> None:
    content, clock = b"x" * 500_000, Clock()
    with answered(shared, Sent(content)) as raw:
        received = 0
        for piece in body.arriving(raw, clock):
            received += len(piece)
            clock.now += spent
    assert received == len(content)


def test_what_the_service_spends_is(shared: MicrosoftCloud) -> None:
    class Slow(Clock):
        def __call__(self) -> float:
            self.now += body.LONGEST_ARRIVAL / 4
            return self.now

    with (
        answered(shared, Sent(b"x" * 500_000)) as raw,
        pytest.raises(ConnectionFailedError, match="The answer did not arrive whole within 600 s"),
    ):
        list(body.arriving(raw, Slow()))
