"""docs/migrate.md and docs/security.md, and the lookup that ships: compared with the code, and with the same alerts in each API."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from functools import cache

import pytest
from defender_alerts.input_kinds import KINDS
from defender_alerts.times import parse_start
from splunk_add_on_ucc_framework import global_config
from standins.microsoft import ticks
from standins.microsoft.endpoint_samples import endpoint_alert
from standins.microsoft.graph_samples import graph_alert, graph_incident
from standins.microsoft.samples import KEYS, siem_alert
from standins.search import IndexedEvent, SearchKnowledge, SearchLimits
from standins.search.conf import read_conf
from standins.search.json_fields import json_fields

from tooling import paths

MIGRATE = paths.ROOT / "docs" / "migrate.md"
SECURITY = paths.ROOT / "docs" / "security.md"
LOOKUP = "defender_siem_fields"
ALL_OF_IT = SearchLimits(extraction_cutoff=0, maxchars=0, limit=0, maxcols=0)
PROCESSED = ticks.parse("2026-03-01T11:00:00.1234567Z")
NUMBERS = range(99)
Row = dict[str, str]

# What the APIs word or cut otherwise, so that equal values are not to be expected.
WORDED_OTHERWISE = {
    *("AlertTime", "Severity", "Source", "LinkToWDATP", "IncidentLinkToWDATP", "LinkToMTP", "IncidentLinkToMTP"),
    *("RemediationAction", "RemediationIsSuccess", "WasExecutingWhileDetected", "ThreatCategory"),
    *("LogOnUsers", "MachineDomain", "MachineName", "DeviceCreatedMachineTags", "CloudCreatedMachineTags"),
    *("InternalIPv4List", "InternalIPv6List"),
}

# Search fields that the SIEM API's own events lack.
NEW_FIELDS = {"incident_id", "incident_url"}


@cache
def lookup() -> tuple[Row, ...]:
    with (paths.PACKAGE / "lookups" / f"{LOOKUP}.csv").open(encoding="utf-8", newline="") as file:
        return tuple(csv.DictReader(file, strict=True))


def rows_below(document: str, mark: str) -> list[Row]:
    """Give the rows of the first table behind a mark, by the titles of its columns, without backticks."""
    _, found, rest = document.partition(mark)
    assert found, mark
    table = re.search(r"(?:^ *\|.*\|\n)+", rest, re.MULTILINE)
    assert table, mark
    titles, _, *lines = ([cell.strip() for cell in line.strip()[1:-1].split("|")] for line in table[0].splitlines())
    return [{title: cell.replace("`", "") for title, cell in zip(titles, line, strict=True)} for line in lines]


def fields_of(raw: bytes) -> dict[str, list[str]]:
    return json_fields(raw.decode(), ALL_OF_IT)


@cache
def alerts(column: str) -> list[dict[str, list[str]]]:
    """Give the fields of the same alerts as the API of that column shows them."""
    makers: dict[str, Callable[..., bytes]] = {
        "siem_field": siem_alert,
        "endpoint_field": endpoint_alert,
        "graph_field": graph_alert,
    }
    make = makers[column]
    return [fields_of(make(number, PROCESSED)) for number in NUMBERS]


def test_every_key_of_every_shape_has_one_row() -> None:
    assert sorted(row["siem_field"] for row in lookup()) == sorted({key for keys in KEYS.values() for key in keys})


def test_what_has_gone_is_said_to_have_gone() -> None:
    for row in lookup():
        is_gone = not (row["endpoint_field"] or row["graph_field"])
        assert row["remark"].startswith("Gone") == is_gone, row["siem_field"]


def test_the_page_shows_the_lookup() -> None:
    assert rows_below(MIGRATE.read_text(encoding="utf-8"), f"lookups/{LOOKUP}.csv") == list(lookup())


OLD_ALERTS = "compares this table with the samples and with the settings"


def old_alerts() -> list[Row]:
    """Give the fields of Graph's first alerts API, from the page."""
    return rows_below(MIGRATE.read_text(encoding="utf-8"), OLD_ALERTS)


def test_each_field_that_replaces_one_of_the_old_alerts_api_is_one_that_graphs_alerts_have() -> None:
    every = [fields_of(graph_alert(number, PROCESSED, every_type=True)) for number in NUMBERS]
    known = {name for alert in [*alerts("graph_field"), *every] for name in alert}
    named = {name for row in old_alerts() for name in row["graph_field"].split()}
    assert len(named) > 15
    assert named - known == set()


def test_each_search_field_that_stands_for_one_of_the_old_alerts_api_is_made_for_graphs_alerts() -> None:
    named = {name for row in old_alerts() for name in row["search_field"].split()}
    for stanza in stanzas("defender_graph_alerts"):
        # The tenant stands in the source alone.
        assert named - {"vendor_account"} - computed(stanza) == set(), stanza


def test_a_field_of_the_old_alerts_api_without_another_is_said_to_be_gone() -> None:
    for row in old_alerts():
        assert row["remark"].startswith("Gone") == (not row["graph_field"]), row["old_field"]
    assert len({row["old_field"] for row in old_alerts()}) == len(old_alerts())


def test_the_lookup_can_be_used_by_its_name() -> None:
    assert read_conf(paths.PACKAGE / "default" / "transforms.conf")[LOOKUP]["filename"] == f"{LOOKUP}.csv"


@pytest.mark.parametrize("column", ["endpoint_field", "graph_field"])
def test_each_field_of_a_current_api_is_one_that_its_alerts_have(column: str) -> None:
    known = {name for alert in alerts(column) for name in alert}
    named = {name for row in lookup() for name in row[column].split()}
    assert named
    assert named - known == set()


