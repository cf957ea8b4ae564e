"""The campaign as a table on the terminal."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Sequence

from chaos.campaign import History, Kill
from chaos.ledger import BATCH_CHARACTERS, BATCH_VERSIONS
from chaos.moments import MOMENTS

_TENTHS = 10


def line(history: History) -> str:
    """One history in a line."""
    worst = max((repeated.alerts for kill in history.kills for repeated in kill.repeated.values()), default=0)
    return (
        f"  {history.number + 1:4}  {history.target:15}  {history.title:22} {history.events:6,} events "
        f"{len(history.kills):4} kills "
        f"{history.lost:4} lost   {worst:5,} repeated at most"
        + "".join(f"\n        BROKEN: {b}" for b in history.breaches)
    )


def table(histories: Sequence[History], seed: int, seconds: float) -> str:
    """Everything in numbers."""
    kills = [kill for history in histories for kill in history.kills]
    per_region = [again for history in histories for again in _per_region(history)]
    characters = [kill.repeated[region].characters for kill in kills for region in kill.repeated]
    events = sum(history.events for history in histories)
    records = sum(history.records for history in histories)
    rows = [
        ("seed", f"{seed}"),
        ("time", f"{seconds / 60:.1f} minutes"),
        ("histories", f"{len(histories)}"),
        ("kills", f"{len(kills)}"),
        ("events", f"{events:,}"),
        ("lost", f"{sum(history.lost for history in histories)}"),
        ("broken promises", f"{sum(len(history.breaches) for history in histories)}"),
        ("", ""),
        ("repeated", f"{sum(per_region):,} ({sum(per_region) / max(1, events):.2%} of the events)"),
        ("  per kill", spread(sum(again.alerts for again in kill.repeated.values()) for kill in kills)),
        ("  per kill and region", f"{spread(per_region)}; allowed {BATCH_VERSIONS:,}"),
        ("  in characters", f"{spread(characters)}; allowed {BATCH_CHARACTERS:,} and one event"),
        ("  kills without any", share(sum(not kill.repeated for kill in kills), len(kills))),
        ("fetched", f"{records:,} records, {records / max(1, events):.2f} for each event"),
        ("  again after a kill", spread(kill.fetched.again for kill in kills)),
        ("", ""),
        *((f"of them {target}", _share_of(target, histories)) for target in dict.fromkeys(h.target for h in histories)),
        ("", ""),
        ("where the kills fell", "(regions do different things at once)"),
        *((f"  {moment}", share(many, len(kills))) for moment, many in fallen(kills)),
        ("events indexed by then", " ".join(f"{many:4}" for many in tenths(kills))),
        ("", " ".join(f"{tenth * 10:3}%" for tenth in range(_TENTHS)) + " and more"),
    ]
    return "\n".join(f"  {name:24} {value}".rstrip() for name, value in rows)


def _share_of(target: str, histories: Sequence[History]) -> str:
    """One target's numbers."""
    own = [history for history in histories if history.target == target]
    kills, events = sum(len(history.kills) for history in own), sum(history.events for history in own)
    lost, again = sum(history.lost for history in own), [one for history in own for one in _per_region(history)]
    return f"{kills:4} kills, {events:9,} events, {lost} lost, repeated {spread(again)}"


def _per_region(history: History) -> list[int]:
    """What came again because of each kill, for each of the regions."""
    return [repeated(kill, region) for kill in history.kills for region in history.regions]


def repeated(kill: Kill, region: str) -> int:
    """How many events of a region came again because of this kill."""
    return kill.repeated[region].alerts if region in kill.repeated else 0


def spread(numbers: Iterable[int]) -> str:
    """Minimum, median and maximum."""
    found = sorted(numbers)
    if not found:
        return "none"
    return f"min {found[0]:,}, median {statistics.median_low(found):,}, max {found[-1]:,}"


def share(part: int, whole: int) -> str:
    """A number and its share."""
    return f"{part:4} ({part / max(1, whole):.0%})"


def fallen(kills: Iterable[Kill]) -> list[tuple[str, int]]:
    """How many kills fell on each moment."""
    counts = Counter(moment for kill in kills for moment in kill.moments)
    return [(moment, counts[moment]) for moment in MOMENTS]


def tenths(kills: Iterable[Kill]) -> list[int]:
    """How many kills fell when how many tenths of the alerts had been indexed."""
    counts = Counter(min(_TENTHS - 1, int(kill.indexed * _TENTHS)) for kill in kills)
    return [counts[tenth] for tenth in range(_TENTHS)]
