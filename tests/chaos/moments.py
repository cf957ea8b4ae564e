"""What of a process's work is still going on when it has been killed, and the wait for its end."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Container

from integration.installation import COLLECTION, Installation
from standins.splunkd import Call, Fault, InputRun

SAVES = rf"/storage/collections/data/{COLLECTION}/batch_save"
"""The path, as a pattern, of what saves a checkpoint, or a day of the memory of delivered parts."""
# Each event ends with a line feed, so a stream that breaks off within a line breaks off within an event.
_BROKEN_OFF = re.compile(r"unterminated: .*column (\d+)")


class Saves:
    """The saves that the KV store is asked for, each of which takes it a moment."""

    def __init__(self, installation: Installation, seconds: float) -> None:
        self._installation = installation
        fault = Fault(SAVES, frozenset({"POST"}), delay=seconds)
        self._asked = installation.splunkd.faults.add(fault)
        self._before = self._answered()

    def under_way(self) -> int:
        """How many have been asked for and not been answered yet."""
        return self._asked.hits - (self._answered() - self._before)

    def _answered(self) -> int:
        return sum(map(is_save, self._installation.calls_to_splunkd()))


def is_save(call: Call) -> bool:
    """Whether a call saves something."""
    return call.method == "POST" and re.search(SAVES, call.path) is not None


def answering(installation: Installation, hosts: Container[str], since: float) -> bool:
    """Whether a request that came to hosts `since` (`time.monotonic`) is being answered still."""
    calls = installation.cloud.journal.calls(where=lambda call: call.host in hosts and call.began >= since)
    return any(call.ended is None for call in calls)


def breaks_off_in_an_event(run: InputRun) -> bool:
    """Whether the stream ends with half an event."""
    match = _BROKEN_OFF.match(run.stream_error or "")
    return match is not None and int(match[1]) > 0


def wait_until(condition: Callable[[], bool], what: str, seconds: float = 30.0) -> None:
    """Return as soon as the condition holds.

    Raises:
        AssertionError: it doesn't in time.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds} s in vain: {what}")
        time.sleep(0.005)
