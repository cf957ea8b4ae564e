"""Today's APIs, polled: what arrives of their records, whom a poll calls, and that no trouble makes an input stand still."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from defender_alerts.collect.poll import PollResult
from defender_alerts.input_kinds import KINDS
from defender_alerts.microsoft import clouds
from defender_alerts.times import iso, seconds
from standins.microsoft import graph_schema
from standins.microsoft.cloud import MicrosoftCloud
from standins.microsoft.graph_samples import graph_alert, graph_incident
from standins.polling import SECRET, PolledInput
from standins.sources import CURRENT, GRAPH, INCIDENTS, Source, customer

HOUR = seconds(3_600)


def _done(polled: PolledInput) -> PollResult:
    result = polled.poll()
    assert result.failures == []
    assert [one.outcome for one in result.outcomes] == ["done"]
    return result


@pytest.mark.parametrize("source", CURRENT, ids=lambda source: source.kind)
def test_a_poll_with_nothing_new_costs_one_token_call_and_one_data_call(cloud: MicrosoftCloud, source: Source) -> None:
    polled = source.input(cloud, *customer(cloud))
    source.publish(cloud, polled.tenant, [source.make(number, cloud.clock.now() - HOUR) for number in range(1, 30)])
    _done(polled)
    cloud.clock.advance(300)
    cloud.journal.clear()
    _done(polled)
    assert [call.host for call in cloud.journal] == ["login.microsoftonline.com", source.host]
    assert len(polled.sink.taken) == 29


@pytest.mark.parametrize("link_first", [False, True])
@pytest.mark.parametrize("space", [b"", b"\r\n  "])
@pytest.mark.parametrize("chunked", [False, True])
def test_every_property_and_every_type_of_evidence_arrives_unchanged(
    cloud: MicrosoftCloud, *, link_first: bool, space: bytes, chunked: bool
) -> None:
    tenant, application = customer(cloud)
    alerts = cloud.graph("commercial").alerts
    alerts.behaviour = replace(alerts.behaviour, link_first=link_first, space=space, chunked=chunked, links="always")
    now = cloud.clock.now()
    raws = [
        graph_alert(1, now - HOUR, every_type=True),
        graph_alert(2, now - HOUR, future=True),
        *(graph_alert(3 + digits, now // 10_000_000 * 10_000_000 - HOUR, digits=digits) for digits in range(8)),
    ]
    alerts.put_all(tenant, raws)
    polled = GRAPH.input(cloud, tenant, application)
    _done(polled)
    assert sorted(polled.sink.raws()) == sorted(raw.decode() for raw in raws)
    types = {evidence["@odata.type"] for raw in raws for evidence in json.loads(raw)["evidence"]}
    assert types >= {f"#microsoft.graph.security.{name}" for name in graph_schema.evidence_types()}


@pytest.mark.parametrize("source", CURRENT, ids=lambda source: source.kind)
@pytest.mark.parametrize("cloud_name", ["gcc", "gcc_high", "dod"])
def test_a_government_tenant_is_read_from_the_hosts_of_its_cloud_alone(
    cloud: MicrosoftCloud, source: Source, cloud_name: str
) -> None:
    api = next(row.api for row in clouds.ENDPOINTS if row.host == source.host)
    row = clouds.endpoint(api, cloud_name, "global")
    tenant = cloud.entra.add_tenant(domain="agency.onmicrosoft.us", cloud=cloud_name, resources=[row.audience])
    roles = {row.audience: KINDS[source.kind].access.roles[:1]}
    polled = source.input(cloud, tenant, tenant.add_application(secret=SECRET, roles=roles))
    source.shelf(cloud, cloud_name).put(tenant, source.make(1, cloud.clock.now() - HOUR))
    _done(polled)
    assert len(polled.sink.taken) == 1
    assert {one.origin.host for one in polled.sink.taken} == {row.host}
    assert cloud.journal.hosts() == {clouds.cloud(cloud_name).authority_host, row.host}


def test_a_merged_incident_is_kept_as_it_is(cloud: MicrosoftCloud) -> None:
    polled = INCIDENTS.input(cloud, *customer(cloud))
    raw = graph_incident(7, cloud.clock.now() - HOUR, redirect_to=8)
    INCIDENTS.publish(cloud, polled.tenant, [raw])
    _done(polled)
    assert polled.sink.raws() == [raw.decode()]
    assert json.loads(raw)["status"] == "redirected"


def test_events_of_split_incidents_have_a_sourcetype_each(cloud: MicrosoftCloud) -> None:
    tenant, application = customer(cloud)
    now = cloud.clock.now()
    alert = graph_alert(5, now - 2 * HOUR)
    cloud.graph("commercial").incidents.put(tenant, graph_incident(2, now - HOUR), alerts=[alert])
    polled = replace(INCIDENTS, own={"alerts": "split"}).input(cloud, tenant, application)
    _done(polled)
    by_part = {one.version.is_split: one for one in polled.sink.taken}
    assert by_part[True].version.raw == alert
    assert by_part[True].version.time == now - 2 * HOUR
    assert by_part[False].version.raw == graph_incident(2, now - HOUR)
    assert {one.origin.split_sourcetype for one in polled.sink.taken} == {"ms365:defender:incident:alerts"}


def test_a_split_alert_comes_once_and_does_not_move_the_watermark_of_the_incidents(cloud: MicrosoftCloud) -> None:
    tenant, application = customer(cloud)
    first = cloud.clock.freeze() - 3 * HOUR
    alert = graph_alert(5, first + 2 * HOUR)
    polled = replace(INCIDENTS, own={"alerts": "split"}).input(cloud, tenant, application)
    for events, updated in ((2, first), (3, first + 4 * HOUR)):
        cloud.clock.freeze(updated + 3 * HOUR)
        cloud.graph("commercial").incidents.put(tenant, graph_incident(2, updated), alerts=[alert])
        polled.store.history.clear()
        _done(polled)
        assert iso(updated) in [document.get("watermark") for document in polled.store.history]
        assert polled.sink.raws().count(alert.decode()) == 1
        assert len(polled.sink.taken) == events
