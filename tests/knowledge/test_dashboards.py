"""The dashboards: whole as definitions, their searches read strictly, run on two tenants' alerts, and their links followed."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree as ET

import pytest
from knowledge import scene, studio
from knowledge.current_fields import values
from knowledge.studio import (
    DETAIL,
    ENTITY,
    HEALTH,
    INCIDENTS,
    OVERVIEW,
    TOKEN,
    VIEWS,
    Dashboard,
    Events,
    Runner,
    only,
    texts,
)
from standins.search import NotModelledError, SearchKnowledge
from standins.search.reports import UnknownFieldError, read_search
from standins.search.rows import Table

from tooling import paths

ALL_VIEWS = (OVERVIEW, INCIDENTS, DETAIL, ENTITY, HEALTH)
ALERT_VIEWS = (OVERVIEW, INCIDENTS, DETAIL, ENTITY)
NAMED = "srv-dc-01.contoso.example"  # a host with alerts
WIDTH = 1200
PARTS = {"type", "title", "description", "dataSources", "options", "context", "eventHandlers"}
CLICKED = re.compile(r"row\.([\w ]+)\.value")
NEVER = frozenset(
    {
        "ip", "url", "sender", "recipient", "subject", "message_threat", "delivery_action", "mailbox", "malware",
        "resource_name", "object_id", "cloud_account", "application", "pod", "container", "threat", "actor",
    }
)  # fmt: skip
"""What the shown alert has no evidence of, or does not say."""
CHOSEN = frozenset({"severity", "range.earliest", "range.latest", "open_since", "since", "days"})
"""Tokens whose values are the dashboard's own: numbers and times."""
SHOWN = 136  # an alert that came through two inputs
CHART = frozenset({"legendDisplay", "seriesColorsByField", "xAxisTitleVisibility", "yAxisTitleVisibility"})
OPTIONS = {
    "splunk.bar": CHART | {"dataValuesDisplay", "stackMode"},
    "splunk.column": CHART | {"stackMode"},
    "splunk.line": CHART | {"nullValueDisplay"},
    "splunk.markdown": frozenset({"markdown"}),
    "splunk.singlevalue": frozenset(
        {
            "majorColor", "majorValue", "numberPrecision", "sparklineDisplay", "trendColor", "trendDisplay", "trendValue",
            "unit",
        }
    ),
    "splunk.table": frozenset({"columnFormat", "count"}),
}  # fmt: skip
COLUMN_OPTIONS = {"rowBackgroundColors", "rowColors", "textOverflow", "width"}
"""The options that Splunk 9.3 (July 2024) can be taken to know: each was looked up in ``@splunk/visualizations`` 25.11.0, of
November 2023, in the schema of its type. A further one has to be looked up there as well."""
every_dashboard = pytest.mark.parametrize(
    "dashboard", [Dashboard.read(path) for path in ALL_VIEWS], ids=lambda dashboard: dashboard.path.stem
)
every_dashboard_of_alerts = pytest.mark.parametrize(
    "dashboard", [Dashboard.read(path) for path in ALERT_VIEWS], ids=lambda dashboard: dashboard.path.stem
)


def run(dashboard: Dashboard, knowledge: SearchKnowledge, events: Events, **tokens: str) -> dict[str, Table]:
    """Every data source's results. A dashboard's tokens from results come from sources that stand before those that need them."""
    return studio.run(
        dashboard.path, knowledge, events, tokens={"alert": scene.alert_id(SHOWN), "entity": NAMED} | tokens
    )


# As definitions.


def test_the_dashboards_are_all_views_there_are() -> None:
    assert sorted(VIEWS.iterdir()) == sorted(ALL_VIEWS)


@every_dashboard
def test_a_view_is_one_of_dashboard_studio(dashboard: Dashboard) -> None:
    assert dashboard.attributes["version"] == "2"
    # No document shows how it would follow the user.
    assert dashboard.attributes["theme"] == "light"
    assert dashboard.label
    assert dashboard.description
    assert set(dashboard.definition) == {
        "title", "description", "inputs", "defaults", "dataSources", "visualizations", "layout",
    }  # fmt: skip


