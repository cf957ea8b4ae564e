"""The same alert seen through the SIEM, endpoint and Graph APIs and inside an incident: searches find it by the same values."""

from __future__ import annotations

import pytest
from knowledge.current_events import ALERTS, SIEM
from standins.search import Fields, SearchKnowledge

SAMES = (
    "id", "dest", "src", "user", "user_name", "severity", "severity_id", "signature", "signature_id", "description", "app",
    "type", "tag", "version_time", "vendor_account",
)  # fmt: skip
FILES = ("file_name", "file_path", "file_hash")
NUMBERS = range(20)


def side_by_side(knowledge: SearchKnowledge, number: int) -> list[Fields]:
    return [knowledge.search_fields(kind.event(kind.raw(number))) for kind in (SIEM, *ALERTS)]


@pytest.mark.parametrize("number", NUMBERS)
def test_all_sources_give_an_alert_the_same_fields(knowledge: SearchKnowledge, number: int) -> None:
    siem, *others = ({name: each.get(name) for name in SAMES} for each in side_by_side(knowledge, number))
    assert others == [siem] * len(others)
    assert {"id", "dest", "user", "severity", "signature"} <= {name for name, value in siem.items() if value}


@pytest.mark.parametrize("number", NUMBERS)
def test_the_category_of_a_detection_is_the_first_of_graph_s_categories(
    knowledge: SearchKnowledge, number: int
) -> None:
    for name in ("category", "mitre_tactic"):
        siem, endpoint, *graph = (each.get(name) for each in side_by_side(knowledge, number))
        assert endpoint == siem
        for found in graph:
            assert found == siem or (number % 3 == 0 and "Discovery" in (found or []))


@pytest.mark.parametrize("number", NUMBERS)
def test_the_file_of_a_detection_is_among_the_files_of_an_alert(knowledge: SearchKnowledge, number: int) -> None:
    """The SIEM API has one file a record, the others list evidence."""
    siem, *others = side_by_side(knowledge, number)
    for other in others:
        for name in FILES:
            assert siem[name] in other[name]


@pytest.mark.parametrize("number", NUMBERS)
def test_the_apis_of_today_agree_in_what_the_siem_api_does_not_know(knowledge: SearchKnowledge, number: int) -> None:
    names = ("status", "incident_id", "mitre_technique_id", "process", "process_name", "ip", "url", "created_time")
    _, endpoint, *graph = ({name: each.get(name) for name in names} for each in side_by_side(knowledge, number))
    for other in graph:
        assert other == endpoint
