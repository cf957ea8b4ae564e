"""An input is deleted, or reset, while a run is at work on it: what that run saves late counts for nothing.

Swept over every step of a run, before and after each call to the store and before each answer of Microsoft's. The models of
the promise draw it with everything else that can happen to an input (``unit.histories``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

import pytest
from defender_alerts.checkpoint.checkpoint import Deletion, find_checkpoint, latest_checkpoints, what_counts
from defender_alerts.checkpoint.last_error import LastError
from defender_alerts.collect import delivery
from defender_alerts.diagnostics.checkpoints import checkpoints
from defender_alerts.errors import CheckpointError, ConfigurationError
from defender_alerts.splunk.inputs import KnownInput
from defender_alerts.splunk.pages.status_model import statuses
from defender_alerts.splunk.resetting import delete_input, request_resets
from defender_alerts.times import seconds
from standins.microsoft.cloud import MicrosoftCloud
from standins.microsoft.graph_samples import graph_alert
from standins.polling import MemoryPlaces, MemorySink, PolledInput
from standins.sources import INCIDENTS, SIEM, Source, customer
from unit.histories import NAME
from unit.steps import StepsOf

COUNT = 5
DAY = 86_400

SPLIT = replace(INCIDENTS, own={"alerts": "split"})
KINDS = {SIEM.kind: SIEM, "split incidents": SPLIT}


@dataclass
class Scene:
    """An input with a few batches to collect, some of which an earlier run has collected."""

    source: Source
    cloud: MicrosoftCloud
    polled: PolledInput
    shown: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, source: Source, template: PolledInput, store: Any, *, collected: bool) -> Scene:
        cloud = template.cloud
        source.shelf(cloud).remove(template.tenant)
        scene = cls(source, cloud, replace(template, store=store, sink=MemorySink()))
        if collected:
            scene.publish(0)
            assert scene.polled.poll().failures == []
            cloud.clock.advance(3_600)
        scene.publish(COUNT)
        return scene

    def publish(self, first: int) -> None:
        """Let Microsoft show records of two days, and alerts inside of incidents, where the kind has them."""
        now = self.cloud.clock.now()
        for number in range(first + 1, first + COUNT + 1):
            time = now - seconds(60 * number) - seconds(DAY) * (number % 2)
            if self.source is SPLIT:
                inside = [
                    graph_alert(10 * number + position, time - position, id=f"da{number}_{position}")
                    for position in (1, 2)
                ]
                raw = self.source.make(number, time)
                self.source.shelf(self.cloud).put(self.polled.tenant, raw, alerts=inside)
                self.shown += [alert.decode() for alert in inside]
            else:
                raw = self.source.make(number, time)
                self.source.publish(self.cloud, self.polled.tenant, [raw])
            self.shown.append(raw.decode())

    def taken(self) -> Counter[str]:
        """How often each event came, since the sink is a new one; an incident's without what was cut out of it."""
        return Counter(self.polled.sink.raws())

    def assert_all_came_once(self) -> None:
        taken = self.taken()
        assert set(taken.values()) == {1}
        if self.source is SPLIT:
            # An incident's own event lacks the member alerts.
            assert sum(one.version.is_split for one in self.polled.sink.taken) == len(self.shown) // 3 * 2
            assert len(taken) == len(self.shown)
        else:
            assert set(taken) == set(self.shown)

    def delete(self) -> None:
        delete_input(self.polled.store, self.source.kind, NAME, self.cloud.clock.now())

    def reset(self) -> None:
        start = self.cloud.clock.now() - seconds(7 * DAY)
        request_resets(self.polled.store, self.source.kind, NAME, start, "")

    def as_an_input_of_its_own(self) -> PolledInput:
        """What is polled from now on, and what it brings; the run under way goes on with its own."""
        self.polled = replace(self.polled, sink=MemorySink(), writer="another process")
        return self.polled


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "BATCH_VERSIONS", 3)


@pytest.fixture
def input_of(cloud: MicrosoftCloud) -> Callable[[Source], PolledInput]:
    """Give a function that makes an input of a kind, in a cloud whose time stands still and that has no limits."""
    cloud.clock.freeze(seconds(1_780_000_000))
    tenant, application = customer(cloud)

    def made(source: Source) -> PolledInput:
        if source.meter is not None:
            source.meter(cloud).limits = ()
        return source.input(cloud, tenant, application)

    return made


