"""Runs of the inputs, each compared with what Microsoft has shown: what is not as it should be ends the demo."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from standins.splunkd import IndexedEvent, InputRun

from demo.stage import INPUTS, SECRET, STREAMS, Input, Stage, Stream

_PAIR = re.compile(r'(\w+)=("[^"]*"|\S*)')


class NotAsItShouldBeError(Exception):
    """The demo saw something that the add-on should not do; the text says what."""


@dataclass(frozen=True)
class Line:
    """One line of an input's log: when, at which level, what, and that as fields."""

    time: str
    level: str
    text: str
    fields: Mapping[str, str]


@dataclass(frozen=True)
class Run:
    """One run of every input: its events by stream, and the lines that the inputs wrote into their logs."""

    delivered: Mapping[Stream, list[IndexedEvent]]
    logs: Mapping[Input, list[Line]]

    @property
    def events(self) -> list[IndexedEvent]:
        """All events."""
        return [event for events in self.delivered.values() for event in events]

    @property
    def requests(self) -> int:
        """How often Microsoft was asked for data."""
        return sum(int(self.done(this, region).fields["calls"]) for this in INPUTS for region in this.regions)

    def done(self, this: Input, region: str) -> Line:
        """What the log says of a region at the end of the run.

        Raises:
            NotAsItShouldBeError: nothing.
        """
        for line in self.logs[this]:
            if (line.fields.get("action"), line.fields.get("region")) == ("region_done", region):
                return line
        raise NotAsItShouldBeError(f"The log of {this.name} says nothing of how the region {region} ended.")


class Runner:
    """Runs the inputs again and again, and remembers what has been delivered."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._delivered: dict[Stream, Counter[str]] = {stream: Counter() for stream in STREAMS}
        self._log_read = dict.fromkeys(INPUTS, 0)

    def run(self) -> Run:
        """Run every input once, as splunkd does.

        Raises:
            NotAsItShouldBeError: something is missing, altered, or there twice, or a run complains of anything.
        """
        delivered: dict[Stream, list[IndexedEvent]] = {stream: [] for stream in STREAMS}
        logs = {}
        for this in INPUTS:
            done = self._stage.splunkd.run_input(this.kind, this.name)
            logs[this] = self._new_lines(this)
            refuse_trouble(this, done, logs[this])
            for event in done.events:
                delivered[stream_of(event, this)].append(event)
        for stream, events in delivered.items():
            self._delivered[stream].update(event.raw for event in events)
            compare(stream, self._stage.held[stream], self._delivered[stream])
        return Run(delivered, logs)

    def _new_lines(self, this: Input) -> list[Line]:
        text = self._stage.splunkd.logs().get(log_file(this), "")
        new, self._log_read[this] = text[self._log_read[this] :], len(text)
        return [read_line(line) for line in new.splitlines()]


def log_file(this: Input) -> str:
    """The name of an input's log."""
    return f"ta_defender_alerts_{this.kind}_{this.name}.log"


def read_line(line: str) -> Line:
    """Take a line of an input's log apart: `<date> <time> log_level=... pid=... tid=... file=... | <text>`."""
    begin, _, text = line.partition(" | ")
    _, time, level, *_ = begin.split(" ")
    fields = {key: value.strip('"') for key, value in _PAIR.findall(text)}
    return Line(time, level.partition("=")[2], text, fields)


def refuse_trouble(this: Input, run: InputRun, log: list[Line]) -> None:
    """Look at everything about a run but its events.

    Raises:
        NotAsItShouldBeError: something is wrong.
    """
    if run.status != 0:
        raise NotAsItShouldBeError(f"{this.name} ended with status {run.status}. It said: {' '.join(run.stderr)}")
    if run.stream_error:
        raise NotAsItShouldBeError(f"Splunk can't read the stream of events of {this.name}: {run.stream_error}")
    if run.stderr:
        raise NotAsItShouldBeError(f"{this.name} complains: {' '.join(run.stderr)}")
    for line in log:
        if line.level != "INFO":
            raise NotAsItShouldBeError(f"The log of {this.name} has a line at the level {line.level}: {line.text}")


def stream_of(event: IndexedEvent, this: Input) -> Stream:
    """Find an event's stream among those of the input that wrote it.

    Raises:
        NotAsItShouldBeError: sourcetype or source are not what searches rely on.
    """
    for stream in STREAMS:
        if (stream.input, stream.sourcetype, stream.source) == (this, event.sourcetype, event.source):
            return stream
    raise NotAsItShouldBeError(
        f"An event of {this.name} has the source {event.source!r} and the sourcetype {event.sourcetype!r}."
    )


def compare(stream: Stream, held: Counter[str], delivered: Counter[str]) -> None:
    """Compare what Microsoft has shown with what Splunk has got so far, byte for byte.

    Raises:
        NotAsItShouldBeError: they differ.
    """
    problems = {
        "missing": (held - delivered).total(),
        "not as Microsoft sent them": sum(count for raw, count in delivered.items() if raw not in held),
        "delivered again": sum(count - 1 for raw, count in delivered.items() if raw in held),
    }
    found = [f"{count} {problem}" for problem, count in problems.items() if count]
    if found:
        raise NotAsItShouldBeError(
            f"{stream.sourcetype} of {stream.input.name}, region {stream.region}, compared with the {held.total()} "
            f"versions that Microsoft has shown: {', '.join(found)}."
        )


def refuse_leaks(stage: Stage) -> None:
    """Look for the client secret in every file of the stand-in Splunk and in its KV store.

    Raises:
        NotAsItShouldBeError: it can be read somewhere.
    """
    checkpoints = stage.splunkd.leaks_of(SECRET)
    if checkpoints:
        raise NotAsItShouldBeError(f"The client secret can be read in {', '.join(checkpoints)}.")
