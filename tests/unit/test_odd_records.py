"""Whatever one record holds costs at most itself: its neighbours are delivered, and so is its text where that can be."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from defender_alerts.errors import ConnectionFailedError, UnexpectedAnswerError
from defender_alerts.microsoft.json_stream import BrokenRecord, Record, cut_array, cut_envelope
from defender_alerts.times import seconds
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from standins.microsoft import faults
from standins.microsoft.cloud import MicrosoftCloud
from standins.polling import PolledInput
from standins.sources import GRAPH, INCIDENTS, SIEM, Source, customer

# The first window of a poll that starts two hours ago holds these.
EARLY = seconds(7_190)


def deep(levels: int) -> bytes:
    return b'{"a":[' * levels + b"1" + b"]}" * levels


ODD_MEMBERS = {
    "number of 5,000 digits": b'"odd":' + b"7" * 5_000,
    "number of 1,000,000 digits": b'"odd":-' + b"7" * 1_000_000,
    "huge exponent": b'"odd":1e999999999',
    "tiny exponent": b'"odd":1e-999999999',
    "long fraction": b'"odd":0.' + b"1" * 100_000,
    "NaN": b'"odd":[NaN,Infinity,-Infinity]',
    "300 levels": b'"odd":' + deep(300),
    "50,000 levels": b'"odd":' + deep(50_000),
    "lone surrogate": b'"odd":"\\ud800","\\udfff":1',
    "invalid UTF-8": b'"odd":"\xff\xc0\x80\xed\xa0\x80"',
    "duplicate keys": b'"odd":1,"odd":2',
    "raw control characters": b'"odd":"a\tb\nc\x01\x7f"',
    "invalid escape": b'"odd":"\\x41\\u12"',
    "leading zero": b'"odd":007',
    "hexadecimal": b'"odd":0x1F',
    "Python's words": b'"odd":[None,True]',
    "single quotes": b"\"odd\":'a'",
    "trailing comma": b'"odd":[1,2,]',
    "nothing": b'"odd":',
    "comment": b'"odd":1 /* no */',
    "brackets in a string": b'"odd":"]}],[{",bad',
    "no name": b"1",
}
LEFT_OUT = {
    "null": b"null",
    "true": b"true",
    "string": b'"text"',
    "list": b"[1,[2]]",
    "word": b"nonsense",
    "number": b"7" * 5_000,
    "empty": b"",
    "bracket": b"]",
    "brace": b"}",
    "open brace": b"{",
    "open list": b"[",
    "quote": b'"',
    "open member": b'{"id":',
    "open string": b'{"id":"x',
    "mismatch": b'{"id":[}',
    "no JSON and no id": b'{"a":nonsense}',
}


def body(source: Source, texts: list[bytes]) -> bytes:
    array = b"[" + b",".join(texts) + b"]"
    return array if source is SIEM else b'{"@odata.context":"c","value":' + array + b"}"


def polled_once(cloud: MicrosoftCloud, source: Source, texts: list[bytes], **own: str) -> PolledInput:
    """Poll an input whose API shows these texts in one answer."""
    polled = source.input(cloud, *customer(cloud), start_time="-2h")
    polled.own = {**polled.own, **own}
    cloud.faults.add(source.host, faults.Status(200, body(source, texts)))
    result = polled.poll()
    assert [str(failure) for failure in result.failures] == []
    return polled


def records(cloud: MicrosoftCloud, source: Source) -> list[bytes]:
    now = cloud.clock.now()
    return [source.make(number, now - EARLY + number) for number in (1, 2, 3)]


@pytest.mark.parametrize("source", [SIEM, INCIDENTS], ids=lambda source: source.kind)
@pytest.mark.parametrize("odd", ODD_MEMBERS)
def test_a_record_with_something_odd_in_it_is_delivered_as_it_came(
    cloud: MicrosoftCloud, source: Source, odd: str
) -> None:
    first, second, third = records(cloud, source)
    second = second[:-1] + b"," + ODD_MEMBERS[odd] + b"}"
    polled = polled_once(cloud, source, [first, second, third])
    texts = [one.decode("utf-8", "surrogateescape") for one in (first, second, third)]
    # Each byte that is not UTF-8 becomes a replacement character.
    assert polled.sink.raws() == [re.sub("[\udc80-\udcff]", "\ufffd", text) for text in texts]
    polled.poll()
    assert len(polled.sink.raws()) == 3


@pytest.mark.parametrize("source", [SIEM, GRAPH], ids=lambda source: source.kind)
@pytest.mark.parametrize("odd", LEFT_OUT)
def test_a_record_that_does_not_say_which_one_it_is_is_reported_and_its_neighbours_are_delivered(
    cloud: MicrosoftCloud, source: Source, odd: str, caplog: pytest.LogCaptureFixture
) -> None:
    first, _, third = records(cloud, source)
    polled = polled_once(cloud, source, [first, LEFT_OUT[odd], third])
    assert polled.sink.raws() == [first.decode(), third.decode()]
    assert [line.levelno for line in caplog.records if "is left out" in line.message] == [logging.ERROR]


def test_what_is_delivered_although_it_can_not_be_parsed_is_said_once(
    cloud: MicrosoftCloud, caplog: pytest.LogCaptureFixture
) -> None:
    first, second, third = records(cloud, SIEM)
    polled = polled_once(cloud, SIEM, [first, second[:-1] + b',"odd":nonsense}', third])
    said = [line.message for line in caplog.records if "is indexed as it came, but it can't be parsed" in line.message]
    assert len(said) == 1
    assert "Expecting value" in said[0]
    cloud.faults.add(SIEM.host, faults.Status(200, body(SIEM, [second[:-1] + b',"odd":nonsense}'])))
    polled.poll()
    assert len(polled.sink.raws()) == 3
    assert sum("is indexed as it came" in line.message for line in caplog.records) == 1


@pytest.mark.parametrize("alerts", ["inside", "split"])
@pytest.mark.parametrize("odd", ["number of 5,000 digits", "50,000 levels", "invalid escape", "nothing"])
def test_an_odd_alert_inside_an_incident_costs_neither_the_incident_nor_the_alerts_beside_it(
    cloud: MicrosoftCloud, alerts: str, odd: str
) -> None:
    now = cloud.clock.now()
    inside = [
        json.dumps({"id": f"a{number}", "lastUpdateDateTime": "2026-01-01T00:00:00Z"}).encode() for number in range(3)
    ]
    inside[1] = inside[1][:-1] + b"," + ODD_MEMBERS[odd] + b"}"
    incident = json.loads(INCIDENTS.make(1, now - EARLY))
    incident.pop("alerts", None)
    head = json.dumps(incident).encode()[:-1]
    whole = head + b',"alerts":[' + b",".join(inside) + b'],"z":1}'
    beside = INCIDENTS.make(2, now - EARLY + 1)[:-1] + b',"alerts":[]}'
    polled = polled_once(cloud, INCIDENTS, [whole, beside], alerts=alerts)
    raws = polled.sink.raws()
    if alerts == "inside":
        assert raws[0] == whole.decode()
        assert len(raws) == 2
    else:
        # Those of one answer come in the order of their times, which the odd one may not tell.
        assert {(head + b',"z":1}').decode(), *(one.decode() for one in inside)} < set(raws)
        assert len(raws) == len(set(raws)) == 5


ODD_AROUND = {
    "long count": b'"@odata.count":' + b"7" * 5_000,
    "endless count": b'"@odata.count":1e999999999',
    "not a number": b'"@odata.count":NaN',
    "lone surrogate": b'"@odata.context":"\\ud800"',
    "invalid UTF-8": b'"\xff":"\xff"',
    "deep": b'"@odata.context":' + deep(50_000),
    "twice": b'"@odata.context":1,"@odata.context":2',
    "no link": b'"@odata.nextLink":null',
}


@pytest.mark.parametrize("behind", [False, True])
@pytest.mark.parametrize("odd", ODD_AROUND)
def test_something_odd_around_the_records_costs_none_of_them(cloud: MicrosoftCloud, odd: str, *, behind: bool) -> None:
    source = GRAPH
    raws = records(cloud, source)
    array = b'"value":[' + b",".join(raws) + b"]"
    members = [array, ODD_AROUND[odd]] if behind else [ODD_AROUND[odd], array]
    polled = source.input(cloud, *customer(cloud), start_time="-2h")
    cloud.faults.add(source.host, faults.Status(200, b"{" + b",".join(members) + b"}"))
    assert polled.poll().failures == []
    assert polled.sink.raws() == [raw.decode() for raw in raws]


@pytest.mark.parametrize("link", [b"7", b"[" * 3_000 + b"]" * 3_000, b'{"a":1}', b"true"])
def test_a_link_that_is_none_is_refused_and_not_taken_for_the_end(cloud: MicrosoftCloud, link: bytes) -> None:
    source = INCIDENTS
    polled = source.input(cloud, *customer(cloud), start_time="-2h")
    cloud.faults.add(source.host, faults.Status(200, b'{"value":[],"@odata.nextLink":' + link + b"}"))
    (failure,) = polled.poll().failures
    assert "returned a link to" in str(failure)


ODD_REFUSALS = [
    b"",
    b"[" * 4_000,
    b'{"error":' + b"[" * 1_500 + b"]" * 1_500 + b"}",
    b'{"error":{"code":' + b"7" * 4_400 + b"}}",
    b'{"error":{"code":["a"],"message":{"b":1}},"correlation_id":[1]}',
    b'{"error":{"code":"\\ud800","message":"\\udfff"}}',
    b'{"error":7}',
    b"\xff\xfe\x00",
]


@pytest.mark.parametrize("status", [400, 403])
@pytest.mark.parametrize("refused", ODD_REFUSALS, ids=lambda body: ascii(body[:30]))
def test_a_refusal_with_an_odd_body_is_a_refusal_all_the_same(
    cloud: MicrosoftCloud, refused: bytes, status: int
) -> None:
    polled = GRAPH.input(cloud, *customer(cloud), start_time="-2h")
    headers = (("request-id", "11111111-2222-3333-4444-555555555555"),)
    cloud.faults.add(GRAPH.host, faults.Status(status, refused, headers), times=None)
    (failure,) = polled.poll().failures
    assert GRAPH.host in str(failure)
    assert f"HTTP {status}" in str(failure)


# The cutter alone.


READ = 65_536
"""So much is read at a time, at least: what arrives in smaller pieces is put together first."""


def pieces(whole: bytes, size: int, cut: int = 0) -> Iterator[bytes]:
    """The text in pieces, of which the first ends at the cut: the white space before it makes it a read of its own."""
    yield b" " * READ + whole[:cut]
    for start in range(cut, len(whole), size):
        yield whole[start : start + size]


def is_record(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("id"), str) and value.get("t") == "x"


def good(number: int) -> bytes:
    return b'{"id":"%d","t":"x","tags":["a","b"]}' % number


Cut = Callable[[bytes, int, int], "list[Record | BrokenRecord]"]


def as_array(inner: bytes, size: int, cut: int) -> list[Record | BrokenRecord]:
    return list(cut_array(pieces(b"[" + inner + b"]", size, cut), is_record))


def as_envelope(inner: bytes, size: int, cut: int) -> list[Record | BrokenRecord]:
    whole = b'{"a":1,"value":[' + inner + b'],"@odata.nextLink":"u"}'
    around: dict[str, Any] = {}
    found = list(cut_envelope(pieces(whole, size, cut), around, is_record))
    assert around == {"a": "1", "@odata.nextLink": "u"}
    return found


def delivered(elements: list[Record | BrokenRecord]) -> list[bytes]:
    """Return what is delivered: records, and what can't be parsed but says which one it is."""
    found = [element.record if isinstance(element, BrokenRecord) else element for element in elements]
    return [one.raw.encode("utf-8", "surrogateescape") for one in found if one is not None and is_record(one.value)]


