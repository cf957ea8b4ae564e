"""Health: the view that reads the inputs' log, on lines that the built add-on wrote.

Fields are what Splunk finds in the lines by itself: no stanza of props.conf is for them. A name that changes in the log fails here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

import pytest
from defender_alerts.input_kinds import KINDS
from defender_alerts.microsoft.account import SECRET_WARNING_DAYS
from integration.installation import RESOURCE
from knowledge import health_scene, studio
from knowledge.health_scene import (
    CERTIFICATE_DAYS,
    COUNTS,
    LATE,
    MACHINES,
    OF_THE_LOG,
    OTHERS,
    RETRY_AFTER,
    SAVED,
    SECRET_DAYS,
    SOC,
    TRIED,
    Story,
    earlier,
    found,
    newest_first,
    of_input,
)
from knowledge.studio import HEALTH, LOG_FIELDS, Dashboard, only, seen, texts
from standins.search import IndexedEvent, SearchKnowledge
from standins.search.props import settings_for
from standins.search.reports import read_search
from standins.search.rows import Row, Table, When
from standins.sources import ENDPOINT, GRAPH, INCIDENTS, SIEM, SOURCES, Source

from tooling import paths

DAY = 86_400
UCC = paths.BUILT_APP / "appserver" / "static" / "js" / "build" / "custom"
INGESTED = frozenset(
    {"event_account", "event_index", "event_input", "modular_input_name", "n_events", "sourcetype_ingested"}
)
DELIVERED = sum(COUNTS.values()) + LATE + COUNTS[INCIDENTS.kind]
"""How many events the runs delivered: those of the first runs, and again all incidents through a second input."""
UNREACHABLE = "Connection Error"
OUR_SEARCH = re.compile(r"index\s*=\s*_internal source=\*ta_defender_alerts\*[^\[\]]*")


def view(knowledge: SearchKnowledge, events: Iterable[IndexedEvent], now: float, **tokens: str) -> Mapping[str, Table]:
    """The results of the view's searches."""
    return studio.run(HEALTH, knowledge, seen(knowledge, events), now=now, tokens=tokens)


def checkpoints(rows: Iterable[Row], *columns: str) -> dict[tuple[str, ...], Row]:
    """Rows by the values of some columns."""
    return {tuple(row[column][0] for column in columns): row for row in rows}


# The log as Splunk reads it.


def test_a_line_of_the_log_has_its_fields_by_splunks_defaults_alone(knowledge: SearchKnowledge, summary: Story) -> None:
    events = [*summary.events, *summary.signed_out]
    for event in events:
        assert not settings_for(knowledge.props, source=event.source, sourcetype=event.sourcetype, host=event.host)
    assert {name for event in events for name in knowledge.search_fields(event)} >= LOG_FIELDS


def test_each_line_is_one_event(summary: Story) -> None:
    assert all("\n" not in event.raw for event in summary.events)


def test_no_search_reads_the_host_of_a_line(knowledge: SearchKnowledge) -> None:
    """A line says host=... of the API, which is not what the field host has."""
    texts = [stanza["search"] for name, stanza in SAVED.items() if name in OF_THE_LOG]
    texts += [source["options"]["query"] for source in Dashboard.read(HEALTH).sources.values()]
    texts += [macro["definition"] for name, macro in knowledge.macros.items() if name.startswith("defender_alerts_l")]
    assert not [text for text in texts if re.search(r"\bhost\b", text)]


def test_kind_and_input_are_those_that_the_line_says(knowledge: SearchKnowledge, summary: Story) -> None:
    search = read_search("`defender_alerts_log` | `defender_alerts_log_names`", knowledge.macros, LOG_FIELDS)
    rows = search.run([knowledge.search_fields(event) for event in summary.events], everything(summary)).rows
    assert len(rows) == len(summary.events)
    for row, event in zip(rows, summary.events, strict=True):
        said = knowledge.search_fields(event).get("input")
        assert said in {None, row["input"][0]}
        assert row["kind"][0] in KINDS
    assert {row["kind"][0] for row in rows} == set(KINDS)


