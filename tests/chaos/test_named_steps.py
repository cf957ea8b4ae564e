"""SIGKILL at each place on the way of a batch: nothing is lost, and exactly what had not been saved comes again.

The SIEM API's answers have no order and are kept until they are whole. Those of today's APIs are written while they
arrive; the endpoint API's is one long answer of several batches. The places that alerts cut out of incidents bring are in
`test_named_steps_of_split_alerts.py`.
"""

from __future__ import annotations

import pytest
from chaos.ledger import BATCH_VERSIONS
from chaos.moments import SAVES, breaks_off_in_an_event, wait_until
from chaos.scene import COUNT, DATA, IN_THE_FIRST_WINDOW, Scene, wait_for_full_pipe
from chaos.targets import ENDPOINT_ALERTS, SIEM_OF_ONE_REGION, Target
from integration.installation import LOGIN_HOST, Installation
from standins.microsoft.faults import Hold
from standins.splunkd import Fault

IN_THE_FIRST_BATCH, IN_THE_SECOND_BATCH = 500, 1_500
EACH_BATCH = [(SIEM_OF_ONE_REGION, IN_THE_FIRST_BATCH)] + [
    (target, IN_THE_SECOND_BATCH) for target in (SIEM_OF_ONE_REGION, ENDPOINT_ALERTS)
]


def told(value: object) -> str:
    """What stands in a test's name for a parameter."""
    return value.name if isinstance(value, Target) else str(value)


def test_killed_before_it_has_a_token_it_has_done_nothing(installed: Installation) -> None:
    scene, gate = Scene(installed), Hold()
    waits = installed.cloud.faults.add(LOGIN_HOST, gate, times=None)
    assert scene.kill_while(waits).events == []
    gate.gate.set()
    assert installed.checkpoints() == []
    assert scene.finish() == {}


def test_killed_while_it_reads_its_place_it_has_delivered_nothing(installed: Installation) -> None:
    scene = Scene(installed)
    held = scene.hold(DATA, "GET")
    assert scene.kill_at(held, scene.start()).events == []
    assert scene.finish() == {}


def test_killed_in_the_middle_of_an_answer_without_order_it_has_delivered_nothing_of_it(
    installed: Installation,
) -> None:
    scene = Scene(installed, ago=IN_THE_FIRST_WINDOW)
    assert scene.kill_while(scene.stall(0.7)).events == []
    assert scene.finish() == {}


@pytest.mark.parametrize("applied", [True, False])
def test_killed_before_the_first_batch_is_written_it_repeats_nothing(installed: Installation, *, applied: bool) -> None:
    # The document is saved as it is before the first event: until that is answered, nothing is written.
    scene = Scene(installed)
    held = scene.hold(SAVES, "POST", dropped=True, applied=applied)
    assert scene.kill_at(held, scene.start()).events == []
    assert len(installed.checkpoints()) == applied
    assert scene.finish() == {}


def test_killed_before_a_region_writes_its_batch_it_repeats_nothing_of_that_region(installed: Installation) -> None:
    # One region fills the pipe; the two others have a batch in their hands and wait for it to be their turn.
    scene = Scene.of_all_regions(installed)
    process = scene.start(pause_at=1)
    wait_for_full_pipe(process)
    scene.wait_for_standstill()
    first = scene.kill(process)
    assert len({event.source for event in first.events}) == 1
    [writer] = {event.source.split(":")[2] for event in first.events}
    assert scene.finish() == {writer: len(first.events)}


@pytest.mark.parametrize(("target", "pause_at"), [(SIEM_OF_ONE_REGION, 1), *EACH_BATCH], ids=told)
def test_killed_in_the_middle_of_an_event_it_repeats_the_whole_ones_and_that_half_one_comes_whole(
    installed: Installation, target: Target, pause_at: int
) -> None:
    # Whether a full pipe ends with half an event depends on how much of it had been read by then.
    for later in range(10):
        scene = Scene(installed, target)
        process = scene.start(pause_at + later)
        wait_for_full_pipe(process)
        first = scene.kill(process)
        if breaks_off_in_an_event(first):
            break
    assert breaks_off_in_an_event(first)
    not_saved = len(first.events) % BATCH_VERSIONS
    assert pause_at <= len(first.events) < COUNT
    assert scene.finish() == {target.regions[0]: not_saved}


def test_killed_behind_the_save_of_a_single_alert_it_has_written_that_to_the_last_byte(installed: Installation) -> None:
    # So little stays in a buffer, unless it is flushed. The second window's answer is kept back; the first is saved.
    scene, gate = Scene(installed, count=1, ago=IN_THE_FIRST_WINDOW), Hold()
    waits = installed.cloud.faults.add(installed.cloud.siem("eu").host, gate, times=None, after=1)
    assert len(scene.kill_while(waits).events) == 1
    gate.gate.set()
    assert scene.finish() == {}


@pytest.mark.parametrize(("target", "pause_at"), EACH_BATCH, ids=told)
def test_killed_between_flush_and_save_it_repeats_the_batch(
    installed: Installation, target: Target, pause_at: int
) -> None:
    scene = Scene(installed, target)
    process = scene.start(pause_at)
    written = (pause_at // BATCH_VERSIONS + 1) * BATCH_VERSIONS
    with installed.splunkd.unreachable():
        process.resume_stdout()
        wait_until(lambda: len(process.events) == written, "the batch is written")
        first = scene.kill(process)
    assert len(first.events) == written
    assert not breaks_off_in_an_event(first)
    assert scene.finish() == {target.regions[0]: BATCH_VERSIONS}


@pytest.mark.parametrize(("target", "pause_at"), EACH_BATCH, ids=told)
def test_killed_while_splunkd_has_its_save_but_has_not_carried_it_out_it_repeats_the_batch(
    installed: Installation, target: Target, pause_at: int
) -> None:
    scene = Scene(installed, target)
    process = scene.start(pause_at)
    held = scene.hold(SAVES, "POST", dropped=True)
    first = scene.kill_at(held, process)
    assert len(first.events) == (pause_at // BATCH_VERSIONS + 1) * BATCH_VERSIONS
    assert scene.finish() == {target.regions[0]: BATCH_VERSIONS}


@pytest.mark.parametrize(("target", "pause_at"), EACH_BATCH, ids=told)
def test_killed_when_its_save_is_carried_out_but_before_it_hears_of_it_it_repeats_nothing(
    installed: Installation, target: Target, pause_at: int
) -> None:
    scene = Scene(installed, target)
    process = scene.start(pause_at)
    # The answer to the save is lost. What it asks splunkd before is for another process; what it asks next, why, is kept.
    lost = installed.splunkd.faults.add(Fault(SAVES, frozenset({"POST"}), times=1, dropped=True, applied=True))
    held = scene.hold("", "GET", skip=1)
    first = scene.kill_at(held, process)
    assert lost.hits == 1
    assert len(first.events) == (pause_at // BATCH_VERSIONS + 1) * BATCH_VERSIONS
    assert scene.finish() == {}


def test_killed_while_it_saves_in_three_regions_it_repeats_a_batch_of_each_at_most(installed: Installation) -> None:
    scene = Scene.of_all_regions(installed)
    process = scene.start(pause_at=IN_THE_SECOND_BATCH)
    held = scene.hold(SAVES, "POST", dropped=True)
    scene.kill_at(held, process)
    repeated = scene.finish()
    assert repeated
    assert max(repeated.values()) <= BATCH_VERSIONS
