"""The records of the stand-ins keep to what Microsoft documents of them, and stay as a test wants them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from standins.microsoft import endpoint, graph_schema, ticks
from standins.microsoft.endpoint_samples import EVIDENCE_KEYS, EVIDENCE_TYPES, endpoint_alert
from standins.microsoft.graph_samples import FUTURE_TYPE, graph_alert, graph_incident
from standins.microsoft.hostile_text import HOSTILE_TEXT, HostileText
from standins.microsoft.samples import KEYS, RawJson, Shape, siem_alert

MOMENT = ticks.parse("2026-03-01T11:00:00.1200000Z")
MANY = range(200)
VERSIONS: dict[Callable[..., bytes], str] = {
    siem_alert: "LastProcessedTimeUtc",
    endpoint_alert: "lastUpdateTime",
    graph_alert: "lastUpdateDateTime",
    graph_incident: "lastUpdateDateTime",
}


@pytest.mark.parametrize(
    ("shape", "count", "absent"), [("2017", 33, {None}), ("2018", 26, set()), ("2020", 50, {"", None})]
)
def test_a_detection_has_the_keys_of_its_year_and_says_absent_as_that_year_did(
    shape: Shape, count: int, absent: set[str | None]
) -> None:
    alerts = [json.loads(siem_alert(number, MOMENT, shape=shape)) for number in range(20)]
    assert len(set(KEYS[shape])) == len(KEYS[shape]) == count
    assert set().union(*alerts) == set(KEYS[shape])
    assert {value for alert in alerts for value in alert.values() if value in ("", None)} == absent


def test_endpoint_alerts_are_of_every_kind_there_is() -> None:
    alerts = [json.loads(endpoint_alert(number, MOMENT)) for number in MANY]
    assert {alert["severity"] for alert in alerts} == set(endpoint.SEVERITIES) - {"UnSpecified"}
    assert {alert["status"] for alert in alerts} == set(endpoint.STATUSES)
    assert {alert["classification"] for alert in alerts} >= {None, "TruePositive", "FalsePositive"}
    every = json.loads(endpoint_alert(1, MOMENT, every_type=True))["evidence"]
    assert [element["entityType"] for element in every] == list(EVIDENCE_TYPES)
    assert all(set(element) == set(EVIDENCE_KEYS) for element in every)
    assert all(any(element[key] is not None for element in every) for key in EVIDENCE_KEYS)


def test_graph_alerts_and_incidents_keep_to_the_schema() -> None:
    alerts = [json.loads(graph_alert(number, MOMENT)) for number in MANY]
    assert {alert["severity"] for alert in alerts} == {"informational", "low", "medium", "high"}
    assert {alert["status"] for alert in alerts} == {"unknown", "new", "inProgress", "resolved"}
    for alert in alerts:
        check(alert, "alert")
        assert set(alert) | {"category"} == set(graph_schema.properties("alert"))
    for number in range(1, 60):
        check(json.loads(graph_incident(number, MOMENT)), "incident")


def test_a_graph_alert_can_have_every_evidence_type_and_no_property_without_a_value() -> None:
    alert = json.loads(graph_alert(1, MOMENT, every_type=True))
    check(alert, "alert")
    names = graph_schema.evidence_types()
    assert [element["@odata.type"].rpartition(".")[2] for element in alert["evidence"][-48:]] == list(names)
    for element, name in zip(alert["evidence"][-48:], names, strict=True):
        assert set(element) - {"@odata.type"} == set(graph_schema.properties(name))
    assert all(value not in (None, [], {}) for one in (alert, *alert["evidence"][-48:]) for value in one.values())


def test_a_graph_alert_of_the_future_has_what_no_schema_knows() -> None:
    alert = json.loads(graph_alert(1, MOMENT, future=True))
    assert set(alert) - set(graph_schema.properties("alert")) == {"quantumDetails"}
    assert alert["evidence"][-1]["@odata.type"] == f"#microsoft.graph.security.{FUTURE_TYPE}"
    assert FUTURE_TYPE not in graph_schema.types()
    assert alert["serviceSource"] not in graph_schema.members("serviceSource")


@pytest.mark.parametrize("make", VERSIONS)
def test_times_have_as_many_digits_as_asked_for_and_do_not_lie_after_the_update(make: Callable[..., bytes]) -> None:
    for digits in range(8):
        moment = MOMENT - MOMENT % 10 ** (7 - digits)
        for number in range(1, 30):
            record = json.loads(make(number, moment, digits=digits))
            text = record.pop(VERSIONS[make])
            assert ticks.parse(text) == moment
            own = [value for key, value in record.items() if key.endswith(("Time", "DateTime")) and value]
            assert own
            assert all(len(value) == len(text) and ticks.parse(value) <= moment for value in own)
    with pytest.raises(ValueError, match="does not fit"):
        make(1, MOMENT, digits=1)


@pytest.mark.parametrize("hostile", HOSTILE_TEXT, ids=lambda hostile: hostile.name)
def test_hostile_text_is_valid_json_and_stands_in_a_record_byte_for_byte(hostile: HostileText) -> None:
    for make in VERSIONS:
        raw = make(1, MOMENT, text=RawJson(hostile.literal))
        assert b'"text":' + hostile.literal in raw
        assert json.loads(raw)["text"] == hostile.meaning


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
