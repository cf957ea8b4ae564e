"""Runs the regions of one input side by side: each in its own thread, none able to hold up or spoil another."""

from __future__ import annotations

import logging
import threading
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass

from .collector import RegionCollector
from .errors import AddonError, StoppedError
from .http.calls import Stop

# Asked to stop, a region finishes the batch it is writing; one that waits for Microsoft is left behind.
STOP_GRACE = 10.0
_TICK = 0.2


@dataclass
class RegionOutcome:
    """How a region's run ended: ``failure`` is None where it is done or was stopped."""

    collector: RegionCollector
    outcome: str
    failure: AddonError | None
    seconds: float


class _RegionThread(threading.Thread):
    def __init__(self, collector: RegionCollector, log: logging.Logger) -> None:
        # A daemon: what hangs in a connection must not keep the process from ending.
        super().__init__(name=collector.region, daemon=True)
        self.collector = collector
        self._log = log
        self._began = time.monotonic()
        self.outcome = RegionOutcome(collector, "stopped", None, 0.0)

    def run(self) -> None:
        outcome, failure = "done", None
        try:
            self.collector.run()
        except StoppedError:
            outcome = "stopped"
        except AddonError as error:
            outcome, failure = "failed", error
        except Exception as error:  # noqa: BLE001 - whatever it is, it is this region's alone
            outcome, failure = "failed", _unexpected(error, self._log)
        self.outcome = RegionOutcome(self.collector, outcome, failure, time.monotonic() - self._began)


def _unexpected(error: Exception, log: logging.Logger) -> AddonError:
    frames = "".join(traceback.format_tb(error.__traceback__))
    log.debug("unexpected %s at\n%s", type(error).__name__, frames)
    last = traceback.extract_tb(error.__traceback__)[-1]
    return AddonError(
        f"An error that the add-on does not know: {type(error).__name__}: {error} (in {last.name}, line "
        f"{last.lineno}). What was collected is saved; the next run goes on. Set the log level to DEBUG and report it."
    )


def collect_side_by_side(collectors: Sequence[RegionCollector], stop: Stop, log: logging.Logger) -> list[RegionOutcome]:
    """Run all collectors to their end, or until the process is asked to stop.

    Returns:
        One outcome per region, in the given order.
    """
    threads = [_RegionThread(collector, log) for collector in collectors]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads) and not stop.is_set():
        for thread in threads:
            thread.join(_TICK)
    deadline = time.monotonic() + STOP_GRACE
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()) if stop.is_set() else None)
    return [thread.outcome for thread in threads]
