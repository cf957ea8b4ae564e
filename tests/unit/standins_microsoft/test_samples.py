from __future__ import annotations

import json

import pytest
from standins.microsoft import ticks
from standins.microsoft.hostile_text import HOSTILE_TEXT, HostileText
from standins.microsoft.samples import KEYS, RawJson, Shape, siem_alert

MOMENT = ticks.parse("2026-03-01T11:00:00.1200000Z")


@pytest.mark.parametrize(("shape", "count"), [("2017", 33), ("2018", 26), ("2020", 50)])
def test_every_shape_has_the_keys_of_its_year(shape: Shape, count: int) -> None:
    keys = KEYS[shape]
    assert len(set(keys)) == len(keys) == count
    alert = json.loads(siem_alert(1, MOMENT, shape=shape))
    assert set(alert) <= set(keys)
    assert (len(alert) == count) is (shape != "2018" or "" not in alert.values())
    assert ("IoaDefinitiondId" in alert) is (shape == "2017")
    assert alert["FullId"] == f"{alert['AlertId']}:{alert['IocUniqueId']}"


@pytest.mark.parametrize(("shape", "absent"), [("2017", {None}), ("2018", set()), ("2020", {"", None})])
def test_every_shape_says_absent_in_its_own_way(shape: Shape, absent: set[str | None]) -> None:
    values = [value for n in range(20) for value in json.loads(siem_alert(n, MOMENT, shape=shape)).values()]
    assert {value for value in values if value in ("", None)} == absent


@pytest.mark.parametrize(
    ("digits", "text"),
    [
        (0, "2026-03-01T11:00:00Z"),
        (2, "2026-03-01T11:00:00.12Z"),
        (7, "2026-03-01T11:00:00.1200000Z"),
    ],
)
def test_times_have_as_many_digits_as_asked_for(digits: int, text: str) -> None:
    moment = MOMENT if digits else MOMENT - MOMENT % ticks.PER_SECOND
    alert = json.loads(siem_alert(3, moment, digits=digits))
    assert alert["LastProcessedTimeUtc"] == text
    assert len(alert["AlertTime"]) == len(text)
    assert ticks.parse(text) == moment
    assert ticks.parse(alert["AlertTime"]) < moment


@pytest.mark.parametrize("hostile", HOSTILE_TEXT, ids=lambda hostile: hostile.name)
def test_hostile_text_is_valid_json_and_stands_in_the_alert_byte_for_byte(hostile: HostileText) -> None:
    raw = siem_alert(1, MOMENT, CommandLine=RawJson(hostile.literal))
    assert b'"CommandLine":' + hostile.literal in raw
    assert json.loads(raw)["CommandLine"] == hostile.meaning
