"""A few kills at random moments; ./build.sh chaos does hundreds, in larger drains."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from chaos.campaign import campaign, measure
from chaos.report import table
from chaos.targets import SIEM_ALERTS, SPLIT_INCIDENTS, Target
from integration.installation import Installation

SEED = 4_128


@pytest.mark.parametrize(
    ("target", "kills", "per_region"),
    [(SIEM_ALERTS, 3, 1_500), (SPLIT_INCIDENTS, 2, 600)],
    ids=lambda value: value.name if isinstance(value, Target) else str(value),
)
def test_kills_at_random_moments_lose_nothing_and_cost_a_batch_per_region_at_most(
    chaos_on: Callable[[str], Installation], target: Target, kills: int, per_region: int
) -> None:
    paced = [measure(chaos_on("3.9"), target, SEED, per_region)]
    histories = campaign(paced, seed=SEED, kills=kills, per_region=per_region)
    assert [breach for history in histories for breach in history.breaches] == [], table(histories, SEED, 0.0)
    assert sum(history.kills for history in histories) == kills
    assert sum(history.lost for history in histories) == 0
