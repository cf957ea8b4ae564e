from __future__ import annotations

import pytest
from standins.splunkd.stream import IndexedEvent, StreamReader

DEFAULTS = {"stanza": "k://n", "host": "h", "source": "k://n", "sourcetype": "k", "index": "default"}


def read(*chunks: bytes) -> tuple[StreamReader, list[IndexedEvent]]:
    events: list[IndexedEvent] = []
    reader = StreamReader(DEFAULTS, events.append)
    for chunk in chunks:
        reader.feed(chunk)
    reader.end()
    return reader, events


def test_an_event_cut_anywhere_by_the_pipe_arrives_whole() -> None:
    text = "<stream><event stanza='k://n'><time>1.25</time><data>a]]&gt;&lt;/event&gt;\u202eé</data><index>main</index></event></stream>"

    reader, events = read(*(bytes([byte]) for byte in text.encode()))

    assert (reader.error, reader.closed) == (None, True)
    assert events == [IndexedEvent("k://n", "1.25", "h", "k://n", "k", "main", "a]]></event>\u202eé")]


@pytest.mark.parametrize(
    "stream",
    [
        "<stream><event><data>\ufffe</data></event></stream>",
        "<stream><event><data>\x0b</data></event></stream>",
        "<stream><event><data>&#xFFFF;</data></event></stream>",
        "<stream><event><time>now</time><data>x</data></event></stream>",
        "<stream><event><data>x</data><data>y</data></event></stream>",
        "<stream>Traceback</stream>",
        "<stream></stream><stream></stream>",
        "<event><data>x</data></event>",
        "{}",
    ],
)
def test_what_is_not_a_stream_of_events_is_an_error(stream: str) -> None:
    reader, events = read(stream.encode())

    assert reader.error
    assert events == []


def test_an_unterminated_stream_is_noticed_and_its_whole_events_are_kept() -> None:
    reader, events = read(b"<stream><event><data>x</data></event><event><data>y")

    assert reader.error
    assert not reader.closed
    assert [event.raw for event in events] == ["x"]