def everything(summary: Story) -> When:
    """All of the log."""
    return When(summary.now, 0.0, summary.now)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["a", "siem_alerts_2", "alerts"])
@pytest.mark.parametrize("folder", ["/opt/splunk/var/log/splunk/", "C:\\Program Files\\Splunk\\var\\log\\splunk\\"])
@pytest.mark.parametrize("turned", ["", ".1"])
def test_kind_and_input_are_the_files_name(
    knowledge: SearchKnowledge, kind: str, name: str, folder: str, turned: str
) -> None:
    line = {
        "_time": "1",
        "_raw": "",
        "index": "_internal",
        "source": f"{folder}ta_defender_alerts_{kind}_{name}.log{turned}",
    }
    search = read_search("`defender_alerts_log` | `defender_alerts_log_names`", knowledge.macros, ())
    (row,) = search.run([line], When(2.0, 0.0, 2.0)).rows
    assert (row["kind"], row["input"]) == ([kind], [name])


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.kind)
def test_the_limits_are_those_of_which_the_inputs_take_half(knowledge: SearchKnowledge, source: Source) -> None:
    kind = KINDS[source.kind]
    own = {
        "region": source.region,
        "regions": source.region,
        "resource": RESOURCE if source is SIEM else "",
        **source.own,
    }
    limits = kind.read("any", own).in_region(source.region, "commercial").limits
    text = "`defender_alerts_log` | `defender_alerts_log_names` | `defender_alerts_limits`"
    line = {"_time": "1", "_raw": "", "index": "_internal", "source": f"/x/ta_defender_alerts_{source.kind}_a.log"}
    (row,) = read_search(text, knowledge.macros, ()).run([line], When(2.0, 0.0, 2.0)).rows
    said = {column: int(row[column][0]) for column in ("limit_minute", "limit_hour") if column in row}
    assert said == {{60: "limit_minute", 3_600: "limit_hour"}[int(limit.seconds)]: limit.calls for limit in limits}


def test_the_log_speaks_of_an_expiry_before_the_threshold(knowledge: SearchKnowledge) -> None:
    assert int(knowledge.macros["defender_alerts_expiry_days"]["definition"]) <= SECRET_WARNING_DAYS


# UCC's own dashboard.


def searches_of_ucc() -> set[str]:
    """What UCC's dashboard searches in our log; of a search that joins that to others, our part."""
    definitions = [json.loads(path.read_text(encoding="utf-8")) for path in UCC.glob("*.json")]
    return {match.group() for text in texts(definitions) for match in OUR_SEARCH.finditer(text)}


def ucc(knowledge: SearchKnowledge, summary: Story, *words: str) -> list[Table]:
    """What those of UCC's searches give in which all of these words are."""
    events = [knowledge.search_fields(event) for event in summary.events]
    when = When(summary.now, summary.now - DAY, summary.now)
    found = []
    for text in searches_of_ucc():
        if all(word in text for word in words):
            named = text.replace("$error_types$", '"Permission Error", "Authentication Error"')
            found.append(read_search(named, knowledge.macros, LOG_FIELDS | INGESTED).run(events, when))
    assert found, words
    return found


def test_uccs_dashboard_counts_what_was_ingested(knowledge: SearchKnowledge, summary: Story) -> None:
    for table in ucc(knowledge, summary, "timechart sum(n_events)"):
        assert sum(int(row["Number of events"][0]) for row in table.rows if len(row) > 1) == DELIVERED


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("sourcetype_ingested", {KINDS[kind].sourcetype for kind in COUNTS}),
        ("modular_input_name", None),
        ("event_index", {"main"}),
        ("event_account", {"corp", "certified"}),
        ("event_input", {SOC, MACHINES, "certified"}),
    ],
)
def test_uccs_dashboard_divides_what_was_ingested(
    knowledge: SearchKnowledge, summary: Story, field: str, values: set[str] | None
) -> None:
    (table,) = ucc(knowledge, summary, f"by {field}")
    key = (table.columns or ("",))[0]
    events = "Number of events" if field == "event_account" else "events"
    assert sum(int(row[events][0]) for row in table.rows) == DELIVERED
    if values is not None:
        assert {row[key][0] for row in table.rows} == values


