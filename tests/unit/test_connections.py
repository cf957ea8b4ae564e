"""Calls to splunkd share a connection, and none is lost with it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from defender_alerts.splunk.rest_client import _MOST_IDLE, SplunkdError
from defender_alerts.splunk.rest_client import Splunkd as Client
from standins.splunkd import Fault, Splunkd
from unit.past import past

DATA = "storage/collections/data/ta_defender_alerts_checkpoints"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, built_app: Path) -> Iterator[Splunkd]:
    with Splunkd(tmp_path_factory.mktemp("splunk"), built_app, Path(sys.executable)) as splunkd:
        yield splunkd


@pytest.fixture
def splunkd(running: Splunkd) -> Iterator[Splunkd]:
    yield running
    running.faults.clear()


@pytest.fixture
def client(splunkd: Splunkd) -> Client:
    return Client(splunkd.server_uri, splunkd.session_key())


def _documents(client: Client) -> list[str]:
    return sorted(document["_key"] for document in client.get(DATA))


def test_calls_behind_each_other_share_one_connection(splunkd: Splunkd, client: Client) -> None:
    before = splunkd.connections
    client.post_json(f"{DATA}/batch_save", [{"_key": "a"}])
    assert _documents(client) == ["a"]
    client.delete(DATA, query="{}")
    assert _documents(client) == []
    with pytest.raises(SplunkdError, match="404"):
        client.get("storage/collections/data/missing")
    assert client.stanza("ta_defender_alerts_account", "nobody") is None
    assert splunkd.connections == before + 1


@pytest.mark.parametrize("threads", [4, *past(_MOST_IDLE, least=_MOST_IDLE - 1)[:-2]])
def test_calls_at_the_same_time_have_a_connection_each_and_their_own_answer(
    splunkd: Splunkd, client: Client, threads: int
) -> None:
    keys = [str(number) for number in range(2 * threads)]
    client.post_json(f"{DATA}/batch_save", [{"_key": key} for key in keys])
    splunkd.faults.add(Fault(DATA, delay=0.2))
    before = splunkd.connections
    with ThreadPoolExecutor(threads) as pool:
        answers = list(pool.map(lambda key: client.get(f"{DATA}/{key}")["_key"], keys))
    assert answers == keys
    # Those beyond the most that are kept are closed, and opened anew.
    assert splunkd.connections - before <= threads + 2 * max(0, threads - _MOST_IDLE)


def test_a_connection_that_was_closed_while_idle_is_opened_again(splunkd: Splunkd, client: Client) -> None:
    before = splunkd.connections
    with splunkd.closing_idle_connections():
        for key in "abc":
            client.post_json(f"{DATA}/batch_save", [{"_key": key, "v": 1}])
            client.get("server/info")
        assert {"a", "b", "c"} <= set(_documents(client))
    assert splunkd.connections == before + 7


def test_splunkd_restarted_between_two_calls_is_found_again(splunkd: Splunkd, client: Client) -> None:
    client.get("server/info")
    with splunkd.unreachable(), pytest.raises(SplunkdError) as refused:
        client.get("server/info")
    assert refused.value.status == 0
    assert client.get("server/info")["entry"]


def test_a_call_that_is_never_answered_is_made_once_more_and_then_fails(splunkd: Splunkd, client: Client) -> None:
    client.get("server/info")
    fault = splunkd.faults.add(Fault("server/info", dropped=True))
    with pytest.raises(SplunkdError) as lost:
        client.get("server/info")
    assert (lost.value.status, fault.hits) == (0, 2)
