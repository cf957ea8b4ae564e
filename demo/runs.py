"""Runs of the input, each compared with what Microsoft holds: what is not as it should be ends the demo."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from standins.splunkd import IndexedEvent, InputRun

from demo.stage import BACKLOG, INPUT, KIND, SECRET, Stage

LOG = f"ta_defender_alerts_{KIND}_{INPUT}.log"

_PAIR = re.compile(r'(\w+)=("[^"]*"|\S*)')


class NotAsItShouldBeError(Exception):
    """The demo saw something that the add-on should not do; the text says what."""


@dataclass(frozen=True)
class Line:
    """One line of the input's log: when, at which level, what, and that as fields."""

    time: str
    level: str
    text: str
    fields: Mapping[str, str]


@dataclass(frozen=True)
class Run:
    """One run: its events by region, and the lines it wrote into its log."""

    delivered: Mapping[str, list[IndexedEvent]]
    log: list[Line]

    @property
    def events(self) -> list[IndexedEvent]:
        """The events of all regions."""
        return [event for events in self.delivered.values() for event in events]

    def done(self, region: str) -> Mapping[str, str]:
        """What the log says of a region at the end of the run.

        Raises:
            NotAsItShouldBeError: nothing.
        """
        for line in self.log:
            if (line.fields.get("action"), line.fields.get("region")) == ("region_done", region):
                return line.fields
        raise NotAsItShouldBeError(f"The log says nothing of how the region {region} ended.")


class Runner:
    """Runs the input again and again, and remembers what has been delivered."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._delivered: dict[str, Counter[str]] = {region: Counter() for region in BACKLOG}
        self._log_read = 0

    def run(self) -> Run:
        """Run the input once, as splunkd does.

        Raises:
            NotAsItShouldBeError: an alert is missing, altered, or there twice, or the run complains of anything.
        """
        done = self._stage.splunkd.run_input(KIND, INPUT)
        log = self._new_lines()
        refuse_trouble(done, log)
        delivered: dict[str, list[IndexedEvent]] = {region: [] for region in BACKLOG}
        for event in done.events:
            delivered[region_of(event, self._stage.tenant.guid)].append(event)
        for region, events in delivered.items():
            self._delivered[region].update(event.raw for event in events)
            compare(region, self._stage.held[region], self._delivered[region])
        return Run(delivered, log)

    def _new_lines(self) -> list[Line]:
        text = self._stage.splunkd.logs().get(LOG, "")
        new, self._log_read = text[self._log_read :], len(text)
        return [read_line(line) for line in new.splitlines()]


def read_line(line: str) -> Line:
    """Take a line of solnlib's log apart: `<date> <time> log_level=... pid=... tid=... file=... | <text>`."""
    begin, _, text = line.partition(" | ")
    _, time, level, *_ = begin.split(" ")
    fields = {key: value.strip('"') for key, value in _PAIR.findall(text)}
    return Line(time, level.partition("=")[2], text, fields)


def refuse_trouble(run: InputRun, log: list[Line]) -> None:
    """Look at everything about a run but its events.

    Raises:
        NotAsItShouldBeError: something is wrong.
    """
    if run.status != 0:
        raise NotAsItShouldBeError(f"The input ended with status {run.status}. It said: {' '.join(run.stderr)}")
    if run.stream_error:
        raise NotAsItShouldBeError(f"Splunk can't read the input's stream of events: {run.stream_error}")
    if run.stderr:
        raise NotAsItShouldBeError(f"The input complains: {' '.join(run.stderr)}")
    for line in log:
        if line.level != "INFO":
            raise NotAsItShouldBeError(f"The input's log has a line at the level {line.level}: {line.text}")


def region_of(event: IndexedEvent, tenant: str) -> str:
    """Read the region out of an event's source.

    Raises:
        NotAsItShouldBeError: sourcetype or source are not what searches rely on.
    """
    for region in BACKLOG:
        if (event.sourcetype, event.source) == ("wdatp:alerts", f"{KIND}:{tenant}:{region}:{INPUT}"):
            return region
    raise NotAsItShouldBeError(f"An event has the source {event.source!r} and the sourcetype {event.sourcetype!r}.")


def compare(region: str, held: Counter[str], delivered: Counter[str]) -> None:
    """Compare what Microsoft holds with what Splunk has got so far, byte for byte.

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
            f"The region {region} in Splunk, compared with its {held.total()} alerts at Microsoft: {', '.join(found)}."
        )


def refuse_leaks(stage: Stage) -> None:
    """Look for the client secret in every file of the stand-in Splunk and in its KV store.

    Raises:
        NotAsItShouldBeError: it can be read somewhere.
    """
    places = stage.splunkd.places_of(SECRET)
    if places:
        raise NotAsItShouldBeError(f"The client secret can be read in {', '.join(places)}.")
