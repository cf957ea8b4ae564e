"""The saved searches that read the inputs' log, on lines that the built add-on wrote."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from knowledge.health_scene import (
    EXPIRING,
    FELL_BEHIND,
    MACHINES,
    PERMISSION,
    SAVED,
    SECRET_DAYS,
    SILENT,
    SOC,
    TENANT_SEARCH,
    TRIED,
    Story,
    earlier,
    found,
    of_input,
)
from knowledge.studio import LOG_FIELDS, seen
from standins.search import IndexedEvent, SearchKnowledge
from standins.search.reports import read_search
from standins.search.rows import Row, When
from standins.sources import ENDPOINT, GRAPH, SIEM

DAY = 86_400


def saved(name: str, knowledge: SearchKnowledge, events: Iterable[IndexedEvent], now: float) -> list[Row]:
    """What a saved search finds."""
    when = When.of(SAVED[name]["dispatch.earliest_time"], SAVED[name]["dispatch.latest_time"], now)
    search = read_search(SAVED[name]["search"], knowledge.macros, LOG_FIELDS)
    return search.run(seen(knowledge, events), when).rows


def test_inputs_that_failed_or_fell_behind_are_found(knowledge: SearchKnowledge, summary: Story) -> None:
    rows = saved(FELL_BEHIND, knowledge, summary.events, summary.now)
    assert found(rows, "kind", "input", "region", "outcome") == [
        (ENDPOINT.kind, MACHINES, "all", "failed"),
        (ENDPOINT.kind, MACHINES, "global", "failed"),
        (SIEM.kind, SOC, "all", "failed"),
        (SIEM.kind, SOC, "eu", "failed"),
        (SIEM.kind, TRIED, "all", "failed"),
    ]
    assert saved(FELL_BEHIND, knowledge, summary.well, summary.now) == []


@pytest.mark.parametrize(("lag", "times"), [(3_500, 0), (3_700, 1)])
def test_a_region_that_is_late_is_found(knowledge: SearchKnowledge, summary: Story, lag: int, times: int) -> None:
    (line,) = (event for event in of_input(summary.well, GRAPH.kind, SOC) if "action=region_done" in event.raw)
    now = float(line.time or 0) + 10
    rows = saved(FELL_BEHIND, knowledge, [earlier(line, 0, lag_seconds=lag)], now)
    assert found(rows, "input", "region", "outcome") == [(SOC, "global", "done")] * times
    # A region that says nothing any more falls behind as well.
    rows = saved(FELL_BEHIND, knowledge, [earlier(line, 0, lag_seconds=1)], now - 10 + lag)
    assert len(rows) == times


def test_a_region_that_has_caught_up_is_found_no_more(knowledge: SearchKnowledge, summary: Story) -> None:
    before = [earlier(event, 300) for event in [*summary.unreachable, *summary.refused]]
    assert saved(FELL_BEHIND, knowledge, [*before, *summary.well], summary.now) == []


@pytest.mark.parametrize(("hours", "times"), [(1.9, 0), (2.1, 1)])
def test_an_input_that_finishes_no_run_is_silent(
    knowledge: SearchKnowledge, summary: Story, hours: float, times: int
) -> None:
    events = of_input(summary.well, GRAPH.kind, SOC)
    rows = saved(SILENT, knowledge, events, float(events[-1].time or 0) + hours * 3600)
    assert found(rows, "kind", "input", "reason") == [(GRAPH.kind, SOC, "has not finished a run")] * times


@pytest.mark.parametrize(("days", "times"), [(6.9, 0), (7.1, 1)])
def test_an_input_that_brings_nothing_new_is_found(
    knowledge: SearchKnowledge, summary: Story, days: float, times: int
) -> None:
    last_new = [earlier(event, days * DAY) for event in of_input(summary.well, GRAPH.kind, SOC)]
    since = [earlier(event, days * DAY / 4 * part) for part in range(4) for event in summary.throttled]
    rows = saved(SILENT, knowledge, [*last_new, *since], summary.now)
    assert found(rows, "input", "reason") == [(SOC, "runs, but has brought nothing new")] * times


def test_an_input_that_never_brought_anything_counts_from_its_first_run(
    knowledge: SearchKnowledge, summary: Story
) -> None:
    assert saved(SILENT, knowledge, summary.throttled, summary.now) == []
    old = [earlier(event, 8 * DAY) for event in summary.throttled]
    assert found(saved(SILENT, knowledge, [*old, *summary.throttled], summary.now), "quiet_days") == [("8",)]


def test_credentials_about_to_expire_are_found_until_they_are_renewed(
    knowledge: SearchKnowledge, summary: Story
) -> None:
    rows = saved(EXPIRING, knowledge, [*summary.well, *summary.expiring], summary.now)
    assert found(rows, "account", "credential", "expires_in_days", "kind", "input") == [
        ("corp", "client secret", str(SECRET_DAYS), SIEM.kind, SOC)
    ]
    soon = [
        earlier(event, 0, certificate_expires_in_days=3) if "certificate_expires_in_days" in event.raw else event
        for event in summary.expiring
    ]
    assert found(saved(EXPIRING, knowledge, soon, summary.now), "account") == [("certified",), ("corp",)]
    assert saved(EXPIRING, knowledge, summary.events, summary.now) == []
    to_sign_in = saved(EXPIRING, knowledge, [*summary.events, *summary.signed_out], summary.now + 60)
    assert found(to_sign_in, "account", "credential", "expires_in_days") == [("person", "sign-in of a user", "0")]


def test_a_lost_permission_is_found_with_what_to_do(knowledge: SearchKnowledge, summary: Story) -> None:
    now = summary.now + 60
    rows = saved(PERMISSION, knowledge, summary.events, now)
    assert sorted(found(rows, "kind", "input", "region", "exc_l")) == [
        (ENDPOINT.kind, MACHINES, "global", "Permission Error"),
        (SIEM.kind, TRIED, "all", "Authentication Error"),
    ]
    assert all("Entra ID > App registrations" in row["sentence"][0] for row in rows)
    assert saved(PERMISSION, knowledge, summary.unreachable, now) == []
    assert saved(PERMISSION, knowledge, summary.events, now + 1_800) == []


def test_other_saved_searches_of_the_log_there_are_none() -> None:
    reading = [name for name, stanza in SAVED.items() if "defender_alerts_log`" in stanza["search"]]
    assert reading == [FELL_BEHIND, SILENT, EXPIRING, PERMISSION, TENANT_SEARCH]


def test_new_tenants_come_into_their_lookup_and_names_that_people_gave_stay(
    summary: Story, knowledge: SearchKnowledge
) -> None:
    stanza = SAVED[TENANT_SEARCH]
    when = When.of("-1d", stanza["dispatch.latest_time"], summary.now)
    events = [knowledge.search_fields(event) for event in summary.events]
    found = {event["tenant"] for event in events if event.get("action") == "region_started"}
    [tenant] = found
    for named, added in (("another", [tenant]), (tenant, [])):
        rows = [{"id": str(named), "name": "Contoso", "account": "corp"}]
        search = read_search(stanza["search"], knowledge.macros, LOG_FIELDS, knowledge.tables(defender_tenants=rows))
        assert [(row["id"], row["name"]) for row in search.run(events, when).rows] == [([one], [one]) for one in added]
        assert all(row["account"] for row in search.run(events, when).rows)
    # By the key, so that two hosts that find a tenant at once make one row.
    assert stanza["search"].endswith("| outputlookup append=true key_field=id defender_tenants")


def test_dashboards_show_the_names_of_the_lookup_and_the_id_of_a_tenant_without_one(knowledge: SearchKnowledge) -> None:
    text = "source=* | `defender_alerts_tenant` | table vendor_account tenant"
    rows = [{"id": "a-tenant", "name": "Contoso", "account": "corp"}, {"id": "a-third", "name": "", "account": "corp"}]
    events = [{"_time": "1", "source": "s", "vendor_account": name} for name in ("a-tenant", "another", "a-third")]
    events.append({"_time": "1", "source": "s"})
    for kept, first in ((rows, "Contoso"), ([], "a-tenant")):
        search = read_search(text, knowledge.macros, ["vendor_account"], knowledge.tables(defender_tenants=kept))
        shown = search.run(events, When.of("0", "now", 10.0)).rows
        assert [row["tenant"] for row in shown] == [[first], ["another"], ["a-third"], ["not provided"]]