FRAGMENTS = st.lists(
    st.text(max_size=4).map(lambda text: text.encode("utf-8", "surrogatepass"))
    | st.binary(max_size=3)
    | st.sampled_from(
        [
            b"{",
            b"}",
            b"[",
            b"]",
            b'"',
            b",",
            b":",
            b"\\",
            b"\\u",
            b'"id":',
            b'"id":"9"',
            b'"t":"x"',
            b"1",
            b"-",
            b"nul",
            b" ",
            b'{"a":',
            b'["b",',
            b"7" * 5_000,
        ]
    ),
    max_size=12,
).map(b"".join)


SIZES = st.sampled_from([1, 7, 50, READ])
CUTS = st.integers(min_value=0, max_value=150)


def is_cut_off_or_closed(odd: bytes) -> bool:
    """Tell whether nobody can know that this is one odd record among others.

    It closes the array, or it is an object that swallows what follows and so looks like an answer that was cut off.
    """
    text = odd.decode("utf-8", "surrogateescape")
    for opening, closing in (("[", ""), ('{"value":[', '],"a":"b"}')):
        try:
            json.JSONDecoder(strict=False, parse_int=str).raw_decode(f"{opening}{text}{closing}")
        except json.JSONDecodeError:
            continue
        if opening == "[":
            return True
    behind = f"{text},{good(2).decode()}"
    try:
        _, end = json.JSONDecoder(strict=False, parse_int=str).raw_decode(behind.lstrip())
    except json.JSONDecodeError as error:
        return error.msg.startswith("Unterminated") or error.pos >= len(behind.lstrip()) - 14
    return end > len(text.strip()) or "]" in text


