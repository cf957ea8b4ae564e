"""What a user sees of the dashboards: panels by their titles, whatever their searches are called."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote

import pytest
from knowledge import scene
from knowledge.studio import DETAIL, ENTITY, OVERVIEW, TOKEN, VIEWS, Dashboard, Runner, event_fields
from standins.microsoft.graph_samples import graph_alert
from standins.search import IndexedEvent, SearchKnowledge
from standins.search.reports import read_search
from standins.search.rows import Row, When

Events = list[Mapping[str, str | list[str]]]

HOUR = 3_600 * 10_000_000
SHOWN = 136  # an alert that came through two inputs, and is not resolved
every_view = pytest.mark.parametrize("view", sorted(VIEWS.glob("*.xml")), ids=lambda path: path.stem)


@pytest.fixture(scope="module")
def events(knowledge: SearchKnowledge) -> Events:
    """Give the scene's events as searches see them, newest first."""
    return [knowledge.search_fields(event) for event in scene.events()]


def panels(dashboard: Dashboard, title: str) -> list[Mapping[str, Any]]:
    """The panels whose title has this in it."""
    parts = dashboard.definition["visualizations"].values()
    return [part for part in parts if re.search(title, part.get("title", ""))]


def rows_of(dashboard: Dashboard, title: str, knowledge: SearchKnowledge, events: Events, **tokens: str) -> list[Row]:
    """What the one panel with this title shows. Data sources whose tokens others need come first."""
    (panel,) = panels(dashboard, title)
    runner = Runner(dashboard, knowledge, {"entity": "none"} | tokens)
    for name, source in dashboard.sources.items():
        if source["options"].get("enableSmartSources"):
            runner.run(name, events, scene.NOW_SECONDS)
    return runner.run(panel["dataSources"]["primary"], events, scene.NOW_SECONDS).rows


def alert(number: int, hours_ago: float, **members: Any) -> IndexedEvent:
    """A version of an alert, through Graph."""
    updated = scene.NOW - round(hours_ago * HOUR)
    record: dict[str, Any] = {"created": updated, "status": "new"} | members
    raw = graph_alert(number, updated, **record)
    return IndexedEvent(
        raw=raw.decode(),
        time=f"{scene.NOW_SECONDS - 3_600 * hours_ago:.3f}",
        source=f"defender_graph_alerts:{scene.TENANTS[0]}:global:soc",
        sourcetype="ms:defender:graph:alerts",
        host="graph.microsoft.com",
        index="defender",
    )


def seen(knowledge: SearchKnowledge, found: Sequence[IndexedEvent]) -> Events:
    """Events as searches see them, newest first."""
    newest_first = sorted(found, key=lambda one: float(one.time or 0), reverse=True)
    return [knowledge.search_fields(one) for one in newest_first]


@every_view
def test_a_view_is_light_since_no_document_shows_how_it_would_follow_the_user(view: Any) -> None:
    assert Dashboard.read(view).attributes["theme"] == "light"


@every_view
def test_no_search_keeps_a_number_of_rows_without_a_word(view: Any) -> None:
    """``head 100000`` is said where it cuts; ``head 1`` is the one that is shown."""
    for source in Dashboard.read(view).sources.values():
        query = source["options"]["query"]
        assert set(re.findall(r"\| sort (\d+)", query)) <= {"0"}, query
        assert set(re.findall(r"\| head (\d+)", query)) <= {"1", "100000"}, query


def test_four_hundred_and_twelve_open_alerts_are_as_many_lines(knowledge: SearchKnowledge) -> None:
    many = seen(knowledge, [alert(number, 1 + number / 100) for number in range(1, 413)])
    assert len(rows_of(Dashboard.read(OVERVIEW), "^Open alerts$", knowledge, many)) == 412


def test_an_alert_that_nobody_has_touched_for_five_months_counts_as_open(knowledge: SearchKnowledge) -> None:
    old = seen(knowledge, [alert(1, 24 * 150)])
    assert len(rows_of(Dashboard.read(OVERVIEW), "^Open alerts$", knowledge, old)) == 1
    (row,) = rows_of(Dashboard.read(OVERVIEW), "^Oldest open", knowledge, old)
    assert float(row["days"][0]) >= 150


def test_the_system_account_is_none_of_the_users(knowledge: SearchKnowledge) -> None:
    found: Events = [
        {**one, "user": user}
        for one, user in zip(seen(knowledge, [alert(1, 1), alert(2, 2)]), ("SYSTEM", "anna.berg"), strict=True)
    ]
    rows = rows_of(Dashboard.read(OVERVIEW), "(?i)users$", knowledge, found)
    assert [next(iter(row.values())) for row in rows] == [["anna.berg"]]


def test_the_number_of_an_incident_is_a_text_among_the_facts(knowledge: SearchKnowledge, events: Events) -> None:
    """Splunk aligns a number to the right, far from the word that it belongs to."""
    rows = rows_of(Dashboard.read(DETAIL), "^The alert$", knowledge, events, alert=scene.alert_id(SHOWN))
    (value,) = (row["Value"][0] for row in rows if row["Field"] == ["Incident"])
    assert not value.isdigit()


def test_no_fact_of_an_alert_stands_there_without_a_value(knowledge: SearchKnowledge, events: Events) -> None:
    rows = rows_of(Dashboard.read(DETAIL), "^The alert$", knowledge, events, alert=scene.alert_id(SHOWN))
    assert [row["Field"] for row in rows if not row.get("Value")] == []


