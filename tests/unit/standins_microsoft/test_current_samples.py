from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from standins.microsoft import endpoint, graph_schema, ticks
from standins.microsoft.endpoint_samples import EVIDENCE_KEYS, EVIDENCE_TYPES, endpoint_alert
from standins.microsoft.graph_samples import (
    FUTURE_TYPE,
    evidence,
    graph_alert,
    graph_incident,
    incident_alerts,
)
from standins.microsoft.hostile_text import HOSTILE_TEXT
from standins.microsoft.samples import RawJson, siem_alert

MOMENT = ticks.parse("2026-03-01T11:00:00.1200000Z")
MANY = range(200)
VERSIONS: dict[Callable[..., bytes], str] = {
    endpoint_alert: "lastUpdateTime",
    graph_alert: "lastUpdateDateTime",
    graph_incident: "lastUpdateDateTime",
}


def endpoint_alerts() -> list[dict[str, Any]]:
    return [json.loads(endpoint_alert(number, MOMENT)) for number in MANY]


def graph_alerts() -> list[dict[str, Any]]:
    return [json.loads(graph_alert(number, MOMENT)) for number in MANY]


def of_type(alert: dict[str, Any], name: str) -> dict[str, Any] | None:
    key, value = (
        ("entityType", name) if name in EVIDENCE_TYPES else ("@odata.type", f"#microsoft.graph.security.{name}")
    )
    found: list[dict[str, Any]] = [element for element in alert["evidence"] if element[key] == value]
    return found[0] if found else None


@pytest.mark.parametrize("number", MANY)
def test_a_number_is_the_same_alert_in_every_api(number: int) -> None:
    old = json.loads(siem_alert(number, MOMENT))
    new = json.loads(endpoint_alert(number, MOMENT))
    graph = json.loads(graph_alert(number, MOMENT))
    assert old["AlertId"] == new["id"] == graph["id"]
    assert old["AlertTitle"] == new["title"] == graph["title"]
    assert old["Description"] == new["description"] == graph["description"]
    assert old["Severity"] == new["severity"]
    assert old["Severity"].lower() == graph["severity"]
    assert old["Category"] == new["category"] == graph["categories"][0] == graph.get("category", old["Category"])
    assert (old["ThreatName"] or None) == new["threatName"] == graph["threatDisplayName"]
    assert (old["ThreatFamily"] or None) == new["threatFamilyName"] == graph["threatFamilyName"]
    assert new["mitreTechniques"] == graph["mitreTechniques"]
    assert str(new["incidentId"]) == graph["incidentId"]
    assert old["IncidentLinkToMTP"].endswith(f"/{graph['incidentId']}")
    assert number in incident_alerts(new["incidentId"])
    device = of_type(graph, "deviceEvidence")
    assert device is not None
    assert old["ComputerDnsName"] == new["computerDnsName"] == device["deviceDnsName"]
    assert old["DeviceID"] == new["machineId"] == device["mdeDeviceId"]
    assert old["MachineGroup"] == new["rbacGroupName"] == device["rbacGroupName"]
    assert device["lastIpAddress"] in old["InternalIPv4List"].split(";")
    assert "; ".join(device["tags"]) == old["DeviceCreatedMachineTags"]
    user, new_user = of_type(graph, "userEvidence"), of_type(new, "User")
    assert user is not None
    assert new_user is not None
    assert (
        old["UserName"]
        == new_user["accountName"]
        == user["userAccount"]["accountName"]
        == new["relatedUser"]["userName"]
    )
    assert old["UserDomain"] == new_user["domainName"] == user["userAccount"]["domainName"]
    file, new_file = of_type(graph, "fileEvidence"), of_type(new, "File")
    assert file is not None
    assert new_file is not None
    assert old["FileName"] == new_file["fileName"] == file["fileDetails"]["fileName"]
    assert old["FilePath"] == new_file["filePath"] == file["fileDetails"]["filePath"]
    assert old["Sha1"] == new_file["sha1"] == file["fileDetails"]["sha1"]
    assert old["Sha256"] == new_file["sha256"] == file["fileDetails"]["sha256"]
    assert old["Md5"] == file["fileDetails"]["md5"]
    process, new_process = of_type(graph, "processEvidence"), of_type(new, "Process")
    assert (process or {}).get("processCommandLine", "") == old["CommandLine"]
    assert (new_process or {}).get("processCommandLine", "") == old["CommandLine"]
    assert (
        (of_type(graph, "urlEvidence") or {}).get("url", "") == (of_type(new, "Url") or {}).get("url", "") == old["Url"]
    )
    assert (of_type(graph, "ipEvidence") or {}).get("ipAddress", "") == old["IpAddress"]
    assert (of_type(new, "Ip") or {}).get("ipAddress", "") == old["IpAddress"]


