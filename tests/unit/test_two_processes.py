"""Two processes on one input: one goes on where the other has come to, and nothing is lost."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from defender_alerts.checkpoint.checkpoint import CheckpointKey, Reset
from defender_alerts.collect import delivery, reader
from defender_alerts.collect.poll import LONGEST_HANDOVER
from defender_alerts.errors import CheckpointError
from defender_alerts.splunk.resetting import delete_input
from defender_alerts.times import parse_iso, seconds
from standins.microsoft.samples import siem_alert
from standins.polling import MemorySink, NoWaiting, PolledInput

BATCH = 100


@pytest.fixture(autouse=True)
def small_batches_of_one_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A backlog comes in one answer, whose batches follow each other."""
    monkeypatch.setattr(delivery, "BATCH_VERSIONS", BATCH)
    monkeypatch.setattr(reader, "LONGEST_ANSWER_KEPT", 100_000_000)


def _alerts(polled: PolledInput, count: int) -> list[str]:
    now = polled.cloud.clock.now()
    alerts = [siem_alert(number, now - seconds(3_600) + number) for number in range(count)]
    polled.cloud.siem("eu").add_all(polled.tenant, alerts)
    return [alert.decode() for alert in alerts]


def _another(polled: PolledInput) -> PolledInput:
    """Another process on the same input and the same store."""
    return replace(polled, writer="another process", sink=MemorySink(), stop=NoWaiting())


def _let_two_read_at_once(polled: PolledInput) -> None:
    """Let the first two who read the store's places go on when both have."""
    usual, together = polled.store.checkpoints_of, threading.Barrier(2)

    def read_together(kind: str, name: str) -> list[Mapping[str, Any]]:
        documents = usual(kind, name)
        with contextlib.suppress(threading.BrokenBarrierError):
            together.wait(30)
            together.abort()
        return documents

    polled.store.checkpoints_of = read_together  # type: ignore[method-assign,assignment]


def _behind_each_batch(polled: PolledInput, act: Callable[[int], None]) -> None:
    """Do something each time a batch has been saved; ``act`` is told how many have been written."""
    save = polled.store.save
    acted: set[int] = set()

    def saved(document: Mapping[str, Any]) -> None:
        save(document)
        written = len(polled.sink.batches)
        if written not in {0, *acted} and document["writer"] == polled.writer:
            acted.add(written)
            act(written)

    polled.store.save = saved  # type: ignore[method-assign]


def _reset(polled: PolledInput, start: int) -> None:
    document = next(iter(polled.store.documents.values()))
    key = CheckpointKey(*(document[name] for name in ("kind", "input", "tenant", "cloud", "region")))
    polled.store.save(Reset(key, start, document["generation"] + 1).document())


def test_the_last_save_of_a_run_alone_says_when_the_place_was_collected(polled: PolledInput) -> None:
    _alerts(polled, 150)
    assert polled.poll().failures == []
    *before, first = [document["collected"] for document in polled.store.history]
    assert len(before) > 1
    assert set(before) == {""}
    polled.cloud.clock.advance(60)
    now = polled.cloud.clock.now()
    polled.cloud.siem("eu").add_all(polled.tenant, [siem_alert(9_000, now - seconds(30))])
    polled.sink.room = len(polled.sink.taken)
    assert [one.outcome for one in polled.poll().outcomes] == ["stopped"]
    assert polled.store.history[-1]["collected"] == first
    polled.sink.room = None
    assert polled.poll().failures == []
    # The clock of the answers has whole seconds.
    assert parse_iso(polled.store.history[-1]["collected"]) > parse_iso(first) + seconds(58)


def test_a_stop_between_two_batches_leaves_the_rest_of_the_answer_to_the_next_run(polled: PolledInput) -> None:
    alerts = _alerts(polled, 250)
    _behind_each_batch(polled, lambda _: polled.stop.set())
    assert [one.outcome for one in polled.poll().outcomes] == ["stopped"]
    assert polled.sink.raws() == alerts[:BATCH]
    next_one = _another(polled)
    assert next_one.poll().failures == []
    assert next_one.sink.raws() == alerts[BATCH:]