@settings(max_examples=300)
@given(odd=FRAGMENTS, size=SIZES, cut=CUTS, as_one=st.sampled_from([as_array, as_envelope]))
@example(odd=b'{"id":"1,"t":"x"', size=7, cut=0, as_one=as_array)
@example(odd=b'"', size=3, cut=0, as_one=as_envelope)
@example(odd=b"[1,", size=3, cut=0, as_one=as_array)
@example(odd=b"]", size=1, cut=0, as_one=as_envelope)
@example(odd=b'{"a":', size=50, cut=0, as_one=as_envelope)
def test_no_text_of_a_record_keeps_its_neighbours_back(odd: bytes, size: int, cut: int, as_one: Cut) -> None:
    assume(not is_cut_off_or_closed(odd))
    found = delivered(as_one(b",".join([good(1), odd, good(2), good(3)]), size, cut))
    assert found[0] == good(1)
    assert found[-2:] == [good(2), good(3)]


@given(
    values=st.lists(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
            max_leaves=6,
        ),
        min_size=1,
        max_size=3,
    ),
    size=SIZES,
    cut=CUTS,
    as_one=st.sampled_from([as_array, as_envelope]),
)
def test_whatever_is_JSON_costs_nothing(values: list[Any], size: int, cut: int, as_one: Cut) -> None:
    texts = [json.dumps(value).encode() for value in values]
    elements = as_one(b",".join([good(1), *texts, good(2)]), size, cut)
    assert [one.raw.encode() for one in elements if isinstance(one, Record)] == [good(1), *texts, good(2)]