@every_dashboard
def test_everything_that_is_named_is_there_and_everything_there_is_used(dashboard: Dashboard) -> None:
    definition = dashboard.definition
    shown = [*definition["visualizations"].values(), *definition["inputs"].values()]
    used = {source for part in shown for source in part.get("dataSources", {}).values()}
    used |= {source["options"]["extend"] for source in dashboard.sources.values() if source["type"] == "ds.chain"}
    read = {match[1].partition(":")[0] for text in texts(definition) for match in TOKEN.finditer(text)}
    used |= {name for name, source in dashboard.sources.items() if source["name"] in read}
    assert used == set(dashboard.sources)
    assert {item["item"] for item in definition["layout"]["structure"]} == set(definition["visualizations"])
    assert sorted(definition["layout"]["globalInputs"]) == sorted(definition["inputs"])
    names = [source["name"] for source in dashboard.sources.values()]
    assert len(set(names)) == len(names)
    assert all(set(part) <= PARTS for part in definition["visualizations"].values())


@every_dashboard
def test_a_panel_has_only_options_that_splunks_packages_had_before_splunk_9_3(dashboard: Dashboard) -> None:
    for panel in dashboard.definition["visualizations"].values():
        assert set(panel["options"]) <= OPTIONS[panel["type"]]
        for column in panel["options"].get("columnFormat", {}).values():
            assert set(column) <= COLUMN_OPTIONS


@every_dashboard
def test_the_panels_fill_the_page_without_overlapping(dashboard: Dashboard) -> None:
    boxes = [item["position"] for item in dashboard.definition["layout"]["structure"]]
    height = max(box["y"] + box["h"] for box in boxes)
    assert all(box["x"] >= 0 and box["x"] + box["w"] <= WIDTH for box in boxes)
    assert sum(box["w"] * box["h"] for box in boxes) == WIDTH * height
    for one, other in itertools.combinations(boxes, 2):
        apart = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        assert apart or one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]


@every_dashboard
def test_every_token_comes_from_an_input_a_result_or_the_row_that_was_clicked(
    dashboard: Dashboard, knowledge: SearchKnowledge
) -> None:
    runner = Runner(
        dashboard, knowledge, {"alert": "x", "entity": "x"} | dict.fromkeys(tokens_of_results(dashboard), "x")
    )
    known = {*dashboard.tokens_of_inputs(), *tokens_of_results(dashboard)}
    for part in dashboard.definition["visualizations"].values():
        handlers = part.get("eventHandlers", [])
        columns = runner.read(part["dataSources"]["primary"]).fields if "dataSources" in part else frozenset()
        for match in (match for text in texts(handlers) for match in TOKEN.finditer(text)):
            clicked = CLICKED.fullmatch(match[1])
            assert match[1] in known | {"name"} or (clicked and clicked[1] in columns), match.group()
        for token in (token for handler in handlers for token in handler["options"].get("tokens", [])):
            clicked = CLICKED.fullmatch(token["key"])
            assert token["token"] in known
            assert clicked
            assert clicked[1] in columns
        for text in texts([part.get("title", ""), part["options"].get("markdown", "")]):
            assert {match[1] for match in TOKEN.finditer(text)} <= known
    for text in itertools.chain(texts(dashboard.sources), texts(dashboard.definition["inputs"])):
        assert {match[1] for match in TOKEN.finditer(text)} <= known
        assert text.count("$") == 2 * len(TOKEN.findall(text))


def tokens_of_results(dashboard: Dashboard) -> set[str]:
    """The tokens that data sources make of their first result: those that say so, and only fields that they have."""
    read = {match[1] for text in texts(dashboard.sources) for match in TOKEN.finditer(text) if ":result." in match[1]}
    found = set()
    for source in dashboard.sources.values():
        if source["options"].get("enableSmartSources"):
            columns = source["options"]["query"].rpartition("| table ")[2].split()
            found |= {f"{source['name']}:result.{column}" for column in columns}
    assert read <= found
    return found


@every_dashboard
def test_what_a_user_types_or_clicks_reaches_a_search_in_quotes(dashboard: Dashboard) -> None:
    for text in texts(dashboard.sources):
        for match in TOKEN.finditer(text):
            assert match[1] in CHOSEN or match[2] == "s", match.group()
    for part in dashboard.definition["visualizations"].values():
        for text in texts(part.get("eventHandlers", [])):
            address = urlsplit(text)
            assert all(match[2] == "u" for match in TOKEN.finditer(address.query))


