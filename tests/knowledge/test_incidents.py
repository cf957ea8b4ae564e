"""The view Incidents: which incidents it shows, what it counts, and where merged ones lead."""

from __future__ import annotations

from knowledge import scene, studio
from knowledge.scene import alert, incident
from knowledge.studio import INCIDENTS, Dashboard, Events
from standins.microsoft.graph_samples import graph_alert
from standins.search import IndexedEvent, SearchKnowledge
from standins.search.rows import Table

HOUR = 3600 * 10_000_000


def run(knowledge: SearchKnowledge, events: Events, *names: str, **tokens: str) -> dict[str, Table]:
    return studio.run(INCIDENTS, knowledge, events, *names, tokens=tokens)


def shown(knowledge: SearchKnowledge, found: list[IndexedEvent], **tokens: str) -> dict[str, Table]:
    return run(knowledge, studio.seen(knowledge, found), **tokens)


def test_each_incident_stands_there_once_as_it_is_now(knowledge: SearchKnowledge) -> None:
    versions = [
        incident(1, 5, status="active", assignedTo=None),
        incident(1, 2, status="inProgress", assignedTo="anna"),
    ]
    (row,) = shown(knowledge, versions)["ds_list"].rows
    assert (row["Incident"], row["Status"], row["Assignee"]) == (["1"], ["in progress"], ["anna"])


def test_an_incident_has_the_alerts_the_hosts_and_the_users_of_its_alerts(knowledge: SearchKnowledge) -> None:
    found = [incident(1, 1), alert(1, 2, status="new"), alert(2, 3, status="resolved"), alert(2, 4, status="new")]
    results = shown(knowledge, found)
    (row,) = results["ds_list"].rows
    assert (row["Alerts"], row["Open"]) == (["2"], ["1"])
    of_alerts = [knowledge.search_fields(one) for one in found[1:3]]
    assert set(row["Hosts"][0].split(", ")) == {str(one["dest"]) for one in of_alerts}
    assert set(row["Users"][0].split(", ")) == {str(one["user"]) for one in of_alerts}
    assert {one["Alert"][0] for one in results["ds_alerts"].rows} == {str(one["id"]) for one in of_alerts}


def test_alerts_that_an_incident_holds_inside_are_counted(knowledge: SearchKnowledge) -> None:
    inside = [graph_alert(number, scene.NOW - HOUR) for number in (1, 2, 3)]
    (row,) = shown(knowledge, [incident(1, 1, alerts=inside)])["ds_list"].rows
    assert row["Alerts"] == ["3"]
    assert row["Hosts"]
    assert "SYSTEM" not in row.get("Users", [""])[0]


def test_a_merged_incident_leads_to_its_target_and_so_do_its_alerts(knowledge: SearchKnowledge) -> None:
    """Also those of which no later version says so."""
    found = [incident(1, 5, redirect_to=2), incident(2, 1, status="active"), alert(1, 6), alert(4, 6)]
    results = shown(knowledge, found, incident="1")
    assert [row["Incident"] for row in results["ds_list"].rows] == [["2"]]
    (chosen,) = results["ds_selected"].rows
    assert (chosen["status"], chosen["target"]) == (["merged into 2"], ["2"])
    assert len(results["ds_alerts"].rows) == 2
    assert {row["Incident"][0] for row in results["ds_links"].rows} == {"1", "2"}
    merged = shown(knowledge, found, state="merged")["ds_list"].rows
    assert [(row["Incident"], row["Status"]) for row in merged] == [(["1"], ["merged into 2"])]


def test_each_incident_of_the_list_is_one_click_away_from_its_page_at_microsoft(
    knowledge: SearchKnowledge, events: Events
) -> None:
    """In the order of the list, the one that is shown first: whatever is chosen, however many there are."""
    for tokens in ({"state": "*"}, {"severity": "4"}, {"state": "*", "incident": "12"}):
        results = run(knowledge, events, **tokens)
        links, listed = ([row["Incident"][0] for row in results[name].rows] for name in ("ds_links", "ds_list"))
        (selected,) = results["ds_selected"].rows
        assert links[0] in {selected["incident_id"][0], selected["target"][0]}
        chosen = {selected["incident_id"][0], selected["target"][0]}
        assert [one for one in links if one not in chosen] == [one for one in listed if one not in chosen]
        for row in results["ds_links"].rows:
            assert f"/{row['Incident'][0]}/" in row["Link"][0]
    panel = Dashboard.read(INCIDENTS).definition["visualizations"]["viz_links"]
    assert [handler["options"]["url"] for handler in panel["eventHandlers"]] == ["$row.Link.value|n$"]


def test_open_ones_come_first_and_the_most_severe_of_them(knowledge: SearchKnowledge, events: Events) -> None:
    rows = run(knowledge, events, state="*")["ds_list"].rows
    ranks = [
        (row["Status"][0] != "resolved" and "merged" not in row["Status"][0], severity(row["Severity"][0]))
        for row in rows
    ]
    assert ranks == sorted(ranks, reverse=True)
    assert len(ranks) == len({(row["Tenant"][0], row["Incident"][0]) for row in rows})


def severity(word: str) -> int:
    return ["not provided", "informational", "low", "medium", "high", "critical"].index(word)


def test_without_an_input_for_incidents_they_are_made_of_the_alerts_and_that_is_said(
    knowledge: SearchKnowledge,
) -> None:
    results = shown(knowledge, [alert(1, 2, status="new"), alert(2, 3, status="resolved")])
    (row,) = results["ds_list"].rows
    assert (row["Incident"], row["Status"], row["Alerts"]) == (["1"], ["open"], ["2"])
    assert "Add an input" in results["ds_notice"].rows[0]["text"][0]


def test_an_empty_index_counts_none(knowledge: SearchKnowledge) -> None:
    """Where no incident is chosen there is nothing to fill in for the panels that show one: Splunk doesn't run them."""
    assert run(knowledge, [], "ds_count")["ds_count"].rows == [{"incidents": ["0"]}]


def test_the_filters_narrow_the_list(knowledge: SearchKnowledge, events: Events) -> None:
    everything = run(knowledge, events, state="*")["ds_list"].rows
    for token, column in (("tenant", "Tenant"), ("assignee", "Assignee")):
        values = {row[column][0] for row in everything}
        parts = [run(knowledge, events, state="*", **{token: value})["ds_list"].rows for value in values]
        assert sum(map(len, parts)) == len(everything)
    states = [run(knowledge, events, state=state)["ds_list"].rows for state in ("open", "resolved", "merged")]
    assert all(states)
    assert sum(map(len, states)) == len(everything)
