"""The view Overview: what it counts, by which rules, and how it looks to eyes that see fewer colours."""

from __future__ import annotations

import itertools
import json
import math
import re
from collections.abc import Mapping
from typing import Any

import pytest
from knowledge import scene, studio
from knowledge.studio import OVERVIEW, VIEWS, Dashboard, Events, Runner, listed, only, seen
from standins.microsoft import ticks
from standins.search import IndexedEvent, SearchKnowledge
from standins.search.rows import Table

DAY = 86400
SEVERITIES = ("critical", "high", "medium", "low", "informational", "not provided")
PERIODS = ("1", "7", "30", "90")
WHITE, DARK, BLACK = "#FFFFFF", "#212527", "#000000"
"""What panels stand on in Splunk's two themes, in the product and as its packages draw them."""


def run(knowledge: SearchKnowledge, events: Events, *names: str, **tokens: str) -> dict[str, Table]:
    return studio.run(OVERVIEW, knowledge, events, *names, tokens=tokens)


def pair(table: Table) -> list[str]:
    """The value of the period before, and that of now."""
    return [row.get("value", [""])[0] for row in table.rows]


def version(name: str, hours_ago: float, status: str, **members: Any) -> IndexedEvent:
    """A version of an alert that was created ten hours before the scene ends, at noon."""
    updated = f"2026-03-31T{(minutes := round((12 - hours_ago) * 60)) // 60:02}:{minutes % 60:02}:00Z"
    record = {
        "id": name, "title": name, "severity": "high", "status": status, "createdDateTime": "2026-03-31T02:00:00Z",
        "lastUpdateDateTime": updated, **members,
    }  # fmt: skip
    return scene.event(scene.GRAPH, ticks.parse(updated), json.dumps(record).encode())


@pytest.mark.parametrize("days", PERIODS)
def test_an_alert_counts_once_in_the_period_in_which_it_was_created(
    knowledge: SearchKnowledge, events: Events, days: str
) -> None:
    results = run(knowledge, events, "ds_new", "ds_over_time", "ds_places", days=days)
    length = int(days) * DAY * 10_000_000
    ages = [scene.NOW - scene.created(number) for number in range(1, scene.ALERTS + 1)]
    now = sum(age <= length for age in ages)
    before = sum(length < age <= 2 * length for age in ages)
    told = list(map(int, pair(results["ds_new"])))
    # Microsoft notes an alert a minute after what it is about: one may lie on the other side of the border.
    assert abs(told[0] - before) <= 1
    assert abs(told[1] - now) <= 1
    bars = [row[name][0] for row in results["ds_over_time"].rows for name in SEVERITIES]
    assert sum(map(int, bars)) == told[1]
    assert sum(int(row["New"][0]) for row in results["ds_places"].rows) == told[1]


def test_severities_are_columns_in_their_order_whichever_there_are(knowledge: SearchKnowledge, events: Events) -> None:
    assert run(knowledge, events, "ds_over_time")["ds_over_time"].columns == ("_time", *SEVERITIES)


@pytest.mark.parametrize(
    ("token", "source", "column"),
    [
        ("tenant", "ds_tenants", "tenant"),
        ("product", "ds_products", "app"),
        ("status", "ds_statuses", "status"),
        ("assignee", "ds_assignees", "assigned_to"),
    ],
)
def test_the_values_of_a_filter_share_the_alerts_among_them(
    knowledge: SearchKnowledge, events: Events, token: str, source: str, column: str
) -> None:
    everything = run(knowledge, events, "ds_chosen", source)
    values = [row[column][0] for row in everything[source].rows]
    assert values == sorted(set(values))
    parts = [len(run(knowledge, events, "ds_chosen", **{token: value})["ds_chosen"].rows) for value in values]
    assert all(parts)
    assert sum(parts) == len(everything["ds_chosen"].rows) == scene.ALERTS


def test_categories_and_severities_narrow_every_panel(knowledge: SearchKnowledge, events: Events) -> None:
    rows = run(knowledge, events, "ds_chosen", category="Execution")["ds_chosen"].rows
    assert rows
    assert all("Execution" in row["category"] for row in rows)
    high = run(knowledge, events, "ds_open", severity="4")["ds_open"].rows
    assert {row["Severity"][0] for row in high} == {"high"}


def test_the_list_of_open_alerts_is_whole_and_does_not_depend_on_the_period(
    knowledge: SearchKnowledge, events: Events
) -> None:
    day, quarter = (run(knowledge, events, "ds_open", "ds_open_count", days=days) for days in ("1", "90"))
    assert day["ds_open"] == quarter["ds_open"]
    assert pair(day["ds_open_count"])[1] == str(len(day["ds_open"].rows))


