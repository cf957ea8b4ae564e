"""Events leave as they came: whatever an alert holds, the XML stream gives it back to a real parser unchanged."""

from __future__ import annotations

import contextlib
import io
import json
import os
import threading
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pytest
from defender_alerts.checkpoint.versions import Version, fingerprint
from defender_alerts.collect import events
from defender_alerts.collect.events import Origin, XmlStream
from defender_alerts.errors import StreamClosedError
from defender_alerts.microsoft.json_stream import utf8
from defender_alerts.times import parse_iso
from hypothesis import given
from hypothesis import strategies as st
from standins.microsoft.hostile_text import HOSTILE_TEXT, HostileText
from unit.past import past

_ORIGIN = Origin(
    stanza="defender_siem_alerts://test",
    index="main",
    source="defender_siem_alerts:tenant:eu:test",
    sourcetype="wdatp:alerts",
    host="wdatp-alertexporter-eu.windows.com",
)
_TIME = parse_iso("2017-01-23T11:33:45.0760449Z")


def _version(raw: str) -> Version:
    return Version(_TIME, fingerprint(raw, _TIME), utf8(raw))


def _written(*raws: str, origin: Origin = _ORIGIN) -> list[ET.Element]:
    out = io.BytesIO()
    stream = XmlStream(out)
    stream.write(origin, [_version(raw) for raw in raws])
    stream.close()
    return list(ET.fromstring(out.getvalue()))


def _data(event: ET.Element) -> str:
    return event.findtext("data") or ""


def test_an_event_carries_its_stanza_time_source_sourcetype_host_and_index() -> None:
    (event,) = _written('{"a":1}')
    assert event.get("stanza") == "defender_siem_alerts://test"
    assert {child.tag: child.text for child in event} == {
        "time": "1485171225.0760449",
        "source": "defender_siem_alerts:tenant:eu:test",
        "sourcetype": "wdatp:alerts",
        "host": "wdatp-alertexporter-eu.windows.com",
        "index": "main",
        "data": '{"a":1}',
    }


@given(st.text())
def test_any_text_comes_out_as_the_same_JSON_value(text: str) -> None:
    (event,) = _written(json.dumps({"a": text}, ensure_ascii=False).encode("utf-8", "replace").decode())
    readable = text.encode("utf-8", "replace").decode()
    assert json.loads(_data(event)) == {"a": readable}


