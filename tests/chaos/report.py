"""The campaign as a table on the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from chaos.campaign import History
from chaos.ledger import BATCH_VERSIONS


def line(history: History) -> str:
    """One history in a line."""
    return (
        f"  {history.number + 1:4}  {history.target:15}  {history.title:22} {history.events:6,} events "
        f"{history.kills:4} kills {history.lost:4} lost   {history.repeated:5,} repeated at most"
        + "".join(f"\n        BROKEN: {breach}" for breach in history.breaches)
    )


def table(histories: Sequence[History], seed: int, seconds: float) -> str:
    """Everything in numbers."""
    by_target = {
        target: [one for one in histories if one.target == target]
        for target in dict.fromkeys(history.target for history in histories)
    }
    rows = [
        ("seed", f"{seed}"),
        ("time", f"{seconds / 60:.1f} minutes"),
        ("broken promises", f"{sum(len(history.breaches) for history in histories)}"),
        *((target, _sums(own)) for target, own in by_target.items()),
        ("all", f"{_sums(histories)}; allowed {BATCH_VERSIONS:,} for each kill and region"),
    ]
    return "\n".join(f"  {name:24} {value}" for name, value in rows)


def _sums(histories: Sequence[History]) -> str:
    """What came of some of them."""
    kills, events, lost = (sum(getattr(one, name) for one in histories) for name in ("kills", "events", "lost"))
    repeated = max((history.repeated for history in histories), default=0)
    return f"{len(histories)} histories, {kills} kills, {events:,} events, {lost} lost, {repeated:,} repeated at most"