def test_an_alert_that_nobody_has_touched_for_months_is_open(knowledge: SearchKnowledge) -> None:
    """A whole half-year long, as Microsoft keeps alerts."""
    forgotten = scene.alert(1, 24 * 170)
    results = run(knowledge, seen(knowledge, [forgotten]), "ds_open", "ds_open_oldest")
    assert len(results["ds_open"].rows) == 1
    assert float(only(results["ds_open_oldest"], "days")) >= 170


def test_no_list_is_cut(knowledge: SearchKnowledge) -> None:
    many = [scene.alert(number, 1 + number / 100) for number in range(1, 413)]
    assert len(run(knowledge, seen(knowledge, many), "ds_open")["ds_open"].rows) == len(many)


def test_an_empty_index_counts_none(knowledge: SearchKnowledge) -> None:
    results = run(knowledge, [], "ds_new", "ds_new_high", "ds_open_count")
    assert [pair(table) for table in results.values()] == [["0", "0"]] * 3


def test_the_time_to_acknowledge_is_from_creation_to_the_first_version_that_is_no_longer_new(
    knowledge: SearchKnowledge,
) -> None:
    versions = [
        version("a", 9.5, "new"), version("a", 7, "inProgress"), version("a", 5, "resolved"),  # after 3 h
        version("b", 9.5, "new"), version("b", 5, "resolved"),  # after 5 h, at once resolved
        version("c", 9.5, "new"),  # not yet
        version("d", 6, "inProgress"),  # when that was is not known: it was never seen while it was new
        version("e", 9, "inProgress"), version("e", 3, "new"), version("e", 1, "inProgress"),  # and reopened: not either
    ]  # fmt: skip
    results = run(knowledge, seen(knowledge, versions), "ds_acknowledge", "ds_chosen")
    assert pair(results["ds_acknowledge"]) == ["", "4"]
    hours = {row["id"][0]: row.get("hours_to_acknowledge", [""])[0] for row in results["ds_chosen"].rows}
    assert hours == {"a": "3", "b": "5", "c": "", "d": "", "e": ""}


def test_the_time_to_resolve_is_from_creation_to_resolution(knowledge: SearchKnowledge) -> None:
    """Two alerts that took 2 and 5 hours, one that is open, and one that was opened again: its old resolution doesn't count."""
    versions = [
        version("a", 1, "resolved", resolvedDateTime="2026-03-31T04:00:00.5Z"),
        version("b", 1, "resolved", createdDateTime="2026-03-31T03:00:00.1234567Z", resolvedDateTime="2026-03-31T08:00:00Z"),
        version("c", 1, "new"),
        version("d", 1, "inProgress", resolvedDateTime="2026-03-31T09:00:00Z"),
    ]  # fmt: skip
    results = run(knowledge, seen(knowledge, versions), "ds_resolve", "ds_severities", "ds_times")
    assert pair(results["ds_resolve"]) == ["", "3.5"]
    (row,) = results["ds_severities"].rows
    assert (row["Resolve (h)"], row["Open"]) == (["3.5"], ["2"])
    assert [row["To resolve"] for row in results["ds_times"].rows] == [["3.5"]]


def test_means_over_time_are_those_of_all_that_fell_into_a_span(knowledge: SearchKnowledge, events: Events) -> None:
    for days in PERIODS:
        results = run(knowledge, events, "ds_times", "ds_chosen", days=days)
        start = scene.NOW_SECONDS - DAY * int(days)
        chosen = results["ds_chosen"].rows
        for column, at in (("To acknowledge", "acknowledged"), ("To resolve", "resolved")):
            fell = [row for row in chosen if at in row and float(row[at][0]) >= start]
            assert bool(fell) == any(column in row for row in results["ds_times"].rows)


def test_verdicts_are_those_of_what_was_resolved(knowledge: SearchKnowledge) -> None:
    members = {"resolvedDateTime": "2026-03-31T04:00:00Z"}
    versions = [
        version("a", 1, "resolved", classification="truePositive", **members),
        version("b", 1, "resolved", classification="falsePositive", **members),
        version("c", 1, "resolved", classification="falsePositive", **members),
        version("d", 1, "resolved", classification="informationalExpectedActivity", **members),
        version("e", 1, "resolved", **members),
        version("f", 1, "new", classification="truePositive"),
    ]
    results = run(knowledge, seen(knowledge, versions), "ds_verdicts", "ds_true")
    assert pair(results["ds_true"]) == ["", "25"]
    rows = results["ds_verdicts"].rows
    assert {row["verdict"][0]: row["Alerts"][0] for row in rows} == {
        "True positive": "1", "False positive": "2", "Expected": "1", "Not classified": "1",
    }  # fmt: skip


