"""What a search counts as a kind's own, and what of an event it reads."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from audit.audited import Audited
from defender_alerts.input_kinds import KINDS
from defender_alerts.splunk.rest_client import Splunkd
from defender_alerts.splunk.searching import SplunkIndex
from standins.microsoft import ticks
from standins.search import IndexedEvent as Indexed
from standins.sources import SOURCES

NOW = 17_000_000_000_000_000
SAMPLES = {source.kind: source.make for source in SOURCES}


def indexed(kind: str, number: int) -> Indexed:
    """Give an event of a kind as it lies in an index."""
    return Indexed(
        SAMPLES[kind](number, NOW).decode(),
        str(NOW // ticks.PER_SECOND),
        f"{kind}:tenant:global:corp",
        KINDS[kind].sourcetype,
        "graph.microsoft.com",
        "main",
    )


def index_of(audited: Audited, kind: str) -> SplunkIndex:
    """Give what is indexed of a kind, as the administrator may search it."""
    splunkd = audited.installation.splunkd
    return SplunkIndex(Splunkd(splunkd.server_uri, splunkd.session_key()).service, KINDS[kind])


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_search_reads_of_an_event_identifies_its_version(audited: Audited, kind: str) -> None:
    event = indexed(kind, 3)
    audited.indexed.extend([event, event, indexed(kind, 4)])
    rows = list(index_of(audited, kind).versions(event.source, NOW - ticks.PER_SECOND, NOW + ticks.PER_SECOND))
    stanza = {"regions": "us"}
    region = "us" if kind == "defender_siem_alerts" else "global"
    api = KINDS[kind].read("corp", stanza).in_region(region, "commercial")
    expected = [(api.identify(json.loads(SAMPLES[kind](number, NOW))), count) for number, count in ((3, 2), (4, 1))]
    assert sorted((api.identify(members), count) for members, count in rows) == sorted(expected)


def test_alerts_that_were_cut_out_of_incidents_are_no_incidents(audited: Audited) -> None:
    incident = indexed("defender_incidents", 3)
    part = replace(incident, sourcetype=KINDS["defender_incidents"].split_sourcetype)
    index = index_of(audited, "defender_incidents")
    audited.indexed.append(part)
    assert not index.has_any(incident.source)
    audited.indexed.append(incident)
    assert index.has_any(incident.source)
    [(_members, count)] = index.versions(incident.source, NOW - ticks.PER_SECOND, NOW + ticks.PER_SECOND)
    assert count == 1
