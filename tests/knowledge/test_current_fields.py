"""The fields of endpoint and Graph alerts and of incidents, for every shape and size of record.

Whom and what they name is in ``test_current_evidence.py``.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from knowledge.current_events import (
    ALERTS,
    ENDPOINT,
    GRAPH,
    INCIDENT,
    OLD_SOURCE,
    SIEM,
    Kind,
    sourcetype_of,
)
from knowledge.current_fields import (
    FILES,
    PROCESSES,
    calculated,
    endpoint_evidence,
    every_alert,
    every_graph_alert,
    every_kind,
    every_source,
    fields_of,
    graph_evidence,
    values,
)
from knowledge.siem_events import PROCESSED, TENANT
from knowledge.siem_events import SOURCES as SIEM_SOURCES
from standins.microsoft import graph_schema, ticks
from standins.microsoft.current_samples import TENANT as OWN_TENANT
from standins.microsoft.hostile_text import HOSTILE_TEXT, HUGE_COMMAND_LINE, HostileText
from standins.search import SearchKnowledge

from tooling.fields.table import FIELDS

OF_EVIDENCE = [field for field in FIELDS.values() if field.is_of_evidence and not field.is_siem_name]
# Field, and the keys that it comes from in the order of preference.
SOURCES: dict[str, tuple[str, ...]] = {
    "description": ("description", "title", "summary", "displayName", "incidentName"),
    "id": ("id", "alertId", "incidentId"),
    "signature": ("title", "displayName", "incidentName"),
    "signature_id": (
        "detectorId", "threatName", "alertPolicyId", "threatDisplayName", "threatFamilyName", "category",
        "title", "displayName", "incidentName",
    ),
}  # fmt: skip
PREFERENCES = [
    *((kind, name, keys) for kind in ALERTS for name, keys in SOURCES.items()),
    *((SIEM, name, keys) for name, keys in SIEM_SOURCES.items()),
]
"""The fields of each kind of alert, and the keys that each comes from in the order of preference."""
ABSENT = [None, "", " ", "-", "null", "NULL", "(null)", "unknown", "Unknown"]


# Plain members.


every_preference = pytest.mark.parametrize(("kind", "name", "keys"), PREFERENCES, ids=str)


@every_preference
def test_a_field_is_the_first_of_its_keys_that_has_a_value(
    knowledge: SearchKnowledge, kind: Kind, name: str, keys: tuple[str, ...]
) -> None:
    for at, key in enumerate(keys):
        members: dict[str, Any] = dict.fromkeys(keys[:at]) | {later: f"value of {later}" for later in keys[at:]}
        assert fields_of(knowledge, kind, kind.raw(**{"categories": [], **members}))[name] == f"value of {key}"


@pytest.mark.parametrize("absent", ABSENT, ids=repr)
@every_preference
def test_a_field_of_which_all_keys_are_absent_is_no_field(
    knowledge: SearchKnowledge, kind: Kind, name: str, keys: tuple[str, ...], absent: str | None
) -> None:
    members: dict[str, Any] = {"categories": [], **dict.fromkeys(keys, absent)}
    assert name not in fields_of(knowledge, kind, kind.raw(**members))


@every_source
def test_a_record_without_any_known_key_has_the_constants_alone(knowledge: SearchKnowledge, kind: Kind) -> None:
    found = calculated(knowledge, kind) & fields_of(knowledge, kind, '{"Other":1}').keys()
    # The SIEM API's tenant is none of the calculated fields.
    assert found | {"vendor_account"} == {"app", "vendor_account"} | ({"type"} if kind is not INCIDENT else set())


@every_alert
def test_alerts_fill_every_field_but_those_of_tickets(knowledge: SearchKnowledge, kind: Kind) -> None:
    filled = set[str]()
    for number in range(8):
        filled |= fields_of(knowledge, kind, kind.raw(number, every_type=True)).keys()
    of_graph = {"incident_url", "custom_details", "system_tags"} if kind is ENDPOINT else set()
    if kind is ENDPOINT:
        of_graph |= {field.name for field in OF_EVIDENCE if not field.paths.keys() & {"endpoint", "all"}}
        of_graph.add("evidence_tag")
    of_incidents = {"ticket_id", "priority", "time_submitted", "custom_tags"}
    of_incidents |= {"last_modified_by", "resolving_comment", "summary"}
    assert calculated(knowledge) - filled == of_incidents | of_graph


@every_alert
@pytest.mark.parametrize("text", HOSTILE_TEXT, ids=lambda text: text.name)
def test_a_field_is_the_text_that_the_json_means(knowledge: SearchKnowledge, kind: Kind, text: HostileText) -> None:
    raw = kind.raw(1, title="@", evidence=[{"processId": 1, "processCommandLine": "@"}])
    fields = fields_of(knowledge, kind, raw.replace('"@"', text.literal.decode()))
    assert fields.get("signature") == (text.meaning or None)
    assert fields["process"] == text.meaning


# Sizes, against Splunk's default limits (5,000 bytes, 100 fields).


def large_evidence(kind: Kind) -> list[dict[str, Any]]:
    """40 pieces: 10 users, and 30 files that are processes."""
    pieces: list[dict[str, Any]] = []
    for number in range(10):
        account = {"accountName": f"user{number}", "userPrincipalName": None, "userSid": "S-1-5-21-" + "7" * 300}
        if kind is ENDPOINT:
            pieces.append(endpoint_evidence(entityType="User", **account))
        else:
            pieces.append(graph_evidence("userEvidence", userAccount=account))
    for number in range(30):
        image = {"fileName": f"f{number}.exe", "filePath": "C:\\Tools", "sha1": "1" * 40, "sha256": f"{number:064x}"}
        parent = {"fileName": "p.exe", "filePath": "C:\\P"}
        process = {"processId": number, "processCommandLine": f"f{number}.exe " + "a" * 1200}
        if kind is ENDPOINT:
            process |= {"parentProcessFileName": "p.exe", "parentProcessFilePath": "C:\\P"}
            pieces.append(endpoint_evidence(entityType="Process", **process, **image))
        else:
            pieces.append(graph_evidence("processEvidence", **process, imageFile=image, parentProcessImageFile=parent))
    return pieces


@every_alert
def test_an_alert_of_60_kb_fills_the_same_fields_as_a_small_one(knowledge: SearchKnowledge, kind: Kind) -> None:
    evidence = json.loads(kind.raw(5, every_type=True))["evidence"]
    small = fields_of(knowledge, kind, kind.raw(5, every_type=True))
    description = "What happened. " * 400
    raw = kind.raw(5, every_type=True, evidence=evidence + large_evidence(kind), first={"description": description})
    large = fields_of(knowledge, kind, raw)
    assert len(raw) > 55_000
    assert len(description) == 6_000
    names = calculated(knowledge) | {"eventtype", "tag", "vendor_status", "created_time", "record_id"}
    grown = {"description", *(field.name for field in OF_EVIDENCE)}
    for name in grown - {"description"}:
        assert values(large, name)[: len(values(small, name))] == values(small, name), name
    assert {name: large.get(name) for name in names - grown} == {name: small.get(name) for name in names - grown}
    assert large["description"] == description.strip() or large["description"] == description
    for name in (*FILES, *PROCESSES):
        known = values(small, name)
        assert values(large, name)[: len(known)] == known
        assert len(values(large, name)) == len(known) + 30
    assert values(large, "file_path")[-1] == "C:\\Tools\\f29.exe"
    assert values(large, "file_hash")[-1] == f"{29:064x}"
    assert values(large, "process")[-1].startswith("f29.exe aaa")
    assert values(large, "process_name")[-1] == "f29.exe"
    assert values(large, "parent_process")[-1] == "C:\\P\\p.exe"
    assert not {"title", "evidence{}.fileName"} & large.keys()  # the limit was in force


@every_kind
@pytest.mark.parametrize("key", ["filler", "description"])
def test_a_member_of_a_megabyte_in_front_changes_no_other_field(
    knowledge: SearchKnowledge, kind: Kind, key: str
) -> None:
    small = fields_of(knowledge, kind, kind.raw(2))
    large = fields_of(knowledge, kind, kind.raw(2, first={key: HUGE_COMMAND_LINE.meaning}))
    names = calculated(knowledge) - {key}
    assert {name: large.get(name) for name in names} == {name: small.get(name) for name in names}
    assert "status" in large
    assert "title" not in large
    assert "displayName" not in large


@every_source
def test_more_than_a_hundred_keys_in_front_change_no_field(knowledge: SearchKnowledge, kind: Kind) -> None:
    small = fields_of(knowledge, kind, kind.raw(2))
    many = fields_of(knowledge, kind, kind.raw(2, first={f"k{i}": i for i in range(101)}))
    names = calculated(knowledge, kind)
    assert {name: many.get(name) for name in names} == {name: small.get(name) for name in names}


# What regular expressions find.


@every_kind
def test_no_key_of_a_nested_object_is_taken_for_the_records(knowledge: SearchKnowledge, kind: Kind) -> None:
    nested = {"status": "x", "severity": "x", "category": "x", "id": "x", "incidentId": "9", "serviceSource": "x"}
    nested |= {"createdDateTime": "x", "alertCreationTime": "x", "tenantId": "x", "alertWebUrl": "x"}
    names = calculated(knowledge) - {"custom_details"} | {
        "vendor_severity",
        "vendor_status",
        "created_time",
        "record_id",
        "record_tenant",
    }
    plain = fields_of(knowledge, kind, kind.raw(2))
    for first in (
        {"customDetails": nested},
        {"title of": '"status":"x",'},
        {"list": ["status", '"status":"x"'], "other": "status"},
        {"customDetails": nested, "more": [1, None, "status"], "a": {}, "b": []},
    ):
        fields = fields_of(knowledge, kind, kind.raw(2, first=first))
        assert {name: fields.get(name) for name in names} == {name: plain.get(name) for name in names}


@every_kind
def test_what_stands_behind_objects_of_objects_is_found_as_well(knowledge: SearchKnowledge, kind: Kind) -> None:
    first = {"additionalData": {"a": {"status": "x", "category": "x", "id": "x"}, "evidence": [{"url": "x"}]}}
    plain = fields_of(knowledge, kind, kind.raw(2))
    fields = fields_of(knowledge, kind, kind.raw(2, first=first))
    for name in calculated(knowledge) | {"vendor_status", "vendor_category", "vendor_severity"}:
        assert fields.get(name) == plain.get(name)


@every_kind
@pytest.mark.parametrize("absent", [None, "", "unknown"], ids=repr)
def test_status_and_category_that_are_absent_are_no_fields(
    knowledge: SearchKnowledge, kind: Kind, absent: str | None
) -> None:
    fields = fields_of(knowledge, kind, kind.raw(status=absent, category=absent, categories=[absent] if absent else []))
    assert not {"status", "category", "mitre_tactic"} & fields.keys()


@pytest.mark.parametrize(
    ("kind", "vendor", "status"),
    [(ENDPOINT, "InProgress", "inprogress"), (GRAPH, "inProgress", "inprogress"), (INCIDENT, "active", "active")],
)
def test_the_status_is_in_lower_case_and_the_vendors_is_kept(
    knowledge: SearchKnowledge, kind: Kind, vendor: str, status: str
) -> None:
    fields = fields_of(knowledge, kind, kind.raw(status=vendor))
    assert (fields["status"], fields["vendor_status"]) == (status, vendor)


@every_source
@pytest.mark.parametrize(
    ("vendor", "severity", "number"),
    [
        ("Informational", "informational", "1"),
        ("low", "low", "2"),
        ("Medium", "medium", "3"),
        ("high", "high", "4"),
        ("critical", "critical", "5"),
        *((other, "informational", "1") for other in ("UnSpecified", "unknownFutureValue", "highest")),
    ],
)
def test_severity_is_one_of_cims_words_and_the_vendors_is_kept(
    knowledge: SearchKnowledge, kind: Kind, vendor: str, severity: str, number: str
) -> None:
    fields = fields_of(knowledge, kind, of_severity(kind, vendor))
    assert (fields["severity"], fields["severity_id"], fields["vendor_severity"]) == (severity, number, vendor)
    assert fields.get("priority") == (severity if kind is INCIDENT else None)


@every_source
@pytest.mark.parametrize("absent", [None, "", "-", "null"], ids=repr)
def test_without_a_severity_there_is_none(knowledge: SearchKnowledge, kind: Kind, absent: str | None) -> None:
    fields = fields_of(knowledge, kind, of_severity(kind, absent))
    assert not {"severity", "severity_id", "priority"} & fields.keys()


def of_severity(kind: Kind, value: Any) -> str:
    return kind.raw(**{"Severity" if kind is SIEM else "severity": value})


@pytest.mark.parametrize(
    ("category", "tactic"),
    [
        ("DefenseEvasion", ("Defense Evasion", "TA0005")),
        ("Ransomware", ("Impact", "TA0040")),
        ("Command and Control", ("Command and Control", "TA0011")),
        ("execution", ("Execution", "TA0002")),
        ("Malware", None),
        ("SuspiciousActivity", None),
    ],
)
@pytest.mark.parametrize("kind", [SIEM, *ALERTS], ids=sourcetype_of)
def test_the_category_leads_to_a_tactic_where_it_is_one(
    knowledge: SearchKnowledge, kind: Kind, category: str, tactic: tuple[str, str] | None
) -> None:
    fields = fields_of(
        knowledge,
        kind,
        kind.raw(**({"Category": category} if kind is SIEM else {"category": category, "categories": []})),
    )
    found = (fields["mitre_tactic"], fields["mitre_tactic_id"]) if "mitre_tactic" in fields else None
    assert (fields["category"], found) == (category, tactic)


@pytest.mark.parametrize(
    "service", [name for name in graph_schema.types()["serviceSource"]["members"] if not name.startswith("unknown")]
)
def test_each_product_of_the_schema_has_a_name(knowledge: SearchKnowledge, service: str) -> None:
    app = fields_of(knowledge, GRAPH, GRAPH.raw(serviceSource=service))["app"]
    assert (app == "Microsoft Defender XDR") == (service == "microsoft365Defender")


@pytest.mark.parametrize(
    ("host", "portal"),
    [
        ("api.securitycenter.microsoft.com", "security.microsoft.com"),
        ("us.api.security.microsoft.com", "security.microsoft.com"),
        ("api-gcc.securitycenter.microsoft.us", "security.microsoft.com"),
        ("api-gov.securitycenter.microsoft.us", "security.microsoft.us"),
    ],
)
def test_an_endpoint_alert_is_looked_at_in_the_portal_of_its_cloud(
    knowledge: SearchKnowledge, host: str, portal: str
) -> None:
    fields = fields_of(knowledge, ENDPOINT, ENDPOINT.raw(id="da1_-2"), host=host)
    assert fields["alert_url"] == f"https://{portal}/alerts/da1_-2?tid={TENANT}"


@every_alert
def test_the_incident_of_an_alert_is_a_field_number_or_text(knowledge: SearchKnowledge, kind: Kind) -> None:
    for incident in (28282, "28282"):
        assert fields_of(knowledge, kind, kind.raw(incidentId=incident))["incident_id"] == "28282"
    assert "incident_id" not in fields_of(knowledge, kind, kind.raw(incidentId=None))


# What old add-ons indexed.


@every_kind
def test_events_that_an_old_add_on_indexed_have_the_same_fields(knowledge: SearchKnowledge, kind: Kind) -> None:
    of_source = {"source", "vendor_account", "vendor_region", "defender_input", "alert_url"}
    ours, theirs = (fields_of(knowledge, kind, kind.raw(2), source=source) for source in ("", OLD_SOURCE))
    assert {name: ours[name] for name in ours.keys() - of_source} == {n: theirs[n] for n in theirs.keys() - of_source}
    assert (ours["vendor_account"], theirs["vendor_account"]) == (TENANT, OWN_TENANT)


def test_graph_alerts_that_the_old_add_on_wrote_as_endpoint_alerts_have_graphs_fields(
    knowledge: SearchKnowledge,
) -> None:
    raw = GRAPH.raw(3)
    as_graph, as_endpoint = (fields_of(knowledge, kind, raw, source=OLD_SOURCE) for kind in (GRAPH, ENDPOINT))
    names = calculated(knowledge)
    assert {name: as_endpoint.get(name) for name in names} == {name: as_graph.get(name) for name in names}


# Times, tenant and kind.


@every_kind
@pytest.mark.parametrize("digits", range(8))
def test_the_version_time_has_seven_digits_however_many_were_sent(
    knowledge: SearchKnowledge, kind: Kind, digits: int
) -> None:
    moment = PROCESSED - PROCESSED % 10 ** (7 - digits)
    raw = kind.sample(1, moment, digits=digits).decode()
    assert fields_of(knowledge, kind, raw)["version_time"] == ticks.text(moment, digits=7)


@every_source
def test_tenant_region_and_input_come_from_the_source(knowledge: SearchKnowledge, kind: Kind) -> None:
    fields = fields_of(knowledge, kind, kind.raw())
    found = (fields["vendor_account"], fields["vendor_region"], fields["defender_input"])
    assert found == (TENANT, kind.region, "soc_alerts")


@every_source
def test_an_event_is_in_one_event_type_and_one_data_model(knowledge: SearchKnowledge, kind: Kind) -> None:
    fields = fields_of(knowledge, kind, kind.raw())
    assert isinstance(fields["eventtype"], str)
    assert fields["tag"] == (["incident", "ticketing"] if kind is INCIDENT else "alert")


# Categories.


@pytest.mark.parametrize(
    ("members", "categories", "tactics"),
    [
        ({"categories": ["DefenseEvasion", "Malware", "impact"]}, ["DefenseEvasion", "Malware", "impact"], ["Defense Evasion", "Impact"]),
        ({"categories": ["Discovery"], "category": "Collection"}, ["Discovery"], ["Discovery"]),
        ({"categories": ["Ransomware", "Impact"]}, ["Ransomware", "Impact"], ["Impact"]),
        ({"categories": ["Impact", "unknown", "", "Impact"]}, ["Impact"], ["Impact"]),
        ({"categories": [], "category": "Resource Development"}, ["Resource Development"], ["Resource Development"]),
        ({"categories": None, "category": "Malware"}, ["Malware"], []),
        ({"categories": ["unknown"], "category": None}, [], []),
        ({"category": "Execution"}, ["Execution"], ["Execution"]),
        ({}, [], []),
    ],
)  # fmt: skip
@every_graph_alert
def test_all_categories_count_and_the_deprecated_key_where_it_comes_alone(
    knowledge: SearchKnowledge, kind: Kind, members: dict[str, Any], categories: list[str], tactics: list[str]
) -> None:
    raw = json.dumps({"id": "1", "evidence": [{"categories": ["x"]}], **members})
    fields = fields_of(knowledge, kind, raw)
    assert (values(fields, "category"), values(fields, "mitre_tactic")) == (categories, tactics)
    assert len(values(fields, "mitre_tactic_id")) == len(tactics)


def test_the_first_category_stands_in_for_a_detector(knowledge: SearchKnowledge) -> None:
    assert (
        fields_of(knowledge, GRAPH, '{"title":"t","categories":["Discovery","Impact"]}')["signature_id"] == "Discovery"
    )


# What people have made of it, and what is new since 2025.


@every_kind
@pytest.mark.parametrize(
    ("sent", "word"),
    [
        ("truePositive", "truepositive"),
        ("TruePositive", "truepositive"),
        ("Informational, expected activity", "informationalexpectedactivity"),
        ("informationalExpectedActivity", "informationalexpectedactivity"),
        *((nothing, None) for nothing in (None, "", "unknown", "Unknown", "NotAvailable", "null")),
    ],
)
def test_a_classification_has_one_spelling(
    knowledge: SearchKnowledge, kind: Kind, sent: str | None, word: str | None
) -> None:
    fields = fields_of(knowledge, kind, kind.raw(classification=sent, determination=sent))
    assert (fields.get("classification"), fields.get("determination")) == (word, word)


def test_what_an_incident_says_of_itself_is_found_however_long_it_is(knowledge: SearchKnowledge) -> None:
    members = {
        "assignedTo": "anna@a.example", "lastModifiedBy": "Bjørn", "resolvingComment": 'said "no"', "summary": "s",
        "priorityScore": 86, "redirectIncidentId": "17", "customTags": ["a", "b"], "systemTags": ["c"],
    }  # fmt: skip
    names = {
        "assigned_to": "assignedTo", "last_modified_by": "lastModifiedBy", "resolving_comment": "resolvingComment",
        "summary": "summary", "priority_score": "priorityScore", "incident_merged_into": "redirectIncidentId",
        "custom_tags": "customTags", "system_tags": "systemTags",
    }  # fmt: skip
    for first in ({}, {"description": "x" * 9_000}):
        fields = fields_of(knowledge, INCIDENT, json.dumps({**first, "id": "9", **members}))
        for name, key in names.items():
            sent = members[key]
            assert values(fields, name) == (sent if isinstance(sent, list) else [str(sent)])


def test_where_two_incidents_of_the_former_api_were_merged_is_a_number_as_well(knowledge: SearchKnowledge) -> None:
    assert fields_of(knowledge, INCIDENT, '{"incidentId":1,"redirectIncidentId":17}')["incident_merged_into"] == "17"
    assert "incident_merged_into" not in fields_of(knowledge, INCIDENT, INCIDENT.raw(redirectIncidentId=None))


@every_graph_alert
def test_custom_details_are_json_unless_there_are_none(knowledge: SearchKnowledge, kind: Kind) -> None:
    details = {"Tier": "0", "Hosts": '["a"]'}
    fields = fields_of(knowledge, kind, kind.raw(customDetails=details, first={"description": "x" * 9_000}))
    assert json.loads(str(fields["custom_details"])) == details
    empty: tuple[dict[str, str] | None, ...] = ({}, None)
    for nothing in empty:
        assert "custom_details" not in fields_of(knowledge, kind, kind.raw(customDetails=nothing))
