"""Two processes on one input: the second waits, takes over from the dead, and never makes anything be lost."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest
from defender_alerts.delivery import BATCH_VERSIONS
from defender_alerts.errors import CheckpointError
from defender_alerts.lease import LENGTH, NOBODY, Lease, new_owner
from defender_alerts.place import PlaceKey, Reset
from defender_alerts.times import iso, parse_iso, seconds
from standins.microsoft.samples import siem_alert
from standins.polling import MemorySink, NoWaiting, PolledInput


@pytest.fixture
def dead_process() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


@pytest.fixture
def living_process() -> Iterator[int]:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield process.pid
    process.communicate()


def _alerts(polled: PolledInput, count: int) -> list[str]:
    now = polled.cloud.clock.now()
    alerts = [siem_alert(number, now - seconds(3_600) + number) for number in range(count)]
    polled.cloud.siem("eu").add_all(polled.tenant, alerts)
    return [alert.decode() for alert in alerts]


def _hold(polled: PolledInput, owner: str, until: int) -> None:
    (document,) = polled.store.documents.values()
    document.update(Lease(owner, until).fields())


def _reset(polled: PolledInput, start: int) -> None:
    document = next(iter(polled.store.documents.values()))
    key = PlaceKey(*(document[name] for name in ("kind", "input", "tenant", "cloud", "region")))
    polled.store.save(Reset(key, start, document["generation"] + 1).document())


def test_the_last_save_of_a_run_gives_the_lease_back(polled: PolledInput) -> None:
    _alerts(polled, 1_500)
    assert polled.poll().failures == []
    assert {document["lease_owner"] for document in polled.store.history[:-1]} == {polled.owner}
    assert polled.store.history[-1]["lease_owner"] == ""


def test_the_last_save_of_a_run_alone_says_when_the_place_was_collected(polled: PolledInput) -> None:
    _alerts(polled, 1_500)
    assert polled.poll().failures == []
    *before, first = [document["collected"] for document in polled.store.history]
    assert len(before) > 1
    assert set(before) == {""}
    polled.cloud.clock.advance(60)
    now = polled.cloud.clock.now()
    polled.cloud.siem("eu").add_all(polled.tenant, [siem_alert(9_000, now - seconds(30))])
    polled.sink.room = len(polled.sink.taken)
    assert len(polled.poll().failures) == 1
    assert polled.store.history[-1]["collected"] == first
    polled.sink.room = None
    assert polled.poll().failures == []
    # The clock of the answers has whole seconds.
    assert parse_iso(polled.store.history[-1]["collected"]) > parse_iso(first) + seconds(58)


def test_a_quiet_poll_reads_once_and_saves_once(polled: PolledInput) -> None:
    assert polled.poll().failures == []
    reads: list[str] = []
    usual = polled.store.heads_of

    def heads_of(*keys: str) -> object:
        reads.extend(keys)
        return usual(*keys)

    polled.store.heads_of = heads_of  # type: ignore[method-assign,assignment]
    saves = len(polled.store.history)
    assert polled.poll().failures == []
    assert (reads, len(polled.store.history) - saves) == ([], 1)


def test_a_second_process_waits_until_the_first_has_finished(polled: PolledInput, living_process: int) -> None:
    assert polled.poll().failures == []
    alerts = _alerts(polled, 3)
    polled.store.documents.update({key: dict(document) for key, document in polled.store.documents.items()})
    _hold(polled, f"{socket.gethostname()}/{living_process}/x", polled.cloud.clock.now() + LENGTH)

    class FreedAfterAWhile(NoWaiting):
        def wait(self, timeout: float | None = None) -> bool:
            if sum(self.waits) > 5:
                _hold(polled, "", 0)
            return super().wait(timeout)

    polled.stop = FreedAfterAWhile()
    polled.overlap = 7_200
    polled.store.documents.clear()
    assert polled.poll().failures == []
    assert polled.sink.raws() == alerts


def test_a_region_that_stays_in_other_hands_is_left_to_them(
    polled: PolledInput, living_process: int, caplog: pytest.LogCaptureFixture
) -> None:
    assert polled.poll().failures == []
    _hold(polled, f"{socket.gethostname()}/{living_process}/x", polled.cloud.clock.now() + 2 * LENGTH - seconds(5))
    asked = len(polled.cloud.journal.calls(polled.cloud.siem("eu").host))
    result = polled.poll()
    assert (result.failures, result.outcomes) == ([], ())
    assert len(polled.cloud.journal.calls(polled.cloud.siem("eu").host)) == asked
    assert "region=eu is left to another process" in caplog.text
    assert 30 < sum(polled.stop.waits) < 40


@pytest.mark.parametrize("whose", ["nobody's any more", "run out", "a dead process's", "our own"])
def test_a_lease_that_keeps_nobody_out_is_taken_over_at_once(
    polled: PolledInput, dead_process: int, living_process: int, whose: str
) -> None:
    assert polled.poll().failures == []
    now = polled.cloud.clock.now()
    here = socket.gethostname()
    owner, until = {
        "nobody's any more": ("", 0),
        "run out": (f"{here}/{living_process}/x", now - seconds(2)),
        "a dead process's": (f"{here}/{dead_process}/x", now + LENGTH),
        "our own": (polled.owner, now + LENGTH),
    }[whose]
    _hold(polled, owner, until)
    result = polled.poll()
    assert [one.outcome for one in result.outcomes] == ["done"]
    assert polled.stop.waits == []


@pytest.mark.parametrize("ahead", [61, 63, 3_600, 86_400, 10 * 365 * 86_400])
def test_a_lease_further_ahead_than_any_process_takes_it_keeps_nobody_out(
    polled: PolledInput, living_process: int, ahead: int
) -> None:
    """A clock that was wrong wrote it, or it comes from a backup."""
    polled.cloud.clock.freeze(polled.cloud.clock.now())
    assert polled.poll().failures == []
    _hold(polled, f"{socket.gethostname()}/{living_process}/x", polled.cloud.clock.now() + seconds(ahead + 1))
    assert [one.outcome for one in polled.poll().outcomes] == ["done"]
    assert polled.stop.waits == []


@pytest.mark.parametrize("ahead", [*range(2, 62, 7), 90, 3_600, 86_400])
def test_nothing_that_stands_in_a_lease_keeps_everybody_out_for_longer_than_a_minute(
    polled: PolledInput, living_process: int, ahead: int
) -> None:
    polled.cloud.clock.freeze(polled.cloud.clock.now())
    polled.let_time_pass()
    assert polled.poll().failures == []
    began = polled.cloud.clock.now()
    _hold(polled, f"{socket.gethostname()}/{living_process}/x", began + seconds(ahead))
    # splunkd starts the next run when the last one has ended.
    while not polled.poll().outcomes:
        assert polled.cloud.clock.now() - began <= seconds(60)
    assert polled.cloud.clock.now() - began <= seconds(62)


def test_a_lease_from_before_a_reset_is_not_waited_for(polled: PolledInput, living_process: int) -> None:
    alerts = _alerts(polled, 10)
    assert polled.poll().failures == []
    _hold(polled, f"{socket.gethostname()}/{living_process}/x", polled.cloud.clock.now() + LENGTH)
    _reset(polled, polled.cloud.clock.now() - seconds(7_200))
    polled.sink.taken.clear()
    assert polled.poll().failures == []
    assert (polled.sink.raws(), polled.stop.waits) == (alerts, [])


def test_two_processes_that_begin_at_once_lose_nothing_and_repeat_a_batch_or_two(polled: PolledInput) -> None:
    """Both read the store before either has saved: as close as two processes can come."""
    alerts = _alerts(polled, 6_000)
    polled.most_records = 10_000
    other = replace(polled, owner=f"{socket.gethostname()}/{os.getppid()}/other", sink=MemorySink(), stop=NoWaiting())
    polled.owner = f"{socket.gethostname()}/{os.getpid()}/one"
    together = threading.Barrier(2)
    usual = polled.store.places_of

    def read_together(kind: str, name: str) -> object:
        documents = usual(kind, name)
        together.wait(10)
        return documents

    polled.store.places_of = read_together  # type: ignore[method-assign,assignment]
    threads = [threading.Thread(target=process.poll) for process in (polled, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    polled.store.places_of = usual  # type: ignore[method-assign]
    assert polled.poll().failures == []
    delivered = polled.sink.raws() + other.sink.raws()
    assert set(delivered) == set(alerts)
    assert len(delivered) - len(alerts) <= 2 * BATCH_VERSIONS


def test_a_process_that_was_held_up_until_another_had_finished_leaves_all_to_it(
    polled: PolledInput, caplog: pytest.LogCaptureFixture
) -> None:
    """It read the store first and would save last: over everything that the other one has noted down."""
    alerts = _alerts(polled, 2_500)
    slow = replace(polled, owner=f"{socket.gethostname()}/{os.getppid()}/slow", sink=MemorySink(), stop=NoWaiting())
    usual = polled.store.places_of

    def held_up(kind: str, name: str) -> object:
        documents = usual(kind, name)
        polled.store.places_of = usual  # type: ignore[method-assign]
        assert polled.poll().failures == []
        return documents

    polled.store.places_of = held_up  # type: ignore[method-assign,assignment]
    assert [one.outcome for one in slow.poll().outcomes] == ["taken"]
    assert "another process has collected the region meanwhile" in caplog.text
    assert (polled.sink.raws(), slow.sink.raws()) == (alerts, [])
    assert polled.poll().failures == []
    assert polled.sink.raws() == alerts


def test_what_a_dead_process_saved_late_is_saved_over(polled: PolledInput, dead_process: int) -> None:
    """Splunkd may carry out the save of a killed process when the next one is long at work."""
    alerts = _alerts(polled, 3_500)
    write = polled.sink.write
    late: list[dict[str, object]] = []

    def save_late(*arguments: object) -> int:
        written = write(*arguments)  # type: ignore[arg-type]
        if len(polled.sink.batches) == 2:
            document = dict(polled.store.history[0])
            document.update(
                Lease(f"{socket.gethostname()}/{dead_process}/x", polled.cloud.clock.now() + LENGTH).fields()
            )
            polled.store.save(document)
            late.append(document)
        return written

    polled.sink.write = save_late  # type: ignore[method-assign,assignment]
    assert [one.outcome for one in polled.poll().outcomes] == ["done"]
    assert len(late) == 1
    assert polled.poll().failures == []
    assert polled.sink.raws() == alerts


def test_a_process_of_another_host_is_not_taken_for_dead(dead_process: int) -> None:
    assert Lease(f"elsewhere/{dead_process}/x", 10).keeps_out("me", 5)
    assert not Lease(f"{socket.gethostname()}/{dead_process}/x", 10).keeps_out("me", 5)


def test_no_two_processes_have_one_name_and_it_names_host_and_process() -> None:
    assert new_owner() != new_owner()
    assert new_owner().startswith(f"{socket.gethostname()}/{os.getpid()}/")


@pytest.mark.parametrize(
    "document", [{}, {"lease_owner": "x"}, {"lease_owner": "", "lease_until": iso(5)}, {**NOBODY.fields()}]
)
def test_a_document_without_a_lease_keeps_nobody_out(document: dict[str, str]) -> None:
    assert Lease.of(document) is None


def test_a_process_whose_place_was_taken_over_stops_without_saving(
    polled: PolledInput, living_process: int, caplog: pytest.LogCaptureFixture
) -> None:
    alerts = _alerts(polled, 3_500)
    taken: list[int] = []
    write = polled.sink.write

    def take_over_while_writing(*arguments: object) -> int:
        written = write(*arguments)  # type: ignore[arg-type]
        if len(polled.sink.batches) == 2:
            polled.jumped += 5
            (document,) = polled.store.documents.values()
            document["seen"] = "theirs"
            _hold(polled, f"{socket.gethostname()}/{living_process}/x", polled.cloud.clock.now() + LENGTH)
            taken.append(len(polled.store.history))
        return written

    polled.sink.write = take_over_while_writing  # type: ignore[method-assign,assignment]
    result = polled.poll()
    assert [one.outcome for one in result.outcomes] == ["taken"]
    assert result.failures == []
    assert len(polled.store.history) == taken[0]
    assert "has taken the region over" in caplog.text
    assert polled.sink.raws() == alerts[:2_000]


def test_a_place_that_was_reset_during_a_run_keeps_the_reset(
    polled: PolledInput, caplog: pytest.LogCaptureFixture
) -> None:
    alerts = _alerts(polled, 2_500)
    write = polled.sink.write
    start = polled.cloud.clock.now() - seconds(7_200)

    def reset_while_writing(*arguments: object) -> int:
        written = write(*arguments)  # type: ignore[arg-type]
        if len(polled.sink.batches) == 1:
            polled.jumped += 5
            _reset(polled, start)
        return written

    polled.sink.write = reset_while_writing  # type: ignore[method-assign,assignment]
    result = polled.poll()
    assert [one.outcome for one in result.outcomes] == ["taken"]
    assert "an administrator has reset the checkpoint" in caplog.text
    polled.sink.taken.clear()
    assert polled.poll().failures == []
    assert polled.sink.raws() == alerts
    assert polled.poll().failures == []
    assert polled.sink.raws() == alerts


def test_a_reset_that_a_running_process_does_not_notice_counts_all_the_same(polled: PolledInput) -> None:
    alerts = _alerts(polled, 10)
    assert polled.poll().failures == []
    _reset(polled, polled.cloud.clock.now() - seconds(7_200))
    place = next(document for document in polled.store.documents.values() if not document["_key"].endswith(":reset"))
    polled.store.save({**place, "watermark": place["watermark"]})
    polled.sink.taken.clear()
    assert polled.poll().failures == []
    assert polled.sink.raws() == alerts


def test_a_damaged_reset_is_an_error_and_not_a_first_run(polled: PolledInput) -> None:
    _alerts(polled, 1)
    assert polled.poll().failures == []
    _reset(polled, 0)
    (reset,) = (document for key, document in polled.store.documents.items() if key.endswith(":reset"))
    reset["start"] = "soon"
    polled.sink.taken.clear()
    (failure,) = polled.poll().failures
    assert type(failure) is CheckpointError
    assert "Reset it again" in str(failure)
    assert polled.sink.taken == []


class _InStep:
    """Lets two threads take turns: neither writes its next batch before the other has written or ended."""

    def __init__(self) -> None:
        self._turns = threading.Barrier(2)

    def meet(self) -> None:
        with contextlib.suppress(threading.BrokenBarrierError):
            self._turns.wait(30)

    def leave(self) -> None:
        self._turns.abort()


@pytest.mark.parametrize("begins", ["in step", "a batch later", "in the middle"])
def test_two_processes_through_twenty_thousand_alerts_lose_nothing_and_repeat_two_batches_at_most(
    polled: PolledInput, begins: str
) -> None:
    begun = polled.cloud.clock.now() - seconds(6 * 3_600)
    raws = [siem_alert(number, begun + seconds(number)) for number in range(20_000)]
    polled.cloud.siem("eu").add_all(polled.tenant, raws)
    alerts = [raw.decode() for raw in raws]
    other = replace(polled, owner=f"{socket.gethostname()}/{os.getppid()}/other", sink=MemorySink(), stop=NoWaiting())
    polled.owner = f"{socket.gethostname()}/{os.getpid()}/one"
    step, batches = _InStep(), {"in step": 0, "a batch later": 1, "in the middle": 10}[begins]
    second = threading.Thread(target=_run_to_its_end, args=(other, step))
    for process in (polled, other):
        _wrap_writes(process, step, second if process is polled else None, batches)
    usual = polled.store.places_of
    if not batches:
        together = threading.Barrier(2)

        def read_together(kind: str, name: str) -> object:
            documents = usual(kind, name)
            with contextlib.suppress(threading.BrokenBarrierError):
                together.wait(2)
            return documents

        polled.store.places_of = read_together  # type: ignore[method-assign,assignment]
        second.start()
    _run_to_its_end(polled, step)
    second.join()
    polled.store.places_of = usual  # type: ignore[method-assign]
    assert polled.poll().failures == []
    delivered = polled.sink.raws() + other.sink.raws()
    assert set(delivered) == set(alerts)
    assert len(delivered) - len(alerts) <= 2 * BATCH_VERSIONS


def _run_to_its_end(process: PolledInput, step: _InStep) -> None:
    try:
        assert process.poll().failures == []
    finally:
        step.leave()


def _wrap_writes(process: PolledInput, step: _InStep, second: threading.Thread | None, batches: int) -> None:
    write = process.sink.write

    def in_step(*arguments: object) -> int:
        if second is not None and batches and len(process.sink.batches) == batches:
            second.start()
        written = write(*arguments)  # type: ignore[arg-type]
        step.meet()
        return written

    process.sink.write = in_step  # type: ignore[method-assign,assignment]


@pytest.mark.parametrize("member", ["the same host", "another member of the cluster"])
def test_an_input_that_is_edited_in_the_middle_of_a_backlog_goes_on_in_its_next_process(
    polled: PolledInput, living_process: int, member: str
) -> None:
    """Splunkd ends the old process and starts the next one at once, while the old one still finishes its batch."""
    polled.cloud.clock.freeze(polled.cloud.clock.now())
    alerts = _alerts(polled, 5_500)
    polled.most_records = 10_000
    host = socket.gethostname() if member == "the same host" else "elsewhere"
    polled.owner = f"{host}/{living_process}/old"
    new = replace(polled, owner=f"{socket.gethostname()}/{os.getppid()}/new", sink=MemorySink(), stop=NoWaiting())
    outcomes: list[str] = []
    write = polled.sink.write
    thread = threading.Thread(target=lambda: outcomes.extend(one.outcome for one in new.poll().outcomes))

    new.let_time_pass()
    usual = new.stop.wait

    def wait(timeout: float | None = None) -> bool:
        """The old process has ended meanwhile."""
        if polled.stop.is_set() and not new.stop.waits:
            old.join()
            os.kill(living_process, signal.SIGKILL)
            os.waitpid(living_process, 0)
        return usual(timeout)

    new.stop.wait = wait  # type: ignore[method-assign]

    def edited_while_writing(*arguments: object) -> int:
        written = write(*arguments)  # type: ignore[arg-type]
        if len(polled.sink.batches) == 2:
            polled.stop.set()
            thread.start()
        return written

    polled.sink.write = edited_while_writing  # type: ignore[method-assign,assignment]
    old = threading.Thread(target=polled.poll)
    old.start()
    old.join()
    thread.join()
    assert outcomes == ["done"]
    delivered = polled.sink.raws() + new.sink.raws()
    assert set(delivered) == set(alerts)
    assert len(delivered) - len(alerts) <= BATCH_VERSIONS


@pytest.mark.parametrize("jump", [-86_400, -3_600, -45, 45, 3_600, 86_400])
def test_a_clock_that_jumps_while_two_processes_are_at_work_keeps_nobody_out_for_longer_than_a_minute(
    polled: PolledInput, living_process: int, jump: int
) -> None:
    polled.cloud.clock.freeze(polled.cloud.clock.now())
    polled.let_time_pass()
    assert polled.poll().failures == []
    _hold(polled, f"{socket.gethostname()}/{living_process}/x", polled.cloud.clock.now() + LENGTH)
    polled.cloud.clock.advance(jump)
    began = polled.cloud.clock.now()
    while not polled.poll().outcomes:
        assert polled.cloud.clock.now() - began <= seconds(60)
    assert polled.cloud.clock.now() - began <= seconds(62)