@given(st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff")))
def test_text_that_XML_allows_comes_out_byte_for_byte(text: str) -> None:
    raw = json.dumps({"a": text}, ensure_ascii=False)
    assert _data(_written(raw)[0]) == raw


@pytest.mark.parametrize("hostile", HOSTILE_TEXT, ids=lambda hostile: hostile.name)
def test_text_that_breaks_naive_writers_means_the_same_behind_the_stream_and_spares_its_neighbours(
    hostile: HostileText,
) -> None:
    raw = '{"text":' + hostile.literal.decode() + "}"
    before, event, after = _written('{"a":0}', raw, '{"b":0}')
    assert json.loads(_data(event)) == {"text": hostile.meaning}
    assert (_data(before), _data(after)) == ('{"a":0}', '{"b":0}')


@pytest.mark.parametrize("length", past(events._PIECE))
def test_events_of_any_length_come_whole(length: int) -> None:
    raws = [json.dumps("<" * length), *map(str, range(length % 1_000)), json.dumps("é" * length)]
    assert [_data(event) for event in _written(*raws)] == raws


@pytest.mark.parametrize(
    ("raw", "data"),
    [
        ('{\r\n  "a": 1\r\n}', '{\r\n  "a": 1\r\n}'),
        *(('{"a":"' + one + '"}', f'{{"a":"\\u{ord(one):04x}"}}') for one in "\x00\x0b\x1f\ufffe\uffff"),
        # Bytes that were no UTF-8.
        ('{"a":"\udcff"}', '{"a":"\ufffd"}'),
    ],
    ids=ascii,
)
def test_what_XML_changes_or_forbids_survives_or_becomes_a_JSON_escape(raw: str, data: str) -> None:
    assert _data(_written(raw)[0]) == data


@pytest.mark.parametrize("noncharacter", ["\ufffe", "\uffff"], ids=ascii)
def test_what_only_XML_forbids_becomes_an_escape_in_a_record_without_control_characters(noncharacter: str) -> None:
    out = io.BytesIO()
    stream = XmlStream(out)
    stream.write(_ORIGIN, [_version('{"a":"' + noncharacter + '\uffef"}')._replace(has_controls=False)])
    stream.close()
    assert _data(ET.fromstring(out.getvalue())[0]) == f'{{"a":"\\u{ord(noncharacter):04x}\uffef"}}'


def test_an_input_name_or_index_cannot_break_out_of_its_element() -> None:
    origin = Origin('x"><data>', "</index>", "&", "<", ">")
    (event,) = _written("{}", origin=origin)
    assert event.get("stanza") == 'x"><data>'
    assert event.findtext("index") == "</index>"


def test_a_stream_without_events_is_empty_and_not_half_a_document() -> None:
    out = io.BytesIO()
    XmlStream(out).close()
    assert out.getvalue() == b""


def test_nothing_is_written_behind_the_end_of_the_stream() -> None:
    out = io.BytesIO()
    stream = XmlStream(out)
    stream.write(_ORIGIN, [_version("{}")])
    stream.close()
    ended = out.getvalue()
    with pytest.raises(StreamClosedError):
        stream.write(_ORIGIN, [_version("{}")])
    assert out.getvalue() == ended


def test_a_pipe_that_splunk_has_closed_is_an_error_of_its_own() -> None:
    class ClosedPipe(io.BytesIO):
        def flush(self) -> None:
            raise BrokenPipeError

    with pytest.raises(StreamClosedError, match="Splunk has closed"):
        XmlStream(ClosedPipe()).write(_ORIGIN, [_version("{}")])


def test_a_batch_is_flushed_before_write_returns() -> None:
    flushed: list[int] = []

    class Counting(io.BytesIO):
        def flush(self) -> None:
            flushed.append(len(self.getvalue()))

    out = Counting()
    XmlStream(out).write(_ORIGIN, [_version("{}")] * 3)
    assert flushed == [len(out.getvalue())]


@pytest.fixture
def pipe() -> Iterator[tuple[BinaryIO, XmlStream]]:
    """Give both ends of a pipe: where it is read, and a stream that is written as to Python's standard output."""
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb", buffering=0) as reader, contextlib.ExitStack() as stack:
        writer = os.fdopen(writing, "wb")
        # A closed pipe refuses what is still in the buffer.
        stack.push(contextlib.suppress(BrokenPipeError))
        stack.callback(writer.close)
        yield reader, XmlStream(writer)


def _write(stream: XmlStream, refused: list[StreamClosedError], *raws: str) -> None:
    """Write a batch, and remember that it was refused."""
    try:
        stream.write(_ORIGIN, [_version(raw) for raw in raws])
    except StreamClosedError as error:
        refused.append(error)


def test_a_stream_that_is_closed_while_it_is_written_ends_behind_a_whole_event(
    pipe: tuple[BinaryIO, XmlStream],
) -> None:
    reader, stream = pipe
    refused: list[StreamClosedError] = []
    raws = [f'{{"a":"{"x" * 5_000}"}}'] * 1_000
    threads = [threading.Thread(target=_write, args=(stream, refused, *raws))]
    threads[0].start()
    read = reader.read(1_000)
    threads.append(threading.Thread(target=stream.close))
    threads[1].start()
    while not read.endswith(b"</stream>"):
        read += reader.read(65_536)
    for thread in threads:
        thread.join()
    assert 0 < len(list(ET.fromstring(read))) < 1_000
    assert len(refused) == 1


def test_a_pipe_is_known_to_be_closed_before_anything_is_written(pipe: tuple[BinaryIO, XmlStream]) -> None:
    reader, stream = pipe
    assert not stream.is_abandoned()
    stream.write(_ORIGIN, [_version("{}")])
    assert not stream.is_abandoned()
    reader.close()
    assert stream.is_abandoned()
    with pytest.raises(StreamClosedError):
        stream.close()
    assert stream.is_abandoned()


def test_what_is_no_pipe_is_never_taken_for_closed(tmp_path: Path) -> None:
    assert not XmlStream(io.BytesIO()).is_abandoned()
    for path in (Path(os.devnull), tmp_path / "events"):
        with path.open("wb") as out:
            assert not XmlStream(out).is_abandoned()


def test_a_stream_that_nobody_reads_is_left_without_its_end(pipe: tuple[BinaryIO, XmlStream]) -> None:
    reader, stream = pipe
    refused: list[StreamClosedError] = []
    writing = threading.Thread(target=_write, args=(stream, refused, f'{{"a":"{"x" * 1_000_000}"}}'))
    writing.start()
    # One piece, larger than the pipe: what has begun to be written can't end.
    assert reader.read(1) == b"<"
    stream.close()
    assert (writing.is_alive(), refused) == (True, [])
    reader.close()
    writing.join()
    assert len(refused) == 1