LETTERS = {
    **dict.fromkeys("ijl'|", 0.28), **dict.fromkeys(" ft().,-", 0.34), "r": 0.39, **dict.fromkeys("acekosvxyz0123456789", 0.56), **dict.fromkeys("mM%W", 0.89),
    **dict.fromkeys("ABCDEFGHKLNOPQRSTUVXYZ", 0.72), "I": 0.28,
}  # fmt: skip
"""Widths of Arial's bold letters by the size of the font, rounded up; all others have 0.61."""
FONT, FRAME = 14, 41
"""The size of a head's letters, and what else a head needs: its margins and the arrows for sorting; all in pixels."""


@every_dashboard
def test_the_head_of_every_column_fits_on_a_line_and_all_columns_into_their_panel(dashboard: Dashboard) -> None:
    """At 1280 pixels a page of 1200 is as wide as its window, but for the margins."""
    boxes = {item["item"]: item["position"]["w"] for item in dashboard.definition["layout"]["structure"]}
    for name, part in dashboard.definition["visualizations"].items():
        columns = part["options"].get("columnFormat", {})
        for head, options in columns.items():
            needed = FRAME + FONT * sum(LETTERS.get(letter, 0.61) for letter in head)
            assert needed <= options["width"], f"{part['title']}: {head} needs {needed:.0f}"
        assert sum(options["width"] for options in columns.values()) <= boxes[name] * 1.05 - 18, name


@every_dashboard
def test_a_view_that_is_opened_from_the_menu_waits_for_nothing(dashboard: Dashboard) -> None:
    """A search whose token no input has set never runs, and its panel stands empty."""
    assert set(dashboard.tokens_of_inputs()) <= set(dashboard.defaults)


@every_dashboard
def test_every_panel_with_data_that_is_more_than_text_leads_somewhere(dashboard: Dashboard) -> None:
    parts = dashboard.definition["visualizations"]
    silent = {part.get("title") for part in parts.values() if not part.get("eventHandlers")}
    # On the page of one alert, these are what there is of it.
    of_one = {"Severity", "Status", "Assigned to", "Classification", "The alert", "The incident"}
    of_one |= {"Versions", "Verdicts on the evidence", "Evidence"}
    assert silent <= {None, *(of_one if dashboard.path in {DETAIL, INCIDENTS} else ())}


# Their searches.


@every_dashboard
def test_no_search_keeps_a_number_of_rows_without_a_word(dashboard: Dashboard) -> None:
    """``head 100000`` is said where it cuts; ``head 1`` is the one that is shown."""
    for source in dashboard.sources.values():
        query = source["options"]["query"]
        assert set(re.findall(r"\| sort (\S+)", query)) <= {"0"}, query
        assert set(re.findall(r"\| head (\d+)", query)) <= {"1", "100000"}, query


@pytest.mark.parametrize(("path", "base"), [(OVERVIEW, "ds_alerts"), (INCIDENTS, "ds_records")])
def test_at_most_a_hundred_thousand_events_reach_the_search_head_and_a_cut_is_said(
    knowledge: SearchKnowledge, events: Events, path: Path, base: str
) -> None:
    dashboard = Dashboard.read(path)
    read, notice = (dashboard.sources[name]["options"] for name in (base, "ds_notice"))
    first, cut, _ = read["query"].partition("| head 100000 |")
    assert cut
    assert {part.split()[0] for part in first.split("|")[1:] if part.strip()} <= {"eval", "fields"}
    read["query"] = read["query"].replace("head 100000", "head 50")
    notice["query"] = notice["query"].replace("rows_read>=100000", "rows_read>=50")
    runner = Runner(dashboard, knowledge, {})
    runner.run(base, events, scene.NOW_SECONDS)
    assert only(runner.run("ds_notice", events, scene.NOW_SECONDS), "text").startswith("**Cut.**")


