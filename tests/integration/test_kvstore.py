"""Without its place in the KV store a run writes nothing, says why, and the next one delivers everything."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from integration.installation import LOGIN_HOST, REGIONS, Installation, is_whole, raws, texts
from integration.log import actions, errors
from standins.splunkd import Fault, InputRun, KVStoreState, Splunkd

_DATA = "/storage/collections/data/"


@dataclass(frozen=True)
class LastError:
    """A way in which the store can't be read; `sentence` is what the administrator reads.

    The others, and stores that can't be written, are rows of the fault matrix.
    """

    name: str
    begin: Callable[[Splunkd], object]
    end: Callable[[Splunkd], object]
    sentence: str


def _in_state(state: KVStoreState) -> Callable[[Splunkd], object]:
    return lambda splunkd: setattr(splunkd.kvstore, "state", state)


_READY = _in_state(KVStoreState.READY)
_LAST_ERRORS = (
    LastError(
        "disabled",
        _in_state(KVStoreState.DISABLED),
        _READY,
        "The KV store is disabled on this instance, and inputs keep their checkpoints in it. Remove disabled = true from "
        "[kvstore] in server.conf and restart Splunk",
    ),
    LastError(
        "closing each connection",
        lambda splunkd: splunkd.kvstore.drop_next(1_000),
        lambda splunkd: splunkd.faults.clear(),
        "The checkpoint could not be read in the KV store (",
    ),
    LastError(
        "writable and not readable",
        lambda splunkd: splunkd.faults.add(Fault(_DATA, frozenset({"GET"}), status=500, text="read failed")),
        lambda splunkd: splunkd.faults.clear(),
        "The checkpoint could not be read in the KV store (HTTP 500: read failed",
    ),
)


def _publish(installed: Installation, count: int) -> dict[str, list[bytes]]:
    published = {
        region: installed.alerts(count, first=checkpoint * 100_000) for checkpoint, region in enumerate(REGIONS)
    }
    for region, alerts in published.items():
        installed.publish(region, alerts)
    return published


def _assert_all_delivered(run: InputRun, published: dict[str, list[bytes]]) -> None:
    assert (run.status, run.stderr, is_whole(run)) == (0, [], True)
    assert {region: raws(run, region) for region in published} == {
        region: texts(alerts) for region, alerts in published.items()
    }


def _assert_nothing_written(run: InputRun) -> None:
    assert (run.status, run.stdout_bytes, run.stream_error) == (3, 0, None)
    assert not any("Traceback" in line for line in run.stderr)


def _asked_for_data(installed: Installation) -> set[str]:
    return {call.host for call in installed.cloud.journal} - {LOGIN_HOST}


@pytest.mark.parametrize("last_error", _LAST_ERRORS, ids=lambda last_error: last_error.name)
def test_a_place_that_can_not_be_reached_is_not_taken_for_a_first_run(
    installed: Installation, last_error: LastError
) -> None:
    published = _publish(installed, 5)
    _assert_all_delivered(installed.run(), published)
    before = installed.checkpoints()
    installed.cloud.journal.clear()
    last_error.begin(installed.splunkd)
    later = installed.alerts(1, first=500_000, ago=30_000_000)
    installed.publish("eu", later)
    run = installed.run()
    _assert_nothing_written(run)
    [error] = errors(installed.log())
    assert error.category == "Server Error"
    assert last_error.sentence in error.text
    assert last_error.sentence in run.stderr[0]
    assert _asked_for_data(installed) == set()
    assert installed.checkpoints() == before

    last_error.end(installed.splunkd)
    _assert_all_delivered(installed.run(), {"us": [], "eu": later, "uk": []})


def test_the_wait_for_a_store_that_is_starting_ends_at_SIGTERM_without_an_event(installed: Installation) -> None:
    published = _publish(installed, 5)
    installed.splunkd.kvstore.state = KVStoreState.STARTING
    process = installed.start()
    _wait_for_a_refusal(installed)
    process.terminate()
    run = process.wait(20)
    assert (run.status, run.stdout_bytes, run.stderr) == (0, 0, [])
    log = installed.log()
    assert errors(log) == []
    assert [line["outcome"] for line in actions(log, "run_done")] == ["stopped"]

    installed.splunkd.kvstore.state = KVStoreState.READY
    _assert_all_delivered(installed.run(), published)


def _wait_for_a_refusal(installed: Installation) -> None:
    deadline = time.monotonic() + 30
    while not any(_DATA in call.path and call.status == 503 for call in installed.calls_to_splunkd()):
        assert time.monotonic() < deadline, "the store was not asked"
        time.sleep(0.02)