def test_uccs_dashboard_counts_errors_by_their_kind(knowledge: SearchKnowledge, summary: Story) -> None:
    for table in ucc(knowledge, summary, "timechart count as Errors"):
        assert set(table.columns or ()) == {"_time", "Permission Error", "Authentication Error", UNREACHABLE}


def test_uccs_dashboard_lists_the_errors_that_are_chosen(knowledge: SearchKnowledge, summary: Story) -> None:
    (table,) = ucc(knowledge, summary, "exc_l IN")
    assert sorted(row["exc_l"][0] for row in table.rows) == ["Authentication Error", "Permission Error"]


# The view.


def test_every_search_of_the_view_gives_something(knowledge: SearchKnowledge, summary: Story) -> None:
    results = view(knowledge, newest_first([*summary.events, *summary.signed_out]), summary.now + 60)
    # The events are those of the log alone.
    elsewhere = {"ds_versions", "ds_volume", "ds_latency"}
    assert {name for name, table in results.items() if not table.rows} == elsewhere
    for name, table in results.items():
        if name in elsewhere:
            continue
        empty = {column for column in table.columns or () if not any(column in row for row in table.rows)}
        assert not empty, f"{name}: {empty}"


def test_the_view_has_each_input_and_region_as_its_last_run_left_it(knowledge: SearchKnowledge, summary: Story) -> None:
    day = view(knowledge, summary.events, summary.now, **{"range.earliest": "-24h"})
    rows = checkpoints(day["ds_places"].rows, "Kind", "Input", "Region")
    assert {key: row["State"][0] for key, row in rows.items()} == {
        (SIEM.kind, SOC, "us"): "done",
        (SIEM.kind, SOC, "eu"): "failed",
        # Its last run was refused a token, and came to no region.
        (SIEM.kind, TRIED, "uk"): "failed",
        (GRAPH.kind, SOC, "global"): "done",
        (INCIDENTS.kind, SOC, "global"): "done",
        (INCIDENTS.kind, "certified", "global"): "done",
        (ENDPOINT.kind, MACHINES, "global"): "failed",
        **{(source.kind, SOC, source.region): "done" for source in OTHERS},
    }
    states = [row["State"][0] for row in day["ds_places"].rows]
    assert len(states) == len(rows)
    assert states == sorted(states, key=lambda state: state != "failed")
    assert rows[GRAPH.kind, SOC, "global"]["New a day"] == [str(COUNTS[GRAPH.kind] + LATE)]
    assert rows[SIEM.kind, SOC, "eu"]["New a day"] == [str(COUNTS[SIEM.kind])]
    assert (rows[SIEM.kind, SOC, "eu"]["Runs"], rows[SIEM.kind, SOC, "eu"]["Failed"]) == (["3"], ["1"])
    assert {float(row["Lag (min)"][0]) < 2 for row in rows.values() if "Lag (min)" in row} == {True}


def test_lag_grows_while_an_input_says_nothing(knowledge: SearchKnowledge, summary: Story) -> None:
    events = of_input(summary.well, GRAPH.kind, SOC)
    later = view(knowledge, events, summary.now + 7_200)
    (row,) = (row for row in later["ds_places"].rows if row["Region"] == ["global"])
    assert 120 <= float(row["Lag (min)"][0]) < 122
    assert float(only(later["ds_lag"], "minutes")) == float(row["Lag (min)"][0])
    assert only(later["ds_silent"], "silent") == "1"
    assert [row["State"] for row in later["ds_silent_list"].rows] == [["silent"]]
    soon = view(knowledge, events, summary.now + 60)
    assert only(soon["ds_silent"], "silent") == "0"
    assert [row["State"] for row in soon["ds_silent_list"].rows] == [["running"]]


