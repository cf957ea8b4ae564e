"""A Splunk that is being asked: what is made in it, what is waited for, and what searches find there."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from acceptance import making
from acceptance.container import Container, NoContainerError
from acceptance.gate import Gate
from acceptance.making import Step
from acceptance.notes import Notes
from acceptance.observed import Found, Seen, Stopped
from acceptance.rest import OURS, Splunk, SplunkError
from acceptance.scene import Input, Scene, Shown

INDEXED = "_time, _raw, host, source, sourcetype, index"
HOST = "{}.api.security.microsoft.com"
"""Of a region of Defender for Endpoint's API."""
_LOOKS = 5


class TooLateError(Exception):
    """What was waited for has not come; the sentence says what."""


@dataclass(frozen=True)
class Options:
    """What changes a run.

    Attributes:
        app: where the server finds the add-on's tarball, if it isn't installed.
        index: that is used; "" makes one.
        interval: of the inputs, in seconds.
        patience: seconds after which something is given up without which nothing else can be asked.
        grace: the same, of something else; at least two intervals.
        pause: seconds between two looks.
        long: seconds that the long run lasts; 0 for none.
        container: that is disrupted; None for none.
    """

    app: str = ""
    index: str = ""
    interval: int = 60
    patience: float = 900.0
    grace: float = 240.0
    pause: float = 2.0
    long: float = 0.0
    container: Container | None = None