@pytest.mark.parametrize("column", ["endpoint_field", "graph_field"])
@pytest.mark.parametrize("row", lookup(), ids=lambda row: str(row["siem_field"]))
def test_what_the_old_field_held_is_in_the_new_one(row: Row, column: str) -> None:
    key = row["siem_field"]
    if not row[column] or key in WORDED_OTHERWISE or key not in KEYS["2020"]:
        return
    compared = 0
    for old, new in zip(alerts("siem_field"), alerts(column), strict=True):
        (value,) = old[key]
        if value not in {"", "null"}:
            assert value in [found for name in row[column].split() for found in new.get(name, ())], key
            compared += 1
    assert compared, key


@cache
def computed(stanza: str) -> set[str]:
    settings = read_conf(paths.PACKAGE / "default" / "props.conf")[stanza]
    evaluated = {name.removeprefix("EVAL-") for name in settings if name.startswith("EVAL-")}
    looked_up = {
        name for text in settings.values() for names in re.findall(r" OUTPUT (.+)", text) for name in names.split()
    }
    return evaluated.union(looked_up, *(re.findall(r"\(\?<(\w+)>", text) for text in settings.values()))


def stanzas(kind: str) -> list[str]:
    """Give the stanzas for events of a kind: by sourcetype, for an old add-on's, and by source, for ours."""
    found = [name for name in read_conf(paths.PACKAGE / "default" / "props.conf") if name.startswith("source::")]
    (by_source,) = [name for name in found if kind in name]
    return [KINDS[kind].sourcetype, by_source]


@pytest.mark.parametrize(
    ("kind", "column"),
    [
        ("defender_siem_alerts", "siem_field"),
        ("defender_endpoint_alerts", "endpoint_field"),
        ("defender_graph_alerts", "graph_field"),
    ],
)
def test_each_search_field_is_computed_for_the_alerts_that_have_it(kind: str, column: str) -> None:
    named = {name for row in lookup() if row[column] for name in row["search_field"].split()}
    for stanza in stanzas(kind):
        assert named - computed(stanza) == (NEW_FIELDS if column == "siem_field" else set()), stanza


def test_each_kind_each_sourcetype_and_each_macro_that_a_page_names_exists() -> None:
    macros = read_conf(paths.PACKAGE / "default" / "macros.conf")
    sourcetypes = {name for kind in KINDS.values() for name in (kind.sourcetype, kind.split_sourcetype)}
    for document in (MIGRATE, SECURITY):
        text = document.read_text(encoding="utf-8")
        kinds = set(re.findall(r"\bdefender_(?:siem|graph|endpoint)_alerts\b|\bdefender_incidents\b", text))
        assert kinds <= set(KINDS)
        assert set(re.findall(r"\bdefender_alerts_(?:index|latest)\b", text)) <= set(macros)
        assert set(re.findall(r"\b(?:ms|ms365|wdatp):[a-z:]*[a-z]", text)) - {"ms:defender"} <= sourcetypes


# What old inputs have indexed: source, sourcetype, and how the version time is called there.
OLD_EVENTS = [
    ("rest://wdatp:alerts", "wdatp:alerts", siem_alert(1, PROCESSED)),
    ("rest://wdatp:alerts", "wdatp:alerts", siem_alert(1, PROCESSED, shape="2017")),
    ("microsoft_defender_endpoint_atp_alerts", "ms:defender:atp:alerts", endpoint_alert(1, PROCESSED)),
    ("microsoft_defender_endpoint_atp_alerts", "ms:defender:atp:alerts", graph_alert(1, PROCESSED)),
    ("microsoft_365_defender_endpoint_incidents:t", "ms365:defender:incident", graph_incident(1, PROCESSED)),
    ("microsoft_365_defender_endpoint_incidents:t", "ms365:defender:incident:alerts", graph_alert(1, PROCESSED)),
    # The Microsoft 365 Defender API, from which 6207 takes incidents unless it is told to take Graph.
    (
        "microsoft_365_defender_endpoint_incidents:t",
        "ms365:defender:incident",
        b'{"incidentId":1,"createdTime":"2026-03-01T10:00:00Z","lastUpdateTime":"2026-03-01T11:00:00.1234567Z"}',
    ),
    (
        "microsoft_365_defender_endpoint_incidents:t",
        "ms365:defender:incident:alerts",
        b'{"alertId":"da1","creationTime":"2026-03-01T10:00:00Z","lastUpdatedTime":"2026-03-01T11:00:00.1234567Z"}',
    ),
]


@pytest.mark.parametrize(("source", "sourcetype", "raw"), OLD_EVENTS)
def test_the_search_for_the_last_event_gives_a_start_time_that_an_input_takes(
    source: str, sourcetype: str, raw: bytes
) -> None:
    page = MIGRATE.read_text(encoding="utf-8")
    assert f'source="{source.replace(":t", ":*")}"' in page
    assert "max(version_time) as start_time" in page
    # The old add-ons wrote the JSON anew.
    text = json.dumps(json.loads(raw))
    event = IndexedEvent(text, time="1", source=source, sourcetype=sourcetype, host="h", index="main")
    start_time = SearchKnowledge.load(paths.PACKAGE).search_fields(event)["version_time"]
    assert isinstance(start_time, str)
    assert parse_start(start_time, 0) == PROCESSED


def test_the_page_takes_the_start_times_of_the_examples_as_well() -> None:
    examples = re.findall(r"such as `(\d{4}-[^`]*Z)`", MIGRATE.read_text(encoding="utf-8"))
    assert len(examples) == 2
    config = global_config.GlobalConfig.from_file(str(paths.ROOT / "globalConfig.json"))
    config.expand()
    for service in config.inputs:
        (field,) = [field for field in service["entity"] if field["field"] == "start_time"]
        (validator,) = field["validators"]
        assert all(re.search(validator["pattern"], example) for example in examples)