def test_an_input_that_never_came_to_a_region_is_there_and_its_lag_is_not_taken_for_none(
    knowledge: SearchKnowledge, summary: Story
) -> None:
    refused = [event for event in of_input(summary.refused, SIEM.kind, TRIED) if "action=run_done" in event.raw]
    results = view(knowledge, [*refused, *of_input(summary.well, GRAPH.kind, SOC)], summary.now)
    assert only(results["ds_lag"], "minutes") == "unknown"
    rows = [(row["State"], row["Region"], row["Lag (min)"]) for row in results["ds_places"].rows]
    assert rows[0] == (["failed"], ["not begun"], ["unknown"])
    assert only(results["ds_failed"], "failed") == "1"


def test_the_time_of_an_error_names_its_zone(knowledge: SearchKnowledge, summary: Story) -> None:
    for row in view(knowledge, summary.events, summary.now)["ds_errors"].rows:
        assert re.fullmatch(r"[\d-]{10} [\d:]{8} \S+", row["Last"][0])


def test_a_great_lag_has_the_colour_of_a_failure() -> None:
    panel = Dashboard.read(HEALTH).definition["visualizations"]["viz_lag"]
    ranges = panel.get("context", {}).get("fromHour", [{}])
    assert panel["options"].get("majorColor") == "> majorValue | rangeValue(fromHour)"
    assert [one.get("from", 0) for one in ranges] == sorted(one.get("from", 0) for one in ranges)
    assert len({one["value"] for one in ranges}) > 1


def test_what_the_panels_show_agrees(knowledge: SearchKnowledge, summary: Story) -> None:
    for now in (summary.now, summary.now + 5_000, summary.now + 9_000):
        results = view(knowledge, summary.events, now)
        rows = results["ds_places"].rows
        failing = {(row["Kind"][0], row["Input"][0]) for row in rows if row["State"][0] in {"failed", "incomplete"}}
        assert only(results["ds_failed"], "failed") == str(len(failing))
        assert all(int(row["Failed"][0]) for row in rows if row["State"][0] in {"failed", "incomplete"})
        assert only(results["ds_late"], "late") == str(sum(row["State"][0] in {"late", "silent"} for row in rows))
        lags = [row["Lag (min)"][0] for row in rows]
        assert only(results["ds_lag"], "minutes") == max(lags, key=float)
        inputs = {(row["Kind"][0], row["Input"][0]) for row in rows}
        assert only(results["ds_notice"], "text").startswith(f"{len(inputs)} inputs ")


def test_the_delay_is_shown_with_advice_by_what_is_certain_alone(knowledge: SearchKnowledge, summary: Story) -> None:
    (line, *_) = (one for one in of_input(summary.well, GRAPH.kind, SOC) if "action=region_done" in one.raw)

    def told(**values: float) -> IndexedEvent:
        return replace(line, raw=line.raw.rstrip() + "".join(f" {name}={value:g}" for name, value in values.items()))

    def row(*lines: IndexedEvent) -> dict[str, list[str]]:
        (found,) = view(knowledge, list(lines), summary.now)["ds_delay"].rows
        return found

    never = row(told(late_share=0))
    assert (never["Late (%)"], never["Advice"]) == (["0"], ["nothing came late"])
    short = told(late_share=0.05, late_at_least_p99=100, late_at_least_max=120, late_at_most_max=5_000)
    assert row(short)["Advice"] == ["the overlap is long enough"]
    long = told(late_share=0.05, late_at_least_p99=300, late_at_least_max=400, late_at_most_max=700)
    both = row(short, long)
    assert (both["At least (s)"], both["Overlap (s)"]) == (["400"], ["600"])
    assert both["Advice"] == ["Raise the overlap to 840 s"]
    assert view(knowledge, [line], summary.now)["ds_delay"].rows == []


NOW = 1_774_958_400.0


def versions(app: str, days_ago: float, *minutes: float) -> list[dict[str, str]]:
    """A product's versions of so many days ago, each indexed so many minutes late."""
    event = {"sourcetype": "ms:defender:graph:alerts", "index": "defender", "app": app}
    times = [NOW - DAY * days_ago - 3_600 - each for each in range(len(minutes))]
    return [
        {**event, "_time": f"{time:.3f}", "_indextime": f"{time + 60 * late:.0f}"}
        for time, late in zip(times, minutes, strict=True)
    ]


