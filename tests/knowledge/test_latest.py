"""The macro defender_alerts_latest: one event per tenant and alert, its latest version."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from knowledge.current_events import ALERTS, ENDPOINT, GRAPH, INCIDENT, SIEM, SPLIT_ALERT, Kind, sourcetype_of
from knowledge.current_events import OLD_SOURCE as OLD_ENDPOINT_SOURCE
from knowledge.siem_events import OLD_SOURCE, OUR_SOURCE
from standins.microsoft.current_samples import TENANT as OWN_TENANT
from standins.search import IndexedEvent, SearchKnowledge

OTHER_TENANT = OUR_SOURCE.replace("6f1f8b3a", "11111111")


def version(alert: str, processed: str, *, time: str = "1", source: str = OUR_SOURCE, title: str = "") -> IndexedEvent:
    raw = SIEM.raw(AlertId=alert, LastProcessedTimeUtc=f"2026-03-01T11:00:{processed}Z", AlertTitle=title or processed)
    return SIEM.event(raw, source=source, time=time)


def seen(kind: Kind, alert: str, updated: str, *, source: str = "", status: str = "new") -> IndexedEvent:
    """A version of an alert that came through an API of today; its title is the API's sourcetype and the time."""
    key = "lastUpdateTime" if kind is ENDPOINT else "lastUpdateDateTime"
    members: dict[str, Any] = {"title": f"{kind.sourcetype} {updated}", key: f"2026-03-01T11:00:{updated}Z"}
    return kind.event(kind.raw(id=alert, status=status, **members), source=source, time=updated)


def latest(knowledge: SearchKnowledge, *events: IndexedEvent) -> list[tuple[str, str]]:
    found = knowledge.search("`defender_alerts_latest`", events)
    return sorted((str(fields["id"]), str(fields["signature"])) for fields in found)


def test_of_several_versions_the_latest_is_left_in_whatever_order_they_came(knowledge: SearchKnowledge) -> None:
    versions = [version("a", "09", time="3"), version("a", "09.05", time="2"), version("a", "09.1", time="1")]
    for order in itertools.permutations(versions):
        assert latest(knowledge, *order) == [("a", "09.1")]


OLD = (version("a", "01", source=OLD_SOURCE), version("a", "02", source=OLD_SOURCE))
OF_TODAY = (
    seen(ENDPOINT, "a", "01", source=f"defender_endpoint_alerts:{OWN_TENANT}:global:x"),
    seen(ENDPOINT, "a", "02", source=OLD_ENDPOINT_SOURCE),
)
OTHER = IndexedEvent(raw="{}", time="1", source=OUR_SOURCE, sourcetype="other", host="h", index="defender")
# Of one alert, the best source last.
SEVERAL = (version("a", "09"), seen(ENDPOINT, "a", "08"), seen(GRAPH, "a", "01"), seen(SPLIT_ALERT, "a", "02"))


@pytest.mark.parametrize(
    ("events", "found"),
    [
        pytest.param([version("a", "01", title="x")] * 2, [("a", "x")], id="several detections of one alert"),
        pytest.param(
            [version("a", "01"), version("a", "02", source=OTHER_TENANT)],
            [("a", "01"), ("a", "02")],
            id="the same id in two tenants",
        ),
        pytest.param(OLD, [("a", "02")], id="of the old add-on"),
        pytest.param(
            OF_TODAY, [("a", "ms:defender:atp:alerts 02")], id="of the tenant that the old add-on's record names"
        ),
        pytest.param(
            [version("a", "01"), OTHER, replace(version("b", "01"), index="_internal")],
            [("a", "01")],
            id="other sourcetypes and internal indexes",
        ),
        pytest.param([INCIDENT.event(INCIDENT.raw())], [], id="incidents are no alerts"),
        # Also where another API's version time is later: the SIEM API's is when it processed the alert.
        pytest.param(SEVERAL, [("a", "ms365:defender:incident:alerts 02")], id="several inputs: Graph's latest"),
        pytest.param(SEVERAL[:3], [("a", "ms:defender:graph:alerts 01")], id="several inputs: Graph's"),
        pytest.param(SEVERAL[:2], [("a", "ms:defender:atp:alerts 08")], id="several inputs: the endpoint's"),
        pytest.param(SEVERAL[:1], [("a", "09")], id="the SIEM API's where there is no other"),
    ],
)
def test_each_alert_is_its_latest_version_from_the_best_source(
    knowledge: SearchKnowledge, events: Sequence[IndexedEvent], found: list[tuple[str, str]]
) -> None:
    assert latest(knowledge, *events) == found


def test_a_filter_behind_the_macro_sees_the_latest_version_alone(knowledge: SearchKnowledge) -> None:
    events = [version("a", "01", title="open"), version("a", "02", title="closed"), version("b", "01", title="open")]
    found = knowledge.search('`defender_alerts_latest` | search signature="open"', events)
    assert [fields["id"] for fields in found] == ["b"]


def test_events_that_have_no_id_are_kept(knowledge: SearchKnowledge) -> None:
    broken = SIEM.event('{"AlertTitle": "cut off by an old TRUN')
    assert len(knowledge.search("`defender_alerts_latest`", [broken, broken, version("a", "01")])) == 3


def test_the_macro_leaves_no_field_of_its_own_behind(knowledge: SearchKnowledge) -> None:
    one = version("a", "01")
    assert knowledge.search("`defender_alerts_latest`", [one]) == [knowledge.search_fields(one)]


def test_an_index_macro_with_alternatives_stays_one_term(knowledge: SearchKnowledge) -> None:
    definition = knowledge.macros["defender_alerts_versions"]["definition"]
    assert definition.startswith("(`defender_alerts_index`) ")


# Several inputs.


@pytest.mark.parametrize("kind", ALERTS, ids=sourcetype_of)
def test_each_source_has_its_latest_version(knowledge: SearchKnowledge, kind: Kind) -> None:
    versions = [seen(kind, "a", "09"), seen(kind, "a", "09.05"), seen(kind, "a", "09.1"), seen(kind, "b", "01")]
    for order in itertools.permutations(versions):
        assert latest(knowledge, *order) == [("a", f"{kind.sourcetype} 09.1"), ("b", f"{kind.sourcetype} 01")]


def test_alerts_are_open_until_their_latest_version_is_resolved(knowledge: SearchKnowledge) -> None:
    events = [
        seen(GRAPH, "reopened", "01", status="resolved"),
        seen(GRAPH, "reopened", "02", status="inProgress"),
        seen(GRAPH, "closed", "01", status="new"),
        seen(GRAPH, "closed", "02", status="resolved"),
        seen(ENDPOINT, "closed", "03", status="New"),
        seen(ENDPOINT, "new", "01", status="New"),
        version("of the SIEM API", "01"),
    ]
    found = knowledge.search("`defender_alerts_open`", events)
    assert sorted(str(fields["id"]) for fields in found) == ["new", "reopened"]