@pytest.fixture
def scene(input_of: Callable[[Source], PolledInput]) -> Scene:
    """Give an input of the SIEM API that an earlier run has collected from."""
    return Scene.of(SIEM, input_of(SIEM), MemoryPlaces(), collected=True)


def _steps(scene: Scene) -> int:
    """How many steps a run of such a scene has."""
    steps = StepsOf(scene.polled, scene.source.shelf(scene.cloud))
    with steps:
        assert scene.polled.poll().failures == []
    return steps.count


_CASES = [
    *(
        (SIEM.kind, what, first, first == (what == "delete"))
        for what, first in product(("delete", "reset"), (False, True))
    ),
    *(("split incidents", *case) for case in (("delete", True, True), ("reset", False, False))),
]
"""Kind, what happens, whether an earlier run has collected something, whether a run comes before the end of this one.

The fault matrix sweeps other kinds (``tests/faults/administrator.py``).
"""


@pytest.mark.parametrize(("kind", "happens", "collected", "meanwhile"), _CASES)
@pytest.mark.usefixtures("small_batches")
def test_what_happens_at_any_step_of_a_run_is_not_undone_by_it(
    input_of: Callable[[Source], PolledInput], kind: str, happens: str, collected: Any, meanwhile: Any
) -> None:
    """The next run starts again, and delivers each version once, whether or not it comes before the other one's end."""
    source = KINDS[kind]
    template = input_of(source)
    count = _steps(Scene.of(source, template, MemoryPlaces(), collected=collected))
    assert count > 12
    # A run that has not read the store yet is one of the new input, or obeys the reset.
    for step in range(2, count + 2):
        scene = Scene.of(source, template, MemoryPlaces(), collected=collected)
        _happens_at(step, scene, happens, meanwhile=meanwhile)


def _happens_at(step: int, scene: Scene, happens: str, *, meanwhile: bool) -> None:
    dying, had_happened = scene.polled, []

    def then() -> None:
        if happens == "reset" and not latest_checkpoints(dying.store.checkpoints_of(scene.source.kind, NAME)):
            # Nothing was saved yet: there is nothing to reset, and that is said.
            with pytest.raises(ConfigurationError, match="has no checkpoint here"):
                scene.reset()
            return
        getattr(scene, happens)()
        scene.as_an_input_of_its_own()
        had_happened.append(step)
        if meanwhile:
            assert scene.polled.poll().failures == []

    with StepsOf(dying, scene.source.shelf(scene.cloud)) as steps:
        steps.at, steps.then = step, then
        dying.poll()
        steps.step("the end")
    for _ in range(2):
        result = scene.polled.poll()
        assert [one.outcome for one in result.outcomes] == ["done"], step
    scene.assert_all_came_once()
    if had_happened:
        _assert_nothing_is_left_of_the_other(scene)


def _assert_nothing_is_left_of_the_other(scene: Scene) -> None:
    documents = scene.polled.store.documents
    ((key, _),) = latest_checkpoints(documents.values()).items()
    assert find_checkpoint(key, documents.values(), 0).generation == 1
    assert {document["generation"] for document in documents.values() if "watermark" in document} == {1}


