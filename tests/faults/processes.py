"""The stage for what happens between the add-on and Splunk: the built add-on as a process of a stand-in splunkd."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from faults.installed import FaultyInstallation, log_file
from faults.row import Ran
from faults.sentences import is_sentence
from faults.subjects import Subject
from integration.installation import BROAD, is_whole
from integration.log import LogLine
from standins.splunkd import IndexedEvent, InputProcess, InputRun, KVStoreState

_LONGEST_TEXT = 20_000
# A backlog of incidents takes more calls than half of what Microsoft allows in a minute, and so waits a real one.
_LONGEST_RUN = 200


@dataclass
class Processes:
    """An input with a few records in each of its regions; see ``faults.row.Stage``.

    Attributes:
        generated: the marks of alerts that the stand-in makes as it sends them, by region.
    """

    installed: FaultyInstallation
    subject: Subject
    earlier: list[str] = field(default_factory=list)
    generated: dict[str, list[str]] = field(default_factory=dict)
    is_cheap: bool = False

    def __post_init__(self) -> None:
        self.publish(20)

    def publish(self, count: int, *, first: int = 0, ago: int = 36_000_000_000, step: int = 1) -> None:
        """Let each region show so many records more, the first of `ago` ticks before now, the others a `step` later."""
        installed = self.installed
        start = installed.cloud.clock.now() - ago
        for number, region in enumerate(self.subject.regions):
            records = (
                self.subject.record(first + number * 100_000 + each, start + each * step) for each in range(count)
            )
            self.subject.publish(installed.cloud, installed.tenant, region, records)

    def publish_many(self, *, ago: int = 36_000_000_000) -> None:
        """Let each region show records enough for several batches, which last longer than windows overlap."""
        self.publish(self.subject.many, first=10_000, ago=ago, step=100_000)

    def published(self, region: str) -> list[str]:
        """The texts of the events that a region's records have to become."""
        shown = self.subject.shown(self.installed.cloud, self.installed.tenant, region)
        return [*shown, *self.generated.get(region, [])]

    @property
    def log_file(self) -> Path:
        """The input's log."""
        return self.installed.splunkd.home / "var" / "log" / "splunk" / log_file(self.subject)

    def run(self) -> Ran:
        """Let splunkd start the input, and wait for its end."""
        return self.ran(self.start().wait(_LONGEST_RUN))

    def start(self, on_event: Callable[[IndexedEvent], None] | None = None) -> InputProcess:
        """Let splunkd start the input."""
        self.installed.log_of(self.subject)
        return self.installed.splunkd.start_input(self.subject.source.kind, BROAD, on_event=on_event)

    def ran(self, run: InputRun, *, torn: bool = False) -> Ran:
        """What came of a run; its stream is whole, unless it was `torn` from outside."""
        assert torn or is_whole(run), run.stream_error
        assert not any("Traceback" in line for line in run.stderr), run.stderr
        log = self.installed.log_of(self.subject)
        told = [line.removeprefix(f"ERROR {self.subject.source.kind}://{BROAD} ") for line in run.stderr]
        found = [line.text for line in log if line.level == "ERROR"]
        assert len(found) == len(told), (found, told)
        assert all(any(text.endswith(sentence) for text in found) for sentence in told), (found, told)
        return Ran([mark(event.raw) for event in run.events], run.status, [*_notes(log), *told])

    def mend(self) -> None:
        """End every fault at Microsoft and in splunkd."""
        splunkd = self.installed.splunkd
        self.installed.cloud.faults.clear()
        splunkd.faults.clear()
        splunkd.kvstore.state, splunkd.kvstore.read_only = KVStoreState.READY, False
        splunkd.sessions.timeout = 3_600.0
        if self.log_file.is_symlink():
            self.log_file.unlink()


def _notes(log: list[LogLine]) -> list[str]:
    return [line.text for line in log if line.level != "ERROR" and is_sentence(line.level, line.text)]


def mark(raw: str) -> str:
    """An event's text, or what stands for it where it is long."""
    return raw if len(raw) < _LONGEST_TEXT else sha256(raw.encode()).hexdigest()
