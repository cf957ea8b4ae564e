"""Records are cut out of an answer as they arrive: byte for byte, however the answer is cut into pieces."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest
from defender_alerts.errors import AddonError, ConnectionFailedError, UnexpectedAnswerError
from defender_alerts.microsoft import json_stream
from defender_alerts.microsoft.json_stream import (
    BrokenRecord,
    Record,
    cut_array,
    cut_envelope,
    elements,
    without_member,
)
from hypothesis import given, settings
from hypothesis import strategies as st

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
_SPACES = st.text(alphabet=" \t\r\n", max_size=3)


def _is_record(value: Any) -> bool:
    return isinstance(value, dict) and "id" in value


def _pieces(body: bytes, size: int) -> Iterator[bytes]:
    return (body[start : start + size] for start in range(0, len(body), size))


def _cut(body: bytes, size: int = 65_536) -> list[Record | BrokenRecord]:
    return list(cut_array(_pieces(body, size), _is_record))


def _raws(body: bytes, size: int = 65_536) -> list[str]:
    return [element.raw for element in _cut(body, size) if isinstance(element, Record)]


@pytest.fixture(autouse=True, scope="module")
def cut_where_the_pieces_end() -> Iterator[None]:
    """Let no piece wait for others, but for a whole character: in a run they are put together first, to 64 KB and more."""
    with pytest.MonkeyPatch.context() as patch:
        # A character of UTF-8 has at most four bytes: fewer may be none yet, which would look like the end.
        patch.setattr(json_stream, "_SMALLEST_READ", 4)
        yield


@given(
    values=st.lists(st.dictionaries(st.text(), _JSON, max_size=4), max_size=6),
    size=st.integers(min_value=1, max_value=40),
    space=_SPACES,
    ascii_only=st.booleans(),
    indent=st.sampled_from([None, 1]),
)
@settings(max_examples=200)
def test_each_record_keeps_its_text_wherever_the_answer_is_cut(
    values: list[dict[str, Any]], size: int, space: str, *, ascii_only: bool, indent: int | None
) -> None:
    texts = [json.dumps(value, ensure_ascii=ascii_only, indent=indent) for value in values]
    body = (space + "[" + space + f"{space},{space}".join(texts) + space + "]" + space).encode("utf-8", "surrogatepass")
    if any(0xD800 <= ord(character) <= 0xDFFF for text in texts for character in text):
        return
    elements = _cut(body, size)
    assert [element.raw for element in elements if isinstance(element, Record)] == texts
    # Integers stay text.
    read = [json.loads(text, parse_int=str) for text in texts]
    assert [element.value for element in elements if isinstance(element, Record)] == read


def test_hardly_a_record_is_parsed_before_it_is_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """For each that is not, Python counts the lines before it: a tenth of a drain."""
    monkeypatch.setattr(json_stream, "_SMALLEST_READ", 65_536)
    tried: list[int] = []
    usual = json.JSONDecoder.raw_decode

    def raw_decode(decoder: json.JSONDecoder, text: str, start: int = 0) -> tuple[Any, int]:
        tried.append(start)
        return usual(decoder, text, start)

    monkeypatch.setattr(json.JSONDecoder, "raw_decode", raw_decode)
    texts = [json.dumps({"id": number, "text": "x" * (3_000 + number)}) for number in range(1_000)]
    assert _raws(f"[{','.join(texts)}]".encode(), 1_000) == texts
    assert len(tried) <= len(texts) + 3


@pytest.mark.parametrize("size", [1, 65_536])
@pytest.mark.parametrize("control", [chr(code) for code in range(32)], ids=ascii)
def test_a_record_with_a_control_character_in_a_string_is_read_and_marked(control: str, size: int) -> None:
    first, second, third = '{"id":1,\n\t"a":"\\n"}', f'{{"id":2,"a{control}":"{control}"}}', f'{{"id":{control}x}}'
    found = _cut(f"[{first},{second},{third},{first}]".encode(), size)
    records = [one.record if isinstance(one, BrokenRecord) else one for one in found]
    assert [(one.raw, one.has_controls) for one in records if one is not None] == [
        (first, False),
        (second, True),
        (third, True),
        (first, False),
    ]


def test_a_number_that_two_pieces_share_is_one() -> None:
    found = cut_array(iter([b'[{"id":1},12345', b"67]"]), lambda _: True)
    assert [element.raw for element in found if isinstance(element, Record)] == ['{"id":1}', "1234567"]


@pytest.mark.parametrize("size", [1, 2, 5, 7, 65_536])
def test_a_broken_record_is_reported_and_its_neighbours_are_delivered(size: int) -> None:
    body = rb"""[{"id":1}, {"b": nope, "c":"}\"{]"}, {"id":2}, zzz, 5, {"e":"\x"}, {"id":3}, {"f":}]"""
    elements = _cut(body, size)
    assert _raws(body, size) == ['{"id":1}', '{"id":2}', "5", '{"id":3}']
    assert [type(element) for element in elements].count(BrokenRecord) == 4


def test_a_broken_record_says_what_is_wrong_with_it_and_how_it_begins() -> None:
    (broken,) = (element for element in _cut(b'[{"id":1},{"b": nope}]') if isinstance(element, BrokenRecord))
    assert broken.reason == "Expecting value"
    assert broken.excerpt.startswith('{"b": nope')


@pytest.mark.parametrize("size", [1, 3, 65_536])
@pytest.mark.parametrize("body", [b"[", b'[{"id":1}', b'[{"id":1},', b'[{"id', b'[{"id":1},{"id":"\\', b'[{"x": nope'])
def test_an_answer_that_was_cut_off_is_an_error_and_not_a_shorter_answer(body: bytes, size: int) -> None:
    with pytest.raises(ConnectionFailedError, match="cut off"):
        _cut(body, size)


@pytest.mark.parametrize("end", [b',{"i', b',{"id":4,"x":"ab', b'],"x":"abc'])
def test_what_is_inside_a_record_that_was_cut_off_is_no_record(end: bytes) -> None:
    """An instant too full to be kept is delivered as it comes: an alert inside an incident would be an event."""
    cut = cut_array(_pieces(b'[{"id":0},{"id":1,"alerts":[{"id":2},{"id":3}' + end, 65_536), _is_record)
    assert next(cut) == Record('{"id":0}', {"id": "0"}, has_controls=False)
    with pytest.raises(ConnectionFailedError, match="cut off"):
        next(cut)


@pytest.mark.parametrize(
    ("body", "error", "says"),
    [
        (b"<html>log in</html>", UnexpectedAnswerError, "."),
        (b'{"error":{"code":"x"}}', UnexpectedAnswerError, "."),
        (b'"text"', UnexpectedAnswerError, "."),
        (b"null", UnexpectedAnswerError, "."),
        (b"[1 2]", UnexpectedAnswerError, r"The answer's array is broken at '2\]'"),
        (b"[] trailing", UnexpectedAnswerError, "continues after its end"),
        (b"", ConnectionFailedError, "empty"),
        (b" \n", ConnectionFailedError, "empty"),
    ],
)
def test_what_is_no_array_of_records_is_an_error_and_not_zero_alerts(
    body: bytes, error: type[AddonError], says: str
) -> None:
    with pytest.raises(error, match=says):
        _cut(body)


@pytest.mark.parametrize(
    ("body", "raws"),
    [
        (b" [ ] ", []),
        (b'\xef\xbb\xbf[{"id":1}]', ['{"id":1}']),
        # As the documents print an array of one.
        (b'{"id": 1}', ['{"id": 1}']),
        (b'[{"id":"a\tb\nc\x01"}]', ['{"id":"a\tb\nc\x01"}']),
        (b'[{"id":"\xff\xfe"},{"id":2}]', ['{"id":"\udcff\udcfe"}', '{"id":2}']),
    ],
    ids=["none", "a byte order mark", "one without an array", "control characters", "no UTF-8"],
)
def test_what_is_odd_about_an_answer_costs_no_alert(body: bytes, raws: list[str]) -> None:
    assert _raws(body) == raws


def test_a_single_record_that_is_nested_beyond_reason_does_so_too() -> None:
    (alone,) = _cut(b'{"id":"1","a":' + b"[" * 100_000 + b"]" * 100_000 + b"}")
    assert isinstance(alone, BrokenRecord)
    assert alone.record is not None
    assert alone.record.value == {"id": "1", "a": None}


@pytest.mark.parametrize(
    "body",
    [b"<html>\xff\xfe</html>", b'{"error":"\xff"}', b"\xff\xfe[\x00]\x00", b"[] \xff", b'[{"id":1} \xff]'],
)
def test_a_message_quotes_bytes_that_are_no_UTF_8_as_the_character_that_stands_for_them(body: bytes) -> None:
    with pytest.raises(UnexpectedAnswerError) as caught:
        _cut(body)
    assert "\ufffd" in str(caught.value)
    assert "udcff" not in str(caught.value)


def test_the_last_of_duplicate_keys_counts_and_the_text_keeps_both() -> None:
    (element,) = _cut(b'[{"id":1,"id":2}]')
    assert isinstance(element, Record)
    assert (element.raw, element.value) == ('{"id":1,"id":2}', {"id": "2"})


def test_a_record_nested_beyond_reason_is_reported_and_the_next_one_delivered() -> None:
    body = b"[" + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b',{"id":2}]'
    elements = _cut(body)
    assert isinstance(elements[0], BrokenRecord)
    assert _raws(body) == ['{"id":2}']


def test_memory_does_not_grow_with_the_answer() -> None:
    record = json.dumps({"id": 1, "text": "x" * 3_000}).encode()

    def endless(count: int) -> Iterator[bytes]:
        yield b"["
        for number in range(count):
            yield record if number == 0 else b"," + record
        yield b"]"

    def peak(count: int) -> int:
        tracemalloc.start()
        try:
            assert sum(1 for _ in cut_array(endless(count), _is_record)) == count
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert peak(20_000) < 2 * peak(200)


def _enveloped(body: bytes, size: int) -> tuple[list[str], dict[str, Any]]:
    around: dict[str, Any] = {}
    found = [one.raw for one in cut_envelope(_pieces(body, size), around) if isinstance(one, Record)]
    return found, around


@pytest.mark.parametrize("size", [1, 2, 7, 65_536])
@pytest.mark.parametrize(
    ("body", "records", "around"),
    [
        (b'{"value":[]}', [], {}),
        (b'\xef\xbb\xbf{"value":[{"id":1}]}', ['{"id":1}'], {}),
        (b'{"@odata.context":"c","value":[{"id":1},{"id":2}]}', ['{"id":1}', '{"id":2}'], {"@odata.context": "c"}),
        (b'{ "@odata.nextLink" : "u" , "value" : [ {"a":"]}"} ] }\r\n', ['{"a":"]}"}'], {"@odata.nextLink": "u"}),
        (b'{"value":[{"a":[{"value":[]}]}],"@odata.nextLink":"u"}', ['{"a":[{"value":[]}]}'], {"@odata.nextLink": "u"}),
        (b'{"@odata.count":12,"value":[1]}', ["1"], {"@odata.count": "12"}),
    ],
)
def test_records_are_cut_out_of_an_envelope_wherever_its_other_members_stand(
    size: int, body: bytes, records: list[str], around: dict[str, Any]
) -> None:
    assert _enveloped(body, size) == (records, around)


@pytest.mark.parametrize("size", [1, 65_536])
@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"{}",
        b'{"error":{"code":"UnknownError"}}',
        b'{"value":{}}',
        b'{"value":null}',
        b'{"value":[]}{"value":[]}',
        b'{"value" []}',
        b"{value:[]}",
        b"<html></html>",
    ],
)
def test_an_envelope_that_is_none_is_an_error_and_not_zero_alerts(size: int, body: bytes) -> None:
    with pytest.raises(UnexpectedAnswerError):
        _enveloped(body, size)


@pytest.mark.parametrize("size", [5, 65_536])
@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b'{"value":[] "a":1}', 'The answer is broken at \'"a"'),
        (b'{"a":nonsense,"value":[]}', r"The answer's member 'a' is broken \("),
    ],
)
def test_an_envelope_that_is_broken_is_described_with_the_place(size: int, body: bytes, says: str) -> None:
    with pytest.raises(UnexpectedAnswerError, match=says):
        _enveloped(body, size)


_WHOLE = b'{"@odata.context":"c","value":[{"id":1},{"id":2}],"@odata.nextLink":"u"}'


@pytest.mark.parametrize("length", range(len(_WHOLE)))
def test_an_envelope_cut_off_anywhere_is_told_from_a_whole_one(length: int) -> None:
    with pytest.raises(ConnectionFailedError):
        _enveloped(_WHOLE[:length], 5)


@pytest.mark.parametrize(
    ("raw", "without", "member"),
    [
        ('{"a":1,"x":[1,2],"b":2}', '{"a":1,"b":2}', "[1,2]"),
        ('{"x":[1],"b":2}', '{"b":2}', "[1]"),
        ('{"a":1,"x":[1]}', '{"a":1}', "[1]"),
        ('{"x":[1]}', "{}", "[1]"),
        ('{ "a" : 1 , "x" : [ 1 ] }', '{ "a" : 1 }', "[ 1 ]"),
        ('{ "x" : [ 1 ] , "a" : 1 }', '{"a" : 1 }', "[ 1 ]"),
        ('{"a":{"x":[1]},"b":"\\"x\\":[2]"}', '{"a":{"x":[1]},"b":"\\"x\\":[2]"}', ""),
        ("{}", "{}", ""),
        ('{"\\u0078":null,"b":1}', '{"b":1}', "null"),
    ],
)
def test_a_member_is_taken_out_and_the_rest_stays_as_it_was(raw: str, without: str, member: str) -> None:
    assert without_member(raw, "x") == (without, member)
    assert {key: value for key, value in json.loads(raw).items() if key != "x"} == json.loads(without)


@pytest.mark.parametrize(
    ("raw", "found"),
    [
        ("[]", []),
        ("[ ]", []),
        ('[{"a": 1},\n{"b":[2]} , 3]', ['{"a": 1}', '{"b":[2]}', "3"]),
        ("null", []),
        ("", []),
    ],
)
def test_the_elements_of_a_member_keep_their_text(raw: str, found: list[str]) -> None:
    assert [one.raw for one in elements(raw)] == found


def test_nothing_is_cut_out_of_a_text_whose_brackets_do_not_match() -> None:
    assert json_stream.without_member('{"a":[}', "b") == ('{"a":[}', "")
    assert list(json_stream.elements("[[}")) == []