SHORT = {
    **{name: odd for name, odd in LEFT_OUT.items() if len(odd) < 100},
    **{name: b'{"id":"2","t":"x",' + odd + b"}" for name, odd in ODD_MEMBERS.items() if len(odd) < 100},
    "escapes and letters of four bytes": '{"id":"2","t":"x","a":"\\ud83d\\ude00\\n\U0001f600ü","n":-1.5e+3}'.encode(),
}


@pytest.mark.parametrize("as_one", [as_array, as_envelope])
@pytest.mark.parametrize("odd", SHORT)
def test_it_makes_no_difference_after_which_byte_a_read_ends(odd: str, as_one: Cut) -> None:
    inner = b",".join([good(1), SHORT[odd], good(2), good(3)])

    def outcome(cut: int) -> Any:
        try:
            elements = as_one(inner, READ, cut)
        except (ConnectionFailedError, UnexpectedAnswerError) as error:
            return type(error)
        return delivered(elements), [isinstance(element, BrokenRecord) for element in elements]

    at_once = outcome(0)
    # From within the record before it to within the one behind it; what stands before them is up to 16 bytes long.
    assert [
        cut for cut in range(len(good(1)) - 4, len(good(1)) + len(SHORT[odd]) + 24) if outcome(cut) != at_once
    ] == []


INCIDENT = b'{"id":"1","t":"x","inside":[{"id":"8","t":"x"},{"id":"9","t":"x"},{"deep":[[{"id":"7","t":"x"},1]]}]}'


@pytest.mark.parametrize("size", [1, 7, 65_536])
def test_what_stands_inside_a_record_is_never_taken_for_one_where_the_answer_was_cut_off(size: int) -> None:
    whole = b'{"value":[' + INCIDENT + b"," + INCIDENT
    for cut in range(1, len(INCIDENT) + 16):
        elements = cut_envelope(pieces(whole[:-cut], size), {}, is_record)
        found: list[Record | BrokenRecord] = []
        with pytest.raises(ConnectionFailedError):
            found += elements
        assert set(delivered(found)) <= {INCIDENT}, cut
