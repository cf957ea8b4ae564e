"""Saved searches and workflow actions: disabled as shipped, read strictly, and run on two tenants' alerts."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from datetime import datetime

import pytest
from knowledge import scene, studio
from standins.search import Fields, IndexedEvent, SearchKnowledge
from standins.search.conf import read_conf
from standins.search.reports import INTERNAL, Search, read_search
from standins.search.rows import When

from tooling import paths

DEFAULT = paths.PACKAGE / "default"
SAVED = read_conf(DEFAULT / "savedsearches.conf")
ACTIONS = read_conf(DEFAULT / "workflow_actions.conf")
NEW, OPEN, INCIDENTS, FINDINGS, *OF_THE_LOG = SAVED
HOURS = 36
TENANTS = [{"id": "a-tenant", "name": "Contoso", "account": "corp"}]
"""What the lookup of tenants holds."""
CRON_FIELD = r"(?:\*(?:/\d+)?|\d+)"
FIELD = re.compile(r"\$!?(\w+)\$")

every_search = pytest.mark.parametrize("name", SAVED)
every_action = pytest.mark.parametrize("name", ACTIONS)


def read(name: str, knowledge: SearchKnowledge) -> Search:
    fields = studio.LOG_FIELDS if name in OF_THE_LOG else studio.event_fields(knowledge)
    return read_search(SAVED[name]["search"], knowledge.macros, fields, knowledge.tables(defender_tenants=TENANTS))


def run(
    name: str, knowledge: SearchKnowledge, events: list[IndexedEvent], now: float = scene.NOW_SECONDS
) -> list[dict[str, list[str]]]:
    when = When.of(SAVED[name]["dispatch.earliest_time"], SAVED[name]["dispatch.latest_time"], now)
    return read(name, knowledge).run(studio.seen(knowledge, events), when).rows


# As settings.


@every_search
def test_a_saved_search_ships_disabled_with_a_schedule_for_whoever_enables_it(name: str) -> None:
    stanza = SAVED[name]
    assert stanza["disabled"] == "1"
    assert stanza["enableSched"] == "1"
    assert re.fullmatch(rf"{CRON_FIELD}(?: {CRON_FIELD}){{4}}", stanza["cron_schedule"])
    assert len(stanza["description"]) > 40
    assert name.startswith("Defender - ")
    assert stanza["request.ui_dispatch_app"] == paths.APP
    assert {"counttype", "relation", "quantity", "dispatch.earliest_time", "dispatch.latest_time"} <= set(stanza)
    assert name == FINDINGS or not [setting for setting in stanza if setting.startswith("action.")]


@every_search
def test_a_saved_search_names_no_index_but_by_the_macro(name: str) -> None:
    assert "index=" not in re.sub(r"_index_\w+=\S+", "", SAVED[name]["search"])
    assert ("`defender_alerts_log` " in SAVED[name]["search"]) == (name in OF_THE_LOG)


@dataclass(frozen=True)
class ByIndexTime:
    """A saved search by index time: it runs every so many minutes, over index times from and to so many minutes ago."""

    name: str
    every: int
    since: int
    until: int

    def sees(self, run: int, indexed: int) -> bool:
        """Whether the run that starts at a second takes an event of an index time."""
        minute = run - run % 60
        return minute - 60 * self.since <= indexed < minute - 60 * self.until


def by_index_time() -> list[ByIndexTime]:
    found = []
    for name, stanza in SAVED.items():
        if "_index_" not in stanza["search"]:
            continue
        bounds = re.match(r"_index_earliest=-(\d+)m@m _index_latest=(?:-(\d+)m)?@m ", stanza["search"])
        minutes = re.fullmatch(r"\*/(\d+) \* \* \* \*", stanza["cron_schedule"])
        assert bounds, name
        assert minutes, name
        found.append(ByIndexTime(name, int(minutes[1]), int(bounds[1]), int(bounds[2] or 0)))
    return found


every_search_by_index_time = pytest.mark.parametrize("search", by_index_time(), ids=lambda search: search.name)


def test_the_searches_for_what_is_new_go_by_index_time() -> None:
    assert [search.name for search in by_index_time()] == [NEW, INCIDENTS, FINDINGS, "Defender - Permission lost"]


@every_search_by_index_time
@pytest.mark.parametrize(
    ("visible_after", "late", "skipped"),
    [*((visible, late, None) for visible in (0, 1, 59, 120) for late in (0, 1, 59, 61)), (0, 0, 4)],
)
def test_nothing_falls_between_two_runs(
    search: ByIndexTime, visible_after: int, late: int, skipped: int | None
) -> None:
    """Whatever the second at which it is indexed; no document promises that it can be searched at once."""
    period = 60 * search.every
    runs = [number * period + late * (number % 2) for number in range(-2, 8) if number != skipped]
    missed = [
        second
        for second in range(3 * period)
        if not any(run >= second + visible_after and search.sees(run, second) for run in runs)
    ]
    assert missed == []


@every_search_by_index_time
def test_what_two_runs_take_is_told_once(search: ByIndexTime) -> None:
    stanza = SAVED[search.name]
    assert search.since > search.every
    assert (stanza["alert.suppress"], stanza["alert.digest_mode"]) == ("1", "0")
    amount, unit = re.fullmatch(r"(\d+)([hd])", stanza["alert.suppress.period"]).groups()  # type: ignore[union-attr] # it fails there
    assert int(amount) * {"h": 60, "d": 1440}[unit] > 2 * search.since


@every_search
def test_a_saved_search_is_suppressed_by_fields_that_it_returns(name: str, knowledge: SearchKnowledge) -> None:
    fields = [field for field in SAVED[name].get("alert.suppress.fields", "").split(",") if field]
    assert set(fields) <= read(name, knowledge).fields
    assert bool(fields) == (SAVED[name]["alert.suppress"] == "1")


def test_every_macro_that_begins_a_search_can_be_read(knowledge: SearchKnowledge) -> None:
    fields = studio.event_fields(knowledge)
    beginning = [name for name, macro in knowledge.macros.items() if "Begins a search" in macro["description"]]
    assert len(beginning) >= 4
    for name in beginning:
        read_search(f"`{name}`", knowledge.macros, fields)
    times = read_search("`defender_alerts_latest` | `defender_alerts_times`", knowledge.macros, fields)
    assert times.fields >= {"created", "resolved"}


def test_the_versions_are_those_that_the_latest_one_is_chosen_from(knowledge: SearchKnowledge) -> None:
    assert knowledge.macros["defender_alerts_latest"]["definition"].startswith("`defender_alerts_versions` | ")


# What they find.


def test_new_alerts_of_high_severity_are_found_once(knowledge: SearchKnowledge) -> None:
    events = scene.events()
    found = [
        row["id"][0]
        for steps in range(HOURS * 12)
        if (now := events_of(events, steps))
        for row in run(NEW, knowledge, now, scene.NOW_SECONDS - steps * 300)
    ]
    high = {
        str(fields["id"])
        for event in events
        if float(event.time or 0) >= scene.NOW_SECONDS - HOURS * 3600 and event.sourcetype != "ms365:defender:incident"
        for fields in [knowledge.search_fields(event)]
        if fields["severity_id"] in {"4", "5"} and fields.get("status") != "resolved"
    }
    assert high
    assert set(found) == high


def events_of(events: list[IndexedEvent], steps: int) -> list[IndexedEvent]:
    """The events that matter to the run so many steps ago; the others would only take time."""
    end = scene.NOW_SECONDS - steps * 300
    return [event for event in events if end - 900 <= float(event.time or 0) < end + 300]


def test_an_old_alert_that_is_updated_is_not_new(knowledge: SearchKnowledge) -> None:
    one = next(
        event for event in scene.events() if '"severity":"high"' in event.raw and '"createdDateTime"' in event.raw
    )
    raw = re.sub(r'("createdDateTime":")[^"]+', r"\g<1>2026-03-31T11:00:00Z", one.raw, count=1)
    raw = re.sub(r'^\{("id":"[^"]+")(.*?)"status":"\w+"', r'{\1\2"status":"new"', raw)
    fresh = replace(one, raw=raw, time=str(scene.NOW_SECONDS - 100), sourcetype="ms:defender:graph:alerts")
    old = replace(fresh, raw=raw.replace("2026-03-31T11:00:00Z", "2026-03-01T11:00:00Z"))
    resolved = replace(fresh, raw=raw.replace('"status":"new"', '"status":"resolved"', 1))
    assert [len(run(NEW, knowledge, [event])) for event in (fresh, old, resolved)] == [1, 0, 0]


def test_alerts_that_stay_open_are_found_oldest_first_within_a_severity(knowledge: SearchKnowledge) -> None:
    found = run(OPEN, knowledge, scene.events())
    assert found
    assert all(float(row["days_open"][0]) > 7 for row in found)
    assert {row["status"][0] for row in found} <= {"new", "inprogress"}
    ranks = [(row["severity"][0] != "high", -float(row["days_open"][0])) for row in found]
    assert ranks == sorted(ranks)


def test_updated_incidents_are_found_with_their_latest_version(knowledge: SearchKnowledge) -> None:
    one = next(event for event in scene.events() if event.sourcetype == "ms365:defender:incident")
    versions = [
        replace(
            one,
            raw=re.sub(r'("lastUpdateDateTime":")[^"]+', rf"\g<1>2026-03-31T11:5{minute}:00Z", one.raw, count=1),
            time=str(scene.NOW_SECONDS - 600 + 60 * minute),
        )
        for minute in (1, 4, 2)
    ]
    (found,) = run(INCIDENTS, knowledge, versions)
    assert found["_time"] == [str(scene.NOW_SECONDS - 600 + 240)]
    assert found["incident_url"][0].startswith("https://security.microsoft.com/incident2/")


def test_an_incident_that_was_merged_into_another_is_not_told(knowledge: SearchKnowledge) -> None:
    """Its update says no more than that: what there is to do is in the other one."""
    merged = scene.incident(1, 1 / 6, redirect_to=2)
    found = run(INCIDENTS, knowledge, [merged, scene.incident(2, 1 / 6), scene.incident(3, 1 / 6)])
    assert {row["incident_id"][0] for row in found} == {"2", "3"}


@pytest.mark.parametrize("is_last", [False, True])
def test_of_two_events_of_one_version_the_incident_with_its_alerts_is_found(
    knowledge: SearchKnowledge, *, is_last: bool
) -> None:
    """Where Graph fails over the alerts, an incident is indexed without them, and again with them."""
    one = next(event for event in scene.events() if event.sourcetype == "ms365:defender:incident")
    plain = json.dumps({name: value for name, value in json.loads(one.raw).items() if name != "alerts"})
    time = str(scene.NOW_SECONDS - 600)
    without = replace(one, raw=plain.replace('"displayName": "', '"displayName": "without: '), time=time)
    whole = replace(one, raw=json.dumps({**json.loads(plain), "alerts": [{"id": "x" * 99}]}), time=time)
    (found,) = run(INCIDENTS, knowledge, [without, whole] if is_last else [whole, without])
    assert not found["signature"][0].startswith("without: ")


# Enterprise Security. Settings as its published content has them: splunk/contentctl, savedsearches_detections.j2.

PUBLISHED = {
    *("correlationsearch.enabled", "correlationsearch.label", "notable", "risk"),
    *(
        f"notable.param.{name}"
        for name in ("rule_title", "rule_description", "security_domain", "severity", "nes_fields")
    ),
    "notable.param.drilldown_searches",
    *(f"risk.param.{name}" for name in ("_risk", "_risk_message", "_risk_score", "verbose")),
}
TOKENS = re.compile(r"\$(\w+)\$")


def finding_events() -> list[IndexedEvent]:
    """Give what the search for findings could take of the scene, as if it had come just now."""
    return [replace(event, time=str(scene.NOW_SECONDS - 300)) for event in scene.events()]


def test_the_finding_has_only_settings_that_are_published() -> None:
    actions = {name.removeprefix("action.") for name in SAVED[FINDINGS] if name.startswith("action.")}
    assert actions == PUBLISHED


def test_each_open_alert_of_graph_is_one_finding(knowledge: SearchKnowledge) -> None:
    events = finding_events()
    rows = run(FINDINGS, knowledge, events)
    keys = [(row["vendor_account"][0], row["id"][0]) for row in rows]
    latest = knowledge.search(
        "`defender_alerts_latest` | search sourcetype=ms:defender:graph:alerts OR sourcetype=ms365:defender:incident:alerts",
        events,
    )
    since = scene.NOW_SECONDS - 30 * 86_400
    expected = {
        (str(event["vendor_account"]), str(event["id"]))
        for event in latest
        if event["status"] != "resolved" and created_seconds(event) >= since
    }
    assert len(keys) == len(set(keys))
    assert set(keys) == expected
    assert len(expected) > 20


def created_seconds(event: Fields) -> float:
    return datetime.fromisoformat(str(event["created_time"])[:19] + "+00:00").timestamp()


def test_risk_goes_by_severity_to_host_and_user(knowledge: SearchKnowledge) -> None:
    rows = run(FINDINGS, knowledge, finding_events())
    scores = {row["severity"][0]: row["risk_score"][0] for row in rows}
    known = {"informational": "5", "low": "15", "medium": "25", "high": "50"}
    assert scores == {severity: known[severity] for severity in scores}
    assert len(scores) > 1
    objects = json.loads(SAVED[FINDINGS]["action.risk.param._risk"])
    assert [(each["risk_object_field"], each["risk_object_type"]) for each in objects] == [
        ("dest", "system"),
        ("user", "user"),
    ]
    for row in rows:
        assert all(len(row.get(name, ())) <= 1 for name in ("dest", "user"))


def test_an_updated_alert_makes_no_second_finding_within_the_time_in_which_it_could() -> None:
    assert SAVED[FINDINGS]["alert.suppress.fields"] == "vendor_account,id"
    (days,) = re.findall(r'created>=relative_time\(now\(\),"-(\d+)d"\)', SAVED[FINDINGS]["search"])
    assert int(SAVED[FINDINGS]["alert.suppress.period"].removesuffix("d")) > int(days)


def test_titles_and_the_drill_down_name_fields_of_the_result(knowledge: SearchKnowledge) -> None:
    rows = run(FINDINGS, knowledge, finding_events())
    named = {
        field
        for name, value in SAVED[FINDINGS].items()
        if name.startswith("action.") and "drilldown" not in name
        for field in TOKENS.findall(value)
    }
    (drilldown,) = json.loads(SAVED[FINDINGS]["action.notable.param.drilldown_searches"])
    assert TOKENS.findall(drilldown["search"]) == ["vendor_account", "id"]
    assert all((named | {"vendor_account", "id"}) <= set(row) for row in rows)


def test_the_drill_down_shows_the_latest_version(knowledge: SearchKnowledge) -> None:
    (drilldown,) = json.loads(SAVED[FINDINGS]["action.notable.param.drilldown_searches"])
    events = [event for event in scene.events() if event.sourcetype == "ms:defender:graph:alerts"]
    fields = [knowledge.search_fields(event) for event in events]
    alert = next(each for each in fields if [other["id"] for other in fields].count(each["id"]) > 1)
    versions = [each for each in fields if each["id"] == alert["id"]]
    text = TOKENS.sub(lambda match: str(alert[match[1]]), drilldown["search"])
    bounds, _, search = text.partition("latest=now ")
    assert bounds == "earliest=-90d "
    (found,) = knowledge.search(search, events)
    assert found["version_time"] == max(str(each["version_time"]) for each in versions)


# Workflow actions.


@every_action
def test_an_action_is_for_events_of_ours_that_have_its_fields(
    name: str, knowledge: SearchKnowledge, events: studio.Events
) -> None:
    action = ACTIONS[name]
    needed = names(action["fields"])
    used = {
        match
        for setting in ("label", "link.uri", "search.search_string")
        for match in FIELD.findall(action.get(setting, ""))
    }
    assert used <= needed <= studio.event_fields(knowledge) | INTERNAL
    assert names(action["eventtypes"]) <= set(knowledge.eventtypes)
    assert action["display_location"] == "both"
    assert any(event["eventtype"] in names(action["eventtypes"]) and needed <= set(event) for event in events)


def names(text: str) -> set[str]:
    return set(re.split(r"[,\s]+", text))


@every_action
def test_an_action_leads_to_a_search_that_can_be_read_or_to_an_address(name: str, knowledge: SearchKnowledge) -> None:
    action = ACTIONS[name]
    if action["type"] == "search":
        text = FIELD.sub("x", action["search.search_string"])
        read_search(text, knowledge.macros, studio.event_fields(knowledge))
        When.of(action["search.earliest"], action["search.latest"], scene.NOW_SECONDS)
        assert {setting for setting in action if setting.startswith("link.")} == set()
    else:
        assert re.match(rf"/app/{paths.APP}/{studio.DETAIL.stem}\?form\.alert=\$id\$\Z|https://", action["link.uri"])


@pytest.mark.parametrize(
    ("action", "field"), [("defender_open_alert", "alert_url"), ("defender_open_incident", "incident_url")]
)
def test_an_address_in_the_portal_is_the_one_that_microsoft_gives(
    events: studio.Events, action: str, field: str
) -> None:
    """But for the tenant: the samples' own is another one than their sources'."""
    eventtypes = names(ACTIONS[action]["eventtypes"])
    leading = [event for event in events if event["eventtype"] in eventtypes and field in event]
    assert {event["eventtype"] for event in leading} >= eventtypes - {"defender_siem_alert", "defender_endpoint_alert"}
    for event in leading:
        address = FIELD.sub(lambda match, event=event: str(event[match[1]]), ACTIONS[action]["link.uri"])  # type: ignore[misc]
        assert address == f"{str(event[field]).partition('?tid=')[0]}?tid={event['vendor_account']}"
