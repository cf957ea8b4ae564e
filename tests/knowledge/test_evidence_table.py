"""The table of fields of evidence, against all types of evidence that Microsoft publishes; each is another record than the rest."""

from __future__ import annotations

import json
from typing import Any

import pytest
from knowledge.current_events import GRAPH, INCIDENT
from knowledge.current_fields import fields_of, graph_evidence, values
from standins.microsoft import graph_schema
from standins.search import SearchKnowledge

from tooling import paths
from tooling.fields.evidence_table import FIELDS, LEFT_OUT

SCHEMA: dict[str, dict[str, Any]] = json.loads(
    (paths.ROOT / "tests" / "standins" / "microsoft" / "graph_security_schema.json").read_text(encoding="utf-8")
)["types"]
BASE = "alertEvidence"
TYPES = {name.removesuffix("Evidence"): each["properties"] for name, each in SCHEMA.items() if each.get("base") == BASE}


def is_evidence(of: str) -> bool:
    return of.removeprefix("Collection(").removesuffix(")").endswith("Evidence")


def test_the_schema_has_all_48_types() -> None:
    assert len(TYPES) == 48
    assert graph_schema.__doc__


@pytest.mark.parametrize("kind", [*TYPES, "all"])
def test_each_property_is_in_a_field_or_left_out_with_a_reason(kind: str) -> None:
    properties = TYPES.get(kind, SCHEMA[BASE]["properties"])
    read = {path for field in FIELDS.values() for path in field.paths.get(kind, ())}
    for name, of in properties.items():
        in_field = any(path.partition(".")[0].partition("{")[0] == name for path in read)
        assert in_field or is_evidence(of) or LEFT_OUT.get(f"{kind}.{name}"), name


def test_each_path_leads_to_a_property() -> None:
    for field in FIELDS.values():
        for kind, members in field.paths.items():
            if kind in {"endpoint", "entity"}:
                continue
            for path in members:
                known: Any = {"properties": TYPES.get(kind, SCHEMA[BASE]["properties"])}
                for step in path.split("."):
                    of = known["properties"][step.partition("{")[0]]
                    known = SCHEMA.get(of.removeprefix("Collection(").removesuffix(")"), {"properties": {}})


def test_a_member_that_means_something_else_elsewhere_counts_by_type() -> None:
    wrong = []
    for field in FIELDS.values():
        keys = {path.partition(".")[0].partition("{")[0] for path in field.members}
        if field.is_typed or field.is_made or "all" in field.paths:
            continue
        for kind, has in TYPES.items():
            elsewhere = {key for key in keys & has.keys() if not is_evidence(has[key]) and kind not in field.paths}
            wrong += [(field.name, kind, key) for key in elsewhere if f"{kind}.{key}" not in LEFT_OUT]
    assert wrong == []


PIECES: tuple[tuple[dict[str, Any], dict[str, list[str]]], ...] = (
    (
        graph_evidence("analyzedMessageEvidence", p1Sender={"emailAddress": "a@x.example"}, p2Sender=None, subject="Hi")
        | {"recipientEmailAddress": "b@y.example", "internetMessageId": "<2@x>", "networkMessageId": "n-2"}
        | {"urls": ["https://x.example/1", "https://x.example/2"], "deliveryAction": "blocked"},
        {
            "src_user": ["a@x.example"],
            "recipient": ["b@y.example"],
            "subject": ["Hi"],
            "message_id": ["<2@x>"],
            "network_message_id": ["n-2"],
            "url": ["https://x.example/1", "https://x.example/2"],
            "delivery_action": ["blocked"],
            "user": ["b@y.example"],
        },
    ),
    (graph_evidence("mailClusterEvidence", networkMessageIds=["n-1", "n-2"]), {"network_message_id": ["n-1", "n-2"]}),
    (
        graph_evidence("amazonResourceEvidence", amazonResourceId="arn:aws:s3:::b", amazonAccountId="12"),
        {"object_id": ["arn:aws:s3:::b"], "cloud_account": ["12"]},
    ),
    (
        graph_evidence("googleCloudResourceEvidence", fullResourceName="//compute/x", projectId="p"),
        {"object_id": ["//compute/x"], "cloud_account": ["p"]},
    ),
    (
        graph_evidence("containerEvidence", name="c", command=["sh", "-c"], image={"imageId": "i@1"})
        | {"pod": {"name": "p", "namespace": {"name": "n"}}},
        {"container": ["c"], "pod": ["p"], "namespace": ["n"], "image": ["i@1"], "container_command": ['["sh","-c"]']},
    ),
    (
        graph_evidence("oauthApplicationEvidence", displayName="App", appId="a", objectId="o", publisher="P"),
        {"application": ["App"], "application_id": ["a"], "object_id": ["o"], "application_publisher": ["P"]},
    ),
    (
        graph_evidence("mailboxEvidence", displayName="no app", primaryAddress="m@x.example"),
        {"mailbox": ["m@x.example"], "application": []},
    ),
    (
        graph_evidence("aiAgentEvidence", agentName="Bot", agentId="b"),
        {"application": ["Bot"], "application_id": ["b"]},
    ),
    (
        graph_evidence(
            "hostLogonSessionEvidence", sessionId="0x1", host={"hostName": "h", "lastIpAddress": "10.1.2.3"}
        ),
        {"dest": ["h"], "dest_ip": ["10.1.2.3"], "dest_nt_host": ["h"], "session_id": ["0x1"], "devices": ["h"]},
    ),
    (
        graph_evidence(
            "malwareEvidence", name="M", files=[{"fileDetails": {"fileName": n}} for n in ("a.exe", "b.exe")]
        ),
        {"malware": ["M"], "file_name": ["a.exe", "b.exe"]},
    ),
    (graph_evidence("fileHashEvidence", algorithm="sha1", value="77"), {"file_hash": ["77"]}),
    (
        graph_evidence("fileEvidence", verdict="malicious", remediationStatus="blocked", roles=["created", "loaded"]),
        {
            "evidence_type": ["file"],
            "evidence_verdict": ["malicious"],
            "evidence_remediation": ["blocked"],
            "evidence_role": ["created,loaded"],
        },
    ),
)


@pytest.mark.parametrize(("piece", "expected"), PIECES, ids=lambda each: str(each.get("@odata.type", ""))[27:])
def test_an_alert_is_found_by_what_its_evidence_names(
    knowledge: SearchKnowledge, piece: dict[str, Any], expected: dict[str, list[str]]
) -> None:
    turned = dict(reversed(piece.items()))
    alert = json.dumps({"id": "1", "evidence": [piece]})
    inside = json.dumps({"id": "1", "alerts": [{"id": "2", "evidence": [turned]}]})
    for kind, raw in ((GRAPH, alert), (INCIDENT, inside)):
        fields = fields_of(knowledge, kind, raw)
        names = expected.keys() - ({"user"} if kind is INCIDENT else set())
        assert {name: values(fields, name) for name in names} == {name: expected[name] for name in names}


def test_the_addresses_of_dest_are_those_of_that_very_device(knowledge: SearchKnowledge) -> None:
    attacker = graph_evidence("deviceEvidence", deviceDnsName="a.x", lastIpAddress="10.0.0.1") | {"roles": ["attacker"]}
    attacked = graph_evidence("deviceEvidence", deviceDnsName="b.x") | {"roles": ["attacked"]}
    fields = fields_of(knowledge, GRAPH, GRAPH.raw(evidence=[attacker, attacked]))
    assert (fields["dest"], fields.get("dest_ip"), fields["src_ip"]) == ("b.x", None, "10.0.0.1")
    assert fields["devices"] == ["a.x", "b.x"]
