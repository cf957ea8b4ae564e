"""A few kills at random moments; ./build.sh chaos does hundreds, in larger drains."""

from __future__ import annotations

from collections.abc import Callable

from chaos.campaign import campaign, measure
from chaos.report import table
from integration.installation import Installation

KILLS, SEED, PER_REGION = 20, 4_128, 4_000


def test_twenty_kills_at_random_moments_lose_nothing_and_cost_a_batch_per_region_at_most(
    chaos_on: Callable[[str], Installation],
) -> None:
    installations = [chaos_on("3.9")]
    paced = [(installation, measure(installation, SEED, PER_REGION)) for installation in installations]
    histories = campaign(paced, seed=SEED, kills=KILLS, per_region=PER_REGION)
    assert [breach for history in histories for breach in history.breaches] == [], table(histories, SEED, 0.0)
    assert sum(len(history.kills) for history in histories) == KILLS
    assert sum(history.lost for history in histories) == 0
