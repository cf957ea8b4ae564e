"""The KV store's troubles are told apart, and none is taken for an empty store."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from defender_alerts.checkpoint.checkpoint import Checkpoint, CheckpointKey, Deletion, Reset
from defender_alerts.checkpoint.last_error import LastError
from defender_alerts.checkpoint.split_alerts import DeliveredSplitAlerts
from defender_alerts.checkpoint.versions import Seen, Version, fingerprint
from defender_alerts.collect.recollection import Recollection
from defender_alerts.errors import CheckpointError
from defender_alerts.splunk import kvstore
from defender_alerts.splunk.kvstore import KVStoreCheckpoints
from defender_alerts.splunk.resetting import delete_input
from defender_alerts.splunk.rest_client import RetryBudget
from defender_alerts.splunk.rest_client import Splunkd as Client
from defender_alerts.times import seconds
from standins.polling import MemoryPlaces, NoWaiting
from standins.splunkd import KVStoreState, Splunkd
from unit.past import past

KIND, INPUT = "defender_siem_alerts", "emea"
COLLECTION = "ta_defender_alerts_checkpoints"
LOG = logging.getLogger("test")


@pytest.fixture
def stop() -> NoWaiting:
    return NoWaiting()


def waiting_as(stop: NoWaiting, splunkd: Splunkd) -> KVStoreCheckpoints:
    patience = RetryBudget(0.0, stop, LOG, lambda: sum(stop.waits))
    return KVStoreCheckpoints(Client(splunkd.server_uri, splunkd.session_key(), patience))


@pytest.fixture
def store(splunkd: Splunkd, stop: NoWaiting) -> Iterator[KVStoreCheckpoints]:
    yield waiting_as(stop, splunkd)
    splunkd.faults.clear()
    splunkd.kvstore.state = KVStoreState.READY
    splunkd.kvstore.read_only = False
    splunkd.kvstore.remove(COLLECTION)


def _checkpoint(
    region: str = "eu", tenant: str = "8a8b9ed7-34ab-4c22-a4a5-e0d1d9ea3b19", name: str = INPUT
) -> Checkpoint:
    return Checkpoint.first(CheckpointKey(KIND, name, tenant, "commercial", region), seconds(1_700_000_000))


def test_what_was_saved_is_read_again_and_replaces_what_was_there(store: KVStoreCheckpoints) -> None:
    checkpoint = _checkpoint()
    store.save(checkpoint.document())
    checkpoint.advance(checkpoint.watermark + 5, checkpoint.settled)
    store.save(checkpoint.document())
    (document,) = store.checkpoints_of(KIND, INPUT)
    assert Checkpoint.from_document(checkpoint.key, document).watermark == checkpoint.watermark


def test_an_input_gets_all_its_places_and_nobody_elses(store: KVStoreCheckpoints) -> None:
    for checkpoint in (
        _checkpoint("eu"),
        _checkpoint("us"),
        _checkpoint("eu", tenant="another"),
        _checkpoint(name="apac"),
    ):
        store.save(checkpoint.document())
    assert len(store.checkpoints_of(KIND, INPUT)) == 3


def test_the_revisions_of_an_input_come_without_what_it_remembers(store: KVStoreCheckpoints) -> None:
    checkpoints = [_checkpoint("eu"), _checkpoint("us"), _checkpoint("uk", name="another")]
    for checkpoint in checkpoints:
        store.save(checkpoint.document())
    heads = store.revisions_of(KIND, INPUT)
    assert {head["_key"] for head in heads} == {str(checkpoint.key) for checkpoint in checkpoints[:2]}
    assert {frozenset(head) for head in heads} == {frozenset({"_key", "generation", "revision", "writer"})}


def _all_of_an_input(generation: int, name: str = INPUT) -> list[Mapping[str, Any]]:
    """A document of every sort that an input has."""
    checkpoint = Checkpoint.first(_checkpoint(name=name).key, seconds(1_700_000_000), generation)
    parts = DeliveredSplitAlerts(checkpoint.key, generation, kept := MemoryPlaces())
    parts.add(Version(checkpoint.watermark, fingerprint("x", checkpoint.watermark), b"{}"))
    parts.save()
    order = Recollection(checkpoint.key, generation, Seen(), 0).document()
    return [checkpoint.document(), Reset(checkpoint.key, 0, generation).document(), order, *kept.documents.values()]


def _keys(splunkd: Splunkd) -> list[str]:
    return [document["_key"] for document in splunkd.kvstore.documents(COLLECTION)]


def _error(began: int, name: str = INPUT) -> Mapping[str, Any]:
    return LastError(KIND, name, "eu", began, "server_error", "It failed.", began).document()


def test_a_deletion_leaves_nothing_but_its_note_and_touches_no_other_input(
    splunkd: Splunkd, store: KVStoreCheckpoints
) -> None:
    deleted_at = seconds(1_700_100_000)
    for name in (INPUT, "apac"):
        for document in (*_all_of_an_input(0, name), *_all_of_an_input(3, name), _error(deleted_at - 5, name)):
            store.save(document)
    others = [key for key in _keys(splunkd) if ":apac:" in key]
    assert len(others) == 7
    # One that can't be read is deleted like the others.
    store.save({**_checkpoint(tenant="another").document(), "generation": "x"})
    delete_input(store, KIND, INPUT, deleted_at)
    note = Deletion(KIND, INPUT, 4, deleted_at)
    assert _keys(splunkd) == sorted([*others, Deletion.key_of(KIND, INPUT)])
    assert Deletion.among(store.checkpoints_of(KIND, INPUT)) == note


def test_older_generations_of_one_place_are_deleted_and_no_others(splunkd: Splunkd, store: KVStoreCheckpoints) -> None:
    for document in (*_all_of_an_input(0), *_all_of_an_input(2), _checkpoint("us").document(), _error(5)):
        store.save(document)
    key = _checkpoint().key
    store.delete_older(key, 2)
    newest = [str(document["_key"]) for document in _all_of_an_input(2)]
    assert _keys(splunkd) == sorted([*newest, str(_checkpoint("us").key), f"{KIND}:{INPUT}:eu:last_error"])


STATES = {
    KVStoreState.DISABLED: "is disabled on this instance",
    KVStoreState.FAILED: "has failed",
    KVStoreState.STARTING: "still starting after 120 s",
    KVStoreState.SHUTTING_DOWN: "splunkd calls the store shuttingdown",
}


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("verb", ["read", "saved"])
def test_each_state_of_the_store_has_a_sentence_of_its_own(
    splunkd: Splunkd, store: KVStoreCheckpoints, state: KVStoreState, verb: str
) -> None:
    splunkd.kvstore.state = state
    calls: dict[str, Callable[[], object]] = {
        "read": lambda: store.checkpoints_of(KIND, INPUT),
        "saved": lambda: store.save(_checkpoint().document()),
    }
    with pytest.raises(CheckpointError, match=STATES[state]) as caught:
        calls[verb]()
    assert "Nothing is lost" in str(caught.value)
    assert caught.value.exit_status == 3


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("seconds_until_ready", [*range(0, 15, 2), *past(int(kvstore.LONGEST_START))])
def test_a_store_that_is_starting_is_waited_for_so_long_and_no_longer(
    splunkd: Splunkd, seconds_until_ready: int
) -> None:
    class ReadyAfterAWhile(NoWaiting):
        def wait(self, timeout: float | None = None) -> bool:
            asked_to_stop = super().wait(timeout)
            if sum(self.waits) >= seconds_until_ready:
                splunkd.kvstore.state = KVStoreState.READY
            return asked_to_stop

    waiting = ReadyAfterAWhile()
    patient = waiting_as(waiting, splunkd)
    splunkd.kvstore.state = KVStoreState.STARTING
    if seconds_until_ready > kvstore.LONGEST_START:
        with pytest.raises(CheckpointError, match="still starting after 120 s"):
            patient.checkpoints_of(KIND, INPUT)
        splunkd.kvstore.state = KVStoreState.READY
    assert patient.checkpoints_of(KIND, INPUT) == []
    assert sum(waiting.waits) <= kvstore.LONGEST_START + kvstore._START_POLL


@pytest.mark.parametrize("times", past(len(kvstore._BACKOFFS)))
def test_a_store_that_fails_over_is_tried_again_a_few_times_and_then_left_to_the_next_run(
    splunkd: Splunkd, store: KVStoreCheckpoints, stop: NoWaiting, times: int
) -> None:
    splunkd.kvstore.refuse_next(times)
    tries = len(kvstore._BACKOFFS) + 1
    for _ in range(times // tries):
        stop.waits.clear()
        with pytest.raises(CheckpointError, match="HTTP 503"):
            store.save(_checkpoint().document())
        assert stop.waits == list(kvstore._BACKOFFS)
    store.save(_checkpoint().document())
    assert len(store.checkpoints_of(KIND, INPUT)) == 1
    assert sum(kvstore._BACKOFFS) < 2


def test_a_connection_that_breaks_is_tried_again(splunkd: Splunkd, store: KVStoreCheckpoints) -> None:
    splunkd.kvstore.drop_next(1)
    store.save(_checkpoint().document())
    assert len(store.checkpoints_of(KIND, INPUT)) == 1


def test_a_collection_that_is_missing_is_an_error_and_not_an_empty_store(
    store: KVStoreCheckpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kvstore, "_DATA", "storage/collections/data/not_installed")
    with pytest.raises(CheckpointError, match="is missing: install the add-on's whole package"):
        store.checkpoints_of(KIND, INPUT)
