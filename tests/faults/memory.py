"""Rows: what goes wrong with the memory of alerts that are cut out of incidents, one document for each day.

They are kept in the KV store beside the checkpoint, saved behind the events and before it.
"""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from faults.kvstore import NOTHING_LOST, after_a_run, run_with_writes_failing_from_the_first_event_on
from faults.processes import Processes
from faults.row import (
    A_BATCH_AGAIN,
    NOTHING,
    WHAT_WAS_READ,
    WHEN_OVER,
    Delivered,
    Group,
    Later,
    Ran,
    Row,
    Story,
)
from faults.subjects import SPLIT_INCIDENTS, inner_alerts
from integration.installation import COLLECTION
from standins.splunkd.faults import Fault

_STORE_SAYS = "; splunkd calls the store ready). See splunkd.log and mongod.log, and `splunk show kvstore-status`. "


def _days(stage: Processes) -> list[dict[str, Any]]:
    days = [one for one in stage.installed.checkpoints() if "split_alerts_of" in one]
    assert days
    return days


def _update_all(stage: Processes) -> None:
    """Each incident is updated, and shows the alerts that it has shown before."""
    installed, subject = stage.installed, stage.subject
    shelf, now = subject.shelf(installed.cloud, subject.region), installed.cloud.clock.now()
    for checkpoint, raw in enumerate(shelf.records(installed.tenant)):
        updated = subject.source.make(checkpoint + 1, now - 20_000_000 + checkpoint)
        shelf.put(installed.tenant, updated, alerts=inner_alerts(raw))


def _spoiled(name: str, what: str, change: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> Row[Processes]:
    """The days' documents can't be used, and an administrator restores them."""
    kept: list[dict[str, Any]] = []

    def spoil(stage: Processes) -> None:
        kept[:] = _days(stage)
        for day in kept:
            stage.installed.splunkd.kvstore.put(COLLECTION, dict(change(day)))

    def provoke(stage: Processes) -> None:
        after_a_run(spoil)(stage)
        _update_all(stage)

    def restore(stage: Processes) -> None:
        for day in kept:
            stage.installed.splunkd.kvstore.put(COLLECTION, day)

    return Row(
        name,
        f"after a run, {what}; all incidents are updated",
        provoke,
        NOTHING,
        3,
        (
            (
                "The memory of delivered alerts … is damaged (…). Nothing more was collected. Delete that document from the "
                "collection ta_defender_alerts_checkpoints: the alerts of that day that an incident still shows are then "
                "indexed once more."
            ),
        ),
        WHEN_OVER,
        mend=restore,
    )


def _cut_off(day: Mapping[str, Any]) -> Mapping[str, Any]:
    packed = base64.b64decode(day["fingerprints"])
    return {**day, "fingerprints": base64.b64encode(packed[: len(packed) // 2 - 5]).decode("ascii")}


def _without(name: str) -> Callable[[Mapping[str, Any]], Mapping[str, Any]]:
    return lambda day: {key: value for key, value in day.items() if key != name}


def _gone(stage: Processes) -> None:
    stage.earlier += stage.run().raws
    for day in _days(stage):
        stage.installed.splunkd.kvstore.remove(COLLECTION, day["_key"])
    _update_all(stage)


def _unreadable(stage: Processes) -> None:
    """The checkpoints are read, and then nothing more."""
    stage.installed.splunkd.faults.add(
        Fault(r"/storage/collections/data/", frozenset({"GET"}), skip=1, status=503, text="Service Unavailable")
    )


def _failing_writes(after: int) -> Callable[[Processes], object]:
    def provoke(stage: Processes) -> None:
        stage.publish_many()
        stage.installed.splunkd.kvstore.fail_writes(after=after)

    return provoke


def _failing_days(stage: Processes) -> None:
    stage.publish_many()
    stage.installed.splunkd.kvstore.fail_writes(of=":split_alerts:")


def _run_with_saves_of_the_place_failing_from_the_first_event_on(stage: Processes) -> Ran:
    """By the key: however many saves windows without a record cost before, and days between."""
    ran = run_with_writes_failing_from_the_first_event_on(stage, f':{stage.subject.region}"')
    assert _days(stage)
    return ran


def _came_once_more(summary: Story) -> bool:
    """Every alert came twice, every version of an incident once."""
    alerts = {text for text in summary.at_last if _is_alert(text)}
    return not summary.missing and summary.later.raws == [] and summary.repeated == (len(alerts), 0)


def _is_alert(text: str) -> bool:
    return '"incidentId"' in text


def _incidents_alone_again(summary: Story) -> bool:
    taken = Counter(summary.first.raws + summary.later.raws)
    return A_BATCH_AGAIN.holds(summary) and not any(_is_alert(text) for text, count in taken.items() if count > 1)


_NOT_SAVED = (f"The checkpoint could not be saved in the KV store (HTTP 503: write failed{_STORE_SAYS}{NOTHING_LOST}",)


MEMORY: Group[Processes] = Group(
    "Memory of split alerts",
    (
        _spoiled("day corrupt", "a day's fingerprints are no base64", lambda day: {**day, "fingerprints": "####"}),
        _spoiled("day cut off", "half of a day's fingerprints are gone", _cut_off),
        _spoiled("day without fingerprints", "a day has no fingerprints", _without("fingerprints")),
        Row(
            "day gone",
            "after a run, the days' documents are gone; all incidents are updated",
            _gone,
            Delivered("the updated incidents, and their alerts once more", lambda summary: bool(summary.first.raws)),
            0,
            (),
            Later("goes on as ever", _came_once_more),
        ),
        Row(
            "days that can't be read",
            "every call is answered 503 as soon as the checkpoint has been read",
            _unreadable,
            NOTHING,
            3,
            (
                (
                    "The checkpoint could not be read in the KV store (HTTP 503: Service Unavailable"
                    f"{_STORE_SAYS}{NOTHING_LOST}"
                ),
            ),
            WHEN_OVER,
        ),
        Row(
            "save of a day that fails",
            "writes of days' documents are refused",
            _failing_days,
            WHAT_WAS_READ,
            3,
            _NOT_SAVED,
            A_BATCH_AGAIN,
        ),
        Row(
            "save of the checkpoint that fails behind it",
            "writes of the checkpoint are refused from the first event on, those of days are not",
            Processes.publish_many,
            WHAT_WAS_READ,
            3,
            _NOT_SAVED,
            Later(
                "delivers the rest, and at most one batch of incidents again, none of their alerts",
                _incidents_alone_again,
            ),
            run=_run_with_saves_of_the_place_failing_from_the_first_event_on,
        ),
    ),
    (SPLIT_INCIDENTS,),
)
