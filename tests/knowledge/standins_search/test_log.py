"""Splunk's own logs: how they become events, and the fields that Splunk finds in them by itself."""

from __future__ import annotations

import datetime as dt

import pytest
from standins.search import NotModelledError, SearchKnowledge, SearchLimits, events_of_log
from standins.search.kv_fields import kv_fields

PATH = "/opt/splunk/var/log/splunk/some_addon.log"
LINE = "2026-03-31 12:00:00,250 log_level=ERROR pid=7 | "


def test_an_event_begins_with_a_date_and_that_is_its_time() -> None:
    first, second = events_of_log(PATH, f"{LINE}one\n  goes on\n2026-03-31 12:00:01,000 two\n", "h")
    noon = dt.datetime.fromisoformat("2026-03-31T12:00:00.250000").astimezone()
    assert (first.raw, first.time) == (f"{LINE}one\n  goes on", f"{noon.timestamp():.3f}")
    assert (second.raw, second.source, second.index) == ("2026-03-31 12:00:01,000 two", PATH, "_internal")


def test_a_log_that_begins_in_the_middle_is_refused() -> None:
    with pytest.raises(ValueError, match="in the middle"):
        list(events_of_log(PATH, f"goes on\n{LINE}", "h"))


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("a=1 b=2", {"a": "1", "b": "2"}),
        ('a="one two" b=3', {"a": "one two", "b": "3"}),
        ("a=x=y", {"a": "x=y"}),
        ("a=1 a=2", {"a": "1"}),
        ("a=1,b=2;c=3", {"a": "1", "b": "2", "c": "3"}),
        ("a = 1", {}),
        ('a=""', {"a": ""}),
        ("error_codes=[7000215]", {"error_codes": "[7000215]"}),
    ],
)
def test_pairs_are_fields(text: str, fields: dict[str, str]) -> None:
    assert kv_fields(text, SearchLimits()) == {name: [value] for name, value in fields.items()}


def test_fields_are_found_within_splunks_limits() -> None:
    text = " ".join(f"k{number}={number}" for number in range(150))
    assert len(kv_fields(text, SearchLimits())) == 100
    assert kv_fields(" " * 20_000 + "a=1", SearchLimits()) == {}


def test_json_is_not_taken_apart_so() -> None:
    with pytest.raises(NotModelledError):
        kv_fields('{"a":"b=c"}', SearchLimits())


def test_a_pair_does_not_replace_what_the_event_has(knowledge: SearchKnowledge) -> None:
    (event,) = events_of_log(PATH, f"{LINE}host=api source=x a=1", "machine")
    fields = knowledge.search_fields(event)
    assert (fields["host"], fields["source"], fields["a"], fields["log_level"]) == ("machine", PATH, "1", "ERROR")
