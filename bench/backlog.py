"""A backlog of a million SIEM alerts: does a poll take more memory, or more work for each alert, the longer it goes on?

The stand-in makes the alerts when they are asked for: a million of them are 2 GB.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from standins.microsoft import ticks
from standins.microsoft.samples import siem_alert
from standins.microsoft.siem_query import SiemQuery

from bench.figures import Row, Sample
from bench.options import Options
from bench.scene import Poll, Scene
from bench.subjects import BY_NAME

CASE, NAME = "million", "backlog"
REGION = "eu"
SPAN = 6 * 86_400 * ticks.PER_SECOND
CAP = 10_000
"""No answer of the stand-in has more: those of a real service have an end too, and a day of this backlog is 360 MB."""
SMALL = 10_000
SAMPLES = 100
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass
class Backlog:
    """Alerts at even distances, as many of them at a time as an answer needs."""

    scene: Scene
    count: int
    start: int

    def __post_init__(self) -> None:
        self._step = SPAN // self.count

    def show(self, query: SiemQuery) -> None:
        """Put what the answer to a query shows where it is looked for."""
        first = max(0, -(-(query.since - self.start) // self._step))
        end = min(self.count, (query.until - self.start) // self._step + 1)
        numbers = range(max(first, end - CAP), end)
        region, tenant = self.scene.cloud.siem(REGION), self.scene.installation.tenant
        region.remove(tenant)
        region.add_all(tenant, [siem_alert(number, self.start + number * self._step) for number in numbers])


def measure(scenes: Sequence[Scene], options: Options) -> Iterator[Row]:
    """One run over a small backlog for comparison, and one over the large one."""
    siem = BY_NAME["siem"]
    for scene in scenes:
        siem.add_input(scene, NAME, regions=REGION)
        region = scene.cloud.siem(REGION)
        region.behaviour = replace(region.behaviour, silent_cap=CAP)
        rows: list[Row] = []
        for count in (SMALL, options.million):
            small = rows[0] if rows else None
            rows.append(_collected(scene, count, small))
            yield rows[-1]
        region.before_answer = None
        region.remove(scene.installation.tenant)


def _collected(scene: Scene, count: int, small: Row | None) -> Row:
    region = scene.cloud.siem(REGION)
    region.before_answer = Backlog(scene, count, scene.cloud.clock.now() - SPAN).show
    samples: list[Sample] = []
    every = max(1, count // SAMPLES)

    def look(poll: Poll) -> None:
        if poll.delivered % every == 0:
            pid = poll.pid()
            sample = None if pid is None else _sample(pid, poll.delivered)
            if sample is not None:
                samples.append(sample)

    scene.forget()
    figures = scene.poll(BY_NAME["siem"].source.kind, NAME, count, on_event=look)
    ratios: list[tuple[str, float]] = [("ms of CPU per alert", 1000 * figures.cpu_seconds / count)]
    if small is not None:
        per_alert = figures.cpu_seconds / count / (small.ours.cpu_seconds / small.records)
        ratios.append((f"CPU per alert / at {small.records:,}", per_alert))
        ratios.append((f"peak memory / at {small.records:,}", figures.peak_megabytes / small.ours.peak_megabytes))
    title = f"backlog of {count:,} SIEM alerts over six days"
    return Row(CASE, title, scene.version, 1, figures, records=count, ratios=tuple(ratios), samples=tuple(samples))


def _sample(pid: int, delivered: int) -> Sample | None:
    try:
        # Behind the name of the program, which may hold blanks.
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    except (FileNotFoundError, ProcessLookupError, IndexError):
        return None
    cpu_seconds = (int(fields[11]) + int(fields[12])) / _TICKS_PER_SECOND
    return Sample(delivered, cpu_seconds, pages * os.sysconf("SC_PAGE_SIZE") / 2**20)
