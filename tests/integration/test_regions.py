"""Regions are independent: what fails in one is reported, and leaves the others as they are."""

from __future__ import annotations

import time

from integration.installation import MINUTE, Installation, is_whole, raws, texts
from integration.log import actions, errors
from standins.microsoft.faults import Status
from standins.splunkd import IndexedEvent


def test_a_region_that_is_tried_again_does_not_delay_the_others(
    installed: Installation,
) -> None:
    failing = installed.cloud.siem("us").host
    published = {
        region: installed.alerts(200, first=checkpoint * 10_000, ago=2 * MINUTE)
        for checkpoint, region in enumerate(("us", "eu", "uk"))
    }
    for region, alerts in published.items():
        installed.publish(region, alerts)
    installed.cloud.faults.add(failing, Status(500, b'{"Message":"An error has occurred."}'), times=2)
    arrived: dict[str, float] = {}

    def note(event: IndexedEvent) -> None:
        arrived[event.source.split(":")[2]] = time.monotonic()

    run = installed.start(on_event=note).wait()

    assert (run.status, is_whole(run), run.stderr) == (0, True, [])
    assert {region: raws(run, region) for region in published} == {
        region: texts(alerts) for region, alerts in published.items()
    }
    # What came of the others was there before the failing region was tried for the last time.
    *_, again = installed.cloud.journal.calls(failing)[:3]
    assert max(arrived["eu"], arrived["uk"]) < again.began
    log = installed.log()
    assert {line["region"]: line["outcome"] for line in actions(log, "region_done")} == dict.fromkeys(published, "done")


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
