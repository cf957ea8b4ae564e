"""One kill at one place: a backlog that a run has begun to deliver, the kill, and what the next runs make of it."""

from __future__ import annotations

import fcntl
import os
import signal
import struct
import termios
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from chaos.ledger import Ledger
from chaos.moments import wait_until
from chaos.targets import SIEM_ALERTS, SIEM_OF_ONE_REGION, SPLIT_INCIDENTS, Target
from integration.installation import COLLECTION, DAY, MINUTE, Installation
from standins.microsoft import ticks
from standins.microsoft.faults import Scripted, Stall
from standins.microsoft.graph_samples import graph_alert
from standins.splunkd import Fault, IndexedEvent, InputProcess, InputRun

COUNT = 2_700
"""The alerts of each region: two full batches and more than half of one, in one window."""
IN_THE_FIRST_WINDOW = 7 * DAY - 30 * MINUTE
"""An age: a run begins with two hours of a week ago."""
DATA = rf"/storage/collections/data/{COLLECTION}$"
# In gzip, the backlog takes many times that; an answer without alerts is two bytes.
_BACKLOG_SENT = 10_000


@dataclass
class Scene:
    """A target with so many records in each of its regions, the first of them so many ticks old."""

    installed: Installation
    target: Target = SIEM_OF_ONE_REGION
    count: int = COUNT
    ago: int = DAY
    ledger: Ledger = field(default_factory=Ledger)
    runs: int = 0

    def __post_init__(self) -> None:
        self.target.begin(self.installed)
        self.oldest = self.installed.cloud.clock.now() - self.ago
        self.fill()

    def fill(self) -> None:
        """Let Microsoft show them."""
        # Without evidence, a thousand are less than 2.4 MB, and so one batch.
        moves = self.target.source.moves
        short: dict[str, Any] = {"evidence": []} if moves else {}
        step = ticks.PER_SECOND if moves else 1
        for checkpoint, region in enumerate(self.target.regions):
            raws = [
                self.target.source.make(checkpoint * 100_000 + number + 1, self.oldest + number * step, **short)
                for number in range(self.count)
            ]
            self.ledger.publish(region, raws)
            self.target.show(self.installed, region, raws)

    @classmethod
    def of_all_regions(cls, installed: Installation) -> Scene:
        """A scene with three regions."""
        return cls(installed, SIEM_ALERTS)

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

        started.append(self.target.start(self.installed, pause))
        is_there.set()
        if pause_at:
            assert is_paused.wait(60)
        return started[0]

    def hold(self, path: str, method: str, *, skip: int = 0, dropped: bool = False, applied: bool = False) -> Fault:
        """But for the next so many, the KV store keeps such requests until the kill, and carries them out or drops them."""
        gate = threading.Event()
        fault = Fault(path, frozenset({method}), skip=skip, gate=gate, dropped=dropped, applied=applied)
        return self.installed.splunkd.faults.add(fault)

    def kill(self, process: InputProcess) -> InputRun:
        """Kill it; what it had written is read to the end, and what it had asked of splunkd is carried out."""
        process.kill()
        process.resume_stdout()
        run = process.wait(30)
        assert run.status == -signal.SIGKILL
        self._take(run)
        return run

    def kill_while(self, answer: Scripted) -> InputRun:
        """Start it, and kill it once Microsoft keeps it waiting for this answer."""
        process = self.start()
        assert answer.has_begun.wait(30)
        return self.kill(process)

    def kill_at(self, fault: Fault, process: InputProcess) -> InputRun:
        """Let it go on, kill it while the KV store keeps its request, and wait until the store has done with that."""
        process.resume_stdout()
        assert fault.gate is not None
        wait_until(lambda: fault.hits > 0, f"{fault.path} is asked for")
        run = self.kill(process)
        fault.gate.set()
        wait_until(lambda: fault.answered == fault.hits, "the store has done with it")
        self.installed.splunkd.faults.clear()
        return run

    def finish(self) -> dict[str, int]:
        """Let the next run collect the rest and another one look again; give what came twice, by region."""
        self.installed.splunkd.faults.clear()
        self.installed.cloud.faults.clear()
        killed = range(1, self.runs + 1)
        for _ in range(2):
            run = self.target.start(self.installed).wait(60)
            assert (run.status, run.stderr, run.stream_error) == (0, [], None)
            self._take(run)
        assert run.events == []
        assert self.ledger.breaches(killed) == []
        return {region: repeated.alerts for (_, region), repeated in self.ledger.repeated.items()}

    def stall(self, part: float) -> Scripted:
        """Let the next answer break off in the middle, the connection open."""
        (host,) = self.target.hosts(self.installed.cloud)
        return self.installed.cloud.faults.add(host, Stall(part))

    def wait_for_standstill(self) -> None:
        """Return when each region has got its backlog and nobody asks for anything any more."""
        cloud = self.installed.cloud
        wait_until(
            lambda: all(
                any(call.ended and call.sent > _BACKLOG_SENT for call in cloud.journal.calls(host))
                for host in self.target.hosts(cloud)
            ),
            "each region has got its backlog",
        )
        asked = [-1, -2]

        def is_still() -> bool:
            time.sleep(0.5)
            asked.append(len(cloud.journal) + len(self.installed.calls_to_splunkd()))
            return asked[-1] == asked[-2]

        wait_until(is_still, "nobody asks for anything")

    def _take(self, run: InputRun) -> None:
        self.runs += 1
        self.ledger.deliver(self.runs, run.events)


@dataclass
class IncidentsScene(Scene):
    """Incidents with 75 alerts each, all in one answer, which is three batches; each batch has alerts of several days.

    Attributes:
        a_day: so many alerts of one day, so that a batch in the order of time has some of three.
    """

    target: Target = SPLIT_INCIDENTS
    count: int = 40
    ago: int = IN_THE_FIRST_WINDOW
    a_day: int = 400

    def fill(self) -> None:
        """Let Microsoft show them."""
        noon = self.oldest - 20 * DAY
        noon += DAY // 2 - noon % DAY
        self._inside: dict[int, list[bytes]] = {}
        self._raws: dict[int, bytes] = {}
        for number in range(1, self.count + 1):
            alerts = range(75 * number, 75 * (number + 1))
            self._inside[number] = [
                graph_alert(alert, noon + (alert - 75) // self.a_day * DAY + alert, id=f"da{alert:08d}_1", evidence=[])
                for alert in alerts
            ]
            self._put(number, self.oldest + number * MINUTE)

    def update_all(self) -> None:
        """Update each incident: it shows the alerts that it has shown before."""
        now = self.installed.cloud.clock.now()
        for number in self._inside:
            former = self._raws[number]
            self._put(number, now - MINUTE + number)
            self.ledger.excuse("global", [former])

    def _put(self, number: int, moment: int) -> None:
        raw, alerts = self.target.source.make(number, moment), self._inside[number]
        self._raws[number] = raw
        self.ledger.publish("global", [raw, *alerts])
        shelf = self.target.shelf(self.installed.cloud, "global")
        shelf.put(self.installed.tenant, raw, alerts=alerts)


def is_alert(event: IndexedEvent) -> bool:
    """Whether it was cut out of an incident."""
    return event.sourcetype == "ms365:defender:incident:alerts"


def day_of(event: IndexedEvent) -> int:
    """The day of its version time, as a number."""
    return int(float(event.time or 0)) // 86_400


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