def test_a_jump_in_the_volume_of_a_product_is_told(knowledge: SearchKnowledge) -> None:
    events = [
        *versions("Sentinel", 0, *[1] * 60), *versions("Identity", 0, *[1] * 90), *versions("Identity", 1, *[1] * 70),
        *versions("Cloud", 0, *[1] * 30), *(one for day in range(1, 8) for one in versions("Cloud", day, *[1] * 28)),
        *versions("Office", 3, *[1] * 200),
    ]  # fmt: skip
    events.sort(key=lambda event: -float(event["_time"]))
    found = studio.run(HEALTH, knowledge, events, "ds_volume", now=NOW)["ds_volume"]  # type: ignore[arg-type] # texts alone
    rows = {row["Product"][0]: row["Warning"][0] for row in found.rows}
    assert rows["Cloud"] == "as usual"
    assert rows["Sentinel"].startswith("New here.")
    assert rows["Identity"].startswith("Three times")
    assert rows["Office"].startswith("Hardly any")


def test_the_time_from_microsoft_to_the_index_is_that_of_the_last_day(knowledge: SearchKnowledge) -> None:
    events = [*versions("Identity", 0, *range(1, 101)), *versions("Cloud", 0, 2, 3, 4), *versions("Cloud", 2, 900)]
    events.sort(key=lambda event: -float(event["_time"]))
    results = studio.run(HEALTH, knowledge, events, "ds_latency", now=NOW)  # type: ignore[arg-type] # texts alone
    assert found(results["ds_latency"].rows, "Product", "Half (min)", "95% (min)", "All (min)") == [
        ("Identity", "50.5", "95", "100"), ("Cloud", "3", "4", "4"),
    ]  # fmt: skip


def test_the_figures_on_top_are_those_of_the_tables(knowledge: SearchKnowledge, summary: Story) -> None:
    results = view(knowledge, summary.events, summary.now)
    assert only(results["ds_new"], "new") == str(DELIVERED)
    assert only(results["ds_failed"], "failed") == "3"
    assert only(results["ds_expiry"], "days") == str(CERTIFICATE_DAYS)
    assert float(only(results["ds_throttled"], "minutes")) == 0.0  # 2 s
    calm = view(knowledge, of_input(summary.well, GRAPH.kind, SOC), summary.now)
    assert only(calm["ds_failed"], "failed") == "0"
    assert calm["ds_expiry"].rows == [{}]


def test_calls_are_set_against_the_limits(knowledge: SearchKnowledge, summary: Story) -> None:
    rows = checkpoints(view(knowledge, summary.events, summary.now)["ds_calls"].rows, "Kind", "Input", "Region")
    graph = rows[GRAPH.kind, SOC, "global"]
    ended = [one.raw for one in of_input(summary.events, GRAPH.kind, SOC) if "action=region_done" in one.raw]
    calls = sum(int(number) for line in ended for number in re.findall(r" calls=(\d+)", line))
    assert calls > len(ended) == 3
    assert (graph["Calls"], graph["Throttled (s)"], graph["Held back (s)"]) == ([str(calls)], [str(RETRY_AFTER)], ["0"])
    assert "% of limit" in graph
    assert "% of limit" not in rows[SIEM.kind, SOC, "eu"]
    busy = [earlier(event, 0, calls=75, seconds=60) for event in of_input(summary.well, ENDPOINT.kind, MACHINES)[1:2]]
    (row,) = view(knowledge, [*busy, *(earlier(busy[0], 60 * n) for n in range(1, 3))], summary.now)["ds_calls"].rows
    assert (row["Calls"], row["In a minute"], row["% of limit"]) == (["225"], ["75"], ["75"])
    if row["In an hour"] == ["225"]:  # the three are of the same hour, but for two minutes of each hour
        assert row["% of hour's limit"] == ["15"]
    long = [earlier(event, 0, calls=300, seconds=600) for event in of_input(summary.well, GRAPH.kind, SOC)[1:2]]
    (row,) = view(knowledge, long, summary.now)["ds_calls"].rows
    assert (row["In a minute"], row["% of limit"]) == (["30"], ["20"])