def test_tactics_stand_in_the_order_of_an_attack_and_all_of_them_are_known(
    knowledge: SearchKnowledge, events: Events
) -> None:
    query = Dashboard.read(OVERVIEW).sources["ds_tactics"]["options"]["query"]
    order = [part.split('"')[1] for part in query.split("case(")[1].split("mitre_tactic==")[1:]]
    rows = [row["Tactic"][0] for row in run(knowledge, events, "ds_tactics")["ds_tactics"].rows]
    assert rows == sorted(rows, key=order.index)
    assert {row["mitre_tactic"] for row in knowledge.tables()["defender_categories"].rows} == set(order)
    assert (order[0], order[-1]) == ("Reconnaissance", "Impact")


def test_techniques_have_their_names(knowledge: SearchKnowledge, events: Events) -> None:
    rows = run(knowledge, events, "ds_techniques")["ds_techniques"].rows
    names = {row["Technique"][0]: row["Name"][0] for row in rows}
    assert names["T1059.001"] == "Command and Scripting Interpreter: PowerShell"
    assert "not in the list of 2024" not in names.values()


def test_accounts_of_machines_and_of_the_system_are_no_users(knowledge: SearchKnowledge) -> None:
    def found(name: str, user: str) -> Mapping[str, str | list[str]]:
        return {**knowledge.search_fields(version(name, 1, "new")), "user": user}

    given: Events = [found("a", "SYSTEM"), found("b", "srv-db$"), found("c", "anna"), found("d", "Network Service")]
    assert [row["User"] for row in run(knowledge, given, "ds_users")["ds_users"].rows] == [["anna"]]


def test_a_host_is_cut_behind_its_name_where_there_is_no_room(knowledge: SearchKnowledge) -> None:
    """A chart cuts labels in their middle: of srv-dc-01.contoso.example it showed srv-dc-...xample."""
    panel = Dashboard.read(OVERVIEW).definition["visualizations"]["viz_hosts"]
    assert panel["type"] == "splunk.table"
    assert panel["options"]["columnFormat"]["Host"]["textOverflow"] == "ellipsis"
    given: Events = [
        {**knowledge.search_fields(version(name, 1, "new")), "dest": name} for name in ("a.b.example", "10.0.0.7", "c")
    ]
    rows = run(knowledge, given, "ds_hosts")["ds_hosts"].rows
    assert {row["Host"][0] for row in rows} == {"a.b.example", "10.0.0.7", "c"}


def test_an_alert_that_was_resolved_and_opened_again_counts_when_that_was(knowledge: SearchKnowledge) -> None:
    versions = [
        version("a", 9, "new"), version("a", 8, "resolved"), version("a", 2, "inProgress"),
        version("b", 9, "new"), version("b", 8, "resolved"), version("b", 7, "new"), version("b", 6, "resolved"),
        version("c", 9, "new"), version("c", 8, "inProgress"), version("c", 7, "resolved"), version("c", 6, "resolved"),
        version("d", 9, "new"),
    ]  # fmt: skip
    given = seen(knowledge, versions)
    assert pair(run(knowledge, given, "ds_reopened")["ds_reopened"]) == ["0", "2"]
    assert {row["id"][0] for row in listed(OVERVIEW, "viz_reopened", knowledge, given)} == {"a", "b"}


@pytest.mark.parametrize(
    "tokens",
    [
        {}, {"product": "Microsoft Defender for Identity"}, {"tenant": scene.TENANTS[0], "severity": "3"},
        {"assignee": "not provided", "status": "new"}, {"category": "Execution"}, {"days": "1"},
    ],
    ids=str,
)  # fmt: skip
def test_a_click_lists_what_the_panel_counts_under_the_same_filters(
    knowledge: SearchKnowledge, events: Events, tokens: dict[str, str]
) -> None:
    counted = run(knowledge, events, "ds_new", "ds_new_high", "ds_open_count", **tokens)
    for panel, source in (("viz_new", "ds_new"), ("viz_new_high", "ds_new_high"), ("viz_open_count", "ds_open_count")):
        assert str(len(listed(OVERVIEW, panel, knowledge, events, **tokens))) == pair(counted[source])[1], panel


