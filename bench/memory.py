"""Peak memory of a run over its backlog: it must not grow with it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from integration.installation import NARROW, Installation, set_up
from standins.microsoft import ticks
from standins.microsoft.cloud import MicrosoftCloud
from standins.splunkd import IndexedEvent, Splunkd

_WEEK = 6 * 86_400 * ticks.PER_SECOND
_EVERY = 250


@dataclass(frozen=True)
class Drain:
    """One run over a backlog of one region; the peak is the process's resident memory (Linux: VmHWM)."""

    alerts: int
    megabytes_of_alerts: float
    peak_megabytes: float


def drains(app: Path, python: Path, backlogs: Iterable[int]) -> Iterator[Drain]:
    """Run the built add-on over each backlog, each in a Splunk of its own."""
    for count in backlogs:
        with (
            tempfile.TemporaryDirectory() as home,
            MicrosoftCloud() as cloud,
            Splunkd(Path(home) / "splunk", app, python) as splunkd,
        ):
            installation = set_up(Installation(splunkd, cloud), regions="eu")
            installation.save_settings("logging", loglevel="INFO")
            yield _drain(installation, count)


def _drain(installation: Installation, count: int) -> Drain:
    alerts = installation.alerts(count, step=_WEEK // count, ago=_WEEK)
    installation.publish("eu", alerts)
    pids: list[int] = []
    peaks = [0.0]
    seen = 0

    def look(_: IndexedEvent) -> None:
        nonlocal seen
        seen += 1
        if pids and seen % _EVERY == 0:
            peaks.append(_peak_megabytes(pids[0]) or peaks[-1])

    process = installation.start(NARROW, on_event=look)
    pids.append(process.pid)
    run = process.wait(600)
    if (run.status, len(run.events)) != (0, count):
        msg = f"the run ended with {run.status} after {len(run.events)} of {count} alerts"
        raise RuntimeError(msg)
    return Drain(count, sum(map(len, alerts)) / 1e6, max(peaks))


def _peak_megabytes(pid: int) -> float | None:
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except (FileNotFoundError, ProcessLookupError):
        return None
    return next((int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM")), None)