@every_dashboard
def test_a_view_without_events_says_what_to_do(dashboard: Dashboard, knowledge: SearchKnowledge) -> None:
    """A text whose token comes from a search that gives its line even of nothing."""
    parts = dashboard.definition["visualizations"].values()
    texts = [part["options"]["markdown"] for part in parts if part["type"] == "splunk.markdown"]
    assert texts == ["$notice:result.text$"]
    (name,) = (name for name, source in dashboard.sources.items() if source["name"] == "notice")
    text = only(studio.run(dashboard.path, knowledge, [], name)[name], "text")
    assert re.match(r"\*\*.*(Inputs|Open an alert|Try another)", text)


@every_dashboard
def test_searches_are_shared(dashboard: Dashboard) -> None:
    """What reads events is a base search; panels go on from it."""
    bases = [source for source in dashboard.sources.values() if source["type"] == "ds.search"]
    assert len(bases) <= 3
    for source in bases:
        query = source["options"]["query"]
        assert set(source["options"]["queryParameters"]) == {"earliest", "latest"}
        assert "index=" not in query
        assert re.search(r"\| (table [\w ,\"]+|sort 0 tenant)$", query), (
            "a base search ends with the fields that are needed"
        )
    parts = dashboard.definition["visualizations"].values()
    shown = {part["dataSources"]["primary"] for part in parts if "dataSources" in part}
    assert sum(dashboard.sources[name]["type"] == "ds.search" for name in shown) <= 1


@every_dashboard_of_alerts
def test_every_search_is_read_and_gives_something(
    dashboard: Dashboard, knowledge: SearchKnowledge, events: Events
) -> None:
    results = run(dashboard, knowledge, events)
    assert {name for name, table in results.items() if not table.rows} == set()
    for name, table in results.items():
        columns = set(table.columns or ())
        assert columns, name
        empty = {column for column in columns if not any(column in row for row in table.rows)}
        assert empty <= {"resolved", "verdict", "merged_into", *NEVER}, f"{name}: {empty}"


def test_a_search_that_reads_a_field_that_nothing_makes_is_refused(knowledge: SearchKnowledge) -> None:
    fields = studio.event_fields(knowledge)
    for search in (
        "`defender_alerts_latest` | stats count by desst",
        "`defender_alerts_latest` | table dest | stats count by user",
        "`defender_alerts_latest` | eval a=b",
        "`defender_alerts_latest` | stats count AS alerts by dest | where count>1",
        "desst=1",
    ):
        with pytest.raises(UnknownFieldError):
            read_search(search, knowledge.macros, fields)
    for search in ("`defender_alerts_latest` | collect index=x", "`nothing`", "dest=1 | eval a=cidrmatch(1,2)"):
        with pytest.raises(NotModelledError):
            read_search(search, knowledge.macros, fields)


@pytest.mark.parametrize("number", [2, 7, 8, 10, 16])
def test_the_alert_has_all_its_versions_and_its_evidence(
    knowledge: SearchKnowledge, events: Events, number: int
) -> None:
    detail = Dashboard.read(DETAIL)
    alert = scene.alert_id(number)
    versions = [event for event in events if event["id"] == alert and event["sourcetype"] != "ms365:defender:incident"]
    results = run(detail, knowledge, events, alert=alert)
    assert len(results["ds_versions"].rows) == len(versions)
    facts = {row["Field"][0]: row.get("Value", [""])[0] for row in results["ds_facts"].rows}
    best = [event for event in versions if event["sourcetype"] != "wdatp:alerts"]
    latest = max(best, key=lambda event: str(event["version_time"]))
    assert facts["Title"] == latest["signature"]
    assert facts["Host"] == latest["dest"]
    evidence = results["ds_evidence"].rows
    files = [row for row in evidence if row["Kind"] == ["File"]]
    processes = [row for row in evidence if row["Kind"] == ["Process"]]
    assert [row["More"][0] for row in files] == values(latest, "file_hash")
    assert [row["Detail"][0] for row in processes] == values(latest, "process")
    assert results["ds_links"].rows[0]["Link"] == [latest["alert_url"]]


