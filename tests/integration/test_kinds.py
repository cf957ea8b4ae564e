"""Today's inputs as splunkd runs them: the built add-on, added on its page, started as a process, under both Pythons."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence

import pytest
from defender_alerts.input_kinds import KINDS
from defender_alerts.times import epoch
from integration.installation import DAY, MINUTE, Installation, is_whole, texts
from standins.microsoft.graph_samples import graph_alert
from standins.sources import CURRENT, INCIDENTS, ROLES, Source
from standins.splunkd import InputRun


@pytest.fixture
def allowed(installed_on_each: Installation) -> Installation:
    installed_on_each.application.roles = dict(ROLES)
    return installed_on_each


def _add(installation: Installation, source: Source) -> str:
    """The name of an input of this kind, added once for all tests of an installation."""
    name = f"one_{source.kind}"
    if f"[{source.kind}://{name}]" not in installation.stored("inputs"):
        installation.save_current_input(source.kind, name, **source.form)
    return name


def _raws(run: InputRun, sourcetype: str) -> list[str]:
    return [event.raw for event in run.events if event.sourcetype == sourcetype]


def _some(installation: Installation, source: Source, count: int) -> Sequence[bytes]:
    now = installation.cloud.clock.now()
    return [source.make(number, now - DAY + number * MINUTE) for number in range(1, count + 1)]


@pytest.mark.parametrize("source", CURRENT, ids=lambda source: source.kind)
def test_an_input_delivers_what_is_there_then_what_is_new_and_nothing_again(
    allowed: Installation, source: Source
) -> None:
    name = _add(allowed, source)
    raws = list(_some(allowed, source, 120))
    source.publish(allowed.cloud, allowed.tenant, raws)
    with allowed.splunkd.starting_anew():
        first = allowed.run(name, kind=source.kind)
    assert (first.status, is_whole(first), first.stderr) == (0, True, [])
    assert _raws(first, KINDS[source.kind].sourcetype) == texts(raws)
    assert {event.source for event in first.events} == {f"{source.kind}:{allowed.tenant.guid}:{source.region}:{name}"}
    assert {event.host for event in first.events} == {source.host}
    updated = source.make(7, allowed.cloud.clock.now() - MINUTE)
    source.publish(allowed.cloud, allowed.tenant, [updated])
    second = allowed.run(name, kind=source.kind)
    assert (second.status, _raws(second, KINDS[source.kind].sourcetype)) == (0, [updated.decode()])
    (done,) = (line for line in allowed.log(name, kind=source.kind) if line.fields.get("action") == "region_done")
    assert (done.fields["outcome"], done.fields["new"], done.fields["calls"]) == ("done", "1", "1")


def test_alerts_cut_out_of_incidents_are_events_of_their_own_once(allowed: Installation) -> None:
    name = _add(allowed, INCIDENTS)
    now = allowed.cloud.clock.now()
    shelf = allowed.cloud.graph("commercial").incidents
    alerts = {
        number: [graph_alert(4 * number + position, now - 40 * DAY) for position in range(3)] for number in range(1, 61)
    }
    for number, inside in alerts.items():
        raw = INCIDENTS.make(number, now - DAY + number * MINUTE)
        shelf.put(allowed.tenant, raw, alerts=inside)
    first = allowed.run(name, kind=INCIDENTS.kind)
    assert first.status == 0
    cut = _raws(first, "ms365:defender:incident:alerts")
    assert Counter(cut) == Counter(texts([one for inside in alerts.values() for one in inside]))
    assert not any("alerts" in json.loads(raw) for raw in _raws(first, "ms365:defender:incident"))
    # UCC's dashboard counts events by sourcetype.
    ingested = [line.fields for line in allowed.log(name, kind=INCIDENTS.kind) if "n_events" in line.fields]
    assert {told["sourcetype_ingested"]: told["n_events"] for told in ingested} == {
        "ms365:defender:incident": "60",
        "ms365:defender:incident:alerts": "180",
    }
    # The incident is updated, and one of its alerts: that one is new, the others are not.
    changed = graph_alert(4 * 5, now - MINUTE)
    shelf.put(allowed.tenant, INCIDENTS.make(5, now - MINUTE), alerts=[changed, *alerts[5][1:]])
    second = allowed.run(name, kind=INCIDENTS.kind)
    assert second.status == 0
    assert _raws(second, "ms365:defender:incident:alerts") == [changed.decode()]
    assert len(second.events) == 2
    times = {event.raw: event.time for event in second.events}
    assert times[changed.decode()] == epoch(now - MINUTE)


def test_a_deleted_input_takes_the_memory_of_its_alerts_with_it(allowed: Installation) -> None:
    name = "short_lived"
    allowed.save_current_input(INCIDENTS.kind, name, **INCIDENTS.form)
    now = allowed.cloud.clock.now()
    allowed.cloud.graph("commercial").incidents.put(
        allowed.tenant, INCIDENTS.make(1, now - DAY), alerts=[graph_alert(4, now - DAY)]
    )
    assert len(allowed.run(name, kind=INCIDENTS.kind).events) == 2
    assert len(allowed.checkpoints()) == 2
    allowed.splunkd.web.delete(f"TA_defender_alerts_{INCIDENTS.kind}/{name}")
    assert allowed.checkpoints() == []
