"""However a run is ended, its stream is whole, and the next one repeats a batch per region at most and loses nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from integration.installation import (
    BATCH,
    BROAD,
    LOGIN_HOST,
    REGIONS,
    Installation,
    is_whole,
    raws,
    repeated,
    texts,
)
from integration.log import actions, errors
from standins.splunkd import IndexedEvent, InputProcess, InputRun

COUNT = 3_500


def _publish(installed: Installation) -> dict[str, list[bytes]]:
    published = {region: installed.alerts(COUNT, first=place * 100_000) for place, region in enumerate(REGIONS)}
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


def _assert_it_was_under_way(run: InputRun) -> None:
    """The case is what it should be."""
    assert 0 < len(run.events) < COUNT * len(REGIONS)


def _assert_the_next_run_completes(installed: Installation, first: InputRun, published: dict[str, list[bytes]]) -> None:
    second = installed.run()
    assert (second.status, second.stderr, is_whole(second)) == (0, [], True)
    for region, alerts in published.items():
        both = [*raws(first, region), *raws(second, region)]
        assert set(both) == set(texts(alerts))
        assert repeated(both) <= BATCH
    assert installed.run().events == []


@pytest.mark.parametrize("after", [1, 1_700])
def test_SIGTERM_in_the_middle_of_a_batch_ends_the_run_in_good_order(installed: Installation, after: int) -> None:
    published = _publish(installed)
    process = _start_and_block(installed, after)
    process.terminate()
    process.resume_stdout()
    first = process.wait(20)
    assert (first.status, first.stream_error, first.stream_closed, first.stderr) == (0, None, True, [])
    log = installed.log()
    assert errors(log) == []
    assert [line["outcome"] for line in actions(log, "run_done")] == ["stopped"]
    _assert_the_next_run_completes(installed, first, published)


def test_SIGTERM_costs_not_even_a_repetition_as_the_batch_is_written_to_its_end(installed: Installation) -> None:
    published = _publish(installed)
    process = _start_and_block(installed, 1_200)
    process.terminate()
    process.resume_stdout()
    first = process.wait(20)
    second = installed.run()
    for region, alerts in published.items():
        assert sorted([*raws(first, region), *raws(second, region)]) == sorted(texts(alerts))


def test_SIGKILL_in_the_middle_of_a_batch_loses_nothing(installed: Installation) -> None:
    published = _publish(installed)
    process = _start_and_block(installed, 1_200)
    process.kill()
    process.resume_stdout()
    first = process.wait(20)
    assert first.status == -9
    _assert_it_was_under_way(first)
    _assert_the_next_run_completes(installed, first, published)


def test_a_pipe_that_splunkd_has_closed_ends_the_run_with_one_sentence_per_region_at_most(
    installed: Installation,
) -> None:
    published = _publish(installed)
    process = _start_and_block(installed, 1_200)
    process.close_stdout()
    first = process.wait(20)
    assert first.status == 1
    _assert_it_was_under_way(first)
    found = errors(installed.log())
    assert 0 < len(found) <= len(REGIONS)
    assert all("Splunk has closed the stream of events" in line.text for line in found)
    assert all(line.startswith(f"ERROR defender_siem_alerts://{BROAD} ") for line in first.stderr)
    _assert_the_next_run_completes(installed, first, published)


def test_SIGTERM_while_Microsoft_does_not_answer_ends_the_run_soon(
    installed: Installation, hold: Callable[[str], threading.Event]
) -> None:
    published = _publish(installed)
    begun = hold(installed.cloud.siem("eu").host)
    process = installed.start()
    assert begun.wait(30)
    process.terminate()
    first = process.wait(15)
    assert (first.status, is_whole(first), first.stderr) == (0, True, [])
    installed.cloud.faults.clear()
    second = installed.run()
    assert second.status == 0
    for region, alerts in published.items():
        both = [*raws(first, region), *raws(second, region)]
        assert set(both) == set(texts(alerts))
        assert repeated(both) <= BATCH


def test_SIGTERM_while_Entra_ID_does_not_answer_ends_the_run_soon(
    installed: Installation, hold: Callable[[str], threading.Event]
) -> None:
    """The main thread has to be free for the signal: nothing has begun that would have to be finished."""
    _publish(installed)
    begun = hold(LOGIN_HOST)
    process = installed.start()
    assert begun.wait(30)
    process.terminate()
    first = process.wait(15)
    assert (first.status, first.events, first.stderr) == (0, [], [])
