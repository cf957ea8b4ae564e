"""The endpoint behind the Inputs page: how each input is doing on this host, and the order to start again."""

from __future__ import annotations

from typing import Any

import pytest
from integration.installation import APP, BROAD, COLLECTION, KIND, NARROW, SIEM_HOST, Installation
from standins.microsoft.faults import Status
from standins.splunkd import WebError

ENDPOINT = "defender_alerts_status"
INTERVAL = 60.0
"""So many seconds lie between two runs; the clock of a service's answers has whole seconds."""
COLLECTION_DATA = "/storage/collections/data/"


def shown(installation: Installation, name: str = NARROW, user: str = "admin") -> dict[str, Any]:
    """What the page gets of one input."""
    [found] = [one for one in installation.splunkd.web.get(ENDPOINT, user)["inputs"] if one["name"] == name]
    return dict(found)


def documents(installation: Installation) -> list[dict[str, Any]]:
    """What stands in the collection of checkpoints, what went wrong among it."""
    return installation.splunkd.kvstore.documents(COLLECTION)


def order(installation: Installation, user: str = "admin", **fields: str) -> dict[str, Any]:
    """What the page sends to let an input start again."""
    return installation.splunkd.web.post(ENDPOINT, {"kind": KIND, "input": NARROW, **fields}, user)


def test_an_input_that_has_never_run_here_is_not_here(installed: Installation) -> None:
    status = shown(installed)
    assert (status["here"], status["collected"], status["last_error"]) == (False, None, None)


def test_a_success_is_shown_with_its_time_lag_and_what_is_remembered(installed: Installation) -> None:
    installed.publish("eu", installed.alerts(3, ago=60 * 10_000_000))
    assert installed.run(NARROW).status == 0
    status = shown(installed)
    [eu] = status["regions"]
    assert (status["here"], status["last_error"], eu["region"], eu["seen"]) == (True, None, "eu", 3)
    assert status["collected"] == eu["collected"] > eu["watermark"][:10]
    assert 0 <= status["lag_seconds"] < 60


def test_an_error_is_shown_until_a_run_comes_through(installed: Installation) -> None:
    installed.cloud.faults.add(SIEM_HOST, Status(403), times=None)
    assert installed.run(NARROW).status == 1
    status = shown(installed)
    assert (status["here"], status["collected"]) == (True, None)
    assert status["last_error"] == status["regions"][0]["last_error"]
    assert status["last_error"]["category"] == "permission_error"
    installed.cloud.faults.clear()
    installed.cloud.clock.skew(INTERVAL)
    assert installed.run(NARROW).status == 0
    assert shown(installed)["last_error"] is None


def test_an_error_before_the_regions_is_shown_and_names_no_secret(installed: Installation) -> None:
    installed.application.secrets.clear()
    assert installed.run(NARROW).status == 2
    assert "AADSTS7000215" in shown(installed)["last_error"]["sentence"]
    assert installed.splunkd.leaks_of(installed.secret) == []
    installed.application.add_secret(installed.secret)
    installed.cloud.clock.skew(INTERVAL)
    assert installed.run(NARROW).status == 0
    assert not any("for the first time" in line.text for line in installed.log(NARROW))
    assert shown(installed)["last_error"] is None


def test_a_status_takes_one_call_to_the_kv_store_for_all_inputs(installed: Installation) -> None:
    for name in (NARROW, BROAD):
        assert installed.run(name).status == 0
    before = len(installed.splunkd.journal)
    installed.splunkd.web.get(ENDPOINT)
    assert sum(COLLECTION_DATA in call.path for call in installed.splunkd.journal[before:]) == 1


def test_a_run_without_a_failure_saves_no_trouble_and_a_store_that_fails_changes_no_exit_status(
    installed: Installation,
) -> None:
    assert installed.run(NARROW).status == 0
    assert not any("category" in document for document in documents(installed))
    installed.cloud.faults.add(SIEM_HOST, Status(403), times=None)
    installed.splunkd.kvstore.read_only = True
    run = installed.run(NARROW)
    assert (run.status, len(run.stderr)) == (1, 1)


def test_a_plain_user_sees_the_status_and_may_not_order(installed: Installation) -> None:
    assert installed.run(NARROW).status == 0
    assert shown(installed, user="analyst")["here"]
    with pytest.raises(WebError, match="admin_all_objects") as refused:
        order(installed, "analyst")
    assert refused.value.status == 403
    assert not any("start" in document for document in installed.checkpoints())


def test_a_reset_lets_the_next_run_start_at_the_start_time(installed: Installation) -> None:
    installed.publish("eu", installed.alerts(3))
    assert len(installed.run(NARROW).events) == 3
    assert len(installed.run(NARROW).events) == 0
    assert order(installed)["regions"] == ["eu"]
    assert shown(installed)["regions"][0]["restart"]
    assert len(installed.run(NARROW).events) == 3
    assert shown(installed)["regions"][0]["restart"] is None


def test_collecting_again_starts_at_the_time_and_in_the_region_that_were_named(installed: Installation) -> None:
    installed.publish("eu", installed.alerts(1, ago=2 * 86_400 * 10_000_000))
    installed.publish("eu", installed.alerts(2, first=1))
    assert len(installed.run(BROAD).events) == 3
    ordered = order(installed, **{"input": BROAD, "region": "eu", "from": "-36h"})
    assert ordered["regions"] == ["eu"]
    assert len(installed.run(BROAD).events) == 2


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"from": "yesterday"}, "should be ISO 8601 in UTC"),
        ({"from": "2999-01-01T00:00:00Z"}, "lies in the future"),
        ({"input": "nobody"}, "There is no input 'nobody' of the kind defender_siem_alerts here"),
        ({"input": ""}, "There is no input '' of the kind defender_siem_alerts here"),
        ({"kind": "another"}, "The kind 'another' is not one of the add-on's"),
        ({"kind": ""}, "The kind '' is not one of the add-on's"),
        ({"region": "moon"}, "has no checkpoint here for moon"),
    ],
)
def test_what_can_not_be_ordered_is_refused_with_a_sentence(
    installed: Installation, fields: dict[str, str], words: str
) -> None:
    assert installed.run(NARROW).status == 0
    with pytest.raises(WebError) as refused:
        order(installed, **fields)
    assert refused.value.status == 400
    assert words in refused.value.message


def test_a_kv_store_that_fails_is_said(installed: Installation) -> None:
    installed.splunkd.kvstore.refuse_next(1)
    with pytest.raises(WebError, match="Service Unavailable") as refused:
        shown(installed)
    assert refused.value.status == 503


def test_a_deleted_input_leaves_no_trouble_behind(fresh: Installation) -> None:
    fresh.save_account("leaving")
    fresh.save_input("gone", account="leaving", regions="eu")
    fresh.cloud.faults.add(SIEM_HOST, Status(403), times=None)
    assert fresh.run("gone").status == 1
    assert documents(fresh) != []
    fresh.splunkd.web.delete(f"{APP}_{KIND}/gone")
    assert [document["_key"] for document in documents(fresh)] == [f"{KIND}:gone:deleted"]
