"""The table of all fields, against all types of records and evidence that Microsoft publishes, and against what is made of it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from knowledge import cim
from knowledge.current_events import ENDPOINT, GRAPH, INCIDENT, KINDS
from knowledge.current_fields import fields_of, graph_evidence, values
from standins.microsoft import graph_schema
from standins.microsoft.samples import KEYS
from standins.search import SearchKnowledge

from tooling import paths
from tooling.fields.reference import events
from tooling.fields.table import FIELDS, LEFT_OUT, RECORDS, TableError, in_order, read

SCHEMA: dict[str, dict[str, Any]] = json.loads(
    (paths.ROOT / "tests" / "standins" / "microsoft" / "graph_security_schema.json").read_text(encoding="utf-8")
)["types"]
BASE = "alertEvidence"
EVIDENCE = {
    name.removesuffix("Evidence"): each["properties"] for name, each in SCHEMA.items() if each.get("base") == BASE
}
ALL = {"all": SCHEMA[BASE]["properties"]}
# Both are Graph's "entity", which is no more than an id.
TYPES = EVIDENCE | ALL | {name: SCHEMA[name]["properties"] | {"id": "String"} for name in ("alert", "incident")}


def is_evidence(of: str) -> bool:
    return of.removeprefix("Collection(").removesuffix(")").endswith("Evidence")


def first_key(path: str) -> str:
    return path.partition(".")[0].partition("{")[0]


def test_the_schema_has_all_48_types_of_evidence_and_both_records() -> None:
    assert len(EVIDENCE) == 48
    assert {len(TYPES[name]) for name in ("alert", "incident")} == {36, 21}
    assert graph_schema.__doc__


@pytest.mark.parametrize("kind", TYPES)
def test_each_property_is_in_a_field_or_left_out_with_a_reason(kind: str) -> None:
    known = {first_key(path) for field in FIELDS.values() for path in field.paths.get(kind, ())}
    for name, of in TYPES[kind].items():
        assert (name in known or is_evidence(of)) != (f"{kind}.{name}" in LEFT_OUT), name


def test_nothing_is_left_out_that_does_not_exist() -> None:
    for left_out in LEFT_OUT:
        kind, _, name = left_out.partition(".")
        assert first_key(name) in TYPES[kind]


def test_each_path_leads_to_a_property() -> None:
    for field in FIELDS.values():
        for kind in field.paths.keys() & TYPES.keys():
            for path in field.paths[kind]:
                known: Any = {"properties": TYPES[kind]}
                for step in path.split("."):
                    of = known["properties"][step.partition("{")[0]].removesuffix(" (nav)")
                    known = SCHEMA.get(of.removeprefix("Collection(").removesuffix(")"), {"properties": {}})


def test_each_path_of_the_other_apis_leads_to_a_member_of_their_records() -> None:
    members = {
        # The SIEM API's records have been seen with this spelling of the hash; the documents know Sha1 alone.
        "siem": {key for keys in KEYS.values() for key in keys} | {"SHA1"},
        "endpoint_alert": {key for number in range(30) for key in json.loads(ENDPOINT.raw(number))},
        "endpoint": {key for each in json.loads(ENDPOINT.raw(every_type=True))["evidence"] for key in each},
    }
    for kind, known in members.items():
        found = {first_key(path) for field in FIELDS.values() for path in field.paths.get(kind, ())}
        assert found
        assert found - known == set(), kind


def test_a_member_that_means_something_else_elsewhere_counts_by_type() -> None:
    wrong = []
    for field in FIELDS.values():
        of_evidence = {kind: members for kind, members in field.paths.items() if kind not in {*RECORDS, *field.typed}}
        keys = {first_key(path) for members in of_evidence.values() for path in members}
        if field.is_made or field.is_aligned or field.is_siem_name or field.steps[1:] or "all" in field.paths:
            continue
        for kind, has in EVIDENCE.items():
            elsewhere = {key for key in keys & has.keys() if not is_evidence(has[key]) and kind not in field.paths}
            wrong += [(field.name, kind, key) for key in elsewhere if f"{kind}.{key}" not in LEFT_OUT]
    assert wrong == []


def test_the_table_names_the_models_of_cim_that_have_the_field() -> None:
    def sets(found: cim.DataSet) -> list[cim.DataSet]:
        return [found, *(below for child in found.children for below in sets(child))]

    models: dict[str, set[str]] = {}
    for data_set in (each for root in cim.load().data_sets for each in sets(root)):
        for of_model in data_set.fields:
            models.setdefault(of_model.name, set()).add(data_set.model)
    ours = {"Alerts", "Ticket_Management"}
    for field in FIELDS.values():
        told, known = set(field.models), models.get(field.name, set())
        assert told <= known, field.name
        # src_user: the fields of an event leave it out where the event is a ticket.
        assert told & ours == known & ours - ({"Ticket_Management"} if field.name == "src_user" else set()), field.name


# What is made of the table.

PATH_LIST = re.compile(r'(?<=\w = \[)("[^\]]*")(?=\])')


def with_a_path_more(text: str) -> tuple[str, dict[str, str]]:
    """A table with one more path in each list of paths, and the field that each of these is of."""
    added: dict[str, str] = {}
    lines = []
    field = ""
    for line in text.partition("\n[left_out]")[0].splitlines():
        field = name[1] if (name := re.fullmatch(r"\[(\w+)\]", line)) else field

        def more(match: re.Match[str], field: str = field) -> str:
            path = f"added{len(added)}"
            added[path] = field
            holder = (
                match[1].strip('"').partition(".")[0] + "." if FIELDS[field].name in {"UserName", "UserDomain"} else ""
            )
            return f'{match[1]}, "{holder}{path}"'

        of_paths = line.startswith(("from = ", "    { "))
        parts = re.split(r"(which = \[[^\]]*\])", line)
        lines.append(
            "".join(part if part.startswith("which") or not of_paths else PATH_LIST.sub(more, part) for part in parts)
        )
    return "\n".join(lines) + "\n[left_out]" + text.partition("\n[left_out]")[2], added


def test_a_path_that_is_added_to_the_table_is_read_in_every_stanza(tmp_path: Path) -> None:
    """The whole way: the table is another, the tool writes the files."""
    for name in ("tooling", "knowledge"):
        shutil.copytree(paths.ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("default", "lookups"):
        shutil.copytree(paths.PACKAGE / name, tmp_path / "package" / name)
    shutil.copy(paths.ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "docs").mkdir()
    shutil.copy(paths.ROOT / "docs" / "fields.md", tmp_path / "docs")
    table = tmp_path / "knowledge" / "fields.toml"
    text, added = with_a_path_more(table.read_text(encoding="utf-8"))
    table.write_text(text, encoding="utf-8")
    subprocess.run(
        [sys.executable, "-m", "tooling.fields"], cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)}, check=True
    )
    stanzas = SearchKnowledge.load(tmp_path / "package").props
    assert len(added) == sum(len(step.paths) for field in FIELDS.values() for step in field.steps)
    page = (tmp_path / "docs" / "fields.md").read_text(encoding="utf-8")
    for path, name in added.items():
        assert path in page
        count = 0
        for settings in stanzas.values():
            own = [value for key, value in settings.items() if key == f"EVAL-{name}" or f"(?<{name}>" in value]
            count += any(re.search(rf'[".|(]{path}[")|]', value) is not None for value in own)
        # By sourcetype and by source: the SIEM API's, and those of today's APIs.
        assert count in {2, len(KINDS) + 1}, (path, name)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[a]\nmeaning = "x"\n', "from or of"),
        ('[a]\nfrom = { alert = ["x"] }\n', "meaning"),
        ('[a]\nmeaning = "x"\nform = 1\nfrom = { alert = ["x"] }\n', "form"),
        ('[a]\nmeaning = "x"\nwhat = "y"\nfrom = { alert = ["x"] }\n', "y"),
        ('[a]\nmeaning = "x"\nfrom = [{ which = ["attacker"], device = ["x"] }]\n', "attacker"),
    ],
)
def test_what_is_wrong_in_a_row_is_said(text: str, told: str) -> None:
    with pytest.raises(TableError, match=rf"\[a\] .*{told}"):
        read(text)


def test_the_paths_of_each_type_keep_their_order_whatever_others_prefer() -> None:
    assert in_order([["a", "c"], ["b", "c", "d"], []]) == ("a", "b", "c", "d")
    assert in_order([["c"], ["a", "b", "c"]]) == ("a", "b", "c")
    with pytest.raises(TableError, match="a, b"):
        in_order([["a", "b"], ["b", "a"]])


def test_the_page_tells_in_events_of_which_records_a_field_is() -> None:
    rows = """
