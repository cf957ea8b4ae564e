"""Whom and what endpoint and Graph alerts and incidents name: host, user, and the evidence that an analyst finds them by."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from knowledge.current_events import (
    ENDPOINT,
    GRAPH,
    INCIDENT,
    Kind,
)
from knowledge.current_fields import (
    EVIDENCE,
    FILES,
    PROCESSES,
    endpoint_evidence,
    every_alert,
    every_graph_alert,
    fields_of,
    graph_evidence,
    values,
)
from knowledge.siem_events import PROCESSED
from standins.microsoft.graph_samples import graph_alert
from standins.search import SearchKnowledge

# Host and user.


@pytest.mark.parametrize(
    ("members", "dest", "src"),
    [
        ({"computerDnsName": "a.example", "machineId": "m"}, "a.example", "a.example"),
        ({"computerDnsName": None, "machineId": "m"}, "m", "m"),
        ({"computerDnsName": "-", "machineId": "null", "evidence": []}, None, None),
    ],
)
def test_the_host_of_an_endpoint_alert_is_named_and_never_the_tenant(
    knowledge: SearchKnowledge, members: dict[str, Any], dest: str | None, src: str | None
) -> None:
    fields = fields_of(knowledge, ENDPOINT, ENDPOINT.raw(**members))
    assert (fields.get("dest"), fields.get("src")) == (dest, src)


DEVICE = graph_evidence("deviceEvidence", deviceDnsName="a.example", hostName="a", mdeDeviceId="m")
ADDRESS = graph_evidence("ipEvidence", ipAddress="203.0.113.5")
RAN_BY_ANNA = graph_evidence("processEvidence", processId=4, userAccount={"accountName": "anna"})


@pytest.mark.parametrize(
    ("evidence", "dest", "src"),
    [
        ([ADDRESS, DEVICE, DEVICE | {"deviceDnsName": "b.example"}], "a.example", "a.example"),
        ([DEVICE | {"deviceDnsName": None}], "a", "a"),
        ([DEVICE | {"deviceDnsName": None, "hostName": ""}, ADDRESS], "m", "m"),
        ([graph_evidence("azureResourceEvidence", resourceName="vm-1"), ADDRESS], "vm-1", "vm-1"),
        ([ADDRESS, graph_evidence("azureResourceEvidence", resourceName="vm-1")], "203.0.113.5", "203.0.113.5"),
        ([graph_evidence("mailboxEvidence", primaryAddress="a@b.example", displayName="A")], None, None),
        ([], None, None),
    ],
)
@every_graph_alert
def test_the_host_of_a_graph_alert_is_its_first_device(
    knowledge: SearchKnowledge, kind: Kind, evidence: list[dict[str, Any]], dest: str | None, src: str | None
) -> None:
    fields = fields_of(knowledge, kind, kind.raw(evidence=evidence))
    expected = dest if src != "203.0.113.5" else "vm-1"
    assert (fields.get("dest"), fields.get("src")) == (expected, src)


@pytest.mark.parametrize(
    ("members", "user", "user_name"),
    [
        ({"relatedUser": {"userName": "CONTOSO\\anna", "domainName": "CONTOSO"}}, "anna", "anna"),
        ({"relatedUser": {"userName": "unknown"}}, "bjorn", "bjorn"),
        ({"relatedUser": None, "evidence": [endpoint_evidence(processId=4, accountName="SYSTEM")]}, "chloe", None),
        ({"relatedUser": None, "evidence": [endpoint_evidence(userPrincipalName="a@b.example")]}, *["a@b.example"] * 2),
        ({"relatedUser": None, "evidence": []}, "chloe", None),
        ({"relatedUser": None, "evidence": [], "loggedOnUsers": []}, None, None),
    ],
)
def test_the_user_of_an_endpoint_alert_is_the_one_named_then_evidence_then_who_was_logged_on(
    knowledge: SearchKnowledge, members: dict[str, Any], user: str | None, user_name: str | None
) -> None:
    process = endpoint_evidence(entityType="Process", processId=1, accountName="SYSTEM")
    evidence = [process, endpoint_evidence(entityType="User", accountName="bjorn")]
    logged_on = [{"accountName": "chloe", "domainName": "CONTOSO"}]
    fields = fields_of(
        knowledge, ENDPOINT, ENDPOINT.raw(**{"evidence": evidence, "loggedOnUsers": logged_on} | members)
    )
    assert (fields.get("user"), fields.get("user_name")) == (user, user_name)


@pytest.mark.parametrize(
    ("evidence", "user", "user_name"),
    [
        (
            [
                graph_evidence("processEvidence", processId=4, userAccount={"accountName": "SYSTEM"}),
                graph_evidence("userEvidence", userAccount={"accountName": "anna", "userPrincipalName": "a@b.example"}),
            ],
            "anna",
            "anna",
        ),
        ([graph_evidence("processEvidence", processId=4, userAccount={"accountName": "SYSTEM"})], None, None),
        ([graph_evidence("userEvidence", userAccount={"userPrincipalName": "a@b.example"})], *["a@b.example"] * 2),
        ([graph_evidence("mailboxEvidence", upn="a@b.example", userAccount=None)], *["a@b.example"] * 2),
        # An account that ran a process comes after one that is evidence by itself.
        ([RAN_BY_ANNA, graph_evidence("userEvidence", userAccount={"accountName": "bjorn"})], "bjorn", "bjorn"),
        ([RAN_BY_ANNA], "anna", None),
        ([DEVICE | {"loggedOnUsers": [{"accountName": "chloe"}]}], "chloe", None),
        ([DEVICE], None, None),
        ([], None, None),
    ],
)
@every_graph_alert
def test_the_user_of_a_graph_alert_is_evidence_then_who_was_logged_on(
    knowledge: SearchKnowledge, kind: Kind, evidence: list[dict[str, Any]], user: str | None, user_name: str | None
) -> None:
    fields = fields_of(knowledge, kind, kind.raw(evidence=evidence))
    assert (fields.get("user"), fields.get("user_name")) == (user, user_name)


# Evidence.


Piece = dict[str, Any]
OF_ENDPOINT: dict[str, Callable[[Piece], object]] = {
    "file_name": lambda each: each["fileName"],
    "file_path": lambda each: each["fileName"] is not None and f"{each['filePath']}\\{each['fileName']}",
    "file_hash": lambda each: each["fileName"] is not None and each["sha256"],
    "process": lambda each: each["entityType"] == "Process" and each["processCommandLine"],
    "process_name": lambda each: each["entityType"] == "Process" and each["fileName"],
    "parent_process": lambda each: (
        each["entityType"] == "Process" and f"{each['parentProcessFilePath']}\\{each['parentProcessFileName']}"
    ),
    "ip": lambda each: each["ipAddress"] or None,
    "url": lambda each: each["url"] or None,
    "registry_path": lambda each: (
        each["registryHive"] and "\\".join((each["registryHive"], each["registryKey"], each["registryValueName"]))
    ),
}
OF_GRAPH: dict[str, Callable[[Piece], object]] = {
    "file_name": lambda each: (file := file_of(each)) and file["fileName"],
    "file_path": lambda each: (file := file_of(each)) and f"{file['filePath']}\\{file['fileName']}",
    "file_hash": lambda each: (file := file_of(each)) and file["sha256"],
    "process": lambda each: each.get("processCommandLine"),
    "process_name": lambda each: "processId" in each and each["imageFile"]["fileName"],
    "ip": lambda each: each.get("ipAddress"),
    "url": lambda each: each.get("url"),
}
"""What a field has of a piece of evidence, if anything."""


def file_of(piece: Piece) -> Any:
    return piece.get("fileDetails") or piece.get("imageFile")


@pytest.mark.parametrize("number", range(0, 40, 3))
@every_alert
def test_evidence_is_found_in_its_order(knowledge: SearchKnowledge, kind: Kind, number: int) -> None:
    raw = kind.raw(number, every_type=kind is ENDPOINT)
    evidence = json.loads(raw)["evidence"]
    fields = fields_of(knowledge, kind, raw)
    for name, of in (OF_ENDPOINT if kind is ENDPOINT else OF_GRAPH).items():
        assert values(fields, name) == [found for each in evidence if (found := of(each)) not in {None, False}], name
    if kind is not ENDPOINT:
        # A process without a parent has an empty value, so that the n-th values belong together.
        parents = [each["parentProcessImageFile"] for each in evidence if "processId" in each]
        paths = [f"{parent['filePath']}\\{parent['fileName']}" if parent else "" for parent in parents]
        assert values(fields, "parent_process") == paths


PIECES = st.lists(
    st.fixed_dictionaries(
        {
            "kind": st.sampled_from(["File", "Process", "User"]),
            "name": st.sampled_from(["a.exe", "b", None, "-", ""]),
            "folder": st.sampled_from(["C:\\x", "/usr/bin", None, "null"]),
            "sha256": st.sampled_from(["1" * 64, None, ""]),
            "md5": st.sampled_from(["2" * 32, None]),
            "command": st.sampled_from(["a.exe /x", None, "unknown"]),
            "parent": st.sampled_from(["p.exe", None]),
        }
    ),
    max_size=8,
)


@settings(deadline=None)
@given(pieces=PIECES)
def test_the_nth_values_of_a_group_belong_to_one_piece_of_evidence(
    knowledge: SearchKnowledge, pieces: list[dict[str, Any]]
) -> None:
    endpoint, graph = [], []
    for piece in pieces:
        file = {"fileName": piece["name"], "filePath": piece["folder"], "sha256": piece["sha256"]}
        process = {"processId": 1, "processCommandLine": piece["command"]}
        if piece["kind"] == "User":
            endpoint.append(endpoint_evidence(entityType="User", accountName="anna"))
            graph.append(graph_evidence("userEvidence", userAccount={"accountName": "anna"}))
        elif piece["kind"] == "File":
            endpoint.append(endpoint_evidence(entityType="File", **file, md5=piece["md5"]))
            graph.append(graph_evidence("fileEvidence", fileDetails=file | {"md5": piece["md5"]}))
        else:
            parent = {"parentProcessFileName": piece["parent"], "parentProcessFilePath": piece["folder"]}
            endpoint.append(endpoint_evidence(entityType="Process", **file, **process, **parent))
            image = {"fileName": piece["parent"], "filePath": piece["folder"]}
            graph.append(graph_evidence("processEvidence", imageFile=file, parentProcessImageFile=image, **process))
    for kind, evidence in ((ENDPOINT, endpoint), (GRAPH, graph)):
        fields = fields_of(knowledge, kind, kind.raw(evidence=evidence))
        for group in (FILES, PROCESSES):
            assert len({len(values(fields, name)) for name in group}) == 1
            assert not {"-", "null", "unknown"} & {value for name in group for value in values(fields, name)}
        expected = [
            (piece["command"] if piece["command"] != "unknown" else "") or ""
            for piece in pieces
            if piece["kind"] == "Process"
        ]
        assert values(fields, "process") == expected
        hashes = [
            piece["sha256"] or (piece["md5"] if piece["kind"] == "File" else "") or ""
            for piece in pieces
            if piece["kind"] != "User" and (kind is GRAPH or any(piece[key] is not None for key in ("name", "sha256")))
        ]
        assert values(fields, "file_hash") == hashes


@every_alert
def test_addresses_and_urls_that_come_again_are_there_once(knowledge: SearchKnowledge, kind: Kind) -> None:
    evidence = [{"ipAddress": "203.0.113.5"}, {"url": "http://a.example"}] * 2 + [{"senderIp": "198.51.100.1"}]
    fields = fields_of(knowledge, kind, kind.raw(evidence=evidence))
    assert (fields["ip"], fields["url"]) == (["203.0.113.5", "198.51.100.1"], "http://a.example")


@every_graph_alert
@pytest.mark.parametrize("kind_of_evidence", ["nicEvidence", "ioTDeviceEvidence"])
def test_an_address_that_is_an_object_is_the_address_in_it(
    knowledge: SearchKnowledge, kind: Kind, kind_of_evidence: str
) -> None:
    def found(address: dict[str, Any] | None) -> list[list[str]]:
        raw = kind.raw(evidence=[graph_evidence(kind_of_evidence, ipAddress=address)])
        fields = fields_of(knowledge, kind, raw)
        return [values(fields, name) for name in ("ip", "src")]

    assert found({"verdict": "unknown", "ipAddress": "203.0.113.5", "stream": None}) == [["203.0.113.5"]] * 2
    assert found({"verdict": "unknown", "ipAddress": None}) == [[], []]
    assert found(None) == [[], []]


@every_graph_alert
def test_the_user_of_an_alert_about_a_mail_is_who_got_it(knowledge: SearchKnowledge, kind: Kind) -> None:
    mail = graph_evidence(
        "analyzedMessageEvidence", recipientEmailAddress="anna@contoso.example", senderIp="198.51.100.1"
    )
    fields = fields_of(knowledge, kind, kind.raw(evidence=[mail]))
    assert (fields["user"], fields["src"]) == ("anna@contoso.example", "198.51.100.1")


@every_alert
def test_a_registry_path_goes_as_far_as_the_evidence(knowledge: SearchKnowledge, kind: Kind) -> None:
    key = {"registryHive": "HKEY_LOCAL_MACHINE", "registryKey": "SOFTWARE\\X"}
    evidence = [
        *(key, key | {"registryValueName": "Run"}, key | {"registryValueName": None}, {"registryHive": None}),
        # A key may come without its hive.
        {"registryHive": None, "registryKey": "HKLM\\X"},
        {"registryKey": "HKLM\\Y", "registryValueName": "Run"},
    ]
    path = "HKEY_LOCAL_MACHINE\\SOFTWARE\\X"
    expected = [path, path + "\\Run", path, "HKLM\\X", "HKLM\\Y\\Run"]
    assert fields_of(knowledge, kind, kind.raw(evidence=evidence))["registry_path"] == expected


@every_alert
def test_techniques_are_several_values_each_once(knowledge: SearchKnowledge, kind: Kind) -> None:
    fields = fields_of(knowledge, kind, kind.raw(mitreTechniques=["T1064", "T1021.002", "T1064"]))
    assert fields["mitre_technique_id"] == ["T1064", "T1021.002"]
    assert "mitre_technique_id" not in fields_of(knowledge, kind, kind.raw(mitreTechniques=[]))
    assert "mitre_technique_id" not in fields_of(knowledge, kind, kind.raw(mitreTechniques=None))


@every_graph_alert
def test_evidence_of_every_type_and_of_types_yet_to_come_breaks_nothing(knowledge: SearchKnowledge, kind: Kind) -> None:
    plain = fields_of(knowledge, kind, kind.raw(3))
    several: tuple[dict[str, Any], ...] = ({"every_type": True}, {"future": True}, {"every_type": True, "future": True})
    for members in several:
        fields = fields_of(knowledge, kind, kind.raw(3, **members))
        for name in ("id", "dest", "src", "user", "severity", "status", "version_time"):
            assert fields[name] == plain[name]


# Incidents.


def test_an_incident_has_the_evidence_of_the_alerts_inside_it(knowledge: SearchKnowledge) -> None:
    alerts = [GRAPH.raw(number) for number in (4, 5)]
    each = [fields_of(knowledge, GRAPH, raw) for raw in alerts]
    raw = INCIDENT.raw(2, alerts=[graph_alert(number, PROCESSED) for number in (4, 5)])
    fields = fields_of(knowledge, INCIDENT, raw)
    for name in (*FILES, *PROCESSES):
        assert values(fields, name) == [value for alert in each for value in values(alert, name)]
    assert values(fields, "mitre_technique_id") == list(
        dict.fromkeys(technique for alert in each for technique in values(alert, "mitre_technique_id"))
    )
    assert fields["dest"] == each[0]["dest"]
    assert (fields["ticket_id"], fields["id"]) == ("2", "2")


def test_an_incident_without_its_alerts_has_no_host_and_no_evidence(knowledge: SearchKnowledge) -> None:
    fields = fields_of(knowledge, INCIDENT, INCIDENT.raw(2))
    assert not {"dest", "src", *EVIDENCE} & fields.keys()


@pytest.mark.parametrize("where", ["last", "first"])
def test_an_incident_is_not_mistaken_for_the_alerts_inside_it(knowledge: SearchKnowledge, where: str) -> None:
    alerts = json.loads(INCIDENT.raw(2, alerts=[graph_alert(5, PROCESSED, status="resolved", severity="low")]))[
        "alerts"
    ]
    own = {"status": "active", "severity": "high", "assignedTo": "soc@contoso.example", "displayName": "Own name"}
    raw = INCIDENT.raw(2, **own, first={"alerts": alerts} if where == "first" else {"id": "2"})
    fields = fields_of(knowledge, INCIDENT, raw)
    assert (fields["severity"], fields["user"], fields["signature"]) == ("high", "soc@contoso.example", "Own name")
    if where == "last":
        assert (fields["status"], fields["priority"], fields["ticket_id"]) == ("active", "high", "2")
