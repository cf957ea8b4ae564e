"""props.conf of wdatp:alerts: what happens at index time, and what other apps can't change."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from knowledge.siem_events import OLD_SOURCE, OUR_SOURCE, event, record
from standins.microsoft.hostile_text import HOSTILE_TEXT, HUGE_COMMAND_LINE, HostileText, pretty
from standins.search import NotModelledError, SearchKnowledge
from standins.search.props import INDEX_TIME

from tooling import paths

SOURCETYPE, SOURCE = "wdatp:alerts", "source::defender_siem_alerts:..."

# What another app may say of the sourcetype. It claims our fields, under the names of our settings and of its own, and
# cuts, merges and dates events.
RIVAL = {
    "default/props.conf": r"""
[wdatp:alerts]
CHARSET = UTF-8
TRUNCATE = 100
SHOULD_LINEMERGE = true
LINE_BREAKER = (,)
DATETIME_CONFIG = CURRENT
KV_MODE = none
EXTRACT-rival = "MachineGroup"\s*:\s*"(?<rival_group>[^"]*)"
EXTRACT-defender_source = (?<vendor_account>.+) in source
FIELDALIAS-user = UserName AS user UserName AS user_name
FIELDALIAS-rival = host AS dest host AS rival_host
EVAL-severity = "rival"
EVAL-description = "rival"
EVAL-rival_only = "rival"
"""
}


def indexed(knowledge: SearchKnowledge, raw: str, source: str = OUR_SOURCE) -> list[tuple[str, str | None]]:
    events = knowledge.index(raw, "1772362800.123", source, "wdatp:alerts", "api.example", "defender")
    return [(each.raw, each.time) for each in events]


@pytest.mark.parametrize("text", [*HOSTILE_TEXT, HUGE_COMMAND_LINE], ids=lambda text: text.name)
def test_one_event_of_the_input_is_one_event_whole_and_at_its_time(
    knowledge: SearchKnowledge, text: HostileText
) -> None:
    raw = record(Description="@").replace('"@"', text.literal.decode())
    for layout in (raw, pretty(raw.encode()).decode(), pretty(raw.encode(), newline=b"\r\n\r\n").decode(), raw + "\n"):
        assert indexed(knowledge, layout) == [(layout, "1772362800.123")]


@pytest.mark.parametrize("break_in_front", ["\n", "\r\n  "])
def test_records_in_a_file_of_their_own_are_told_apart_by_the_sourcetype(
    make_app: Callable[[Mapping[str, str]], Path], break_in_front: str
) -> None:
    """An upload of records, one behind the other: the sourcetype's stanza alone holds, and dates are the other app's."""
    dated = make_app({"default/props.conf": "[wdatp:alerts]\nDATETIME_CONFIG = CURRENT\n"})
    layered = SearchKnowledge.load(paths.PACKAGE, dated)
    records = [pretty(record(number=number).encode()).decode() for number in range(3)]
    found = indexed(layered, break_in_front.join(records), source="/tmp/upload.json")  # noqa: S108 - a name only
    assert [raw.strip() for raw, _ in found] == records


def test_the_time_of_what_the_old_add_on_still_collects_is_none_of_our_business(knowledge: SearchKnowledge) -> None:
    assert "DATETIME_CONFIG" not in knowledge.props[SOURCETYPE]
    with pytest.raises(NotModelledError, match="timestamps in the text"):
        indexed(knowledge, record(), source=OLD_SOURCE)


def test_all_index_time_settings_of_our_events_are_explicit(knowledge: SearchKnowledge) -> None:
    assert knowledge.props[SOURCE].keys() >= INDEX_TIME


def test_the_json_is_extracted_once_and_at_search_time(knowledge: SearchKnowledge) -> None:
    for settings in knowledge.props.values():
        assert settings["KV_MODE"] == "json"
        assert not {"INDEXED_EXTRACTIONS", "AUTO_KV_JSON"} & settings.keys()


def test_both_stanzas_are_the_same_at_search_time(knowledge: SearchKnowledge) -> None:
    assert knowledge.props.keys() == {SOURCETYPE, SOURCE}
    ours, sourcetype = (
        {name: value for name, value in knowledge.props[stanza].items() if name not in INDEX_TIME}
        for stanza in (SOURCE, SOURCETYPE)
    )
    assert ours == sourcetype
    assert len(ours) > 20


@pytest.mark.parametrize("we_win", [True, False], ids=["our app wins", "the rival's app wins"])
def test_our_events_keep_our_fields_where_another_app_claims_the_sourcetype(
    knowledge: SearchKnowledge, make_app: Callable[[Mapping[str, str]], Path], *, we_win: bool
) -> None:
    rival = make_app(RIVAL)
    apps = (paths.PACKAGE, rival) if we_win else (rival, paths.PACKAGE)
    layered = SearchKnowledge.load(*apps)
    calculated = {name.removeprefix("EVAL-") for name in knowledge.props[SOURCE] if name.startswith("EVAL-")}
    ours = calculated | {"vendor_account", "vendor_region", "defender_input", "eventtype", "tag", "MachineName"}
    for raw in (record(), record(UserName=None, LogOnUsers=None)):
        assert indexed(layered, raw) == indexed(knowledge, raw)
        alone, together = (each.search_fields(event(raw)) for each in (knowledge, layered))
        assert {name: together.get(name) for name in ours} == {name: alone.get(name) for name in ours}
        assert (together["rival_only"], together["rival_host"]) == (
            "rival",
            together["host"],
        )  # and the rival keeps its own


def test_the_rival_would_have_won_without_our_second_stanza(
    make_app: Callable[[Mapping[str, str]], Path],
) -> None:
    rival = SearchKnowledge.load(make_app(RIVAL), paths.PACKAGE)
    fields = rival.search_fields(event(record(), source=OLD_SOURCE))
    assert (fields["severity"], fields["vendor_account"]) == ("rival", OLD_SOURCE)


def test_the_stanza_takes_sources_of_our_input_alone(knowledge: SearchKnowledge) -> None:
    for prefix, kind in itertools.product(("", "x", "rest://"), ("defender_siem_alerts:", "defender_siem_alertsX:")):
        fields = knowledge.props[SOURCE] if not prefix and kind == "defender_siem_alerts:" else {}
        source = f"{prefix}{kind}a/b:us:name"
        if fields:
            assert indexed(knowledge, "{}", source=source)
        else:
            with pytest.raises(NotModelledError):
                indexed(knowledge, "{}", source=source)