[a]
meaning = "x"
from = { siem = ["A"], device = ["a"] }
[b]
meaning = "x"
from = { incident = ["a"], former = ["a"] }
[c]
meaning = "x"
from = { incident = ["a"], alert = ["a"] }
[d]
meaning = "x"
from = { endpoint_alert = ["a"], incident = ["a"] }
[e]
meaning = "x"
from = [{ siem = ["a"] }, { alert = ["a"], incident = ["a"] }]
"""
    told = {name: events(field) for name, field in read(rows).items()}
    assert told == {"a": "all", "b": "incidents", "c": "Graph", "d": "all but SIEM", "e": "all"}


# Fields of records other than all others here.

PIECES: tuple[tuple[dict[str, Any], dict[str, list[str]]], ...] = (
    (
        graph_evidence("analyzedMessageEvidence", p1Sender={"emailAddress": "a@x.example"}, p2Sender=None, subject="Hi")
        | {"recipientEmailAddress": "b@y.example", "internetMessageId": "<2@x>", "networkMessageId": "n-2"}
        | {"urls": ["https://x.example/1", "https://x.example/2"], "deliveryAction": "blocked"},
        {
            "src_user": ["a@x.example"],
            "sender": ["a@x.example"],
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
        # Of a ticket these two are who works on it, and who opened it.
        names = expected.keys() - ({"user", "src_user"} if kind is INCIDENT else set())
        assert {name: values(fields, name) for name in names} == {name: expected[name] for name in names}


def test_who_sent_a_mail_has_not_opened_the_incident_about_it(knowledge: SearchKnowledge) -> None:
    mail = graph_evidence("submissionMailEvidence", sender="eve@x.example", recipient="bob@y.example")
    assert fields_of(knowledge, GRAPH, GRAPH.raw(evidence=[mail]))["src_user"] == "eve@x.example"
    fields = fields_of(knowledge, INCIDENT, json.dumps({"id": "1", "alerts": [{"id": "2", "evidence": [mail]}]}))
    assert (fields["sender"], fields.get("src_user")) == ("eve@x.example", None)


def test_the_addresses_of_dest_are_those_of_that_very_device(knowledge: SearchKnowledge) -> None:
    attacker = graph_evidence("deviceEvidence", deviceDnsName="a.x", lastIpAddress="10.0.0.1") | {"roles": ["attacker"]}
    attacked = graph_evidence("deviceEvidence", deviceDnsName="b.x") | {"roles": ["attacked"]}
    fields = fields_of(knowledge, GRAPH, GRAPH.raw(evidence=[attacker, attacked]))
    assert (fields["dest"], fields.get("dest_ip"), fields["src_ip"]) == ("b.x", None, "10.0.0.1")
    assert fields["devices"] == ["a.x", "b.x"]
