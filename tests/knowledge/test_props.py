"""props.conf: what happens at index time, and what other apps can't change."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from knowledge import current_events, siem_events
from knowledge.current_events import GRAPH, KINDS, SIEM, SOURCE_STANZA, Kind
from standins.microsoft.hostile_text import HOSTILE_TEXT, HUGE_COMMAND_LINE, HostileText, pretty
from standins.search import IndexedEvent, NotModelledError, SearchKnowledge
from standins.search.props import INDEX_TIME, settings_for

from tooling import paths
from tooling.fields import reference, shipped

MakeApp = Callable[[Mapping[str, str]], Path]


@dataclass(frozen=True)
class Written:
    """What one input writes under one sourcetype, and the stanza of its source."""

    sourcetype: str
    source: str
    old_source: str
    stanza: str
    raws: tuple[str, ...]
    automatic: str
    """A field of KV_MODE, which a rival must not take away."""


def _current(kind: Kind) -> Written:
    raws = (kind.raw(), kind.raw(evidence=[], assignedTo=None), "{}")
    return Written(kind.sourcetype, kind.source, current_events.OLD_SOURCE, SOURCE_STANZA, raws, "id")


WRITTEN = (
    Written(
        "wdatp:alerts",
        siem_events.OUR_SOURCE,
        siem_events.OLD_SOURCE,
        "source::defender_siem_alerts:*",
        (SIEM.raw(), SIEM.raw(UserName=None, LogOnUsers=None)),
        "MachineName",
    ),
    *map(_current, KINDS),
)
# That an old add-on still writes, too; their events are dated as it says.
OF_OLD_ADD_ONS = ("wdatp:alerts", "ms:defender:atp:alerts", "ms365:defender:incident", "ms365:defender:incident:alerts")
every_sourcetype = pytest.mark.parametrize("written", WRITTEN, ids=lambda written: written.sourcetype)

# What another app may say of the sourcetype. It claims our fields, under the names of our settings and of its own, and
# cuts, merges and dates events.
RIVAL = r"""
[SOURCETYPE]
CHARSET = UTF-8
TRUNCATE = 100
SHOULD_LINEMERGE = true
LINE_BREAKER = (,)
DATETIME_CONFIG = CURRENT
KV_MODE = none
EXTRACT-rival = \A.(?<rival_letter>.)
EXTRACT-defender_source = (?<vendor_account>.+) in source
EXTRACT-defender_status = (?<vendor_status>.+) in source
FIELDALIAS-user = host AS user source AS user_name
FIELDALIAS-rival = host AS dest host AS rival_host host AS mitre_technique_id source AS ticket_id
EVAL-severity = "rival"
EVAL-description = "rival"
EVAL-src = "rival"
EVAL-rival_only = "rival"
"""


@pytest.fixture
def rival(make_app: MakeApp) -> Callable[[str], Path]:
    """Give a function that makes an app which claims a sourcetype."""
    return lambda sourcetype: make_app({"default/props.conf": RIVAL.replace("SOURCETYPE", sourcetype)})


def indexed(knowledge: SearchKnowledge, raw: str, source: str, sourcetype: str) -> list[tuple[str, str | None]]:
    events = knowledge.index(raw, "1772362800.123", source, sourcetype, "api.example", "defender")
    return [(each.raw, each.time) for each in events]


def event(written: Written, raw: str, source: str) -> IndexedEvent:
    return IndexedEvent(
        raw=raw, time="1", source=source, sourcetype=written.sourcetype, host="api.example", index="defender"
    )


@every_sourcetype
@pytest.mark.parametrize("text", [*HOSTILE_TEXT, HUGE_COMMAND_LINE], ids=lambda text: text.name)
def test_one_event_of_the_input_is_one_event_whole_and_at_its_time(
    knowledge: SearchKnowledge, written: Written, text: HostileText
) -> None:
    raw = written.raws[0].replace("{", '{"hostile":"@",', 1).replace('"@"', text.literal.decode())
    for layout in (raw, pretty(raw.encode()).decode(), pretty(raw.encode(), newline=b"\r\n\r\n").decode(), raw + "\n"):
        assert indexed(knowledge, layout, written.source, written.sourcetype) == [(layout, "1772362800.123")]


def _upload(layered: SearchKnowledge, text: str, sourcetype: str) -> Iterator[str]:
    for raw, _ in indexed(layered, text, "/tmp/upload.json", sourcetype):  # noqa: S108 - a name only
        yield raw.strip()


@pytest.mark.parametrize(
    ("kind", "newline"), [*itertools.product([SIEM, *KINDS], ["\n", "\r\n"]), (SIEM, "\r\n  ")], ids=str
)
def test_records_in_a_file_of_their_own_are_told_apart_by_the_sourcetype(
    make_app: MakeApp, kind: Kind, newline: str
) -> None:
    """Here records hold objects, which may begin a line of their own, but not at its first character."""
    dated = make_app({"default/props.conf": f"[{kind.sourcetype}]\nDATETIME_CONFIG = CURRENT\n"})
    layered = SearchKnowledge.load(paths.PACKAGE, dated)
    compact = [kind.raw(number) for number in range(1, 4)]
    for records in (compact, [pretty(raw.encode(), newline=newline.encode()).decode() for raw in compact]):
        assert list(_upload(layered, newline.join(records), kind.sourcetype)) == records


def test_the_sourcetype_that_no_other_add_on_writes_keeps_the_input_s_time_whatever_the_source(
    knowledge: SearchKnowledge,
) -> None:
    for source in (GRAPH.source, "another", "rest://graph"):
        assert indexed(knowledge, GRAPH.raw(), source, GRAPH.sourcetype) == [(GRAPH.raw(), "1772362800.123")]


@pytest.mark.parametrize(
    "written", [one for one in WRITTEN if one.sourcetype in OF_OLD_ADD_ONS], ids=lambda written: written.sourcetype
)
def test_the_time_of_what_an_old_add_on_still_collects_is_none_of_our_business(
    knowledge: SearchKnowledge, written: Written
) -> None:
    assert "DATETIME_CONFIG" not in knowledge.props[written.sourcetype]
    with pytest.raises(NotModelledError, match="timestamps in the text"):
        indexed(knowledge, written.raws[0], written.old_source, written.sourcetype)


@every_sourcetype
def test_all_index_time_settings_of_our_events_are_explicit(knowledge: SearchKnowledge, written: Written) -> None:
    assert knowledge.props[written.stanza].keys() >= INDEX_TIME


def test_the_json_is_extracted_once_and_at_search_time(knowledge: SearchKnowledge) -> None:
    for settings in knowledge.props.values():
        assert settings["KV_MODE"] == "json"
        assert not {"INDEXED_EXTRACTIONS", "AUTO_KV_JSON"} & settings.keys()


def test_there_is_no_stanza_that_these_tests_do_not_know(knowledge: SearchKnowledge) -> None:
    known = {name for written in WRITTEN for name in (written.sourcetype, written.stanza)}
    assert knowledge.props.keys() == known


def test_the_files_are_what_the_definition_of_the_fields_makes() -> None:
    written = shipped.TRANSFORMS.read_text(encoding="utf-8")
    assert shipped.PROPS.read_text(encoding="utf-8") == shipped.props(), "run python -m tooling.fields"
    assert written == shipped.transforms(written), "run python -m tooling.fields"
    page = reference.PAGE.read_text(encoding="utf-8")
    assert page == shipped.page(page), "run python -m tooling.fields"


@every_sourcetype
def test_the_stanzas_of_sourcetype_and_source_are_the_same_at_search_time(
    knowledge: SearchKnowledge, written: Written
) -> None:
    ours, sourcetype = (
        {name: value for name, value in knowledge.props[stanza].items() if name not in INDEX_TIME}
        for stanza in (written.stanza, written.sourcetype)
    )
    assert ours == sourcetype
    assert len(ours) > 20


@every_sourcetype
@pytest.mark.parametrize("we_win", [True, False], ids=["our app wins", "the rival's app wins"])
def test_our_events_keep_our_fields_where_another_app_claims_the_sourcetype(
    knowledge: SearchKnowledge, rival: Callable[[str], Path], written: Written, *, we_win: bool
) -> None:
    other = rival(written.sourcetype)
    layered = SearchKnowledge.load(*((paths.PACKAGE, other) if we_win else (other, paths.PACKAGE)))
    stanza = knowledge.props[written.stanza]
    ours = {name.removeprefix("EVAL-") for name in stanza if name.startswith("EVAL-")}
    ours |= {name for value in stanza.values() for name in re.findall(r"\(\?<(\w+)>", value)}
    ours |= {"app", "severity_id", "mitre_tactic", "eventtype", "tag", written.automatic}
    for raw in written.raws:
        before, after = (indexed(each, raw, written.source, written.sourcetype) for each in (knowledge, layered))
        assert before == after
        alone, together = (each.search_fields(event(written, raw, written.source)) for each in (knowledge, layered))
        assert {name: together.get(name) for name in ours} == {name: alone.get(name) for name in ours}
        # and the rival keeps its own
        assert (together["rival_only"], together["rival_host"]) == ("rival", together["host"])


@every_sourcetype
def test_the_rival_would_have_won_without_our_second_stanza(rival: Callable[[str], Path], written: Written) -> None:
    layered = SearchKnowledge.load(rival(written.sourcetype), paths.PACKAGE)
    fields = layered.search_fields(event(written, written.raws[0], written.old_source))
    assert (fields["severity"], fields["vendor_account"]) == ("rival", written.old_source)


@every_sourcetype
def test_the_stanza_takes_sources_of_our_input_alone(knowledge: SearchKnowledge, written: Written) -> None:
    kind, _, rest = written.source.partition(":")
    for prefix, name in itertools.product(("", "x", "rest://"), (kind, f"{kind}X")):
        settings = settings_for(
            knowledge.props, source=f"{prefix}{name}:{rest}", sourcetype=written.sourcetype, host="api.example"
        )
        assert (settings["LINE_BREAKER"] == "((?!))") == ((prefix, name) == ("", kind))
