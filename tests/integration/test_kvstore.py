"""Without its place in the KV store a run writes nothing, says why, and the next one delivers everything."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from integration.installation import BATCH, LOGIN_HOST, REGIONS, Installation, is_whole, raws, repeated, texts
from integration.log import actions, errors
from standins.microsoft.faults import Hold
from standins.splunkd import Fault, IndexedEvent, InputRun, KVStoreState, Splunkd

_DATA = "/storage/collections/data/"
_REASSURANCE = "Nothing is lost: alerts are collected from the last checkpoint on as soon as it is back."


@dataclass(frozen=True)
class LastError:
    """A way in which the store isn't there.

    `sentence` is what the administrator reads, so many `times`: a store that fails at the first write is felt by
    every region, one that can't be read ends the run before there are any.
    """

    name: str
    begin: Callable[[Splunkd], object]
    end: Callable[[Splunkd], object]
    sentence: str
    times: int = 1


def _in_state(state: KVStoreState) -> Callable[[Splunkd], object]:
    return lambda splunkd: setattr(splunkd.kvstore, "state", state)


def _read_only(*, on: bool) -> Callable[[Splunkd], object]:
    return lambda splunkd: setattr(splunkd.kvstore, "read_only", on)


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
        "failed",
        _in_state(KVStoreState.FAILED),
        _READY,
        "The KV store has failed. See mongod.log and `splunk show kvstore-status`",
    ),
    LastError(
        "refusing",
        lambda splunkd: splunkd.kvstore.refuse_next(1_000),
        lambda splunkd: splunkd.faults.clear(),
        "The checkpoint could not be read in the KV store (HTTP 503: Service Unavailable",
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
    LastError(
        "readable and not writable",
        _read_only(on=True),
        _read_only(on=False),
        "The checkpoint could not be saved in the KV store (HTTP 503: KV Store is in read-only mode.",
        times=len(REGIONS),
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
def test_a_store_that_can_not_be_used_is_an_error_of_its_own_and_costs_no_alert(
    installed: Installation, last_error: LastError
) -> None:
    published = _publish(installed, 20)
    last_error.begin(installed.splunkd)
    run = installed.run()
    _assert_nothing_written(run)
    found = errors(installed.log())
    assert [line.category for line in found] == ["Server Error"] * last_error.times
    assert all(last_error.sentence in line.text and _REASSURANCE in line.text for line in found)
    assert [last_error.sentence in line for line in run.stderr] == [True] * last_error.times
    assert len(_asked_for_data(installed)) == (0 if last_error.times == 1 else len(REGIONS))
    assert installed.checkpoints() == []

    last_error.end(installed.splunkd)
    _assert_all_delivered(installed.run(), published)


@pytest.mark.parametrize("last_error", _LAST_ERRORS, ids=lambda last_error: last_error.name)
def test_a_place_that_can_not_be_reached_is_not_taken_for_a_first_run(
    installed: Installation, last_error: LastError
) -> None:
    published = _publish(installed, 5)
    _assert_all_delivered(installed.run(), published)
    before = installed.checkpoints()
    last_error.begin(installed.splunkd)
    later = installed.alerts(1, first=500_000, ago=30_000_000)
    installed.publish("eu", later)
    _assert_nothing_written(installed.run())
    assert installed.checkpoints() == before

    last_error.end(installed.splunkd)
    _assert_all_delivered(installed.run(), {"us": [], "eu": later, "uk": []})


def test_a_store_that_is_starting_is_waited_for(installed: Installation) -> None:
    published = _publish(installed, 5)
    installed.splunkd.kvstore.state = KVStoreState.STARTING
    process = installed.start()
    _wait_for_a_refusal(installed)
    installed.splunkd.kvstore.state = KVStoreState.READY
    _assert_all_delivered(process.wait(60), published)
    assert errors(installed.log()) == []


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


def test_a_run_that_stands_still_for_a_store_that_is_starting_says_so(installed: Installation) -> None:
    installed.splunkd.kvstore.state = KVStoreState.STARTING
    process = installed.start()
    # The state changes only when the product has seen it: it asks for it behind the refusal.
    deadline = time.monotonic() + 30
    told: list[str] = []
    while not told and time.monotonic() < deadline:
        time.sleep(0.1)
        told += [line.text for line in installed.log() if "The KV store is starting" in line.text]
    installed.splunkd.kvstore.state = KVStoreState.READY
    assert process.wait(60).status == 0
    assert len(told) == 1


def _wait_for_a_refusal(installed: Installation) -> None:
    deadline = time.monotonic() + 30
    while not any(_DATA in call.path and call.status == 503 for call in installed.calls_to_splunkd()):
        assert time.monotonic() < deadline, "the store was not asked"
        time.sleep(0.02)


def test_a_splunkd_that_refuses_connections_when_the_place_is_read_is_no_first_run(installed: Installation) -> None:
    published = _publish(installed, 5)
    gate = Hold()
    held = installed.cloud.faults.add(LOGIN_HOST, gate)
    process = installed.start()
    assert held.has_begun.wait(30)
    with installed.splunkd.unreachable():
        gate.gate.set()
        run = process.wait(60)
    _assert_nothing_written(run)
    [error] = errors(installed.log())
    assert error.category == "Server Error"
    assert "The checkpoint could not be read in the KV store (ConnectionRefusedError" in error.text
    _assert_all_delivered(installed.run(), published)


@pytest.mark.parametrize("after", [1, 1_700])
def test_a_store_that_fails_later_ends_the_run_and_the_next_one_repeats_a_batch_per_region_at_most(
    installed: Installation, after: int
) -> None:
    published = _publish(installed, 2_500)
    seen: list[IndexedEvent] = []
    faults: list[Fault] = []

    def fail(event: IndexedEvent) -> None:
        seen.append(event)
        if len(seen) == after:
            faults.append(installed.splunkd.kvstore.fail_writes())

    first = installed.start(on_event=fail).wait()
    assert first.status == 3
    assert is_whole(first)
    assert {line.category for line in errors(installed.log())} == {"Server Error"}
    assert all("could not be saved in the KV store (HTTP 503: write failed" in line for line in first.stderr)
    # The case is what it should be: the run was under way, and not at its end.
    assert 0 < len(first.events) < 3 * 2_500

    installed.splunkd.faults.remove(faults[0])
    second = installed.run()
    assert second.status == 0
    for region, alerts in published.items():
        both = [*raws(first, region), *raws(second, region)]
        assert set(both) == set(texts(alerts))
        assert repeated(both) <= BATCH


def test_a_save_that_is_stored_although_it_seems_to_fail_costs_nothing(installed: Installation) -> None:
    published = _publish(installed, 1_500)
    installed.splunkd.kvstore.fail_writes(after=3, times=2, applied=True)
    run = installed.run()
    _assert_all_delivered(run, published)


def test_a_store_that_answers_503_in_passing_is_asked_again(installed: Installation) -> None:
    published = _publish(installed, 5)
    installed.splunkd.kvstore.refuse_next(2)
    _assert_all_delivered(installed.run(), published)
