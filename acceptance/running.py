"""One run against a Splunk: it makes what it takes, lets Splunk work, asks, and takes everything back."""

from __future__ import annotations

import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from defender_alerts.splunk.names import APP
from knowledge.every_sample import our_knowledge
from standins.microsoft.faults import throttled
from standins.microsoft.odata_query import Query

from acceptance import making
from acceptance.container import KILLS, Container, Kill, NoContainerError
from acceptance.making import Step
from acceptance.notes import Notes
from acceptance.observed import Confirmation, Found, Huge, Row, Seen, Stopped
from acceptance.rest import OURS, Splunk, SplunkError
from acceptance.scene import Input, Scene, Shown
from tooling import paths

_UNKNOWNS = paths.ROOT / "docs" / "unknowns.md"
_MODELS = {"Alerts": "alert", "Ticket_Management": "ticketing"}
"""CIM's data models, and the tag by which each takes its events."""
_INDEXED = "_time, _raw, host, source, sourcetype, index"


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


class Run:
    """A run: what it has seen so far is in ``seen``, and whether it has made anything in ``has_begun``.

    Args:
        splunk: where, with somebody logged in.
        scene: what the cloud shows.
        address: of the cloud's proxy, as the Splunk reaches it.
        notes: what is made is noted here.
        options: see there.
        say: tells how far it is.
    """

    def __init__(
        self,
        splunk: Splunk,
        scene: Scene,
        address: tuple[str, int],
        *,
        notes: Notes,
        options: Options,
        say: Callable[[str], None],
    ) -> None:
        self.seen = Seen()
        self.has_begun = False
        self._splunk = splunk
        self._scene = scene
        self._address = address
        self._notes = notes
        self._options = options
        self._say = say
        self._began = time.time()

    def carry_out(self) -> None:
        """Do everything in order; what was made stays there.

        Raises:
            RefusedError: the add-on is in use there; nothing was changed.
            NotesError: what is to be made can't be noted.
            SplunkError: Splunk refuses something without which nothing else makes sense.
            TooLateError: what Splunk was to do has not come.
        """
        self.prepare()
        self._alone(self._confirm, "confirmations")
        self._say("filling the stand-in cloud")
        self._scene.fill()
        for this in self._scene.inputs:
            self._save_input(this)
        self._collect()
        self._alone(self._take_first, "first")
        self._alone(self._fetch_fields, "rows")
        self._alone(self._latest, "latest")
        self._alone(self._models, "models")
        self._alone(self._update, "updated")
        self._alone(self._huge, "huge")
        self._alone(self._disable, "stopped")
        if self._options.long:
            self._alone(self._long, "long_run")
        else:
            self.seen.why["long_run"] = "It takes --long."
        self._alone(self._look_into_logs, "outcomes", "hosts", "refused_expressions", "errors", "python_complaints")
        # Last, for what a restart breaks off says so in the logs.
        container = self._options.container
        if container:
            self._alone(self._use_default_index, "default_index")
            self._alone(self._restart_at_work, "restarted")
            self._alone(lambda: self._kill(container), "killed")
        else:
            self.seen.why |= dict.fromkeys(("restarted", "killed", "default_index"), "It takes --disruptive.")

    def _alone(self, ask: Callable[[], None], *names: str) -> None:
        """Ask something that others don't depend on: where it fails, its own answers alone are missing."""
        try:
            ask()
        except (SplunkError, TooLateError, NoContainerError) as error:
            self._say("that failed")
            self.seen.failed.update(dict.fromkeys(names, str(error)))

    def prepare(self) -> None:
        """Refuse, install, and make the way to the stand-in cloud."""
        is_installed = making.is_installed(self._splunk, self._options.app)
        # A Splunk without the add-on has nothing of its own, and nothing to be asked for it.
        if is_installed:
            making.refuse_if_in_use(self._splunk)
        self._notes.begin(self._splunk.uri)
        self.has_begun = True
        if not is_installed:
            self._say("installing the add-on")
            making.install(self._splunk, self._notes, self._options.app, self._restart)
        there = str(self._splunk.content(making.INSTALLED).get("version") or "")
        self.seen.version = (there, _version_here())
        makes_index = not self._options.index
        for step in making.steps(self._scene, self._splunk, self._address, makes_index=makes_index):
            self._save(_NAMES.get(step.path, step.note.what), step)

    def _save(self, name: str, step: Step) -> None:
        """Make something; what a page refuses is an answer, and the end."""
        self.seen.saved = {} if self.seen.saved is None else self.seen.saved
        if step.path == making.ACCOUNTS and step.form:
            name = f"the account with a {'certificate' if 'certificate' in step.form else 'secret'}"
        try:
            making.make(step, self._splunk, self._notes, self._say)
        except SplunkError as error:
            self.seen.saved[name] = str(error)
            raise
        if step.form is not None:
            self.seen.saved[name] = ""

    def _save_input(self, this: Input, index: str = "") -> None:
        """Make an input, whose index is that of the run unless told otherwise."""
        step = making.input_step(this, interval=self._options.interval, index=index or self._index)
        self._save(f"an input of the kind {this.kind}, {this.name.rpartition('_')[2]}", step)

    def _confirm(self) -> None:
        """Run the searches of docs/unknowns.md."""
        text = _UNKNOWNS.read_text(encoding="utf-8").partition("<!-- to confirm: ")[2]
        found = re.findall(
            r"^(\d+)\. .*?^ +(\| makeresults \| .*?)\n\n +gives `(\w+)` = `([^`]*)`", text, re.MULTILINE | re.DOTALL
        )
        self.seen.confirmations = []
        for number, search, name, expected in found:
            self._say(f"asking search {number} of docs/unknowns.md")
            (row,) = self._splunk.search(search) or [{}]
            value = row.get(name, "")
            got = ", ".join(value) if isinstance(value, list) else str(value)
            self.seen.confirmations = [*self.seen.confirmations, Confirmation(int(number), expected, got)]

    def _collect(self) -> None:
        """Let the inputs collect, and fetch what they have brought."""
        shown = list(self._scene.shown)
        self._wait_for(shown, "the inputs to collect the samples")
        self._say("fetching all events")
        self.seen.shown, self.seen.found = shown, self._events()
        self.seen.tls = sorted(self._scene.cloud.journal.tls_versions)

    def _take_first(self) -> None:
        """Have head take the first events, behind commands that stream as those of the dashboards do."""
        search = f'index={self._index} source="*:{self._scene.tag}_*" | fields {_INDEXED} | eval accept_time=_time'
        rows = self._splunk.search(f"{search} | head {_FIRST}")
        self.seen.first = [float(row["accept_time"]) for row in rows]

    def _fetch_fields(self) -> None:
        """Fetch all fields of the samples."""
        shown = self.seen.shown or ()
        known = {one.event.raw: one for one in shown}
        rows: list[Row] = []
        for source in sorted({one.event.source for one in shown}):
            self._say(f"fetching all fields of {source.partition(':')[0]}")
            found = self._splunk.search(f"{self._of(source)} | fields *")
            rows += [Row(known[raw], fields) for fields in found if (raw := str(fields.get("_raw"))) in known]
        self.seen.rows = rows

    def _latest(self) -> None:
        """Count what the macro shows, and what it is to show."""
        shown = list(self._scene.shown)
        terms = f'index={self._index} source="*:{self._scene.tag}_*"'
        search = f"`defender_alerts_versions` {terms} | `defender_alerts_each_once` | stats count by source"
        expected = our_knowledge().search(search, [one.event for one in shown])
        self.seen.latest = (_by(self._splunk.search(search), "source"), _by(expected, "source"))

    def _models(self) -> None:
        """Count what CIM's data models have."""
        if not self._splunk.has(f"{making.APPS}/Splunk_SA_CIM"):
            self.seen.why["models"] = "Splunk_SA_CIM is not installed there."
            return
        found, expected = Counter[str](), Counter[str]()
        for model, tag in _MODELS.items():
            search = f"| tstats count from datamodel={model} where index={self._index} by sourcetype"
            counts = _by(self._splunk.search(search), "sourcetype")
            found.update({f"{model} {name}": count for name, count in counts.items()})
            for one in self._scene.shown:
                if tag in one.fields.get("tag", ()):
                    expected[f"{model} {one.event.sourcetype}"] += 1
        self.seen.models = found, expected

    def _update(self) -> None:
        """Let alerts be updated, and wait for the next poll."""
        versions = self._scene.update()
        expected = Counter(one.event.source for one in self._scene.shown)
        self._say("waiting for the next poll to bring three new versions")
        with _given_up():
            self._until(lambda: _reaches(self._counts(), expected), "the next poll", most=self._options.grace)
        self.seen.updated = versions, self._events()

    def _huge(self) -> None:
        """Let a huge alert be collected."""
        shown = self._scene.show_huge()
        self._save_input(self._scene.huge)
        with _given_up():
            self._wait_for([shown], "the alert of 8 MB")
        rows = self._splunk.search(
            f"{self._of(shown.event.source)} | fields * | eval accept_size=len(_raw) "
            "| fields - _raw, description, Description"
        )
        sizes = [int(row.get("accept_size") or 0) for row in rows]
        largest = rows[sizes.index(max(sizes))] if rows else {}
        self.seen.huge = Huge(shown, len(rows), max(sizes, default=0), largest)

    def _disable(self) -> None:
        """Disable an input in the middle of its backlog, and enable it again."""
        self._say("filling the stand-in cloud with a backlog")
        late, shown = self._scene.late, self._scene.show_backlog()

        def disable() -> None:
            self._say("disabling it")
            making.switch(self._splunk, late, enabled=False)
            with _given_up():
                self._until(lambda: bool(self._outcomes(late)), "the end of its run", most=self._options.grace)

        def enable() -> None:
            self._say("enabling it again")
            making.switch(self._splunk, late, enabled=True)

        self.seen.stopped = self._interrupted(late, shown, disable, enable)

    def _use_default_index(self) -> None:
        """Let an input write into the index that it is given as "default"; its events can't be taken back."""
        self._save_input(self._scene.default, "default")
        search = f'index=* source="*:{self._scene.default.name}" | fields index | stats count by index'
        self._say("waiting for events in the default index")
        with _given_up():
            self._until(lambda: bool(self._splunk.search(search)), "events there", most=self._options.grace)
        self.seen.default_index = _by(self._splunk.search(search), "index")

    def _restart_at_work(self) -> None:
        """Restart Splunk in the middle of a backlog."""
        this = self._scene.restarted
        shown = self._scene.backlog_of(this, self.seen.stopped.shown if self.seen.stopped else ())
        self.seen.restarted = self._interrupted(this, shown, self._restart, lambda: None)

    def _kill(self, container: Container) -> None:
        """Kill one thing after the other in the middle of a backlog."""
        killed: dict[str, Stopped] = {}
        self.seen.killed = killed
        for number, kill in enumerate(KILLS):
            killed[kill.name] = self._killed(container, self._scene.killed(number), kill)

    def _killed(self, container: Container, this: Input, kill: Kill) -> Stopped:
        shown = self._scene.backlog_of(this, self.seen.stopped.shown if self.seen.stopped else ())

        def act() -> None:
            self._say(f"killing {kill.what}")
            container.run_script(kill.script)

        def go_on() -> None:
            if kill.restarts:
                with _given_up():
                    self._until(lambda: bool(self._outcomes(this)), "a run to end without it", most=self._options.grace)
                self._restart()

        return self._interrupted(this, shown, act, go_on)

    def _restart(self) -> None:
        self._say("restarting Splunk")
        end = time.monotonic() + self._options.patience

        def wait() -> bool:
            time.sleep(self._options.pause)
            return time.monotonic() < end

        self._splunk.restart(wait)

    def _interrupted(
        self, this: Input, shown: Sequence[Shown], interrupt: Callable[[], None], go_on: Callable[[], None]
    ) -> Stopped:
        """Let an input collect a backlog, and interrupt it after its first batch."""
        source = shown[0].event.source
        gate = _Gate(_HOST.format(this.own["region"]))
        endpoint = self._scene.cloud.endpoint("commercial")
        endpoint.before_answer = gate
        try:
            self._save_input(this)
            self._say("waiting for its first batch")
            self._until(lambda: self._has_begun(gate, source), "the backlog's first batch")
            interrupt()
            delivered = self._counts().get(source, 0)
        finally:
            endpoint.before_answer = None
            gate.open()
        go_on()
        with _given_up():
            self._wait_for(shown, "the rest of the backlog")
        return Stopped(shown, delivered, self._outcomes(this), self._events(this))

    def _long(self) -> None:
        """Keep a run going for more than an hour: the API asks it, in the middle of the backlog, to wait."""
        began, lasting = time.monotonic(), self._scene.lasting
        # Twice half: no more than an hour is waited at once.
        fault = throttled(round(self._options.long / 2))
        self._scene.cloud.faults.add(_HOST.format(lasting.own["region"]), fault, times=2, after=2)
        self._save_input(lasting)
        self._say(f"waiting for a run that lasts {self._options.long / 60:.0f} minutes")
        with _given_up():
            most = self._options.long + self._options.patience
            self._until(lambda: bool(self._outcomes(lasting)), "the long run to end", most=most)
        self.seen.long_run = time.monotonic() - began, next(iter(self._outcomes(lasting)), "")

    def _has_begun(self, gate: _Gate, source: str) -> bool:
        """Whether there is something of a backlog while more is held back; if not, an answer more is let out."""
        if not gate.holds:
            return False
        for _ in range(_LOOKS):
            if self._counts().get(source, 0):
                return True
            time.sleep(self._options.pause)
        gate.let_out_one()
        return False

    def _look_into_logs(self) -> None:
        """Read what the inputs and splunkd have logged since the run began."""
        self._say("looking into the logs")
        source = f'source="*ta_defender_alerts_*_{self._scene.tag}_*.log"'
        rows = self._splunk.search(f'index=_internal {source} "action=run_done" | fields *')
        self.seen.outcomes = [str(row.get("outcome")) for row in rows if row.get("outcome")]
        hosts: dict[str, set[str]] = {}
        for row in rows:
            hosts.setdefault(str(row["source"]).rpartition(f"_{self._scene.tag}_")[2], set()).add(str(row["host"]))
        self.seen.hosts = {name: len(found) for name, found in hosts.items()}
        self.seen.refused_expressions = self._lines('"Invalid eval expression"')
        self.seen.errors = [line for line in self._lines('"ERROR"') if _OUR_SCRIPTS.search(line)]
        self.seen.python_complaints = self._lines('"needs Python 3.9"')

    def _lines(self, phrase: str) -> list[str]:
        """Lines of splunkd.log since the run began."""
        rows = self._splunk.search(
            f"index=_internal sourcetype=splunkd {phrase} | fields {_INDEXED} | eval accept_time=_time"
        )
        return [str(row["_raw"]) for row in rows if float(row["accept_time"]) >= self._began - 1]

    @property
    def _index(self) -> str:
        return self._options.index or self._scene.index

    def _of(self, source: str) -> str:
        return f'index={self._index} source="{source}"'

    def _counts(self) -> dict[str, int]:
        """How many events each source of the run has."""
        search = f'index={self._index} source="*:{self._scene.tag}_*" | fields source | stats count by source'
        return _by(self._splunk.search(search), "source")

    def _events(self, this: Input | None = None) -> list[Found]:
        """All events of the run, or of one input; not the huge one."""
        name = this.name if this else f"{self._scene.tag}_*"
        other = "" if this else f' NOT source="*:{self._scene.huge.name}"'
        search = f'index={self._index} source="*:{name}"{other} | fields {_INDEXED} | eval accept_time=_time'
        return [
            Found(
                raw=str(row["_raw"]),
                time=float(row["accept_time"]),
                **{key: str(row[key]) for key in ("host", "source", "sourcetype", "index")},
            )
            for row in self._splunk.search(search)
        ]

    def _outcomes(self, this: Input) -> list[str]:
        """How the runs of an input have ended, the first first."""
        rows = self._splunk.search(
            f'index=_internal source="*{this.log}" "action=run_done" | fields * | eval accept_time=_time'
        )
        return [str(row.get("outcome")) for row in sorted(rows, key=lambda row: float(row["accept_time"]))]

    def _wait_for(self, shown: Sequence[Shown], what: str) -> None:
        """Wait until each source has as many events as were shown, or its inputs are done and no more comes."""
        expected = Counter(one.event.source for one in shown)
        inputs = {source.rpartition(":")[2] for source in expected}
        self._say(f"waiting for {what}: {sum(expected.values())} events")

        def is_there() -> bool:
            counts = self._counts()
            if _reaches(counts, expected):
                return True
            # What an input leaves out will not come: it says itself how far it is.
            return self._collected() >= inputs and not self._grows(counts)

        self._until(is_there, what)

    def _grows(self, counts: dict[str, int]) -> bool:
        """Whether more comes within some looks."""
        for _ in range(2 * _LOOKS):
            time.sleep(self._options.pause)
            if self._counts() != counts:
                return True
        return False

    def _collected(self) -> set[str]:
        """The inputs that have been collected at least once, and have nothing to complain of."""
        answer = self._splunk.get(f"{OURS}/defender_alerts_status")
        return {str(one["name"]) for one in answer["inputs"] if one["collected"] and not one["last_error"]}

    def _until(self, holds: Callable[[], bool], what: str, *, most: float = 0.0) -> None:
        end = time.monotonic() + (most or self._options.patience)
        while not holds():
            if time.monotonic() > end:
                raise TooLateError(f"Splunk was given {most or self._options.patience:.0f} seconds for {what}.")
            time.sleep(self._options.pause)


