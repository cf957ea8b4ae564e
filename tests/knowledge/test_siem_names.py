"""The names of the SIEM API's fields on events of today's APIs: old searches find by them what they found."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from knowledge.current_events import ENDPOINT, INCIDENT, SIEM, SOURCE_STANZA, Kind
from knowledge.current_fields import every_alert, values
from knowledge.siem_events import PROCESSED
from standins.microsoft.graph_samples import graph_alert
from standins.microsoft.samples import KEYS, siem_alert
from standins.search import SearchKnowledge

from tooling import paths

# Fields that an event has by itself, however large it is; those of the endpoint's, and of Graph's records alone.
BY_THEMSELVES = {
    *("AlertId", "AlertTime", "AlertTitle", "Category", "ComputerDnsName", "DeviceID", "IoaDefinitionId"),
    *("LastProcessedTimeUtc", "MachineDomain", "MachineGroup", "MachineName", "Severity"),
    *("ThreatFamily", "ThreatName"),
}
ENDPOINTS_OWN = {"UserDomain", "UserName"}
GRAPHS_OWN = {"Actor"}
BY_THE_MACRO = {
    *("CommandLine", "Description", "FileName", "FilePath", "IncidentLinkToMTP", "IncidentLinkToWDATP"),
    *("IpAddress", "LinkToMTP", "LinkToWDATP", "Sha256", "Url", "UserName"),
}
LINKS = {"IncidentLinkToMTP", "IncidentLinkToWDATP", "LinkToMTP", "LinkToWDATP"}
NUMBERS = range(20)
MACRO = "sourcetype=* | `defender_siem_names`"


def expected(number: int) -> dict[str, str]:
    """What the SIEM API says, without what it leaves empty."""
    record: dict[str, Any] = json.loads(siem_alert(number, PROCESSED))
    return {name: str(value) for name, value in record.items() if value not in {"", None}}


def own_names(kind: Kind) -> set[str]:
    return BY_THEMSELVES | (ENDPOINTS_OWN if kind is ENDPOINT else GRAPHS_OWN)


@every_alert
@pytest.mark.parametrize("size", ["small", "large"])
def test_an_alert_has_the_old_names_with_the_old_values_whatever_its_size(
    knowledge: SearchKnowledge, kind: Kind, size: str
) -> None:
    first = {"filler": "What happened. " * 1_000} if size == "large" else {}
    seen = set()
    for number in NUMBERS:
        fields = knowledge.search_fields(kind.event(kind.raw(number, first=first)))
        old = expected(number)
        for name in own_names(kind):
            found = fields.get(name)
            if name == "Severity":  # Graph writes it in lower case; the search command doesn't mind
                assert str(found).lower() == old[name].lower()
            else:
                assert found == old.get(name), name
            seen |= {name} if name in fields else set()
    assert seen == own_names(kind)


@every_alert
def test_the_macro_adds_what_comes_from_evidence_links_and_texts(knowledge: SearchKnowledge, kind: Kind) -> None:
    for number in NUMBERS:
        (fields,) = knowledge.search(MACRO, [kind.event(kind.raw(number))])
        old = expected(number)
        for name in BY_THE_MACRO - LINKS:
            if name in old:
                assert old[name] in values(fields, name), (number, name)
            else:
                assert not any(values(fields, name)), (number, name)
        assert fields["LinkToMTP"] == fields["LinkToWDATP"] == fields["alert_url"]
        assert fields.get("IncidentLinkToMTP") == fields.get("IncidentLinkToWDATP") == fields.get("incident_url")


def test_the_macro_leaves_the_siem_apis_own_events_as_they_are(knowledge: SearchKnowledge) -> None:
    for number in NUMBERS:
        raw = siem_alert(number, PROCESSED).decode()
        (fields,) = knowledge.search(MACRO, [SIEM.event(raw)])
        before = knowledge.search_fields(SIEM.event(raw))
        assert {name: fields[name] for name in KEYS["2020"]} == {name: before[name] for name in KEYS["2020"]}


@every_alert
def test_a_title_with_a_quote_has_its_name_as_far_as_automatic_extraction_goes(
    knowledge: SearchKnowledge, kind: Kind
) -> None:
    title = 'A "quoted" title \\ and ü'
    assert knowledge.search_fields(kind.event(kind.raw(title=title)))["AlertTitle"] == title
    behind = kind.raw(title=title, first={"filler": "x" * 6_000})
    fields = knowledge.search_fields(kind.event(behind))
    assert "AlertTitle" not in fields
    assert fields["signature"] == title


@every_alert
def test_what_is_null_has_no_old_name(knowledge: SearchKnowledge, kind: Kind) -> None:
    members = ("detectorId", "threatFamilyName", "threatName", "threatDisplayName", "relatedUser", "actorDisplayName")
    nothing: dict[str, Any] = dict.fromkeys(members)
    fields = knowledge.search_fields(kind.event(kind.raw(1, **nothing, evidence=[])))
    gone = {"IoaDefinitionId", "ThreatFamily", "ThreatName", "UserName", "UserDomain", "Actor"}
    assert not gone & fields.keys()


def test_an_incident_is_no_alert_by_the_old_names(knowledge: SearchKnowledge) -> None:
    raw = INCIDENT.raw(2, alerts=[graph_alert(4, PROCESSED)])
    fields = knowledge.search_fields(INCIDENT.event(raw))
    assert not {"AlertId", "AlertTitle", "AlertTime", "Category", "IoaDefinitionId", "ThreatName"} & fields.keys()
    assert fields["ComputerDnsName"] == fields["dest"]


def test_the_names_are_those_of_the_settings(knowledge: SearchKnowledge) -> None:
    settings = knowledge.props[SOURCE_STANZA]
    named = {name for value in settings.values() for name in re.findall(r"\(\?<([A-Z]\w+)>", value)}
    named |= {name.removeprefix("EVAL-") for name in settings if re.match("EVAL-[A-Z]", name)}
    named |= set(re.findall(r" (?:AS|ASNEW) (\w+)", settings["FIELDALIAS-defender_siem"]))
    assert named == BY_THEMSELVES | ENDPOINTS_OWN | GRAPHS_OWN
    assert set(re.findall(r"eval (\w+)=", knowledge.macros["defender_siem_names"]["definition"])) == BY_THE_MACRO
    assert named | BY_THE_MACRO <= set(KEYS["2020"])


def test_the_page_on_migration_names_them() -> None:
    text = (paths.ROOT / "docs" / "migrate.md").read_text(encoding="utf-8")
    section = text.partition("\n## The SIEM API's field names")[2].partition("\n## ")[0]
    own, endpoints, graphs, macro, none = (
        set(re.findall(r"`([A-Z]\w+)`", line)) for line in re.findall(r"^\| .*\|$", section, re.MULTILINE)[1:]
    )
    assert (own, endpoints, graphs, macro) == (BY_THEMSELVES, ENDPOINTS_OWN, GRAPHS_OWN, BY_THE_MACRO)
    assert none == set(KEYS["2020"]) - own - endpoints - graphs - macro