@pytest.mark.usefixtures("small_batches")
@pytest.mark.parametrize("kind", [SIEM.kind, "split incidents"])
def test_a_checkpoint_that_somebody_deletes_by_hand_during_a_run_is_not_brought_back_by_it(
    input_of: Callable[[Source], PolledInput], kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Deleted before any of its batches: the next one is not even written."""
    source = KINDS[kind]
    template = input_of(source)
    whole = Scene.of(source, template, MemoryPlaces(), collected=False)
    assert whole.polled.poll().failures == []
    saves = sum("watermark" in document for document in whole.polled.store.history)
    assert saves > 3
    for save in range(1, saves - 1):
        scene = Scene.of(source, template, MemoryPlaces(), collected=False)
        store, left = scene.polled.store, [save]

        def save_and_delete(document: Any, scene: Scene = scene, left: list[int] = left) -> None:
            store = scene.polled.store
            type(store).save(store, document)
            left[0] -= "watermark" in document
            if left[0] == 0:
                left[0] = -1
                store.documents.clear()

        store.save = save_and_delete  # type: ignore[method-assign]
        assert [one.outcome for one in scene.polled.poll().outcomes] == ["taken"]
        assert "the checkpoint has been deleted" in caplog.text
        assert store.documents == {}
        scene.as_an_input_of_its_own()
        for _ in range(2):
            assert scene.polled.poll().failures == []
        scene.assert_all_came_once()


def test_a_deletion_is_of_a_later_generation_than_all_that_there_ever_was(
    input_of: Callable[[Source], PolledInput],
) -> None:
    scene = Scene.of(SPLIT, input_of(SPLIT), MemoryPlaces(), collected=True)
    store = scene.polled.store
    scene.delete()
    scene.as_an_input_of_its_own()
    assert scene.polled.poll().failures == []
    scene.assert_all_came_once()
    scene.delete()
    key = next(iter(latest_checkpoints(store.history)))
    assert find_checkpoint(key, store.checkpoints_of(SPLIT.kind, NAME), 0).generation == 2


def test_a_damaged_note_of_a_deletion_is_an_error_and_not_a_first_run(
    scene: Scene,
) -> None:
    scene.delete()
    scene.polled.store.documents[Deletion.key_of(SIEM.kind, NAME)]["generation"] = "x"
    scene.polled.sink.taken.clear()
    with pytest.raises(CheckpointError, match="The note that an input test was deleted is damaged"):
        scene.polled.poll()
    assert scene.polled.sink.taken == []
    # The status of the other inputs does not suffer from it.
    (status,) = statuses([KnownInput(SIEM.kind, NAME, {})], scene.polled.store.documents.values())
    assert (status.is_here, status.regions) == (False, ())


def test_a_last_error_of_a_run_that_began_before_the_deletion_is_not_told_of_a_new_input(
    scene: Scene,
) -> None:
    store, now = scene.polled.store, scene.cloud.clock.now()

    def note(region: str, began: int) -> None:
        """A run that began then fails, and says so after the deletion."""
        store.save(
            LastError(SIEM.kind, NAME, region, now + seconds(60), "server_error", "It failed.", began).document()
        )

    def told() -> list[bool]:
        (status,) = statuses([KnownInput(SIEM.kind, NAME, {"regions": "eu"})], store.documents.values())
        return [status.last_error is not None, *(region.last_error is not None for region in status.regions)]

    scene.delete()
    for region in ("", "eu"):
        note(region, now - seconds(5))
        assert told() == [False, False]
    note("", now + seconds(5))
    assert told() == [True, False]
    note("eu", now + seconds(5))
    assert told() == [True, True]
    # A deletion takes those of before, and no others.
    delete_input(store, SIEM.kind, NAME, now + seconds(5))
    assert [key for key in store.documents if key.endswith(":last_error")] == []


def test_a_deleted_input_is_nowhere_shown(scene: Scene) -> None:
    late = scene.polled.store.history[-1]
    scene.delete()
    scene.polled.store.save(late)
    documents = list(scene.polled.store.documents.values())
    assert len(documents) == 2
    (status,) = statuses([KnownInput(SIEM.kind, NAME, {"regions": "eu"})], documents)
    assert (status.is_here, [region.watermark for region in status.regions]) == (False, [None])
    assert list(checkpoints(documents, "300", scene.cloud.clock.now())) == []
    assert [document["_key"] for document in what_counts(documents)] == [Deletion.key_of(SIEM.kind, NAME)]


@pytest.mark.usefixtures("small_batches")
def test_what_a_deleted_input_saves_late_is_not_waited_for(scene: Scene) -> None:
    late = {**scene.polled.store.history[-1], "writer": "another process"}
    scene.delete()
    scene.polled.store.save(late)
    scene.as_an_input_of_its_own()
    assert scene.polled.poll().failures == []
    assert scene.polled.stop.waits == []
    scene.assert_all_came_once()
