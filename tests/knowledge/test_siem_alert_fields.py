"""The fields of wdatp:alerts: what an analyst finds an alert by, for every shape and size of record."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from knowledge.current_events import SIEM
from knowledge.siem_events import OLD_SOURCE, OUR_SOURCE, PROCESSED, SHAPES, SOURCES
from standins.microsoft import ticks
from standins.microsoft.hostile_text import HOSTILE_TEXT, HUGE_COMMAND_LINE, HostileText
from standins.microsoft.samples import KEYS, Shape, siem_alert
from standins.search import Fields, IndexedEvent, SearchKnowledge

COMPUTED = ("file_path", "severity", "severity_id", "user", "user_name", "version_time")
# What the record of a year can't tell: it has no key for it (tests/standins/microsoft/samples.py, KEYS).
NEVER: dict[Shape, set[str]] = {
    "2017": {"process"},
    "2018": {"ip", "process", "url", "user_name"},
    "2020": set(),
}
ABSENT = [None, "", " ", "-", "null", "NULL", "(null)", "unknown", "Unknown"]


def fields_of(knowledge: SearchKnowledge, raw: str, *, source: str = OUR_SOURCE) -> Fields:
    return knowledge.search_fields(SIEM.event(raw, source=source))


def test_every_calculated_field_is_in_the_tables_of_this_test(knowledge: SearchKnowledge) -> None:
    calculated = {name.removeprefix("EVAL-") for name in knowledge.props["wdatp:alerts"] if name.startswith("EVAL-")}
    assert calculated == {*SOURCES, *COMPUTED, "app", "type"}


@pytest.mark.parametrize("name", SOURCES)
def test_a_field_of_which_all_keys_are_missing_is_no_field(knowledge: SearchKnowledge, name: str) -> None:
    members = json.loads(SIEM.raw())
    raw = json.dumps({key: value for key, value in members.items() if key not in SOURCES[name]})
    assert name not in fields_of(knowledge, raw)


@pytest.mark.parametrize("shape", SHAPES)
def test_each_shape_fills_every_field_that_it_has_a_key_for(knowledge: SearchKnowledge, shape: Shape) -> None:
    filled = set[str]()
    for number in range(60):
        filled |= fields_of(knowledge, siem_alert(number, PROCESSED, shape=shape).decode()).keys()
    assert {*SOURCES, *COMPUTED} - filled == NEVER[shape]


@pytest.mark.parametrize("shape", SHAPES)
def test_every_documented_key_is_a_field_under_its_own_name(knowledge: SearchKnowledge, shape: Shape) -> None:
    values: dict[str, Any] = {key: f"value of {key}" for key in KEYS[shape]}
    fields = fields_of(knowledge, SIEM.raw(shape=shape, **values))
    assert {key: fields[key] for key in KEYS[shape]} == values


@pytest.mark.parametrize("text", HOSTILE_TEXT, ids=lambda text: text.name)
def test_a_field_is_the_text_that_the_json_means(knowledge: SearchKnowledge, text: HostileText) -> None:
    raw = SIEM.raw(CommandLine="@").replace('"@"', text.literal.decode())
    fields = fields_of(knowledge, raw)
    assert fields.get("process") == (text.meaning or None)
    assert fields["signature"] == json.loads(raw)["AlertTitle"]


# Sizes, against Splunk's default limits (5,000 bytes, 100 fields).


@pytest.mark.parametrize("shape", SHAPES)
def test_a_command_line_of_a_megabyte_in_front_changes_no_calculated_field(
    knowledge: SearchKnowledge, shape: Shape
) -> None:
    small = fields_of(knowledge, SIEM.raw(shape=shape))
    large = fields_of(knowledge, SIEM.raw(shape=shape, first={"CommandLine": HUGE_COMMAND_LINE.meaning}))
    assert large["process"] == HUGE_COMMAND_LINE.meaning
    calculated = {*SOURCES, *COMPUTED, "app", "type", "eventtype", "tag", "vendor_account", "vendor_region"} - {
        "process"
    }
    assert {name: large.get(name) for name in calculated} == {name: small.get(name) for name in calculated}
    assert "ComputerDnsName" not in large  # the limit was in force


def test_at_most_twenty_calculated_fields_read_the_whole_json(knowledge: SearchKnowledge) -> None:
    for settings in knowledge.props.values():
        readers = [name for name, value in settings.items() if name.startswith("EVAL-") and "(_raw" in value]
        assert 0 < len(readers) <= 20


# Single fields.


def test_a_severity_of_two_lines_is_informational(knowledge: SearchKnowledge) -> None:
    fields = fields_of(knowledge, SIEM.raw(Severity="Very\nHigh"))
    assert (fields["severity"], fields["vendor_severity"]) == ("informational", "Very\nHigh")


@pytest.mark.parametrize(
    ("named", "logged_on", "user", "user_name"),
    [
        ("anna.berg", "CONTOSO\\bjorn.lind", "anna.berg", "anna.berg"),
        ("CONTOSO\\anna.berg", "", "anna.berg", "anna.berg"),
        ("anna@contoso.example", None, "anna@contoso.example", "anna@contoso.example"),
        ("", "CONTOSO\\bjorn.lind; CONTOSO\\élodie.faure", "bjorn.lind", None),
        (None, "bjorn.lind;CONTOSO\\chloe", "bjorn.lind", None),
        ("", "CONTOSO\\bjorn.lind, CONTOSO\\chloe", "bjorn.lind", None),
        ("", "CONTOSO\\", None, None),
        ("", "; CONTOSO\\chloe", None, None),
        ("-", "unknown", None, None),
    ],
)
def test_the_user_is_the_one_named_or_the_first_logged_on_without_the_domain(
    knowledge: SearchKnowledge, named: str | None, logged_on: str | None, user: str | None, user_name: str | None
) -> None:
    fields = fields_of(knowledge, SIEM.raw(UserName=named, LogOnUsers=logged_on))
    assert (fields.get("user"), fields.get("user_name")) == (user, user_name)


@pytest.mark.parametrize(
    ("folder", "name", "path"),
    [
        (r"C:\Windows\System32", "cmd.exe", r"C:\Windows\System32\cmd.exe"),
        ("C:\\Windows\\", "cmd.exe", r"C:\Windows\cmd.exe"),
        (r"C:\Windows\cmd.exe", "cmd.exe", r"C:\Windows\cmd.exe"),
        (r"C:\WINDOWS\CMD.EXE", "cmd.exe", r"C:\WINDOWS\CMD.EXE"),
        (r"C:\Tools\xcmd.exe", "cmd.exe", r"C:\Tools\xcmd.exe\cmd.exe"),
        (r"C:\Users\a+b (1)", "x[1].exe", r"C:\Users\a+b (1)\x[1].exe"),
        (r"\\srv\share", "run.bat", r"\\srv\share\run.bat"),
        ("/usr/bin", "bash", "/usr/bin/bash"),
        ("/usr/bin/", "bash", "/usr/bin/bash"),
        ("/usr/bin/bash", "bash", "/usr/bin/bash"),
        ("/", "init", "/init"),
        (r"C:\Windows", None, r"C:\Windows"),
        ("C:\\Windows\\", "", "C:\\Windows\\"),
        ("", "cmd.exe", None),
        (None, "cmd.exe", None),
    ],
)
def test_the_file_path_is_folder_and_name_joined_once(
    knowledge: SearchKnowledge, folder: str | None, name: str | None, path: str | None
) -> None:
    assert fields_of(knowledge, SIEM.raw(FilePath=folder, FileName=name)).get("file_path") == path


@pytest.mark.parametrize("digits", range(8))
@pytest.mark.parametrize("suffix", ["Z", "", "+00:00"])
def test_the_version_time_has_seven_digits_however_many_were_sent(
    knowledge: SearchKnowledge, digits: int, suffix: str
) -> None:
    sent = "2026-03-01T11:00:00" + (".1234567"[: digits + 1] if digits else "")
    expected = "2026-03-01T11:00:00." + "1234567"[:digits].ljust(7, "0") + "Z"
    assert fields_of(knowledge, SIEM.raw(LastProcessedTimeUtc=sent + suffix))["version_time"] == expected


MOMENTS = st.tuples(st.integers(0, 4_000_000_000), st.integers(0, 7), st.integers(0, 9_999_999))


@given(one=MOMENTS, other=MOMENTS)
def test_version_times_sort_as_text_as_they_do_as_times(
    knowledge: SearchKnowledge, one: tuple[int, int, int], other: tuple[int, int, int]
) -> None:
    moments, versions = [], []
    for seconds, digits, fraction in (one, other):
        moment = seconds * ticks.PER_SECOND + fraction // 10 ** (7 - digits) * 10 ** (7 - digits)
        raw = json.dumps({"LastProcessedTimeUtc": ticks.text(moment, digits=digits)})
        moments.append(moment)
        versions.append(str(fields_of(knowledge, raw)["version_time"]))
    assert (moments[0] < moments[1], moments[0] == moments[1]) == (
        versions[0] < versions[1],
        versions[0] == versions[1],
    )


# Tenant, region and input.


@pytest.mark.parametrize(
    "source", [OLD_SOURCE, "defender_siem_alerts:", "xdefender_siem_alerts:a:b:c", "defender_siem_alerts:a:b:"]
)
def test_no_other_source_has_a_tenant(knowledge: SearchKnowledge, source: str) -> None:
    fields = fields_of(knowledge, SIEM.raw(), source=source)
    assert not {"vendor_account", "vendor_region", "defender_input"} & fields.keys()
    assert fields["dest"]


def test_an_event_of_another_sourcetype_is_no_alert_of_ours(knowledge: SearchKnowledge) -> None:
    other = IndexedEvent(raw="{}", time="1", source=OUR_SOURCE, sourcetype="other", host="h", index="i")
    assert not {"eventtype", "tag"} & knowledge.search_fields(other).keys()
