"""Refusals of an audit in their own words."""

from __future__ import annotations

from audit.audited import Audited
from integration.installation import APP, BROAD
from standins.splunkd.faults import Fault


def test_inputs_of_one_name_are_told_apart_by_their_kind(audited: Audited) -> None:
    conf = audited.installation.splunkd.conf
    twin = f"defender_graph_alerts://{BROAD}"
    conf.write("inputs", APP, twin, {"account": "corp"})
    try:
        done = audited.audit()
    finally:
        conf.remove("inputs", APP, twin)
    assert done.status == 2
    named = "add --kind, one of defender_graph_alerts, defender_siem_alerts."
    assert f"Several inputs are called {BROAD}: {named}" in done.err


def test_a_search_that_fails_while_it_runs_is_quoted(audited: Audited) -> None:
    audited.collected({"eu": 1})
    audited.installation.splunkd.searches.messages = [("FATAL", "the search process died")]
    assert audited.audit("--json").regions["eu"]["error"] == "The search failed in Splunk: the search process died"


def test_a_search_whose_answer_is_no_list_is_an_error_and_not_an_empty_index(audited: Audited) -> None:
    audited.collected({"eu": 1})
    audited.installation.splunkd.faults.add(Fault("/search/v2/jobs", status=200, text="no results here"))
    error = audited.audit("--json").regions["eu"]["error"]
    assert error == "Splunk answered the search with something that is no list of results."
