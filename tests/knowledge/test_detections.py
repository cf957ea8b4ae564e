"""Splunk's published detections: each field that they read is there, with the meaning that they assume.

Facts from splunk/security_content, detections/endpoint: microsoft_defender_atp_alerts.yml (version 7, 2026-04-08),
microsoft_defender_incident_alerts.yml (version 7, 2026-03-10), detect_critical_alerts_from_security_tools.yml.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest
from knowledge.current_events import ALERTS, ENDPOINT, GRAPH, SIEM, SPLIT_ALERT, Kind, sourcetype_of
from standins.search import Fields, SearchKnowledge
from standins.search.eval_expressions import as_field, parse_eval

SAMPLES = range(6)
RISK_SCORES = {"informational", "low", "medium", "high"}  # what the detections turn into a score


@dataclass(frozen=True)
class Detection:
    """What a detection reads of an alert."""

    kind: Kind
    groups: tuple[str, ...]
    """Rows are made by these; an event that lacks one, or has several values, is lost or counted twice."""
    risk_objects: tuple[str, ...]
    evidence: str
    """The array that it takes out of _raw."""


ATP_ALERTS = Detection(ENDPOINT, ("id", "description", "src"), ("src", "user"), "evidence")
INCIDENT_ALERTS = Detection(SPLIT_ALERT, ("id", "description"), ("dest", "user"), "entities")
both = pytest.mark.parametrize("detection", [ATP_ALERTS, INCIDENT_ALERTS], ids=["endpoint", "incidents"])


def fields_of(knowledge: SearchKnowledge, kind: Kind, number: int) -> Fields:
    return knowledge.search_fields(kind.event(kind.raw(number, every_type=True)))


def evaluated(fields: Fields, **expressions: str) -> Fields:
    """The fields with those that a search's eval adds, one after the other."""
    found: dict[str, str | list[str]] = dict(fields)
    for name, expression in expressions.items():
        values = as_field(parse_eval(expression)(found), name)
        found.pop(name, None)
        if values:
            found[name] = values[0] if len(values) == 1 else values
    return found


@both
def test_a_detection_finds_its_groups_its_risk_objects_and_its_severity(
    knowledge: SearchKnowledge, detection: Detection
) -> None:
    for number in SAMPLES:
        fields = fields_of(knowledge, detection.kind, number)
        for name in {*detection.groups, *detection.risk_objects, "signature"}:
            assert isinstance(fields[name], str)
        assert fields["severity"] in RISK_SCORES


@both
def test_the_risk_objects_are_a_host_and_an_account(knowledge: SearchKnowledge, detection: Detection) -> None:
    for number in SAMPLES:
        record = json.loads(ENDPOINT.raw(number))
        fields = fields_of(knowledge, detection.kind, number)
        host, account = (fields[name] for name in detection.risk_objects)
        named = record["relatedUser"]["userName"]
        assert host == record["computerDnsName"]
        # An account that every host has is no risk object.
        assert (account == named) == (named != "SYSTEM")


@both
def test_the_techniques_are_where_the_detections_look_for_them(
    knowledge: SearchKnowledge, detection: Detection
) -> None:
    """mitreTechniques{} is automatic extraction's, so within its limits; mitre_technique_id is the same without them."""
    found = 0
    for number in SAMPLES:
        fields = fields_of(knowledge, detection.kind, number)
        assert fields.get("mitreTechniques{}") == fields.get("mitre_technique_id")
        found += "mitreTechniques{}" in fields
    assert found > len(SAMPLES) / 2


@pytest.mark.parametrize("number", SAMPLES)
def test_the_endpoint_detection_takes_evidence_out_of_the_event(knowledge: SearchKnowledge, number: int) -> None:
    evidence = json.loads(ENDPOINT.raw(number, every_type=True))["evidence"]
    keys = ("entityType", "filePath", "processCommandLine", "ipAddress", "registryKey", "url")
    fields = evaluated(
        fields_of(knowledge, ENDPOINT, number),
        pieces=f'json_array_to_mv(json_extract(_raw, "{ATP_ALERTS.evidence}"))',
        **{key: f'mvmap(pieces, spath(pieces, "{key}"))' for key in keys},
        files='mvfilter(json_extract(pieces, "entityType") = "File")',
        fileName='mvmap(files, spath(files, "fileName"))',
    )
    for key in keys:
        texts = ["null" if piece[key] is None else piece[key] for piece in evidence]
        assert fields[key] == texts
    assert fields["fileName"] == next(piece["fileName"] for piece in evidence if piece["entityType"] == "File")


@pytest.mark.parametrize("number", SAMPLES)
def test_the_incident_detection_finds_no_entities_in_what_graph_sends(knowledge: SearchKnowledge, number: int) -> None:
    """So its threat objects stay empty; the same values are in fields of ours. props.conf and the documentation say so."""
    fields = fields_of(knowledge, SPLIT_ALERT, number)
    pieces = evaluated(fields, pieces=f'json_array_to_mv(json_extract(_raw, "{INCIDENT_ALERTS.evidence}"))')
    assert "pieces" not in pieces
    assert {"file_name", "process", "ip", "registry_path", "url"} <= fields.keys()


@pytest.mark.parametrize("kind", [SIEM, *ALERTS], ids=sourcetype_of)
def test_the_detection_of_critical_alerts_has_all_that_it_shows(knowledge: SearchKnowledge, kind: Kind) -> None:
    """It counts the Alerts model by these: an alert that lacks one is lost."""
    for number in SAMPLES:
        fields = knowledge.search_fields(kind.event(kind.raw(number)))
        assert fields["tag"] == "alert"
        for name in ("signature", "app", "severity", "description", "source", "id", "dest"):
            assert isinstance(fields[name], str)


def test_a_graph_alert_has_the_fields_of_the_endpoint_detection_as_well(knowledge: SearchKnowledge) -> None:
    """For who points the detection's macro at both sourcetypes."""
    for number in SAMPLES:
        endpoint, graph = (fields_of(knowledge, kind, number) for kind in (ENDPOINT, GRAPH))
        for name in ("id", "description", "src", "user", "signature", "severity"):
            assert graph[name] == endpoint[name] or (name == "user" and "SYSTEM" in endpoint["user_name"])
