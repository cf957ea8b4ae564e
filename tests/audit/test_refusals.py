"""Refusals of an audit in their own words."""

from __future__ import annotations

from typing import Any

import pytest
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


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({"status": 200, "text": '{"no": "results"}'}, "something that is no list of results"),
        ({"status": 401}, "no longer accepts the session"),
        ({"status": 503}, "HTTP 503"),
        ({"dropped": True}, "gave the search no usable answer"),
    ],
    ids=str,
)
def test_a_search_without_an_answer_is_an_error_and_not_an_empty_index(
    audited: Audited, fault: dict[str, Any], said: str
) -> None:
    audited.collected({"eu": 1})
    audited.installation.splunkd.faults.add(Fault("/search/v2/jobs", **fault))
    assert said in audited.audit("--json").regions["eu"]["error"]
