"""The row of an answer that no memory should hold."""

from __future__ import annotations

import re
import threading
from dataclasses import replace
from pathlib import Path

from faults.processes import Processes, mark
from faults.row import EVERYTHING, GOES_ON, Delivered, Group, Ran, Row
from faults.subjects import SIEM_ALERTS
from integration.installation import DAY, MINUTE
from standins.microsoft.lengths import Backlog
from standins.splunkd import IndexedEvent, InputProcess

COUNT, SIZE = 4_000, 50_000
"""200 MB, with fewer records than an answer that counts as cut short has."""
MOST_MEMORY = 120_000_000
"""What the interpreter and its libraries take, one window's text and one batch: less than the answer itself."""


class _Measured:
    """A process whose events are counted and let go, and whose memory is watched."""

    def __init__(self, stage: Processes) -> None:
        self.marks: list[str] = []
        self.peak = 0
        self._started = threading.Event()
        self.process: InputProcess = stage.start(self._take)
        self._started.set()

    def _take(self, event: IndexedEvent) -> None:
        self._started.wait()
        self.marks.append(mark(event.raw))
        self.process.events.clear()
        if len(self.marks) % 50 == 0:
            self.peak = _most_memory(self.process.pid) or self.peak


def _most_memory(pid: int) -> int:
    """The most that a process has held in memory so far, in bytes (proc(5): VmHWM); 0 when it has ended."""
    try:
        match = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(encoding="ascii"))
    except OSError:
        return 0
    return int(match[1]) * 1024 if match else 0


def _serve_200_MB(stage: Processes) -> None:
    cloud = stage.installed.cloud
    cloud.siem("eu").remove(stage.installed.tenant)
    first = cloud.clock.now() - DAY
    backlog = Backlog(first, (DAY - MINUTE) // COUNT, COUNT, SIZE)
    stage.generated["eu"] = [mark(alert.decode()) for alert in backlog.alerts()]
    cloud.faults.add(stage.subject.host, backlog, times=None)


def _run_measured(stage: Processes) -> Ran:
    # In a fork its memory would begin with that of the process that it is forked from.
    with stage.installed.splunkd.starting_anew():
        measured = _Measured(stage)
    ran = stage.ran(measured.process.wait(120))
    return replace(ran, raws=measured.marks, peak=measured.peak)


HUGE: Group[Processes] = Group(
    "API",
    (
        Row(
            "an answer of 200 MB",
            f"one answer holds {COUNT} alerts of {SIZE // 1_000} KB",
            _serve_200_MB,
            Delivered(
                f"everything; the process never takes {MOST_MEMORY // 1_000_000} MB of memory",
                lambda summary: EVERYTHING.holds(summary) and 0 < summary.first.peak < MOST_MEMORY,
            ),
            0,
            (),
            GOES_ON,
            run=_run_measured,
            mend=lambda _: None,
        ),
    ),
    subjects=(SIEM_ALERTS,),
)