def test_an_alert_of_mail_leaves_no_panel_of_evidence_empty(knowledge: SearchKnowledge) -> None:
    mail = {
        "@odata.type": "#microsoft.graph.security.analyzedMessageEvidence",
        "createdDateTime": "2026-03-31T10:00:00Z",
        "verdict": "malicious",
        "recipientEmailAddress": "anna.berg@contoso.example",
        "subject": "Invoice",
    }
    one = alert(1, 1, evidence=[mail], serviceSource="microsoftDefenderForOffice365")
    found = seen(knowledge, [one])
    dashboard = Dashboard.read(DETAIL)
    runner = Runner(dashboard, knowledge, {"alert": json.loads(one.raw)["id"]})
    for part in dashboard.definition["visualizations"].values():
        if part["type"] == "splunk.table" and not part["title"].startswith("Other alerts"):
            assert runner.run(part["dataSources"]["primary"], found, scene.NOW_SECONDS).rows, part["title"]


@every_view
def test_a_view_without_events_says_what_to_do(view: Any, knowledge: SearchKnowledge) -> None:
    """A text whose token comes from a search that gives its line even of nothing."""
    dashboard = Dashboard.read(view)
    texts = [
        part["options"]["markdown"]
        for part in dashboard.definition["visualizations"].values()
        if part["type"] == "splunk.markdown"
    ]
    assert texts == ["$notice:result.text$"]
    (name,) = (name for name, source in dashboard.sources.items() if source["name"] == "notice")
    runner = Runner(dashboard, knowledge, {})
    (row,) = runner.run(name, [], scene.NOW_SECONDS).rows
    assert row["text"][0].startswith("**")
    assert re.search(r"Inputs|Open an alert|Try another", row["text"][0])


@every_view
def test_a_view_that_is_opened_from_the_menu_waits_for_nothing(view: Any) -> None:
    """A search whose token no input has set never runs, and its panel stands empty."""
    dashboard = Dashboard.read(view)
    assert set(dashboard.tokens_of_inputs()) <= set(dashboard.defaults)


@every_view
def test_every_panel_with_data_that_is_more_than_text_leads_somewhere(view: Any) -> None:
    parts = Dashboard.read(view).definition["visualizations"]
    silent = {part.get("title") for part in parts.values() if not part.get("eventHandlers")}
    # On the page of one alert, these are what there is of it.
    of_one = {"Severity", "Status", "Assigned to", "Classification", "The alert", "The incident"}
    of_one |= {"Versions", "Verdicts on the evidence", "Evidence"}
    assert silent <= {None, *(of_one if view.stem in {"defender_alert_detail", "defender_incidents"} else ())}


@pytest.mark.parametrize(("kind", "entity"), [("host", "srv-dc-01.contoso.example"), ("user", "anna.berg")])
@pytest.mark.parametrize("tenant", ["*", scene.TENANTS[1]])
def test_a_click_on_a_number_of_a_host_or_user_lists_as_many(
    knowledge: SearchKnowledge, events: Events, kind: str, entity: str, tenant: str
) -> None:
    dashboard = Dashboard.read(ENTITY)
    tokens = dashboard.defaults | {"kind": kind, "entity": entity, "tenant": tenant}
    runner = Runner(dashboard, knowledge, tokens)
    for title in ("^Alerts$", "^Open$", "^High or critical$"):
        (panel,) = panels(dashboard, title)
        (row,) = runner.run(panel["dataSources"]["primary"], events, scene.NOW_SECONDS).rows
        address = unquote(TOKEN.sub(lambda match: tokens[match[1]], panel["eventHandlers"][0]["options"]["url"]))
        query, _, times = address.partition("?q=")[2].partition("&earliest=")
        when = When.of(times.partition("&")[0], "now", scene.NOW_SECONDS)
        found = read_search(query, knowledge.macros, event_fields(knowledge), knowledge.tables()).run(events, when)
        assert row["alerts"] == [str(len(found.rows))], title


# What one line can hold.

LETTERS = {
    **dict.fromkeys("ijl'|", 0.28), **dict.fromkeys(" ft().,-", 0.34), "r": 0.39, **dict.fromkeys("acekosvxyz0123456789", 0.56), **dict.fromkeys("mM%W", 0.89),
    **dict.fromkeys("ABCDEFGHKLNOPQRSTUVXYZ", 0.72), "I": 0.28,
}  # fmt: skip
"""Widths of Arial's bold letters by the size of the font, rounded up; all others have 0.61."""
FONT, FRAME = 14, 41
"""The size of a head's letters, and what else a head needs: its margins and the arrows for sorting; all in pixels."""


@every_view
def test_the_head_of_every_column_fits_on_a_line(view: Any) -> None:
    for part in Dashboard.read(view).definition["visualizations"].values():
        for head, options in part["options"].get("columnFormat", {}).items():
            needed = FRAME + FONT * sum(LETTERS.get(letter, 0.61) for letter in head)
            assert needed <= options["width"], f"{part['title']}: {head} needs {needed:.0f}"


@every_view
def test_the_columns_of_a_table_fit_into_its_panel(view: Any) -> None:
    """At 1280 pixels a page of 1200 is as wide as its window, but for the margins."""
    dashboard = Dashboard.read(view)
    boxes = {item["item"]: item["position"]["w"] for item in dashboard.definition["layout"]["structure"]}
    for name, part in dashboard.definition["visualizations"].items():
        if columns := part["options"].get("columnFormat"):
            total = sum(options["width"] for options in columns.values())
            assert total <= boxes[name] * 1.05 - 18, f"{part['title']}: {total}"