def test_a_process_that_was_held_up_until_another_had_finished_leaves_all_to_it(
    polled: PolledInput, caplog: pytest.LogCaptureFixture
) -> None:
    """It read the store first and would save last: over everything that the other one has noted down."""
    alerts = _alerts(polled, 250)
    slow = _another(polled)
    usual = polled.store.checkpoints_of

    def held_up(kind: str, name: str) -> object:
        documents = usual(kind, name)
        polled.store.checkpoints_of = usual  # type: ignore[method-assign]
        assert polled.poll().failures == []
        return documents

    polled.store.checkpoints_of = held_up  # type: ignore[method-assign,assignment]
    assert [one.outcome for one in slow.poll().outcomes] == ["taken", "done"]
    assert "another process has saved the checkpoint meanwhile" in caplog.text
    assert slow.stop.waits == [LONGEST_HANDOVER / 2] * 2
    assert (polled.sink.raws(), slow.sink.raws()) == (alerts, [])
    assert polled.poll().failures == []
    assert polled.sink.raws() == alerts


@pytest.mark.parametrize(("times", "outcomes"), [(1, ["done"]), (2, ["taken", "done"])])
def test_what_a_dead_process_saves_late_is_saved_over_once(
    polled: PolledInput, times: int, outcomes: list[str]
) -> None:
    """Splunkd may carry out the save of a killed process when the next one is long at work; a second was not killed."""
    polled.overlap = 7_200
    assert _another(polled).poll().failures == []
    alerts = _alerts(polled, 350)
    left = dict(polled.store.history[-1])

    def saves_late(written: int) -> None:
        if 2 <= written < 2 + times:
            polled.store.save(left)

    _behind_each_batch(polled, saves_late)
    assert [one.outcome for one in polled.poll().outcomes] == outcomes
    assert set(polled.sink.raws()) == set(alerts)
    if outcomes == ["done"]:
        assert polled.sink.raws() == alerts


def test_a_run_that_finds_another_at_work_goes_on_once_and_then_leaves_the_region_to_it(
    polled: PolledInput, caplog: pytest.LogCaptureFixture
) -> None:
    alerts = _alerts(polled, 350)

    def another_saves(_: int) -> None:
        (document,) = polled.store.documents.values()
        polled.store.save({**document, "writer": "another", "revision": document["revision"] + 1})

    _behind_each_batch(polled, another_saves)
    result = polled.poll()
    assert ([one.outcome for one in result.outcomes], result.failures) == (["taken", "taken"], [])
    assert polled.stop.waits == [LONGEST_HANDOVER / 2] * 2
    assert "region=eu is left: another process has saved the checkpoint meanwhile" in caplog.text
    assert polled.sink.raws() == alerts[:200]


@pytest.mark.parametrize(("saves_in", "outcomes"), [(1, ["taken", "taken"]), (2, ["taken"])])
def test_a_run_takes_over_only_from_another_that_saves_no_more(
    polled: PolledInput, saves_in: int, outcomes: list[str]
) -> None:
    """In the first half of the wait it may finish its batch; one that saves in the second half is at work."""
    _alerts(polled, 250)

    def another_saves(_: int = 0) -> None:
        (document,) = polled.store.documents.values()
        polled.store.save({**document, "writer": "another", "revision": document["revision"] + 1})

    _behind_each_batch(polled, another_saves)

    class Meanwhile(NoWaiting):
        def wait(self, timeout: float | None = None) -> bool:
            ended = super().wait(timeout)
            if len(self.waits) == saves_in:
                another_saves()
            return ended

    polled.stop = Meanwhile()
    assert [one.outcome for one in polled.poll().outcomes] == outcomes


def test_a_store_that_fails_at_the_handover_fails_the_region(polled: PolledInput) -> None:
    _alerts(polled, 250)

    def another_saves(_: int) -> None:
        (document,) = polled.store.documents.values()
        document["writer"] = "another"

    _behind_each_batch(polled, another_saves)

    class FailedMeanwhile(NoWaiting):
        def wait(self, timeout: float | None = None) -> bool:
            polled.store.unreadable = True
            return super().wait(timeout)

    polled.stop = FailedMeanwhile()
    result = polled.poll()
    assert [one.outcome for one in result.outcomes] == ["taken"]
    assert [type(failure) for failure in result.failures] == [CheckpointError]


_WRITERS: list[Any] = ["", None, 0, -1, True, 1.5, [], {"a": 1}, "x" * 200, "\ud800"]
_REVISIONS: list[Any] = [0, -1, 10**9, 10**30, 1.0, 2.5, 1e300, "7", True]
ODD_HEADS: list[dict[str, Any]] = [
    *({"writer": writer} for writer in _WRITERS),
    *({"revision": revision} for revision in _REVISIONS),
    {"lease_owner": "elsewhere/1/x", "lease_until": "9999-12-31T23:59:59.9999999Z"},
    {"collected": "9999-12-31T23:59:59.9999999Z"},
]


