"""Regions are independent: what fails in one is reported, and leaves the others as they are."""

from __future__ import annotations

import time

from integration.installation import BROAD, MINUTE, Installation, is_whole, raws, texts
from integration.log import actions, errors
from standins.microsoft.faults import Status
from standins.splunkd import IndexedEvent


def test_a_region_answering_500_neither_delays_nor_loses_the_others_and_its_alerts_arrive_when_it_recovers(
    installed: Installation,
) -> None:
    failing = installed.cloud.siem("us").host
    published = {
        region: installed.alerts(2_500, first=checkpoint * 10_000, ago=2 * MINUTE)
        for checkpoint, region in enumerate(("us", "eu", "uk"))
    }
    for region, alerts in published.items():
        installed.publish(region, alerts)
    installed.cloud.faults.add(failing, Status(500, b'{"Message":"An error has occurred."}'), times=None)
    arrived: list[float] = []

    def note(_: IndexedEvent) -> None:
        arrived.append(time.monotonic())

    run = installed.start(on_event=note).wait()

    assert run.status == 1
    assert is_whole(run)
    assert {region: raws(run, region) for region in published} == {
        "us": [],
        "eu": texts(published["eu"]),
        "uk": texts(published["uk"]),
    }
    # Patience with the failing region went on for long after the others were done.
    tries = installed.cloud.journal.calls(failing)
    assert len(tries) == 5
    assert arrived[-1] < tries[-1].began
    log = installed.log()
    assert {line["region"]: line["outcome"] for line in actions(log, "region_done")} == {
        "us": "failed",
        "eu": "done",
        "uk": "done",
    }
    [error] = errors(log)
    assert error.category == "Server Error"
    assert error.fields["region"] == "us"
    assert failing in error.text
    assert "HTTP 500" in error.text
    [line] = run.stderr
    assert f"ERROR defender_siem_alerts://{BROAD} {failing}" in line

    installed.cloud.faults.clear()
    run = installed.run()
    assert (run.status, raws(run, "us"), len(run.events)) == (0, texts(published["us"]), 2_500)


def test_a_region_that_the_cloud_does_not_have_is_reported_and_the_others_are_collected(
    installed: Installation,
) -> None:
    installed.write_input("by_hand", regions="eu,moon")
    alerts = installed.alerts(3)
    installed.publish("eu", alerts)
    run = installed.run("by_hand")
    assert (run.status, [event.raw for event in run.events], is_whole(run)) == (2, texts(alerts), True)
    [error] = errors(installed.log("by_hand"))
    assert error.category == "Configuration Error"
    assert "The region 'moon' does not exist for this input in the cloud Commercial." in error.text
    assert "Choose among: us, eu, uk." in error.text
