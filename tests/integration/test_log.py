"""The log tells a run's story in a few lines that searches and dashboards can take apart."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from integration.installation import BROAD, KIND, MINUTE, REGIONS, Installation
from integration.log import LogLine, actions
from standins.microsoft import ticks


@pytest.fixture
def at_info(installed: Installation) -> Iterator[Installation]:
    installed.save_settings("logging", loglevel="INFO")
    yield installed
    installed.save_settings("logging", loglevel="DEBUG")


def _run(installed: Installation) -> list[LogLine]:
    assert installed.run().status == 0
    return installed.log()


@pytest.mark.parametrize("loglevel", ["INFO", "WARNING", "ERROR", "CRITICAL"])
def test_at_any_level_a_run_tells_what_Health_and_the_saved_searches_are_made_of(
    at_info: Installation, loglevel: str
) -> None:
    at_info.publish("eu", at_info.alerts(120))
    at_info.cloud.clock.skew(900.0)
    at_info.save_settings("logging", loglevel=loglevel)
    log = _run(at_info)
    told = [line for line in log if "action" not in line.fields]
    assert {line.level for line in told} == ({"WARNING"} if loglevel in {"INFO", "WARNING"} else set())
    assert sorted(line.fields["action"] for line in log if line not in told) == [
        "events_ingested",
        *["region_done"] * 3,
        *["region_started"] * 3,
        "run_done",
    ]


def test_what_a_region_did_is_one_line_of_fields(at_info: Installation) -> None:
    began = at_info.cloud.clock.now()
    at_info.publish("eu", at_info.alerts(120))
    log = _run(at_info)
    ended = at_info.cloud.clock.now()
    done = {line["region"]: line for line in actions(log, "region_done")}
    assert set(done) == set(REGIONS)
    eu = done["eu"]
    assert (eu["input"], eu["outcome"], eu["api_host"]) == (BROAD, "done", "wdatp-alertexporter-eu.windows.com")
    assert (eu["received"], eu["new"], eu["late"], eu["broken"]) == ("120", "120", "0", "0")
    assert (done["us"]["received"], done["us"]["new"]) == ("0", "0")
    asked_from, asked_to = map(ticks.parse, eu["asked"].split(".."))
    assert asked_to - asked_from >= 7 * 1_440 * MINUTE - MINUTE
    assert began - 2 * ticks.PER_SECOND <= ticks.parse(eu["watermark"]) <= ended
    assert 0 <= float(eu["lag_seconds"]) < 30
    assert int(eu["calls"]) == len(at_info.cloud.journal.calls(eu["api_host"]))
    assert float(eu["seconds"]) >= 0
    assert float(eu["throttled_seconds"]) == 0


def test_what_was_ingested_is_told_as_the_monitoring_dashboard_reads_it(at_info: Installation) -> None:
    at_info.publish("eu", at_info.alerts(120))
    [ingested] = actions(_run(at_info), "events_ingested")
    assert ingested == {
        "action": "events_ingested",
        # As license_usage.log names it too, so that the table by source has volume and events on one line.
        "modular_input_name": f"{KIND}:{at_info.tenant.guid}:eu:{BROAD}",
        "sourcetype_ingested": "wdatp:alerts",
        "n_events": "120",
        "event_input": BROAD,
        "event_index": "main",
        "event_account": "corp",
        "event_host": "wdatp-alertexporter-eu.windows.com",
    }


def test_where_a_region_starts_from_is_told_before_it_starts(at_info: Installation) -> None:
    first = _run(at_info)
    [started] = [line for line in actions(first, "region_started") if line["region"] == "eu"]
    assert (started["account"], started["tenant"]) == ("corp", at_info.tenant.guid)
    assert "read_from" in started
    [done] = [line for line in actions(first, "region_done") if line["region"] == "eu"]
    [again] = [line for line in actions(_run(at_info), "region_started") if line["region"] == "eu"]
    assert again["watermark"] == done["watermark"]


def test_the_end_of_a_run_is_told_with_its_exit_status(at_info: Installation) -> None:
    [done] = actions(_run(at_info), "run_done")
    assert (done["input"], done["outcome"], done["exit_status"]) == (BROAD, "done", "0")
    assert 0 < float(done["seconds"]) < 60


def test_at_DEBUG_each_call_is_told_with_what_was_asked_and_answered(installed: Installation) -> None:
    calls = [line.text for line in _run(installed) if line.level == "DEBUG" and "call=GET" in line.text]
    assert len(calls) == len([call for call in installed.cloud.journal if call.method == "GET"])
    assert all("sinceTimeUtc" in call and "untilTimeUtc" in call and "status=200" in call for call in calls)


def test_an_interval_that_is_too_short_counts_as_60_and_the_run_waits(installed: Installation) -> None:
    installed.write_input("hasty", regions="eu", interval="5")
    installed.publish("eu", installed.alerts(5))
    process = installed.start("hasty")
    log: list[LogLine] = []
    deadline = time.monotonic() + 30
    while not log:
        assert time.monotonic() < deadline, "nothing is said of the interval"
        time.sleep(0.05)
        log = installed.log("hasty")
    # Long enough for a whole run that would not wait.
    time.sleep(1)
    assert process.running()
    process.terminate()
    run = process.wait(20)
    assert (run.status, run.stdout_bytes, run.stderr) == (0, 0, [])
    [warning] = log
    assert warning.level == "WARNING"
    assert "the interval 5 is shorter than 60 s and counts as 60: this run waits 55 s." in warning.text
    assert "Correct interval in inputs.conf." in warning.text
    assert len(installed.cloud.journal) == 0