def test_an_alert_shows_what_people_have_made_of_it_and_no_line_stands_empty(
    knowledge: SearchKnowledge, events: Events
) -> None:
    results = run(Dashboard.read(DETAIL), knowledge, events)
    facts = {row["Field"][0]: row.get("Value", [""])[0] for row in results["ds_facts"].rows}
    assert {"Assigned to", "Verdict", "Recommended actions", "Detected by"} <= set(facts)
    assert all(facts.values())
    assert facts["Incident"].startswith("#")  # text: Splunk aligns a number to the right
    assert {row["Verdict"][0] for row in results["ds_verdicts"].rows} == {"suspicious"}
    for panel in Dashboard.read(DETAIL).definition["visualizations"].values():
        if (name := panel.get("dataSources", {}).get("primary", "ds_notice")) != "ds_related":
            assert results[name].rows, name


def test_evidence_of_mail_accounts_and_cloud_has_its_lines(knowledge: SearchKnowledge) -> None:
    one = scene.alert(9, 1, every_type=True)
    found = studio.seen(knowledge, [one])
    kinds = studio.run(DETAIL, knowledge, found, "ds_evidence", tokens={"alert": json.loads(one.raw)["id"]})[
        "ds_evidence"
    ].rows
    assert {row["Kind"][0] for row in kinds} >= {
        "File", "Process", "Account", "Device", "Address", "URL", "Registry", "Mail from", "Mail to", "Mail subject",
        "Mailbox", "Malware", "Cloud resource", "Cloud account", "Application", "Kubernetes pod", "Container",
    }  # fmt: skip


def test_an_alert_of_mail_leaves_no_panel_of_evidence_empty(knowledge: SearchKnowledge) -> None:
    mail = {
        "@odata.type": "#microsoft.graph.security.analyzedMessageEvidence",
        "createdDateTime": "2026-03-31T10:00:00Z",
        "verdict": "malicious",
        "recipientEmailAddress": "anna.berg@contoso.example",
        "subject": "Invoice",
    }
    one = scene.alert(1, 1, evidence=[mail], serviceSource="microsoftDefenderForOffice365")
    results = studio.run(DETAIL, knowledge, studio.seen(knowledge, [one]), tokens={"alert": json.loads(one.raw)["id"]})
    for part in Dashboard.read(DETAIL).definition["visualizations"].values():
        if part["type"] == "splunk.table" and not part["title"].startswith("Other alerts"):
            assert results[part["dataSources"]["primary"]].rows, part["title"]


@pytest.mark.parametrize(
    ("kind", "entity"), [("host", NAMED), ("user", "anna.berg"), ("user", "anna.berg@contoso.example")]
)
def test_a_host_or_user_has_its_alerts_by_each_of_its_names(
    knowledge: SearchKnowledge, events: Events, kind: str, entity: str
) -> None:
    results = run(Dashboard.read(ENTITY), knowledge, events, kind=kind, entity=entity, days="180")
    field = "dest" if kind == "host" else "user"
    named = {
        str(event["id"])
        for event in events
        if event["sourcetype"] != "ms365:defender:incident" and event.get(field) == entity.partition("@")[0]
    }
    shown = {row["Alert"][0] for row in results["ds_list"].rows}
    # The endpoint API names no principal: an alert of its own is found by the account's name alone.
    assert shown & named if "@" in entity else shown >= named
    assert {row["Kind"][0] for row in results["ds_others"].rows} == {"user" if kind == "host" else "host"}
    counts = [int(only(results[name], "alerts")) for name in ("ds_count", "ds_open", "ds_high")]
    assert counts[0] == len(results["ds_list"].rows) > max(counts[1:])


@pytest.mark.parametrize(("kind", "entity"), [("host", NAMED), ("user", "anna.berg")])
@pytest.mark.parametrize("tenant", ["*", scene.TENANTS[1]])
def test_a_click_on_a_number_of_a_host_or_user_lists_as_many(
    knowledge: SearchKnowledge, events: Events, kind: str, entity: str, tenant: str
) -> None:
    tokens = {"kind": kind, "entity": entity, "tenant": tenant}
    for panel, source in (("viz_count", "ds_count"), ("viz_open", "ds_open"), ("viz_high", "ds_high")):
        counted = only(studio.run(ENTITY, knowledge, events, source, tokens=tokens)[source], "alerts")
        assert counted == str(len(studio.listed(ENTITY, panel, knowledge, events, **tokens))), panel


