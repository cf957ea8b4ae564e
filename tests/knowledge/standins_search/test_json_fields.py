"""KV_MODE = json under Splunk's limits (limits.conf.spec)."""

from __future__ import annotations

import json

import pytest
from standins.search import SearchLimits
from standins.search.json_fields import json_fields

SPLUNKS = SearchLimits()


def test_the_default_limits_are_splunks() -> None:
    assert (SPLUNKS.extraction_cutoff, SPLUNKS.maxchars, SPLUNKS.limit, SPLUNKS.maxcols) == (5_000, 10_240, 100, 512)
    assert (SPLUNKS.fields, SearchLimits(limit=0).fields, SearchLimits(limit=0, maxcols=0).fields) == (100, 512, 0)


@pytest.mark.parametrize(
    ("raw", "fields"),
    [
        # Members and elements are named as spath names them; scalars are texts, and null is a word.
        (
            '{"a": {"b": "x"}, "c": [{"d": 1}, {"d": 2.50}], "e": ["f", "g"], "h": {}, "i": []}',
            {"a.b": ["x"], "c{}.d": ["1", "2.50"], "e{}": ["f", "g"]},
        ),
        (
            r'{"a": null, "b": true, "c": false, "d": -1e3, "e": "", "f": "\"\\\u00e9\n"}',
            {"a": ["null"], "b": ["true"], "c": ["false"], "d": ["-1e3"], "e": [""], "f": ['"\\é\n']},
        ),
        *(
            (raw, {})
            for raw in ("", "text", "1", '"text"', '{"a":1', '{"a" 1}', '{"a":1 "b":2}', '{"a":no}', "{a:1}", "[1,")
        ),
    ],
)
def test_json_has_these_fields(raw: str, fields: dict[str, list[str]]) -> None:
    assert json_fields(raw, SPLUNKS) == fields


def padded(letter: str, count: int) -> str:
    """A record whose third member begins behind 15 characters, and so many of a letter."""
    return '{"p":"' + letter * count + '","a":"b","z":1}'


@pytest.mark.parametrize(
    ("raw", "limits", "found"),
    [
        # A value that the cutoff goes through is no field. It counts bytes.
        (padded("x", 4_984), SPLUNKS, ["p", "a"]),
        (padded("x", 4_985), SPLUNKS, ["p", "a"]),
        (padded("x", 4_986), SPLUNKS, ["p"]),
        (padded("x", 6_000), SPLUNKS, []),
        (padded("é", 2_490), SPLUNKS, ["p", "a"]),
        (padded("é", 2_494), SPLUNKS, ["p"]),
        # A number that the cut may have shortened is none either.
        ('{"a":123456}', SearchLimits(extraction_cutoff=9), []),
        # Without the cutoff maxchars still cuts.
        (padded("x", 10_300), SearchLimits(extraction_cutoff=0), []),
        (padded("x", 10_300), SearchLimits(extraction_cutoff=0, maxchars=0), ["p", "a", "z"]),
    ],
)
def test_fields_are_found_up_to_the_limits(raw: str, limits: SearchLimits, found: list[str]) -> None:
    assert list(json_fields(raw, limits)) == found


def test_the_hundredth_field_is_the_last_and_may_have_more_values() -> None:
    raw = json.dumps([{f"k{i}": i for i in range(101)}, {"k99": "again", "new": 1}])
    fields = json_fields(raw, SPLUNKS)
    assert list(fields) == [f"{{}}.k{i}" for i in range(100)]
    assert fields["{}.k99"] == ["99", "again"]