_LOOKS = 5
_FIRST = 20
_HOST = "{}.api.security.microsoft.com"
_NAMES = {making.NETWORK: "the CA certificates", making.PROXY: "the proxy", making.INDEXES: "the index"}
_OUR_SCRIPTS = re.compile(rf"{APP}|defender_alerts")


class _Gate:
    """Holds each answer of a host back until it is let out."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._changed = threading.Condition()
        self._held = 0
        self._free = 0
        self._is_open = False

    def __call__(self, query: Query) -> None:
        """Hold an answer back."""
        if query.host != self._host:
            return
        with self._changed:
            self._held += 1
            self._changed.wait_for(lambda: self._is_open or self._free > 0, _LONGEST_HELD)
            self._held -= 1
            self._free = max(0, self._free - 1)

    @property
    def holds(self) -> bool:
        """Whether an answer is being held back."""
        with self._changed:
            return self._held > self._free

    def let_out_one(self) -> None:
        """Let one answer out."""
        with self._changed:
            self._free += 1
            self._changed.notify()

    def open(self) -> None:
        """Hold nothing back any more."""
        with self._changed:
            self._is_open = True
            self._changed.notify_all()


_LONGEST_HELD = 50
"""Seconds: the add-on waits 60 for an answer."""


@contextmanager
def _given_up() -> Iterator[None]:
    """What has not come is an answer, and no reason to end."""
    try:
        yield
    except TooLateError:
        return


def _reaches(counts: Mapping[str, int], expected: Mapping[str, int]) -> bool:
    return all(counts.get(source, 0) >= count for source, count in expected.items())


def _by(rows: Sequence[Any], name: str) -> dict[str, int]:
    return {str(row[name]): int(row["count"]) for row in rows}


def _version_here() -> str:
    text = (paths.BUILT_APP / "default" / "app.conf").read_text(encoding="utf-8")
    found = re.search(r"^version = (\S+)", text, re.MULTILINE)
    return found[1] if found else ""