@pytest.mark.parametrize("odd", ODD_HEADS, ids=ascii)
def test_nothing_that_stands_in_a_document_keeps_a_run_out(polled: PolledInput, odd: dict[str, Any]) -> None:
    polled.overlap = 7_200
    assert polled.poll().failures == []
    alerts = _alerts(polled, 10)
    (document,) = polled.store.documents.values()
    document.update(odd)
    assert [one.outcome for one in polled.poll().outcomes] == ["done"]
    assert polled.sink.raws() == alerts
    assert polled.stop.waits == []


@pytest.mark.parametrize("odd", ODD_HEADS, ids=ascii)
def test_an_odd_document_that_appears_during_a_run_costs_one_handover_and_loses_nothing(
    polled: PolledInput, odd: dict[str, Any]
) -> None:
    alerts = _alerts(polled, 250)

    def made_odd(written: int) -> None:
        if written == 1:
            (document,) = polled.store.documents.values()
            document.update(odd)

    _behind_each_batch(polled, made_odd)
    assert {one.outcome for one in polled.poll().outcomes} <= {"done", "taken"}
    assert sum(polled.stop.waits) <= LONGEST_HANDOVER
    assert polled.poll().failures == []
    assert polled.sink.raws() == alerts


def test_a_place_that_was_reset_during_a_run_keeps_the_reset(
    polled: PolledInput, caplog: pytest.LogCaptureFixture
) -> None:
    alerts = _alerts(polled, 250)
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


@pytest.mark.parametrize("what", ["deleted", "reset"])
def test_a_run_goes_on_with_nothing_that_has_begun_anew_since_its_input_was(polled: PolledInput, what: str) -> None:
    """A new input of the same name may have another index: what it has not collected yet is its own to collect."""
    alerts = _alerts(polled, 2 * BATCH)
    anew = _another(polled)
    late = siem_alert(100_000, polled.cloud.clock.now() - seconds(60))

    def begin_anew(_: int) -> None:
        if what == "deleted":
            delete_input(polled.store, polled.kind, "test", polled.cloud.clock.now())
        else:
            _reset(polled, polled.cloud.clock.now() - seconds(7 * 86_400))
        assert anew.poll().failures == []
        polled.cloud.siem("eu").add(polled.tenant, late)

    _behind_each_batch(polled, begin_anew)
    assert [one.outcome for one in polled.poll().outcomes] == ["taken"]
    assert len(polled.sink.raws()) == BATCH
    assert anew.poll().failures == []
    assert sorted(anew.sink.raws()) == sorted([*alerts, late.decode()])


def test_a_reset_that_a_running_process_does_not_notice_counts_all_the_same(polled: PolledInput) -> None:
    alerts = _alerts(polled, 10)
    assert polled.poll().failures == []
    _reset(polled, polled.cloud.clock.now() - seconds(7_200))
    checkpoint = next(
        document for document in polled.store.documents.values() if not document["_key"].endswith(":reset")
    )
    polled.store.save({**checkpoint, "watermark": checkpoint["watermark"]})
    polled.sink.taken.clear()
    assert polled.poll().failures == []
    assert polled.sink.raws() == alerts


class _InStep:
    """Lets two threads take turns: neither writes its next batch before the other has written or ended."""

    def __init__(self) -> None:
        self._turns = threading.Barrier(2)

    def meet(self) -> None:
        with contextlib.suppress(threading.BrokenBarrierError):
            self._turns.wait(30)

    def leave(self) -> None:
        self._turns.abort()


class _WhileTheOtherGoesOn(NoWaiting):
    """A stop during whose waits the other process writes another batch, or comes to its end."""

    def __init__(self, step: _InStep) -> None:
        super().__init__()
        self.has_ended = threading.Event()
        self.other: PolledInput
        self._step = step

    def wait(self, timeout: float | None = None) -> bool:
        written = len(self.other.sink.batches)
        # From here on the other one takes its turns alone.
        self._step.leave()
        stop = self.other.stop
        assert isinstance(stop, _WhileTheOtherGoesOn)
        while len(self.other.sink.batches) == written and not stop.has_ended.wait(0.001):
            pass
        return super().wait(timeout)


