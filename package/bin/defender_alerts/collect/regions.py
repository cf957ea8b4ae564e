"""Runs the regions of one input side by side, each in its own thread, so that none can delay or break another."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from typing import NamedTuple

from defender_alerts.errors import (
    AddonError,
    CheckpointTakenError,
    IncompleteError,
    StoppedError,
    StreamClosedError,
    unexpected,
)
from defender_alerts.microsoft.transport.client import Stop

from .region import RegionCollector

# A region that is asked to stop ends at its next step. One that hangs in a connection is abandoned after STOP_GRACE
# seconds. One that is writing and saving a batch gets longer, since an unfinished batch comes again.
STOP_GRACE = 1.5
_LONGEST_BATCH = 2.5
_TICK = 0.1


class RegionOutcome(NamedTuple):
    """How a region's run ended: ``done``, ``stopped``, ``taken`` by another process, ``incomplete`` or ``failed``.

    The last two come with a failure.
    """

    collector: RegionCollector
    outcome: str
    failure: AddonError | None
    seconds: float


class _RegionThread(threading.Thread):
    def __init__(self, collector: RegionCollector, log: logging.Logger) -> None:
        # A daemon thread, so that a hanging connection can't keep the process from ending.
        super().__init__(name=collector.region, daemon=True)
        self.collector = collector
        self._log = log
        self._began = time.monotonic()
        self.outcome = RegionOutcome(collector, "stopped", None, 0.0)

    def run(self) -> None:
        outcome, failure = "done", None
        try:
            self.collector.run()
        except CheckpointTakenError as taken:
            outcome = "taken"
            self._log.warning("region=%s is left: %s", self.collector.region, taken)
        except (StoppedError, StreamClosedError):
            # Splunk closes the pipe of a process that it ends. The modular input decides whether this is a failure.
            outcome = "stopped"
        except AddonError as error:
            outcome, failure = "incomplete" if isinstance(error, IncompleteError) else "failed", error
        except Exception as error:  # noqa: BLE001 - an unexpected error must only cost this region
            outcome, failure = "failed", unexpected(error, self._log)
        self.outcome = RegionOutcome(self.collector, outcome, failure, time.monotonic() - self._began)


def collect_side_by_side(collectors: Sequence[RegionCollector], stop: Stop, log: logging.Logger) -> list[RegionOutcome]:
    """Run all collectors to their end, or until the process is asked to stop.

    Returns:
        One outcome per region, in the given order.
    """
    threads = [_RegionThread(collector, log) for collector in collectors]
    for thread in threads:
        thread.start()
    asked_at: float | None = None
    while any(thread.is_alive() for thread in threads):
        for thread in threads:
            thread.join(_TICK)
        if stop.is_set():
            asked_at = asked_at or time.monotonic()
            busy = any(thread.is_alive() and thread.collector.delivery.is_under_way for thread in threads)
            if time.monotonic() - asked_at > (_LONGEST_BATCH if busy else STOP_GRACE):
                break
    return [thread.outcome for thread in threads]
