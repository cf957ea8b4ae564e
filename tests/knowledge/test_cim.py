"""CIM by Splunk's own definitions: every sample of every source, one line of the report for each."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import pytest
from defender_alerts.input_kinds import KINDS
from knowledge import cim, current_events
from knowledge.current_events import INCIDENT, SIEM
from knowledge.every_sample import SOURCES, Source, our_knowledge
from standins.search import Fields, SearchKnowledge
from standins.search.search_terms import parse_terms

from tooling import paths

RecordProperty = Callable[[str, object], None]

DOCUMENT = paths.ROOT / "docs" / "enterprise-security.md"
every_source = pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.sourcetype)


def test_every_sourcetype_has_samples() -> None:
    written = {name for kind in KINDS.values() for name in (kind.sourcetype, kind.split_sourcetype) if name}
    assert {source.sourcetype for source in SOURCES} == written, "knowledge/every_sample.py"
    assert {"wdatp:alerts", *(kind.sourcetype for kind in current_events.KINDS)} == written, (
        "knowledge/current_events.py"
    )


@dataclass(frozen=True)
class Found:
    """What the samples of a source have shown: how many there are, what is wrong, how often each field is filled."""

    samples: int
    lacking: int
    faults: tuple[tuple[str, str, object], ...]
    filled: Counter[str]


@cache
def found(sourcetype: str) -> Found:
    source = next(each for each in SOURCES if each.sourcetype == sourcetype)
    model, samples, lacking = cim.load(), 0, 0
    faults: list[tuple[str, str, object]] = []
    filled: Counter[str] = Counter()
    for sample in source.samples():
        fields = our_knowledge().search_fields(sample.event)
        expected: list[tuple[str, object]] = [(name, None) for name in sorted(sample.lacks)]
        seen = sorted(model.faults(fields), key=str)
        if seen != expected:
            faults += [(sample.name, *fault) for fault in seen if fault not in expected]
            faults += [(sample.name, name, "is there after all") for name, _ in expected if name in fields]
        samples, lacking = samples + 1, lacking + bool(sample.lacks)
        filled.update(fields.keys())
        filled.update(f"whole:{name}" for name in fields if not sample.lacks)
    return Found(samples, lacking, tuple(faults), filled)


def of_model(source: Source) -> dict[str, cim.CimField]:
    return {field.name: field for data_set in cim.load().data_sets_of(source.tags) for field in data_set.fields}


@every_source
def test_every_sample_satisfies_its_model(source: Source, record_property: RecordProperty) -> None:
    result, fields = found(source.sourcetype), of_model(source)
    required = {name for name, field in fields.items() if field.is_required}
    filled = {name for name in fields if result.filled[name]}
    counts = [f"{len(filled & group)}/{len(group)}" for group in (required, fields.keys() - required)]
    verdict = f"{len(result.faults)} FAULTS" if result.faults else "all green"
    record_property(
        "report",
        f"CIM {source.model:17} {source.sourcetype:30} {result.samples:3} samples x {len(fields):2} fields: {verdict};"
        f" filled: required {counts[0]}, optional {counts[1]}; {result.lacking} samples have nothing for a required one",
    )
    assert result.faults == ()
    assert required <= filled


@every_source
def test_the_samples_are_in_the_model_that_the_source_is_said_to_be_in(
    knowledge: SearchKnowledge, source: Source
) -> None:
    fields = knowledge.search_fields(next(source.samples()).event)
    tags = fields["tag"] if isinstance(fields["tag"], list) else [fields["tag"]]
    assert sorted(tags) == sorted(source.tags)
    assert {data_set.model for data_set in cim.load().data_sets_of(tags)} == {source.model}
    # Splunk's model takes events by these terms.
    for data_set in cim.load().data_sets_of(tags):
        assert any(group <= set(source.tags) for group in data_set.tags)
    assert parse_terms(" ".join(f"tag={tag}" for tag in source.tags))({"tag": tags})


def test_no_field_is_defined_that_enterprise_security_fills(knowledge: SearchKnowledge) -> None:
    defined = {name.partition("-")[2] for settings in knowledge.props.values() for name in settings}
    defined |= {
        name
        for settings in knowledge.props.values()
        for value in settings.values()
        for name in re.findall(r"\(\?<(\w+)>", value)
    }
    assert not defined & cim.load().reserved
    assert "tag" in cim.load().reserved


# The checker itself.


def good(knowledge: SearchKnowledge) -> Fields:
    fields = knowledge.search_fields(SIEM.event(SIEM.raw()))
    assert list(cim.load().faults(fields)) == []
    return fields


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"user": "unknown"}, ("user", "unknown")),
        ({"user": "Unknown"}, ("user", "Unknown")),
        ({"dest": "-"}, ("dest", "-")),
        ({"dest": ["a", "b"]}, ("dest", ["a", "b"])),
        ({"severity": "High"}, ("severity", "High")),
        ({"severity": "unspecified"}, ("severity", "unspecified")),
        ({"type": "malware"}, ("type", "malware")),
        ({"user_name": "null"}, ("user_name", "null")),
        ({"dest_bunit": "sales"}, ("dest_bunit", "sales")),
        ({"tag": ["alert", "attack", "malware"]}, ("tag", ["Alerts", "Malware"])),
        ({"tag": "other"}, ("tag", [])),
    ],
)
def test_a_fault_is_found(
    knowledge: SearchKnowledge, changes: dict[str, str | list[str]], fault: tuple[str, object]
) -> None:
    assert fault in list(cim.load().faults({**good(knowledge), **changes}))


@pytest.mark.parametrize("name", cim.load().recommended["Alerts"])
def test_a_missing_field_of_those_that_cim_recommends_is_found(knowledge: SearchKnowledge, name: str) -> None:
    fields = {key: value for key, value in good(knowledge).items() if key != name}
    assert list(cim.load().faults(fields)) == [(name, None)]


def test_a_missing_field_of_a_ticket_is_found(knowledge: SearchKnowledge) -> None:
    fields = knowledge.search_fields(INCIDENT.event(INCIDENT.raw()))
    missing = {name for name, value in cim.load().faults({"tag": fields["tag"]}) if value is None}
    assert missing == set(cim.load().recommended["Ticket_Management"])


# The page.


def table(title: str) -> list[list[str]]:
    """Give the rows of a table of the page, the row of titles first."""
    text = DOCUMENT.read_text(encoding="utf-8").partition(title)[2]
    rows = re.search(r"(?:^\|.*\|\n)+", text, re.MULTILINE)
    assert rows, title
    lines = [[cell.strip() for cell in line[1:-1].split("|")] for line in rows[0].splitlines()]
    return [lines[0], *lines[2:]]


@pytest.mark.parametrize("model", ["Alerts", "Ticket_Management"])
def test_the_page_says_which_fields_are_filled_and_why_others_are_not(model: str) -> None:
    titles, *rows = table(f"<!-- {model}: tests/knowledge/test_cim.py -->")
    sources = [source for source in SOURCES if source.model == model]
    assert titles[:-1] == ["field", *(f"`{source.sourcetype}`" for source in sources)]
    fields = of_model(sources[0])
    names = [row[0] for row in rows]
    assert names == [f"**`{name}`**" if field.is_required else f"`{name}`" for name, field in sorted(fields.items())]
    for row, name in zip(rows, sorted(fields), strict=True):
        assert row[1:-1] == [cell(source, name) for source in sources], name
        assert row[-1], name


def cell(source: Source, name: str) -> str:
    result = found(source.sourcetype)
    if result.filled[f"whole:{name}"] == result.samples - result.lacking:
        return "yes" if result.filled[name] == result.samples else "if named"
    return "some" if result.filled[name] else "no"


def test_a_page_that_shows_another_table_would_be_seen() -> None:
    assert {cell(source, name) for source in SOURCES for name in of_model(source)} == {"yes", "if named", "some", "no"}