def test_errors_are_there_once_with_what_to_do(knowledge: SearchKnowledge, summary: Story) -> None:
    again = [earlier(event, 300) for event in summary.refused]
    found = view(knowledge, [*summary.events, *again], summary.now)["ds_errors"].rows
    rows = checkpoints(found, "Category", "Input")
    assert len(rows) == len(found) == 5
    text = "What happened, and what to do"
    permission = rows["Permission Error", MACHINES]
    assert permission["Times"] == ["2"]
    assert permission["Region"] == ["global"]
    assert permission[text][0].startswith(f"{ENDPOINT.host} denies this application what the input asks for. Give it")
    authentication = rows["Authentication Error", TRIED]
    assert authentication["Region"] == ["all"]
    assert authentication[text][0].startswith(
        "The client secret of the account corp is wrong. Paste the secret's value"
    )
    assert rows[UNREACHABLE, SOC]["Region"] == ["eu"]
    assert rows["Warning", "certified"][text][0].startswith("The certificate of the account certified expires on ")


def test_credentials_that_expire_are_told_until_they_are_renewed(knowledge: SearchKnowledge, summary: Story) -> None:
    before = [*summary.well, *summary.expiring]
    rows = view(knowledge, before, summary.now)["ds_expiring"].rows
    assert [(row["Account"], row["Credential"], row["Days left"], row["Told by"]) for row in rows] == [
        (["corp"], ["client secret"], [str(SECRET_DAYS)], [SOC]),
        (["certified"], ["certificate"], [str(CERTIFICATE_DAYS)], ["certified"]),
    ]
    renewed = view(knowledge, summary.events, summary.now)["ds_expiring"].rows
    assert [row["Account"] for row in renewed] == [["certified"]]
    to_sign_in = view(knowledge, [*summary.well, *summary.signed_out], summary.now + 60)["ds_expiring"].rows
    assert [(row["Account"], row["Credential"], row["Days left"]) for row in to_sign_in] == [
        (["person"], ["sign-in of a user"], ["0"])
    ]


def test_a_figure_on_top_is_the_one_column_of_its_search(knowledge: SearchKnowledge, summary: Story) -> None:
    results = view(knowledge, summary.events, summary.now)
    panels = Dashboard.read(HEALTH).definition["visualizations"].values()
    shown = [part["dataSources"]["primary"] for part in panels if part["type"] == "splunk.singlevalue"]
    assert len(shown) == 6
    assert {name for name in shown if len(results[name].columns or ()) != 1} == set()


def test_the_view_is_narrowed_to_an_input(knowledge: SearchKnowledge, summary: Story) -> None:
    results = view(knowledge, summary.events, summary.now, input=MACHINES)
    assert [row["input"][0] for row in results["ds_input_names"].rows] == ["certified", MACHINES, SOC, TRIED]
    assert {row["Input"][0] for name in ("ds_places", "ds_errors", "ds_silent_list") for row in results[name].rows} == {
        MACHINES
    }


def test_the_charts_have_a_series_for_each_region(knowledge: SearchKnowledge, summary: Story) -> None:
    results = view(knowledge, health_scene.with_a_day_before(summary), summary.now)
    regions = {f"{SOC} us", f"{SOC} eu", f"{SOC} global", f"{MACHINES} global", f"{TRIED} uk", "certified global"}
    for name in ("ds_lag_over_time", "ds_new_over_time"):
        assert set(results[name].columns or ()) == {"_time", *regions}
        assert len(results[name].rows) > 40
    new = sum(
        int(values[0]) for row in results["ds_new_over_time"].rows for name, values in row.items() if name != "_time"
    )
    assert new == int(only(results["ds_new"], "new"))


def test_an_empty_log_shows_no_failure(knowledge: SearchKnowledge) -> None:
    results = view(knowledge, [], 1e9)
    assert [only(results[name], column) for name, column in NONE] == ["0"] * len(NONE)


NONE = (("ds_new", "new"), ("ds_throttled", "minutes"), ("ds_failed", "failed"), ("ds_silent", "silent"))