@pytest.mark.parametrize("begins", ["in step", "a batch later", "in the middle"])
def test_two_processes_through_many_batches_lose_nothing_and_repeat_two_batches_at_most(
    polled: PolledInput, begins: str
) -> None:
    begun = polled.cloud.clock.now() - seconds(6 * 3_600)
    raws = [siem_alert(number, begun + seconds(10 * number)) for number in range(550)]
    polled.cloud.siem("eu").add_all(polled.tenant, raws)
    alerts = [raw.decode() for raw in raws]
    other = _another(polled)
    step, batches = _InStep(), {"in step": 0, "a batch later": 1, "in the middle": 2}[begins]
    first, next_one = _WhileTheOtherGoesOn(step), _WhileTheOtherGoesOn(step)
    polled.stop, first.other, other.stop, next_one.other = first, other, next_one, polled
    second = threading.Thread(target=_run_to_its_end, args=(other, step))
    for process in (polled, other):
        _wrap_writes(process, step, second if process is polled else None, batches)
    if not batches:
        _let_two_read_at_once(polled)
        second.start()
    _run_to_its_end(polled, step)
    second.join()
    assert polled.poll().failures == []
    delivered = polled.sink.raws() + other.sink.raws()
    assert set(delivered) == set(alerts)
    assert len(delivered) - len(alerts) <= 2 * BATCH


def _run_to_its_end(process: PolledInput, step: _InStep) -> None:
    try:
        assert process.poll().failures == []
    finally:
        assert isinstance(process.stop, _WhileTheOtherGoesOn)
        process.stop.has_ended.set()
        step.leave()


def _wrap_writes(process: PolledInput, step: _InStep, second: threading.Thread | None, batches: int) -> None:
    write = process.sink.write

    def in_step(*arguments: object) -> int:
        if second is not None and batches and len(process.sink.batches) == batches:
            second.start()
        written = write(*arguments)  # type: ignore[arg-type]
        # Alone, the first one would wait for a second that has not begun.
        if second is None or second.ident is not None:
            step.meet()
        return written

    process.sink.write = in_step  # type: ignore[method-assign,assignment]


@pytest.mark.parametrize("regions", [("eu",), ("eu", "us")])
def test_an_input_that_is_edited_in_the_middle_of_a_backlog_goes_on_in_its_next_process(
    polled: PolledInput, regions: tuple[str, ...]
) -> None:
    """Splunkd ends the old process and starts the next one at once, while the old one still finishes its batch.

    The next one may run on another member of a cluster that shares the KV store: nothing is known of it but what it saves.
    """
    polled.cloud.clock.freeze(polled.cloud.clock.now())
    polled.regions = regions
    alerts = _alerts(polled, 550)
    new = _another(polled)
    outcomes: list[tuple[str, str]] = []
    thread = threading.Thread(
        target=lambda: outcomes.extend((one.collector.region, one.outcome) for one in new.poll().outcomes)
    )
    usual = new.stop.wait

    def wait(timeout: float | None = None) -> bool:
        """The old process has ended meanwhile."""
        old.join()
        return usual(timeout)

    new.stop.wait = wait  # type: ignore[method-assign]

    write = polled.sink.write

    def edited_while_writing(*arguments: Any) -> int:
        written = write(*arguments)
        if len(polled.sink.batches) == 2:
            polled.stop.set()
            thread.start()
            # It has read the checkpoint as it was before this batch.
            assert read.wait(30)
        return written

    read = threading.Event()
    checkpoints_of = polled.store.checkpoints_of

    def tell_when_read(kind: str, name: str) -> list[Mapping[str, Any]]:
        documents = checkpoints_of(kind, name)
        if threading.current_thread() is thread:
            read.set()
        return documents

    polled.store.checkpoints_of = tell_when_read  # type: ignore[method-assign,assignment]
    polled.sink.write = edited_while_writing  # type: ignore[method-assign,assignment]
    old = threading.Thread(target=polled.poll)
    old.start()
    old.join()
    thread.join()
    assert outcomes == [("eu", "taken"), *((region, "done") for region in regions[1:]), ("eu", "done")]
    delivered = polled.sink.raws() + new.sink.raws()
    assert set(delivered) == set(alerts)
    assert len(delivered) - len(alerts) <= BATCH


@pytest.mark.parametrize("jump", [-10 * 365 * 86_400, -86_400, -3_600, -45, 45, 3_600, 86_400])
def test_a_clock_that_jumps_between_two_processes_keeps_nobody_out(polled: PolledInput, jump: int) -> None:
    _alerts(polled, 10)
    assert _another(polled).poll().failures == []
    polled.cloud.clock.advance(jump)
    assert [one.outcome for one in polled.poll().outcomes] == ["done"]
    assert polled.stop.waits == []
    polled.cloud.clock.advance(-jump)
    assert [one.outcome for one in _another(polled).poll().outcomes] == ["done"]
    assert polled.stop.waits == []
