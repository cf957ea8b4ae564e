"""docs/enterprise-security.md and searches.md: their searches find what they say, and what they name exists."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from knowledge import cost, studio
from knowledge.current_events import ALERTS, ENDPOINT, GRAPH, INCIDENT, SIEM, SOURCE_STANZA, SPLIT_ALERT, Kind
from knowledge.current_fields import every_kind, values
from knowledge.siem_events import PROCESSED
from knowledge.test_cim import DOCUMENT
from standins.microsoft.samples import facts
from standins.search import Fields, IndexedEvent, SearchKnowledge
from standins.search.reports import read_search

from tooling import paths

TEXT = DOCUMENT.read_text(encoding="utf-8")
UNKNOWNS = DOCUMENT.with_name("unknowns.md").read_text(encoding="utf-8")
SEARCHES = DOCUMENT.with_name("searches.md").read_text(encoding="utf-8")
PERFORMANCE = DOCUMENT.with_name("performance.md").read_text(encoding="utf-8")
NUMBERS = range(20)
MALWARE = {"Malware", "Ransomware", "UnwantedSoftware"}


def search_behind(mark: str) -> str:
    """Give the indented search behind a mark, as one line."""
    found = re.search(
        r"(?:^    .*\n)+", TEXT.partition(f"<!-- {mark}: tests/knowledge/test_search_page.py -->")[2], re.MULTILINE
    )
    assert found, mark
    return " ".join(line.strip() for line in found[0].splitlines())


def events() -> dict[int, list[IndexedEvent]]:
    """Give each alert as every source has it."""
    return {number: [kind.event(kind.raw(number)) for kind in (SIEM, *ALERTS)] for number in NUMBERS}


@pytest.mark.parametrize("at", range(1 + len(ALERTS)), ids=["wdatp:alerts", *(kind.sourcetype for kind in ALERTS)])
def test_the_search_for_malware_finds_it_in_every_source(knowledge: SearchKnowledge, at: int) -> None:
    alerts = {number: each[at] for number, each in events().items()}
    search, _, kept = search_behind("malware").partition(" | fields ")
    found = {str(fields["id"]): fields for fields in knowledge.search(search, alerts.values())}
    detections = {number: facts(number, PROCESSED).detection for number in NUMBERS}
    expected = {
        facts(number, PROCESSED).alert_id: detection.threat[2] if detection.threat else detection.title
        for number, detection in detections.items()
        if detection.threat or detection.category in MALWARE
    }
    assert {name: fields["signature"] for name, fields in found.items()} == expected
    assert 0 < len(expected) < len(NUMBERS)
    for fields in found.values():
        assert {"dest", "user", "file_name", "file_path", "file_hash", "severity", "category"} <= fields.keys()
        assert set(kept.split()) - {"url"} <= fields.keys()
        assert fields["vendor_product"] == "Microsoft Defender for Endpoint"


def of_the_detection(knowledge: SearchKnowledge, raw: str) -> Fields:
    search, stats, _ = search_behind("detection").partition(" | stats ")
    assert stats
    search = search.replace("`ms365_defender_incident_alerts`", f'sourcetype="{SPLIT_ALERT.sourcetype}"')
    (fields,) = knowledge.search(search, [SPLIT_ALERT.event(raw)])
    return fields


@pytest.mark.parametrize("number", NUMBERS[:10])
def test_the_local_copy_of_the_detection_reads_evidence(knowledge: SearchKnowledge, number: int) -> None:
    raw = SPLIT_ALERT.raw(number)
    evidence: list[dict[str, Any]] = json.loads(raw)["evidence"]
    fields = of_the_detection(knowledge, raw)
    files = [file["fileName"] for each in evidence if (file := each.get("fileDetails") or each.get("imageFile"))]
    assert values(fields, "fileName") == files
    for name, key in (
        ("commandLine", "processCommandLine"),
        ("address", "ipAddress"),
        ("registryKey", "registryKey"),
        ("link", "url"),
    ):
        assert values(fields, name) == [each[key] for each in evidence if key in each]
    assert (
        fields["risk_score"]
        == {"informational": "5", "low": "15", "medium": "25", "high": "50"}[str(fields["severity"])]
    )


def test_the_local_copy_leaves_out_what_microsoft_found_harmless(knowledge: SearchKnowledge) -> None:
    pieces = [
        {"verdict": verdict, "url": verdict} for verdict in ("noThreatsFound", "malicious", "suspicious", "unknown")
    ]
    fields = of_the_detection(
        knowledge, SPLIT_ALERT.raw(evidence=[*json.loads(SPLIT_ALERT.raw())["evidence"], *pieces])
    )
    assert {"malicious", "suspicious", "unknown"} <= set(values(fields, "link"))
    assert "noThreatsFound" not in values(fields, "link")


def test_the_local_copy_makes_rows_of_fields_that_are_there(knowledge: SearchKnowledge) -> None:
    stats = search_behind("detection").partition(" | stats ")[2].partition(" | ")[0]
    fields = of_the_detection(knowledge, SPLIT_ALERT.raw(0, every_type=True))
    read = set(re.findall(r"(?:values|min|max)\((\w+)\)", stats)) | set(stats.partition(" by ")[2].split())
    assert read <= fields.keys()
    assert "mitre_technique_id" in read


def searches() -> list[str]:
    """Give the searches of the pages for analysts that begin with one of our macros."""
    text = SEARCHES + DOCUMENT.with_name("soc.md").read_text(encoding="utf-8")
    blocks = [
        "\n".join(line.strip() for line in block.splitlines())
        for block in re.findall(r"(?:^    .*\n)+", text, re.MULTILINE)
    ]
    return [block for block in blocks if block.startswith("`defender_alerts_")]


@pytest.mark.parametrize("search", searches())
def test_each_search_for_analysts_reads_as_splunk_reads_it(knowledge: SearchKnowledge, search: str) -> None:
    read_search(search, knowledge.macros, studio.event_fields(knowledge))


def test_there_are_searches_for_analysts() -> None:
    assert len(searches()) > 10


def confirmations() -> list[tuple[str, str, str]]:
    text = UNKNOWNS.partition("<!-- to confirm: tests/knowledge/test_search_page.py -->")[2]
    return re.findall(r"^ +(\| makeresults \| .*)\n\n +gives `(\w+)` = `([^`]*)`", text, re.MULTILINE)


@pytest.mark.parametrize(("search", "name", "expected"), confirmations(), ids=lambda value: value[:20])
def test_what_is_to_be_confirmed_is_what_the_stand_in_does(
    knowledge: SearchKnowledge, search: str, name: str, expected: str
) -> None:
    (row,) = knowledge.search(search, [])
    assert ", ".join(values(row, name)) == expected


def test_there_are_points_to_be_confirmed() -> None:
    assert len(confirmations()) == len(re.findall(r"\| makeresults ", UNKNOWNS)) == 6


@every_kind
def test_the_loop_to_be_confirmed_is_the_one_that_is_shipped(knowledge: SearchKnowledge, kind: Kind) -> None:
    shipped = knowledge.props[kind.sourcetype]["EVAL-process"]
    assert sum(f" | eval process={shipped} | " in search for search, _, _ in confirmations()) == 1
    assert shipped == knowledge.props[SOURCE_STANZA]["EVAL-process"]


def test_the_pages_say_where_splunk_tells_of_a_field_that_it_refuses() -> None:
    search = 'index=_internal sourcetype=splunkd component=CalcFieldProcessor "Invalid eval expression"'
    assert search in TEXT
    assert search in UNKNOWNS


def test_the_page_counts_the_calls_of_json_functions(knowledge: SearchKnowledge) -> None:
    table = PERFORMANCE.partition("<!-- JSON calls: tests/knowledge/test_search_page.py -->")[2].partition("\n\nSize")[
        0
    ]
    rows = re.findall(r"^\| [^|`]+ \| (\d+) \| (\d+) \| (.*) \|$", table, re.MULTILINE)
    assert len(rows) == 2
    for sourcetype, (count, fields, most) in zip(("wdatp:alerts", ENDPOINT.sourcetype), rows, strict=True):
        found = cost.calls(knowledge.props[sourcetype])
        told = {name: int(number) for name, number in re.findall(r"`(\w+)` (\d+)", most)}
        assert (int(count), int(fields)) == (sum(found.values()), sum(map(bool, found.values())))
        assert told == {name: found[name] for name in told}
        assert sorted(told.values()) == sorted(found.values())[-len(told) :]


def test_every_field_macro_and_file_that_the_page_names_exists(knowledge: SearchKnowledge) -> None:
    for text in (TEXT, SEARCHES):
        assert set(re.findall(r"\b(defender_(?:alerts|siem)_(?:latest|open|names))\b", text)) <= knowledge.macros.keys()
        for name in re.findall(r"(?<![\w/.$])((?:package|tests|docs|tooling)/[\w./]*\w/?)", text):
            assert (paths.ROOT / name).exists(), name
    listed = SEARCHES.partition("## Fields\n")[2].partition("\n## ")[0]
    named = set(re.findall(r"`([a-z][a-z_]*)`", listed))
    assert len(named) > 30
    filled = set[str]()
    for kind in (ENDPOINT, GRAPH):
        for number in NUMBERS[:6]:
            filled |= knowledge.search_fields(kind.event(kind.raw(number, every_type=True))).keys()
    for number in NUMBERS[1:10]:
        filled |= knowledge.search_fields(
            INCIDENT.event(INCIDENT.raw(number, redirectIncidentId="7", summary="s"))
        ).keys()
    assert named - filled == set()
