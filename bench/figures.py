"""What is measured, and what is made of several measurements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from statistics import median


@dataclass(frozen=True)
class Figures:
    """What one process took, or the medians of several of its kind.

    Attributes:
        cpu_seconds: of the process, in user and system mode.
        peak_megabytes: of its resident memory.
        wall_seconds: from its start to its end.
        microsoft_calls: HTTP requests to Microsoft, the one for the token too.
        splunkd_calls: HTTP requests to splunkd.
        first_request_seconds: from its start until its first request to Microsoft had arrived.
    """

    cpu_seconds: float
    peak_megabytes: float
    wall_seconds: float
    microsoft_calls: float = 0
    splunkd_calls: float = 0
    first_request_seconds: float = 0.0


def medians(several: Sequence[Figures]) -> Figures:
    """The median of each figure by itself."""
    return Figures(**{each.name: median(getattr(one, each.name) for one in several) for each in fields(Figures)})


@dataclass(frozen=True)
class Sample:
    """A process at work: what it has delivered, what that has taken, and its resident memory now."""

    delivered: int
    cpu_seconds: float
    megabytes: float


@dataclass(frozen=True)
class Row:
    """One case on one Python.

    Attributes:
        case: its name on the command line.
        title: what was measured.
        python: the version of Splunk's Python.
        runs: how many times.
        ours: the medians.
        floor: the medians of the plain lines that read the same; None where there is nothing to read.
        yardstick: the medians of the bare import of the libraries; None where it says nothing.
        records: that each run delivered.
        ratios: further figures, by what they say.
        samples: of a single run, in its order.
    """

    case: str
    title: str
    python: str
    runs: int
    ours: Figures
    floor: Figures | None = None
    yardstick: Figures | None = None
    records: int = 0
    ratios: tuple[tuple[str, float], ...] = ()
    samples: tuple[Sample, ...] = ()

    @property
    def cpu_of_floor(self) -> float | None:
        """CPU seconds, as a multiple of the floor's."""
        return None if self.floor is None else self.ours.cpu_seconds / self.floor.cpu_seconds

    @property
    def memory_of_floor(self) -> float | None:
        """Peak memory, as a multiple of the floor's."""
        return None if self.floor is None else self.ours.peak_megabytes / self.floor.peak_megabytes

    @property
    def cpu_of_yardstick(self) -> float | None:
        """CPU seconds, as a multiple of the yardstick's."""
        return None if self.yardstick is None else self.ours.cpu_seconds / self.yardstick.cpu_seconds
