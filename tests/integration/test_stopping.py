"""However a run is ended, its stream is whole, and the next one repeats a batch per region at most and loses nothing.

Kills, pipes that are closed in the middle of a batch, and a signal while it writes, are rows of the fault matrix and steps of ``tests/chaos``.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from integration.installation import (
    BATCH,
    LOGIN_HOST,
    REGIONS,
    SIEM_HOST,
    Installation,
    is_whole,
    raws,
    repeated,
    texts,
)
from integration.log import actions, errors
from standins.splunkd import IndexedEvent, InputProcess, InputRun, KVStoreState

COUNT = 1_500
DATA = "/storage/collections/data/"
PROMISED = 9.0
"""A process has ended so many seconds after it was asked to: 5 on a machine that has nothing else to do, and before
splunkd would kill it on one that has."""
_PIPE = 65_536
"""So many bytes are held by a pipe of Linux."""
_PIPE_IS_FULL = 60_000
"""What is written next may be longer than the room that is left."""


def _publish(installed: Installation) -> dict[str, list[bytes]]:
    published = {
        region: installed.alerts(COUNT, first=checkpoint * 100_000) for checkpoint, region in enumerate(REGIONS)
    }
    for region, alerts in published.items():
        installed.publish(region, alerts)
    return published


def _start_and_block(installed: Installation, after: int) -> InputProcess:
    """Start the input, and read no more from it once so many events have come: it stands in the middle of a batch."""
    blocked = threading.Event()
    started: list[InputProcess] = []
    ready = threading.Event()
    seen: list[IndexedEvent] = []

    def block(event: IndexedEvent) -> None:
        seen.append(event)
        if len(seen) == after:
            ready.wait()
            started[0].pause_stdout()
            blocked.set()

    process = installed.start(on_event=block)
    started.append(process)
    ready.set()
    assert blocked.wait(60)
    return process


def _until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _assert_nothing_is_counted_that_was_not_written(installed: Installation, run: InputRun) -> None:
    for checkpoint in installed.checkpoints():
        assert checkpoint["remembered"] <= len(raws(run, checkpoint["region"]))


def _assert_the_next_run_completes(installed: Installation, first: InputRun, published: dict[str, list[bytes]]) -> None:
    # A save of the first one that splunkd carries out behind the second would be read by the third.
    _until(lambda: installed.splunkd.is_idle)
    second = installed.run()
    assert (second.status, second.stderr, is_whole(second)) == (0, [], True)
    for region, alerts in published.items():
        both = [*raws(first, region), *raws(second, region)]
        assert set(both) == set(texts(alerts))
        assert repeated(both) <= BATCH
    assert installed.run().events == []


def test_SIGTERM_ends_the_process_in_time_where_Splunk_has_never_read_at_all(installed: Installation) -> None:
    published = _publish(installed)
    process = installed.start()
    process.pause_stdout()
    _until(lambda: process.unread() > _PIPE_IS_FULL)
    process.terminate()
    first = process.wait(PROMISED)
    assert first.status == 0
    # The document that is saved before a region's first event holds nothing yet. A region may not have come that far.
    assert {checkpoint["remembered"] for checkpoint in installed.checkpoints()} == {0}
    _assert_the_next_run_completes(installed, first, published)


def test_SIGTERM_where_only_the_end_of_the_stream_finds_no_reader_ends_the_process_in_time(
    installed: Installation,
) -> None:
    """Everything is delivered and saved; a batch that happens to fill the pipe leaves no room for the last line."""
    (alert,) = installed.alerts(1)
    installed.publish("us", [alert])
    room = _PIPE - (installed.run().stdout_bytes - len(b"</stream>"))
    installed.reset()
    installed.publish("us", [alert.replace(b'"AlertTitle":"', b'"AlertTitle":"' + b"x" * room, 1)])
    process = installed.start()
    process.pause_stdout()
    _until(lambda: process.unread() == _PIPE)
    process.terminate()
    first = process.wait(PROMISED)
    assert first.status == 0
    assert len(first.events) == 1


def test_a_reader_who_is_slow_gets_whole_events_and_the_end_of_the_stream_in_time(installed: Installation) -> None:
    published = _publish(installed)
    seen, ready = threading.Event(), threading.Event()

    def slowly(_: IndexedEvent) -> None:
        ready.wait()
        seen.set()
        if process.running():
            time.sleep(0.02)

    process = installed.start(on_event=slowly)
    ready.set()
    assert seen.wait(60)
    process.terminate()
    first = process.wait(PROMISED)
    assert (first.status, first.stream_error, first.stream_closed, first.stderr) == (0, None, True, [])
    assert 0 < len(first.events) < COUNT * len(REGIONS)
    _assert_nothing_is_counted_that_was_not_written(installed, first)
    _assert_the_next_run_completes(installed, first, published)


def test_SIGTERM_while_the_KV_store_takes_its_time_over_a_save_ends_the_process_in_time(
    installed: Installation,
) -> None:
    published = _publish(installed)
    process = _start_and_block(installed, 1_200)
    slow = installed.splunkd.kvstore.slow_down(8)
    process.resume_stdout()
    _until(lambda: slow.hits > 0)
    process.terminate()
    first = process.wait(PROMISED)
    assert (first.status, is_whole(first)) == (0, True)
    installed.splunkd.faults.clear()
    _assert_the_next_run_completes(installed, first, published)


@pytest.mark.parametrize("host", [SIEM_HOST, LOGIN_HOST])
def test_a_pipe_that_splunkd_closes_ends_the_process_in_time_also_where_there_is_nothing_to_write(
    installed: Installation, hold: Callable[[str], threading.Event], host: str
) -> None:
    begun = hold(host)
    process = installed.start()
    assert begun.wait(30)
    process.close_stdout()
    first = process.wait(PROMISED)
    log = installed.log()
    assert (first.status, first.events) == (1, [])
    assert ["Splunk has closed the stream of events" in line.text for line in errors(log)] == [True]
    assert [line["outcome"] for line in actions(log, "run_done")] == ["failed"]


def test_a_pipe_that_splunkd_closes_behind_SIGTERM_is_no_failure(installed: Installation) -> None:
    published = _publish(installed)
    process = _start_and_block(installed, 1_200)
    _until(lambda: process.unread() > _PIPE_IS_FULL)
    process.terminate()
    process.close_stdout()
    first = process.wait(PROMISED)
    assert (first.status, first.stderr, errors(installed.log())) == (0, [], [])
    _assert_the_next_run_completes(installed, first, published)


@pytest.mark.parametrize("host", [SIEM_HOST, LOGIN_HOST])
def test_SIGTERM_while_Microsoft_does_not_answer_ends_the_run_soon(
    installed: Installation, hold: Callable[[str], threading.Event], host: str
) -> None:
    """The main thread has to be free for the signal, also where nothing has begun that would have to be finished."""
    published = _publish(installed)
    begun = hold(host)
    process = installed.start()
    assert begun.wait(30)
    process.terminate()
    first = process.wait(15)
    assert (first.status, is_whole(first), first.stderr) == (0, True, [])
    assert first.events == [] or host == SIEM_HOST
    installed.cloud.faults.clear()
    _assert_the_next_run_completes(installed, first, published)


def test_the_wait_for_a_store_that_is_starting_ends_at_SIGTERM_without_an_event(installed: Installation) -> None:
    published = _publish(installed)
    installed.splunkd.kvstore.state = KVStoreState.STARTING
    process = installed.start()
    _until(lambda: any(DATA in call.path and call.status == 503 for call in installed.calls_to_splunkd()))
    process.terminate()
    first = process.wait(20)
    log = installed.log()
    assert (first.status, first.stdout_bytes, first.stderr, errors(log)) == (0, 0, [], [])
    assert [line["outcome"] for line in actions(log, "run_done")] == ["stopped"]
    installed.splunkd.kvstore.state = KVStoreState.READY
    _assert_the_next_run_completes(installed, first, published)


def test_a_run_whose_parent_has_ended_without_a_signal_ends_soon_as_well(
    installed: Installation,
    hold: Callable[[str], threading.Event],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    _publish(installed)
    parent = tmp_path / "parent"
    # The shell gives what it starts in the background no standard input of its own.
    parent.write_text(f'#!/bin/sh\nexec 3<&0\n{installed.splunkd.python} "$@" <&3 &\nwait\n', encoding="utf-8")
    parent.chmod(0o755)
    monkeypatch.setattr(installed.splunkd, "python", parent)
    begun = hold(SIEM_HOST)
    with installed.splunkd.starting_anew():
        process = installed.start()
    assert begun.wait(30)
    process.kill()
    first = process.wait(15)
    assert (is_whole(first), first.stderr) == (True, [])
    assert [line["outcome"] for line in actions(installed.log(), "run_done")] == ["stopped"]