def test_a_name_that_nobody_has_says_how_names_look(knowledge: SearchKnowledge, events: Events) -> None:
    found = studio.run(ENTITY, knowledge, events, "ds_notice", tokens={"entity": "nobody"})
    assert only(found["ds_notice"], "text").startswith("**No alert names it")


def test_other_alerts_are_those_of_the_same_tenant_on_the_same_host_or_of_the_same_user(
    knowledge: SearchKnowledge, events: Events
) -> None:
    results = run(Dashboard.read(DETAIL), knowledge, events)
    facts = {row["Field"][0]: row["Value"][0] for row in results["ds_facts"].rows if "Value" in row}
    found = results["ds_related"].rows
    assert found
    assert all(row["Host"][0] == facts["Host"] or row["User"][0] == facts["User"] for row in found)
    assert {row["Tenant"][0] for row in found} == {facts["Tenant"]}
    assert scene.alert_id(SHOWN) not in {row["Alert"][0] for row in found}
    assert any(row["Host"][0] != facts["Host"] for row in found)
    assert any(row["User"][0] != facts["User"] for row in found)


def test_the_system_account_relates_no_alerts(knowledge: SearchKnowledge, events: Events) -> None:
    named = {
        str(event["id"]): event.get("user", "not provided") for event in events if event.get("user_name") == "SYSTEM"
    }
    found = {
        alert: only(run(Dashboard.read(DETAIL), knowledge, events, alert=alert)["ds_latest"], "related_user")
        for alert in sorted(named)[:4]
    }
    assert found
    assert "SYSTEM" not in found.values()
    assert found == {alert: named[alert] for alert in found}


# Where clicks lead.


def test_clicks_lead_to_a_search_that_can_be_read_or_to_the_other_dashboard(knowledge: SearchKnowledge) -> None:
    seen = set()
    for dashboard in (Dashboard.read(path) for path in ALL_VIEWS):
        fields = studio.readable_fields(dashboard, knowledge)
        for part in dashboard.definition["visualizations"].values():
            for handler in part.get("eventHandlers", []):
                if handler["type"] == "drilldown.setToken":
                    continue
                assert handler["type"] == "drilldown.customUrl"
                assert handler["options"]["newTab"] is True
                address = urlsplit(handler["options"]["url"])
                seen.add(address.path)
                if address.path.endswith("/search"):
                    parameters = dict(pair.split("=", 1) for pair in address.query.split("&"))
                    assert set(parameters) == {"q", "earliest", "latest"}
                    read_search(unquote(TOKEN.sub("x", parameters["q"])), knowledge.macros, fields, knowledge.tables())
                elif address.path.startswith("/app/"):
                    view = Dashboard.read(VIEWS / f"{address.path.rpartition('/')[2]}.xml")
                    inputs = {f"form.{token}" for token in view.tokens_of_inputs()}
                    assert {pair.split("=", 1)[0] for pair in address.query.split("&")} <= inputs
    app = f"/app/{paths.APP}"
    views = {f"{app}/{view.stem}" for view in (DETAIL, ENTITY, INCIDENTS, OVERVIEW)}
    assert seen == {f"{app}/search", *views, "$row.Link.value|n$"}


# The add-on's menu.


def test_the_menu_has_the_dashboards_and_every_page_of_uccs_and_folds_away_what_is_seldom_opened() -> None:
    """UCC writes a menu of its own and then copies package/ over it, so ours has to name UCC's pages."""
    root = ET.fromstring((VIEWS.parent / "nav" / "default.xml").read_text(encoding="utf-8"))
    names = [view.attrib["name"] for view in root.iter("view")]
    pages = set(json.loads((paths.ROOT / "globalConfig.json").read_text(encoding="utf-8"))["pages"])
    assert root.tag == "nav"
    assert set(names) == pages | {path.stem for path in ALL_VIEWS} | {"search", "alerts"}
    assert len(names) == len(set(names))
    assert [view.attrib["name"] for view in root.iter("view") if view.get("default") == "true"] == ["configuration"]
    [more] = root.iter("collection")
    assert more.attrib == {"label": "More"}
    assert [view.attrib["name"] for view in more] == ["defender_alert_detail", "defender_entity", "dashboard", "alerts"]
