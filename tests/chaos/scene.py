"""One kill at one place: a backlog that a run has begun to deliver, the kill, and what the next runs make of it."""

from __future__ import annotations

import fcntl
import os
import re
import signal
import struct
import termios
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from chaos.ledger import Ledger
from chaos.quiet import wait_until
from integration.installation import BROAD, COLLECTION, DAY, KIND, NARROW, REGIONS, Installation
from standins.splunkd import Call, Fault, IndexedEvent, InputProcess, InputRun

COUNT = 3_500
"""The alerts of each region: three full batches and a half, in one window."""
READS = rf"/storage/collections/data/{COLLECTION}$"
HELD = 1.5
"""Seconds for which the KV store keeps a request: longer than it takes to see that it has come, and to kill."""
# In gzip, the backlog takes many times that; an answer without alerts is two bytes.
_BACKLOG_SENT = 10_000


@dataclass
class Scene:
    """An input with these regions, each with so many alerts, so many ticks old; `input_name` is one that collects them."""

    installed: Installation
    regions: Sequence[str] = ("eu",)
    input_name: str = NARROW
    count: int = COUNT
    ago: int = DAY
    ledger: Ledger = field(default_factory=Ledger)
    runs: int = 0

    def __post_init__(self) -> None:
        for place, region in enumerate(self.regions):
            alerts = self.installed.alerts(self.count, first=place * 100_000, ago=self.ago)
            self.ledger.publish(region, alerts)
            self.installed.publish(region, alerts)

    @classmethod
    def of_all_regions(cls, installed: Installation) -> Scene:
        """A scene with three regions."""
        return cls(installed, REGIONS, BROAD)

    def start(self, pause_at: int = 0) -> InputProcess:
        """Start the input; from about that many events on, nothing more is read from it."""
        started: list[InputProcess] = []
        is_there, is_paused = threading.Event(), threading.Event()
        seen: list[IndexedEvent] = []

        def pause(event: IndexedEvent) -> None:
            seen.append(event)
            if len(seen) == pause_at:
                is_there.wait()
                started[0].pause_stdout()
                is_paused.set()

        started.append(self.installed.splunkd.start_input(KIND, self.input_name, on_event=pause))
        is_there.set()
        if pause_at:
            assert is_paused.wait(60)
        return started[0]

    def hold(self, path: str, method: str, *, dropped: bool = False, applied: bool = False) -> Fault:
        """From now on the KV store keeps such requests for a while, and then carries them out or drops them."""
        fault = Fault(path, frozenset({method}), delay=HELD, dropped=dropped, applied=applied)
        return self.installed.splunkd.faults.add(fault)

    def kill(self, process: InputProcess) -> InputRun:
        """Kill it; what it had written is read to the end, and what it had asked of splunkd is carried out."""
        process.kill()
        process.resume_stdout()
        run = process.wait(30)
        assert run.status == -signal.SIGKILL
        self._take(run)
        return run

    def kill_at(self, fault: Fault, process: InputProcess) -> InputRun:
        """Kill it while the KV store keeps its request, and wait until the store has done with that."""
        wait_until(lambda: fault.hits > 0, f"{fault.path} is asked for")
        answered = self._answered(fault)
        run = self.kill(process)
        assert self._answered(fault) == answered < fault.hits, "the kill came too late"
        wait_until(lambda: self._answered(fault) >= fault.hits, "the store has done with it")
        self.installed.splunkd.faults.clear()
        return run

    def finish(self) -> dict[str, int]:
        """Let the next run collect the rest and another one look again; give what came twice, by region."""
        self.installed.splunkd.faults.clear()
        self.installed.cloud.faults.clear()
        killed = range(1, self.runs + 1)
        for _ in range(2):
            run = self.installed.splunkd.start_input(KIND, self.input_name).wait(60)
            assert (run.status, run.stderr, run.stream_error) == (0, [], None)
            self._take(run)
        assert run.events == []
        assert self.ledger.breaches(killed) == []
        return {region: repeated.alerts for (_, region), repeated in self.ledger.repeated.items()}

    def wait_for_standstill(self) -> None:
        """Return when each region has got its backlog and nobody asks for anything any more."""
        cloud = self.installed.cloud
        wait_until(
            lambda: all(
                any(call.ended and call.sent > _BACKLOG_SENT for call in cloud.journal.calls(cloud.siem(region).host))
                for region in self.regions
            ),
            "each region has got its backlog",
        )
        asked = [-1, -2]

        def is_still() -> bool:
            time.sleep(0.5)
            asked.append(len(cloud.journal) + len(self.installed.calls_to_splunkd()))
            return asked[-1] == asked[-2]

        wait_until(is_still, "nobody asks for anything")

    def _answered(self, fault: Fault) -> int:
        def is_hit(call: Call) -> bool:
            is_such = call.method in fault.methods and re.search(fault.path, call.path) is not None
            return is_such and call.seconds >= fault.delay

        return sum(map(is_hit, self.installed.calls_to_splunkd()))

    def _take(self, run: InputRun) -> None:
        self.runs += 1
        self.ledger.deliver(self.runs, run.events)


def wait_for_full_pipe(process: InputProcess) -> None:
    """Return when the process can write no more: what lies in its stdout doesn't change, and it is a lot."""
    amounts = [0, -1]

    def is_full() -> bool:
        time.sleep(0.1)
        amounts.append(_in_pipe(process))
        return amounts[-1] == amounts[-2] > 16_384

    wait_until(is_full, "the pipe is full")


def _in_pipe(process: InputProcess) -> int:
    pipe = os.open(f"/proc/{process.pid}/fd/1", os.O_RDONLY | os.O_NONBLOCK)
    try:
        (amount,) = struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, struct.pack("i", 0)))
        return int(amount)
    finally:
        os.close(pipe)
