"""Rows: what goes wrong in the KV store, where an input keeps its place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from defender_alerts.collect.poll import PollContext, poll
from defender_alerts.errors import CheckpointError, exit_status
from defender_alerts.splunk.kvstore import KVStoreCheckpoints
from defender_alerts.splunk.rest_client import RetryBudget
from defender_alerts.splunk.rest_client import Splunkd as Client
from faults.installed import SUBJECTS
from faults.processes import Processes
from faults.row import (
    A_BATCH_AGAIN,
    ALL_AGAIN,
    EVERYTHING,
    GOES_ON,
    GOES_ON_AFTER_REPEATING,
    NOTHING,
    OTHER_REGIONS,
    WHAT_WAS_READ,
    WHEN_OVER,
    Group,
    Ran,
    Row,
)
from faults.sentences import listening
from faults.subjects import SIEM_ALERTS, Subject
from integration.installation import COLLECTION, DAY, LOGIN_HOST, MINUTE
from standins.microsoft.faults import Hold
from standins.polling import MemorySink, NoWaiting, PolledInput
from standins.splunkd import Fault, IndexedEvent, KVStoreState

NOTHING_LOST = "Nothing is lost: alerts are collected from the last checkpoint on as soon as it is back."
_FAILING_READS = Fault("/storage/collections/data/", frozenset({"GET"}), status=500, text="read failed")
_WAITS = "The KV store is starting; this run waits for it, up to 120 s."


class _ReadyAfter(dict[KVStoreState, tuple[int, str]]):
    """The answers of a store that is ready when it has refused so many calls."""

    def __init__(self, stage: Processes, refusals: int) -> None:
        self._store = stage.installed.splunkd.kvstore
        super().__init__(self._store.answers)
        self._left = refusals

    def __getitem__(self, state: KVStoreState) -> tuple[int, str]:
        self._left -= 1
        if not self._left:
            self._store.state = KVStoreState.READY
        return super().__getitem__(state)


def _starting_for_a_while(stage: Processes) -> None:
    kvstore = stage.installed.splunkd.kvstore
    kvstore.state = KVStoreState.STARTING
    kvstore.answers = _ReadyAfter(stage, 2)


def _state(state: KVStoreState) -> Callable[[Processes], object]:
    return lambda stage: setattr(stage.installed.splunkd.kvstore, "state", state)


def _read_only(stage: Processes) -> None:
    """Alerts stand in the first window of the run: nothing but the save before the first event comes before them."""
    stage.publish(20, first=10_000, ago=7 * DAY - 60 * MINUTE)
    stage.installed.splunkd.kvstore.read_only = True


def _run_without_waiting(stage: Processes) -> Ran:
    """A poll in this process, with the add-on's own store, in which no wait takes its time."""
    installed = stage.installed
    splunkd, stop = installed.splunkd, NoWaiting()
    log, kept = listening()
    patience = RetryBudget(0.0, stop, log, lambda: float(len(stop.waits) * 2))
    store = KVStoreCheckpoints(Client(splunkd.server_uri, splunkd.session_key(), patience))
    sink = MemorySink()
    polled = PolledInput(
        installed.cloud, installed.tenant, installed.application, regions=SIEM_ALERTS.regions, secret=installed.secret
    )
    given = PollContext(polled.network(), store, sink, stop, log)
    try:
        failures = poll(polled.plan(), given).failures
    except CheckpointError as error:
        failures = [error]
    return Ran(sink.raws(), exit_status(failures), [*kept.sentences, *map(str, failures)])


def _run_with_splunkd_gone(stage: Processes) -> Ran:
    """Splunkd refuses connections from the moment on at which it has given the settings."""
    hold = Hold()
    held = stage.installed.cloud.faults.add(LOGIN_HOST, hold)
    process = stage.start()
    assert held.has_begun.wait(30)
    with stage.installed.splunkd.unreachable():
        hold.gate.set()
        run = process.wait(60)
    return stage.ran(run)


