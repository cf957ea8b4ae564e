"""How much the regions were asked for, and how much of it was in the index already."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chaos.ledger import Ledger
from integration.installation import REGIONS, Installation

if TYPE_CHECKING:
    from collections.abc import Callable

    from standins.microsoft.siem_query import SiemQuery


@dataclass
class Fetched:
    """Records that the regions put into their answers to one run: all, and those that an earlier run had indexed."""

    records: int = 0
    again: int = 0


class Meter:
    """Counts what the regions of an installation answer, until its next reset."""

    def __init__(self, installation: Installation, ledger: Ledger) -> None:
        self._installation = installation
        self._ledger = ledger
        self._lock = threading.Lock()
        self._fetched = Fetched()
        for region in REGIONS:
            installation.cloud.siem(region).before_answer = self._counting(region)

    def next_run(self) -> Fetched:
        """Begin to count for another run, in the object returned."""
        with self._lock:
            self._fetched = Fetched()
            return self._fetched

    def _counting(self, region: str) -> Callable[[SiemQuery], None]:
        cloud, tenant = self._installation.cloud, self._installation.tenant

        def count(query: SiemQuery) -> None:
            answer = cloud.siem(region).select(tenant, query, cloud.clock.now())
            again = sum(self._ledger.has(region, raw) for raw in answer)
            with self._lock:
                self._fetched.records += len(answer)
                self._fetched.again += again

        return count