@pytest.mark.parametrize("by", ["lookup", "macro"])
def test_a_tenant_is_shown_by_the_name_that_the_lookup_has_or_the_macro_gives(
    knowledge: SearchKnowledge, events: Events, by: str
) -> None:
    named = f'eval tenant=case(vendor_account=="{scene.TENANTS[0]}","Contoso",true(),vendor_account)'
    macros = {**knowledge.macros, "defender_alerts_tenant": {"definition": named, "description": ""}}
    rows = [{"id": scene.TENANTS[0], "name": "Contoso", "account": "corp"}]
    dashboard, chosen = Dashboard.read(OVERVIEW), {"tenant": "Contoso"}
    if by == "lookup":
        runner = Runner(dashboard, knowledge, chosen, tenants=rows)
    else:
        runner = Runner(dashboard, knowledge, chosen, macros)
    assert {row["tenant"][0] for row in runner.run("ds_chosen", events, scene.NOW_SECONDS).rows} == {"Contoso"}
    assert {row["tenant"][0] for row in runner.run("ds_tenants", events, scene.NOW_SECONDS).rows} == {
        "Contoso", scene.TENANTS[1],
    }  # fmt: skip


# Colours.


def palettes() -> list[dict[str, str]]:
    """What each panel of each view paints severities with."""
    found = []
    for path in VIEWS.glob("*.xml"):
        for part in Dashboard.read(path).definition["visualizations"].values():
            if set(part["options"].get("seriesColorsByField", ())) & {"high", "medium"}:
                found.append(part["options"]["seriesColorsByField"])
            if colours := part.get("context", {}).get("severityColors"):
                found.append({one["match"]: one["value"] for one in colours})
    return found


def test_severities_have_the_same_colours_everywhere() -> None:
    assert len(palettes()) > 3
    assert all(palette == palettes()[0] for palette in palettes())
    assert tuple(palettes()[0]) == SEVERITIES


def test_colours_stand_out_from_both_themes() -> None:
    """WCAG 2.1 AA, 1.4.11: 3:1; as large words as well (1.4.3)."""
    for colour in palettes()[0].values():
        assert contrast(colour, WHITE) >= 3
        assert contrast(colour, DARK) >= 3


def test_so_do_all_other_colours_that_a_panel_is_given() -> None:
    for path in VIEWS.glob("*.xml"):
        for part in Dashboard.read(path).definition["visualizations"].values():
            parts = [part["options"], *(each for name, each in part.get("context", {}).items() if "Text" not in name)]
            for colour in re.findall(r"#[0-9A-F]{6}", json.dumps(parts)):
                assert min(contrast(colour, ground) for ground in (WHITE, DARK, BLACK)) >= 3, (path.stem, colour)


def test_words_can_be_read_on_them() -> None:
    """WCAG 2.1 AA, 1.4.3: 4.5:1."""
    for path in VIEWS.glob("*.xml"):
        for part in Dashboard.read(path).definition["visualizations"].values():
            context = part.get("context", {})
            for name in ("severity", "state"):
                if f"{name}Text" in context:
                    text = {one["match"]: one["value"] for one in context[f"{name}Text"]}
                    for one in context[f"{name}Colors"]:
                        assert contrast(one["value"], text[one["match"]]) >= 4.5, (path.stem, one)


@pytest.mark.parametrize("eyes", ["protanopia", "deuteranopia", "tritanopia", "all colours"])
def test_severities_can_be_told_apart_by_eyes_that_see_fewer_colours(eyes: str) -> None:
    """As Machado, Oliveira and Fernandes (2009) model them; a distance of 10 in CIELAB is seen at a glance."""
    for one, other in itertools.combinations(palettes()[0].values(), 2):
        assert math.dist(lab(one, eyes), lab(other, eyes)) >= 20, (one, other)


EYES = {
    "protanopia": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deuteranopia": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    "tritanopia": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
    "all colours": ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
}


def linear(colour: str) -> list[float]:
    shares = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    return [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]


def contrast(one: str, other: str) -> float:
    """The contrast of two colours, as WCAG 2.1 defines it."""
    darker, lighter = sorted(0.2126 * r + 0.7152 * g + 0.0722 * b for r, g, b in (linear(one), linear(other)))
    return (lighter + 0.05) / (darker + 0.05)


def lab(colour: str, eyes: str) -> tuple[float, float, float]:
    """A colour in CIELAB, as these eyes see it."""
    seen = [sum(a * b for a, b in zip(row, linear(colour), strict=True)) for row in EYES[eyes]]
    r, g, b = (min(1.0, max(0.0, share)) for share in seen)
    x = (0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.95047
    y = 0.2126 * r + 0.7152 * g + 0.0722 * b
    z = (0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.08883
    fx, fy, fz = (share ** (1 / 3) if share > 0.008856 else 7.787 * share + 16 / 116 for share in (x, y, z))
    return 116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)