class Session:
    """What all questions have in common; what has been seen so far is in ``seen``.

    Args:
        splunk: where, with somebody logged in.
        scene: what the cloud shows.
        notes: what is made is noted here.
        options: see there.
        say: tells how far it is.
    """

    def __init__(
        self, splunk: Splunk, scene: Scene, *, notes: Notes, options: Options, say: Callable[[str], None]
    ) -> None:
        self.seen = Seen()
        self.splunk = splunk
        self.scene = scene
        self.notes = notes
        self.options = options
        self.say = say
        self._began = time.time()

    def alone(self, ask: Callable[[], None], *names: str) -> None:
        """Ask something that others don't depend on: where it fails, its own answers alone are missing."""
        try:
            ask()
        except (SplunkError, TooLateError, NoContainerError) as error:
            self.say("that failed")
            self.seen.failed.update(dict.fromkeys(names, str(error)))

    def save(self, name: str, step: Step) -> None:
        """Make something; what a page refuses is an answer, and the end.

        Raises:
            NotesError: it can't be noted, so it is not made.
            SplunkError: Splunk refuses it.
        """
        self.seen.saved = {} if self.seen.saved is None else self.seen.saved
        if step.path == making.ACCOUNTS and step.form:
            name = f"the account with a {'certificate' if 'certificate' in step.form else 'secret'}"
        try:
            making.make(step, self.splunk, self.notes, self.say)
        except SplunkError as error:
            self.seen.saved[name] = str(error)
            raise
        if step.form is not None:
            self.seen.saved[name] = ""

    def save_input(self, this: Input, index: str = "") -> None:
        """Make an input, whose index is that of the run unless told otherwise."""
        step = making.input_step(this, interval=self.options.interval, index=index or self.index)
        self.save(f"an input of the kind {this.kind}, {this.name.rpartition('_')[2]}", step)

    def restart(self) -> None:
        """Restart Splunk, and wait for it.

        Raises:
            SplunkError: it is not back in time.
        """
        self.say("restarting Splunk")
        end = time.monotonic() + self.options.patience

        def wait() -> bool:
            time.sleep(self.options.pause)
            return time.monotonic() < end

        self.splunk.restart(wait)

    def log_in_again(self) -> None:
        """Log in once a restarted splunkd is back.

        Raises:
            TooLateError: it is not back in time.
        """

        def is_back() -> bool:
            try:
                self.splunk.log_in_again()
            except SplunkError:
                return False
            return True

        self.until(is_back, "its return")

    def interrupted(
        self, this: Input, shown: Sequence[Shown], interrupt: Callable[[], None], go_on: Callable[[], None]
    ) -> Stopped:
        """Let an input collect a backlog, and interrupt it after its first batch."""
        source = shown[0].event.source
        gate = Gate(HOST.format(this.own["region"]))
        endpoint = self.scene.cloud.endpoint("commercial")
        endpoint.before_answer = gate
        try:
            self.save_input(this)
            self.say("waiting for its first batch")
            self.until(lambda: self._has_begun(gate, source), "the backlog's first batch")
            interrupt()
            delivered = self.counts().get(source, 0)
        finally:
            endpoint.before_answer = None
            gate.open()
        go_on()
        with given_up():
            self.wait_for(shown, "the rest of the backlog")
        return Stopped(shown, delivered, self.outcomes(this), self.events(this))

    def _has_begun(self, gate: Gate, source: str) -> bool:
        """Whether there is something of a backlog while more is held back; if not, an answer more is let out."""
        if not gate.holds:
            return False
        for _ in range(_LOOKS):
            if self.counts().get(source, 0):
                return True
            time.sleep(self.options.pause)
        gate.let_out_one()
        return False

    def lines(self, phrase: str) -> list[str]:
        """Lines of splunkd.log since the run began."""
        rows = self.splunk.search(
            f"index=_internal sourcetype=splunkd {phrase} | fields {INDEXED} | eval accept_time=_time"
        )
        return [str(row["_raw"]) for row in rows if float(row["accept_time"]) >= self._began - 1]

    @property
    def index(self) -> str:
        """The index of the inputs."""
        return self.options.index or self.scene.index

    def of(self, source: str) -> str:
        """The terms that find the events of a source."""
        return f'index={self.index} source="{source}"'

    def counts(self) -> dict[str, int]:
        """How many events each source of the run has."""
        search = f'index={self.index} source="*:{self.scene.tag}_*" | fields source | stats count by source'
        return by(self.splunk.search(search), "source")

    def events(self, this: Input | None = None) -> list[Found]:
        """All events of the run, or of one input; not the huge one."""
        name = this.name if this else f"{self.scene.tag}_*"
        other = "" if this else f' NOT source="*:{self.scene.huge.name}"'
        search = f'index={self.index} source="*:{name}"{other} | fields {INDEXED} | eval accept_time=_time'
        return [
            Found(
                raw=str(row["_raw"]),
                time=float(row["accept_time"]),
                **{key: str(row[key]) for key in ("host", "source", "sourcetype", "index")},
            )
            for row in self.splunk.search(search)
        ]

    def outcomes(self, this: Input) -> list[str]:
        """How the runs of an input have ended, the first first."""
        rows = self.splunk.search(
            f'index=_internal source="*{this.log}" "action=run_done" | fields * | eval accept_time=_time'
        )
        return [str(row.get("outcome")) for row in sorted(rows, key=lambda row: float(row["accept_time"]))]

    def wait_for(self, shown: Sequence[Shown], what: str) -> None:
        """Wait until each source has as many events as were shown, or its inputs are done and no more comes."""
        expected = Counter(one.event.source for one in shown)
        inputs = {source.rpartition(":")[2] for source in expected}
        self.say(f"waiting for {what}: {sum(expected.values())} events")

        def is_there() -> bool:
            counts = self.counts()
            if reaches(counts, expected):
                return True
            # What an input leaves out will not come: it says itself how far it is.
            return self._collected() >= inputs and not self._grows(counts)

        self.until(is_there, what)

    def _grows(self, counts: dict[str, int]) -> bool:
        """Whether more comes within some looks."""
        for _ in range(2 * _LOOKS):
            time.sleep(self.options.pause)
            if self.counts() != counts:
                return True
        return False

    def _collected(self) -> set[str]:
        """The inputs that have been collected at least once, and have nothing to complain of."""
        answer = self.splunk.get(f"{OURS}/defender_alerts_status")
        return {str(one["name"]) for one in answer["inputs"] if one["collected"] and not one["last_error"]}

    def until(self, holds: Callable[[], bool], what: str, *, most: float = 0.0) -> None:
        """Wait until something holds, for so many seconds at most.

        Raises:
            TooLateError: it does not in time.
        """
        end = time.monotonic() + (most or self.options.patience)
        while not holds():
            if time.monotonic() > end:
                raise TooLateError(f"Splunk was given {most or self.options.patience:.0f} seconds for {what}.")
            time.sleep(self.options.pause)


@contextmanager
def given_up() -> Iterator[None]:
    """What has not come is an answer, and no reason to end."""
    try:
        yield
    except TooLateError:
        return


def reaches(counts: Mapping[str, int], expected: Mapping[str, int]) -> bool:
    """Whether there is as much of everything as is expected."""
    return all(counts.get(source, 0) >= count for source, count in expected.items())


def by(rows: Sequence[Any], name: str) -> dict[str, int]:
    """The counts of a search by a field, by its values."""
    return {str(row[name]): int(row["count"]) for row in rows}
