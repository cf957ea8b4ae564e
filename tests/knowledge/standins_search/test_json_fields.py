"""KV_MODE = json under Splunk's limits (limits.conf.spec)."""

from __future__ import annotations

import json

import pytest
from standins.search import SearchLimits
from standins.search.json_fields import json_fields

SPLUNKS = SearchLimits()


def names(raw: str, limits: SearchLimits = SPLUNKS) -> list[str]:
    return list(json_fields(raw, limits))


def test_the_default_limits_are_splunks() -> None:
    assert (SPLUNKS.extraction_cutoff, SPLUNKS.maxchars, SPLUNKS.limit, SPLUNKS.maxcols) == (5_000, 10_240, 100, 512)
    assert (SPLUNKS.fields, SearchLimits(limit=0).fields, SearchLimits(limit=0, maxcols=0).fields) == (100, 512, 0)


def test_members_and_elements_are_named_as_spath_names_them() -> None:
    raw = '{"a": {"b": "x"}, "c": [{"d": 1}, {"d": 2.50}], "e": ["f", "g"], "h": {}, "i": []}'
    assert json_fields(raw, SPLUNKS) == {"a.b": ["x"], "c{}.d": ["1", "2.50"], "e{}": ["f", "g"]}


def test_scalars_are_texts_and_null_is_a_word() -> None:
    raw = r'{"a": null, "b": true, "c": false, "d": -1e3, "e": "", "f": "\"\\\u00e9\n"}'
    expected = {"a": ["null"], "b": ["true"], "c": ["false"], "d": ["-1e3"], "e": [""], "f": ['"\\é\n']}
    assert json_fields(raw, SPLUNKS) == expected


@pytest.mark.parametrize(
    "raw", ["", "text", "1", '"text"', '{"a":1', '{"a" 1}', '{"a":1 "b":2}', '{"a":no}', "{a:1}", "[1,"]
)
def test_what_is_not_json_has_no_fields(raw: str) -> None:
    assert names(raw) == []


@pytest.mark.parametrize(("padding", "found"), [(4_984, ["p", "a"]), (4_985, ["p", "a"]), (4_986, ["p"]), (6_000, [])])
def test_a_value_that_the_cutoff_goes_through_is_no_field(padding: int, found: list[str]) -> None:
    raw = '{"p":"' + "x" * padding + '","a":"b","z":1}'
    assert len('{"p":"' + '","a":"b"') == 15
    assert names(raw) == found


def test_the_cutoff_counts_bytes() -> None:
    assert names('{"p":"' + "é" * 2_490 + '","a":"b","z":1}') == ["p", "a"]
    assert names('{"p":"' + "é" * 2_494 + '","a":"b","z":1}') == ["p"]


def test_a_number_that_the_cut_may_have_shortened_is_no_field() -> None:
    assert names('{"a":123456}', SearchLimits(extraction_cutoff=9)) == []


def test_without_the_cutoff_maxchars_still_cuts() -> None:
    raw = '{"p":"' + "x" * 10_300 + '","a":"b"}'
    assert names(raw, SearchLimits(extraction_cutoff=0)) == []
    assert names(raw, SearchLimits(extraction_cutoff=0, maxchars=0)) == ["p", "a"]


def test_the_hundredth_field_is_the_last_and_may_have_more_values() -> None:
    raw = json.dumps([{f"k{i}": i for i in range(101)}, {"k99": "again", "new": 1}])
    fields = json_fields(raw, SPLUNKS)
    assert list(fields) == [f"{{}}.k{i}" for i in range(100)]
    assert fields["{}.k99"] == ["99", "again"]