def run_with_writes_failing_from_the_first_event_on(stage: Processes, of: str = "") -> Ran:
    """Splunkd refuses to write documents in whose text that stands, or any, as soon as there is an event."""
    began: list[Fault] = []

    def fail(_: IndexedEvent) -> None:
        if not began:
            began.append(stage.installed.splunkd.kvstore.fail_writes(of=of))

    return stage.ran(stage.start(fail).wait(60))


def after_a_run(change: Callable[[Processes], object]) -> Callable[[Processes], object]:
    """Something happens to the checkpoints between two runs; alerts came in meanwhile."""

    def provoke(stage: Processes) -> None:
        stage.earlier += stage.run().raws
        stage.publish(3, first=10_000, ago=30_000_000)
        change(stage)

    return provoke


def _gone(stage: Processes) -> None:
    stage.installed.splunkd.kvstore.remove(COLLECTION)


def _document(stage: Processes) -> dict[str, Any]:
    (document,) = (one for one in stage.installed.checkpoints() if one.get("region") == stage.subject.region)
    return document


def _spoiled(
    name: str, what: str, says: str, subjects: Sequence[Subject] | None = None, **fields: Any
) -> Row[Processes]:
    """A document of one region that can't be used, and that an administrator restores."""
    kept: list[dict[str, Any]] = []

    def spoil(stage: Processes) -> None:
        kept[:] = [_document(stage)]
        stage.installed.splunkd.kvstore.put(COLLECTION, {**kept[0], **fields})

    def restore(stage: Processes) -> None:
        stage.installed.splunkd.kvstore.put(COLLECTION, kept[0])

    return Row(
        name,
        f"in one region's document, {what}",
        after_a_run(spoil),
        OTHER_REGIONS,
        3,
        (says,),
        WHEN_OVER,
        subjects,
        mend=restore,
    )


def _unusable(
    name: str,
    provoked: str,
    provoke: Callable[[Processes], object],
    *says: str,
    run: Callable[[Processes], Ran] = Processes.run,
) -> Row[Processes]:
    return Row(name, provoked, provoke, NOTHING, 3, says, WHEN_OVER, run=run)


