"""How much Microsoft was asked for, and how much of it was in the index already."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chaos.ledger import Ledger
from chaos.targets import Target
from integration.installation import Installation


@dataclass
class Fetched:
    """Records in the answers to one run, and those inside them: all, and those that an earlier run had indexed."""

    records: int = 0
    again: int = 0


class Meter:
    """Counts what an installation's target is answered, until its next reset.

    Args:
        installation: whose cloud answers.
        target: that is answered.
        ledger: knows what has been indexed.
        before_answer: called before an answer is put together, and counted.
    """

    def __init__(
        self, installation: Installation, target: Target, ledger: Ledger, before_answer: Callable[[], None]
    ) -> None:
        self._installation = installation
        self._target = target
        self._ledger = ledger
        self._before_answer = before_answer
        self._lock = threading.Lock()
        self._fetched = Fetched()
        for region in target.regions:
            target.shelf(installation.cloud, region).before_answer = self._counting(region)

    def next_run(self) -> Fetched:
        """Begin to count for another run, in the object returned."""
        with self._lock:
            self._fetched = Fetched()
            return self._fetched

    def _counting(self, region: str) -> Callable[[Any], None]:
        def count(query: Any) -> None:
            self._before_answer()
            answer = self._target.answered(self._installation, region, query)
            again = sum(self._ledger.has(region, raw) for raw in answer)
            with self._lock:
                self._fetched.records += len(answer)
                self._fetched.again += again

        return count
