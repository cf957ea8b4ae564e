"""What came of each version: lost, indexed once, or again, and then which kill is to blame.

An event that comes again is put down to the run that delivered it last: that run had not saved it. So each event of a
run counts once at most against it, however many kills follow, and the promise (design, rule 2) can be read off: of one
run and region no more than one batch, and nothing at all of a run that was let finish.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from standins.splunkd import IndexedEvent

BATCH_VERSIONS = 1_000
BATCH_CHARACTERS = 2_400_000
"""One batch: what may come twice per region after a kill. The last alert of a batch may go beyond the characters."""


@dataclass
class Repeated:
    """What of one run's events in one region came again later."""

    alerts: int = 0
    characters: int = 0
    longest: int = 0

    def add(self, characters: int) -> None:
        """Count one more."""
        self.alerts += 1
        self.characters += characters
        self.longest = max(self.longest, characters)

    @property
    def is_one_batch(self) -> bool:
        """Whether it keeps the promise."""
        return self.alerts <= BATCH_VERSIONS and self.characters < BATCH_CHARACTERS + max(1, self.longest)


class Ledger:
    """The accounts of one history. Runs are numbered by the caller, in their order."""

    def __init__(self) -> None:
        self.unknown = 0
        """Events that no region has shown: damaged, or filed under another region."""
        self.twice = 0
        """Events that one and the same run delivered before."""
        self.repeated: defaultdict[tuple[int, str], Repeated] = defaultdict(Repeated)
        """By run and region."""
        self._published: dict[bytes, str] = {}
        self._excused: set[bytes] = set()
        self._delivered_by: dict[bytes, int] = {}
        self._delivered: Counter[str] = Counter()

    def publish(self, region: str, raws: Iterable[bytes]) -> None:
        """A region shows these versions from now on."""
        marks = {_mark(region, raw): region for raw in raws}
        self._published.update(marks)
        self._excused.difference_update(marks)

    def excuse(self, region: str, raws: Iterable[bytes]) -> None:
        """A region shows these versions no more, since newer ones stand in their place: not all have been seen."""
        self._excused.update(_mark(region, raw) for raw in raws)

    def deliver(self, run: int, events: Iterable[IndexedEvent]) -> None:
        """These events of a run are in the index."""
        for event in events:
            region = event.source.split(":")[2]
            mark = _mark(region, event.raw.encode("utf-8"))
            if mark not in self._published:
                self.unknown += 1
                continue
            before = self._delivered_by.get(mark)
            if before is None:
                self._delivered[region] += 1
            elif before == run:
                self.twice += 1
            else:
                self.repeated[before, region].add(len(event.raw))
            self._delivered_by[mark] = run

    @property
    def published(self) -> int:
        """How many events there have to be in the end."""
        return self.delivered + sum(self.missing().values())

    @property
    def delivered(self) -> int:
        """How many of them are in the index, once or more often."""
        return sum(self._delivered.values())

    def missing(self) -> Counter[str]:
        """How many are not in the index, by region."""
        return Counter(
            region
            for mark, region in self._published.items()
            if mark not in self._delivered_by and mark not in self._excused
        )

    def breaches(self, killed: Iterable[int]) -> list[str]:
        """Each broken promise as a sentence, when the history is over; `killed` are the runs that were killed."""
        killed = set(killed)
        found = [f"{count} events of {region} are lost" for region, count in sorted(self.missing().items())]
        if self.unknown:
            found.append(f"{self.unknown} events are nothing that Microsoft has shown")
        if self.twice:
            found.append(f"{self.twice} events came again in one run")
        for (run, region), repeated in sorted(self.repeated.items()):
            if run not in killed:
                found.append(f"run {run} was let finish, and {repeated.alerts} events of {region} came again")
            elif not repeated.is_one_batch:
                size = f"{repeated.alerts} events ({repeated.characters} characters)"
                found.append(f"run {run} was killed, and {size} of {region} came again: more than a batch")
        return found


def _mark(region: str, raw: bytes) -> bytes:
    return hashlib.blake2b(raw, digest_size=16, person=region.encode()).digest()