KV_STORE: Group[Processes] = Group(
    "KV store",
    (
        Row(
            "starting",
            "the store is starting, and ready while the run waits",
            _starting_for_a_while,
            EVERYTHING,
            0,
            (_WAITS,),
            GOES_ON,
        ),
        Row(
            "starting for more than 120 s",
            "the store stays at starting",
            _state(KVStoreState.STARTING),
            NOTHING,
            3,
            (
                _WAITS,
                (
                    "The KV store is still starting after 120 s. See mongod.log and `splunk show kvstore-status`. "
                    f"{NOTHING_LOST} (splunkd says: HTTP 503: …)"
                ),
            ),
            WHEN_OVER,
            run=_run_without_waiting,
        ),
        _unusable(
            "disabled",
            "after a run, server.conf disables the store",
            after_a_run(_state(KVStoreState.DISABLED)),
            "The KV store is disabled on this instance, and inputs keep their checkpoints in it. Remove disabled = true from "
            "[kvstore] in server.conf and restart Splunk, or move the input to an instance that has one. "
            f"{NOTHING_LOST} (splunkd says: HTTP 503: …)",
        ),
        _unusable(
            "failed",
            "the store has failed",
            _state(KVStoreState.FAILED),
            "The KV store has failed. See mongod.log and `splunk show kvstore-status`; a store that can't be repaired "
            f"is restored from its backup. {NOTHING_LOST} (splunkd says: HTTP 503: …)",
        ),
        Row(
            "503 in passing",
            "two calls are answered 503",
            lambda stage: stage.installed.splunkd.kvstore.refuse_next(2),
            EVERYTHING,
            0,
            (),
            GOES_ON,
        ),
        _unusable(
            "503 that lasts",
            "every call is answered 503 by a store that calls itself ready",
            lambda stage: stage.installed.splunkd.kvstore.refuse_next(1_000),
            "The checkpoint could not be read in the KV store (HTTP 503: Service Unavailable; splunkd calls the store "
            "ready). See splunkd.log and mongod.log, and `splunk show kvstore-status`. " + NOTHING_LOST,
            run=_run_without_waiting,
        ),
        _unusable(
            "each connection closed",
            "after a run, splunkd closes each connection to the store without an answer",
            after_a_run(lambda stage: stage.installed.splunkd.kvstore.drop_next(1_000)),
            "The checkpoint could not be read in the KV store (…",
        ),
        _unusable(
            "writable and not readable",
            "after a run, every read is answered 500",
            after_a_run(lambda stage: stage.installed.splunkd.faults.add(_FAILING_READS)),
            "The checkpoint could not be read in the KV store (HTTP 500: read failed…",
        ),
        Row(
            "refused",
            "splunkd refuses connections when the checkpoint is read",
            lambda _: None,
            NOTHING,
            3,
            (
                (
                    "The checkpoint could not be read in the KV store (ConnectionRefusedError: …). splunkd gave no usable answer. "
                    f"See splunkd.log. {NOTHING_LOST}"
                ),
            ),
            WHEN_OVER,
            run=_run_with_splunkd_gone,
        ),
        Row(
            "slow",
            "every call takes a tenth of a second",
            lambda stage: stage.installed.splunkd.kvstore.slow_down(0.1),
            EVERYTHING,
            0,
            (),
            GOES_ON,
        ),
        Row(
            "document gone",
            "the collection is emptied after a run",
            after_a_run(_gone),
            ALL_AGAIN,
            0,
            (),
            GOES_ON_AFTER_REPEATING,
        ),
        _spoiled(
            "document corrupt",
            "the watermark is no time",
            "The checkpoint … is damaged (…). Nothing was collected. Restore the collection "
            "ta_defender_alerts_checkpoints from a backup of the KV store, or reset the checkpoint to the time of the "
            "input's last event, on the Inputs page or by defender_alerts_reset.py.",
            SUBJECTS,
            watermark="yesterday",
        ),
        _spoiled(
            "document cut off",
            "the memory of versions is cut off",
            "The checkpoint … is damaged (…). Nothing was collected. Restore the collection …",
            seen="AAECAwQFBgc",
        ),
        _spoiled(
            "document that contradicts itself",
            "the watermark lies before what is settled",
            "The checkpoint … contradicts itself: … Nothing was collected. Reset the checkpoint to the time of the "
            "input's last event, on the Inputs page or by defender_alerts_reset.py.",
            watermark="2020-01-01T00:00:00.0000000Z",
        ),
        _spoiled(
            "document of another version",
            "the layout is 2",
            "The checkpoint … has the layout 2, and this version of the add-on reads 1. Install the version that wrote "
            "it, or reset the checkpoint on the Inputs page or by defender_alerts_reset.py: the input then starts again at "
            "a time of your choice.",
            layout=2,
        ),
        _unusable(
            "readable and not writable",
            "the store is in read-only mode",
            _read_only,
            "The checkpoint could not be saved in the KV store (HTTP 503: KV Store is in read-only mode.; splunkd calls "
            "the store ready). See splunkd.log and mongod.log, and `splunk show kvstore-status`. " + NOTHING_LOST,
            run=_run_without_waiting,
        ),
        Row(
            "save that fails after the write",
            "writes are refused from the first event on",
            Processes.publish_many,
            WHAT_WAS_READ,
            3,
            (
                (
                    "The checkpoint could not be saved in the KV store (HTTP 503: write failed; splunkd calls the store "
                    f"ready). See splunkd.log and mongod.log, and `splunk show kvstore-status`. {NOTHING_LOST}"
                ),
            ),
            A_BATCH_AGAIN,
            SUBJECTS,
            run=run_with_writes_failing_from_the_first_event_on,
        ),
        Row(
            "save that succeeds and seems to fail",
            "one save is stored and answered 503",
            lambda stage: stage.installed.splunkd.kvstore.fail_writes(after=2, times=1, applied=True),
            EVERYTHING,
            0,
            (),
            GOES_ON,
        ),
    ),
    subjects=(SIEM_ALERTS,),
)