def test_endpoint_alerts_are_of_every_kind_there_is() -> None:
    alerts = endpoint_alerts()
    assert {alert["severity"] for alert in alerts} == set(endpoint.SEVERITIES) - {"UnSpecified"}
    assert {alert["status"] for alert in alerts} == set(endpoint.STATUSES)
    assert {element["entityType"] for alert in alerts for element in alert["evidence"]} == set(EVIDENCE_TYPES)
    assert {alert["classification"] for alert in alerts} >= {None, "TruePositive", "FalsePositive"}
    assert {type(alert["investigationId"]) for alert in alerts} == {int, type(None)}
    every = json.loads(endpoint_alert(1, MOMENT, every_type=True))["evidence"]
    assert [element["entityType"] for element in every] == list(EVIDENCE_TYPES)
    assert all(set(element) == set(EVIDENCE_KEYS) for element in every)
    assert all(any(element[key] is not None for element in every) for key in EVIDENCE_KEYS)


def test_graph_alerts_keep_to_the_schema() -> None:
    alerts = graph_alerts()
    assert {alert["severity"] for alert in alerts} == {"informational", "low", "medium", "high"}
    assert {alert["status"] for alert in alerts} == {"unknown", "new", "inProgress", "resolved"}
    for alert in alerts:
        check(alert, "alert")
        assert set(alert) | {"category"} == set(graph_schema.properties("alert"))
    assert {len(alert["categories"]) for alert in alerts} == {1, 2}
    assert any("category" not in alert for alert in alerts)
    for number in range(1, 60):
        check(json.loads(graph_incident(number, MOMENT)), "incident")


def test_a_graph_alert_can_have_every_evidence_type_and_no_property_without_a_value() -> None:
    alert = json.loads(graph_alert(1, MOMENT, every_type=True))
    check(alert, "alert")
    assert all(value not in (None, [], {}) for value in alert.values())
    last = alert["evidence"][-len(graph_schema.evidence_types()) :]
    assert [element["@odata.type"].rpartition(".")[2] for element in last] == list(graph_schema.evidence_types())
    for element in last:
        assert set(element) - {"@odata.type"} == set(graph_schema.properties(element["@odata.type"].rpartition(".")[2]))
        assert all(value not in (None, [], {}) for value in element.values()), element["@odata.type"]


def test_there_are_48_types_of_evidence() -> None:
    assert len(graph_schema.evidence_types()) == 48
    assert evidence("ipEvidence", "x")["@odata.type"] == "#microsoft.graph.security.ipEvidence"


def test_a_graph_alert_of_the_future_has_what_no_schema_knows() -> None:
    alert = json.loads(graph_alert(1, MOMENT, future=True))
    assert "quantumDetails" not in graph_schema.properties("alert")
    assert alert["quantumDetails"]
    assert alert["evidence"][-1]["@odata.type"] == f"#microsoft.graph.security.{FUTURE_TYPE}"
    assert FUTURE_TYPE not in graph_schema.types()
    for name in ("serviceSource", "detectionSource"):
        assert alert[name] not in graph_schema.members(name)


@pytest.mark.parametrize("make", VERSIONS)
def test_times_have_as_many_digits_as_asked_for_and_dont_lie_after_the_update(make: Callable[..., bytes]) -> None:
    version = VERSIONS[make]
    for digits in range(8):
        moment = MOMENT - MOMENT % 10 ** (7 - digits)
        for number in range(1, 30):
            record = json.loads(make(number, moment, digits=digits))
            text = record.pop(version)
            assert ticks.parse(text) == moment
            own = {key: value for key, value in record.items() if key.endswith(("Time", "DateTime")) and value}
            assert own
            assert all(len(value) == len(text) and ticks.parse(value) <= moment for value in own.values())
    with pytest.raises(ValueError, match="does not fit"):
        make(1, MOMENT, digits=1)


@pytest.mark.parametrize("hostile", HOSTILE_TEXT, ids=lambda hostile: hostile.name)
def test_hostile_text_stands_in_a_record_byte_for_byte(hostile: Any) -> None:
    for make in VERSIONS:
        raw = make(1, MOMENT, title=RawJson(hostile.literal))
        assert b'"title":' + hostile.literal in raw
        assert json.loads(raw)["title"] == hostile.meaning


def check(value: dict[str, Any], name: str) -> None:
    """Check that an object has only properties of a type, and values of their types."""
    properties = graph_schema.properties(name)
    for key, content in value.items():
        if key == "@odata.type":
            continue
        assert key in properties, (name, key)
        for one in elements(content):
            check_one(one, properties[key].replace(" (nav)", ""), f"{name}.{key}")


def elements(content: Any) -> Iterator[Any]:
    yield from (content if isinstance(content, list) else [content])


def check_one(value: Any, kind: str, path: str) -> None:
    if kind.startswith("Collection("):
        kind = kind[len("Collection(") : -1]
    if value is None or kind == "dictionary":
        return
    python = {"String": str, "Guid": str, "Boolean": bool, "Double": float, "Int32": int, "Int64": int}.get(kind)
    if python is not None:
        assert type(value) is python, path
    elif kind == "DateTimeOffset":
        ticks.parse(value)
    elif graph_schema.types()[kind]["kind"] == "enum":
        assert value in graph_schema.members(kind), (path, value)
    else:
        declared = value.get("@odata.type", kind).rpartition(".")[2]
        check(value, declared)
