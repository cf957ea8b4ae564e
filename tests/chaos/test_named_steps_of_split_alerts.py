"""SIGKILL at each place that the memory of alerts cut out of incidents brings.

A batch of incidents and alerts is written, then one document is saved for each day of the alerts, then the checkpoint.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from chaos.ledger import BATCH_VERSIONS
from chaos.moments import SAVES
from chaos.scene import DATA, IncidentsScene, day_of, is_alert
from integration.installation import Installation
from standins.splunkd import IndexedEvent

DAYS = 3
# Before the first batch the checkpoint is saved as it is.
BEFORE, OF_A_BATCH = 1, DAYS + 1
READS_OF_THE_PLACE = 1


def not_saved(batch: Sequence[IndexedEvent], days_saved: int) -> list[IndexedEvent]:
    """What of a batch comes again where so many of its days are saved, and the checkpoint is not."""
    saved = sorted({day_of(event) for event in batch if is_alert(event)})[:days_saved]
    return [event for event in batch if not is_alert(event) or day_of(event) not in saved]


def killed_at_save(scene: IncidentsScene, batch: int, days_saved: int, *, applied: bool = False) -> list[IndexedEvent]:
    """Kill it at the save that follows so many of a batch's days; give what of the batch was written."""
    skip = BEFORE + batch * OF_A_BATCH + days_saved
    held = scene.hold(SAVES, "POST", skip=skip, dropped=True, applied=applied)
    first = scene.kill_at(held, scene.start())
    written = first.events[batch * BATCH_VERSIONS :]
    assert len(written) == BATCH_VERSIONS
    assert len({day_of(event) for event in written if is_alert(event)}) == DAYS
    return written


@pytest.mark.parametrize(
    ("batch", "days_saved", "applied"),
    [(0, 0, False), (0, 1, False), (1, DAYS - 1, True), (1, DAYS, False), (1, DAYS, True)],
)
def test_killed_between_two_saves_of_a_batch_it_repeats_what_they_had_not_saved_yet(
    installed: Installation, batch: int, days_saved: int, *, applied: bool
) -> None:
    scene = IncidentsScene(installed)
    written = killed_at_save(scene, batch, days_saved, applied=applied)
    again = not_saved(written, days_saved + applied)
    # The incidents come behind all alerts, which are older: a batch whose days are all saved has nothing left, and what
    # is carried out behind the days is the save of the checkpoint.
    assert bool(again) == (days_saved + applied < DAYS)
    assert scene.finish() == ({"global": len(again)} if again else {})


def test_killed_between_two_saves_and_all_incidents_updated_meanwhile_it_repeats_no_alert_that_was_saved(
    installed: Installation,
) -> None:
    scene = IncidentsScene(installed)
    written = killed_at_save(scene, batch=1, days_saved=1)
    scene.update_all()
    assert scene.finish() == {"global": sum(map(is_alert, not_saved(written, 1)))}


def test_killed_while_it_reads_which_alerts_it_has_delivered_it_has_delivered_nothing(installed: Installation) -> None:
    scene = IncidentsScene(installed)
    held = scene.hold(DATA, "GET", skip=READS_OF_THE_PLACE)
    assert scene.kill_at(held, scene.start()).events == []
    # It has got that far, and no further.
    assert installed.cloud.journal.calls(scene.target.source.host)
    assert installed.checkpoints() == []
    assert scene.finish() == {}


def test_killed_in_the_middle_of_an_answer_it_has_delivered_nothing_of_it(installed: Installation) -> None:
    scene = IncidentsScene(installed)
    assert scene.kill_while(scene.stall(0.8)).events == []
    assert scene.finish() == {}


def test_killed_while_it_forgets_the_days_that_are_shown_no_more_it_has_delivered_and_saved_all(
    installed: Installation,
) -> None:
    scene = IncidentsScene(installed)
    held = scene.hold(DATA, "DELETE")
    first = scene.kill_at(held, scene.start())
    assert len(first.events) == scene.ledger.published
    assert scene.finish() == {}
