"""One run against a Splunk: it makes what it takes, lets Splunk work, asks, and takes everything back."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable

from defender_alerts.splunk.names import APP
from knowledge.every_sample import our_knowledge
from standins.microsoft.faults import throttled

from acceptance import disrupting, making
from acceptance.notes import Notes
from acceptance.observed import Confirmation, Huge, Row
from acceptance.rest import Splunk
from acceptance.scene import Scene
from acceptance.session import HOST, INDEXED, Options, Session, by, given_up, reaches
from tooling import paths

_UNKNOWNS = paths.ROOT / "docs" / "unknowns.md"
_MODELS = {"Alerts": "alert", "Ticket_Management": "ticketing"}
"""CIM's data models, and the tag by which each takes its events."""
_FIRST = 20
_NAMES = {making.NETWORK: "the CA certificates", making.PROXY: "the proxy", making.INDEXES: "the index"}
_OUR_SCRIPTS = re.compile(rf"{APP}|defender_alerts")


class Run(Session):
    """A run: whether it has made anything is in ``has_begun``.

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
        super().__init__(splunk, scene, notes=notes, options=options, say=say)
        self.has_begun = False
        self._address = address

    def carry_out(self) -> None:
        """Do everything in order; what was made stays there.

        Raises:
            RefusedError: the add-on is in use there; nothing was changed.
            NotesError: what is to be made can't be noted.
            SplunkError: Splunk refuses something without which nothing else makes sense.
            TooLateError: what Splunk was to do has not come.
        """
        self.prepare()
        self.alone(self._confirm, "confirmations")
        self.say("filling the stand-in cloud")
        self.scene.fill()
        for this in self.scene.inputs:
            self.save_input(this)
        self._collect()
        self.alone(self._take_first, "first")
        self.alone(self._fetch_fields, "rows")
        self.alone(self._latest, "latest")
        self.alone(self._models, "models")
        self.alone(self._update, "updated")
        self.alone(self._huge, "huge")
        self.alone(self._disable, "stopped")
        if self.options.long:
            self.alone(self._long, "long_run")
        else:
            self.seen.why["long_run"] = "It takes --long."
        self.alone(self._look_into_logs, "outcomes", "hosts", "refused_expressions", "errors", "python_complaints")
        # Last, for what a restart breaks off says so in the logs.
        disrupting.ask(self)

    def prepare(self) -> None:
        """Refuse, install, and make the way to the stand-in cloud."""
        is_installed = making.is_installed(self.splunk, self.options.app)
        # A Splunk without the add-on has nothing of its own, and nothing to be asked for it.
        if is_installed:
            making.refuse_if_in_use(self.splunk)
        self.notes.begin(self.splunk.uri)
        self.has_begun = True
        if not is_installed:
            self.say("installing the add-on")
            making.install(self.splunk, self.notes, self.options.app, self.restart)
        there = str(self.splunk.content(making.INSTALLED).get("version") or "")
        self.seen.version = (there, _version_here())
        makes_index = not self.options.index
        for step in making.steps(self.scene, self.splunk, self._address, makes_index=makes_index):
            self.save(_NAMES.get(step.path, step.note.what), step)

    def _confirm(self) -> None:
        """Run the searches of docs/unknowns.md."""
        text = _UNKNOWNS.read_text(encoding="utf-8").partition("<!-- to confirm: ")[2]
        found = re.findall(
            r"^(\d+)\. .*?^ +(\| makeresults \| .*?)\n\n +gives `(\w+)` = `([^`]*)`", text, re.MULTILINE | re.DOTALL
        )
        self.seen.confirmations = []
        for number, search, name, expected in found:
            self.say(f"asking search {number} of docs/unknowns.md")
            (row,) = self.splunk.search(search) or [{}]
            value = row.get(name, "")
            got = ", ".join(value) if isinstance(value, list) else str(value)
            self.seen.confirmations = [*self.seen.confirmations, Confirmation(int(number), expected, got)]

    def _collect(self) -> None:
        """Let the inputs collect, and fetch what they have brought."""
        shown = list(self.scene.shown)
        self.wait_for(shown, "the inputs to collect the samples")
        self.say("fetching all events")
        self.seen.shown, self.seen.found = shown, self.events()
        self.seen.tls = sorted(self.scene.cloud.journal.tls_versions)

    def _take_first(self) -> None:
        """Have head take the first events, behind commands that stream as those of the dashboards do."""
        search = f'index={self.index} source="*:{self.scene.tag}_*" | fields {INDEXED} | eval accept_time=_time'
        rows = self.splunk.search(f"{search} | head {_FIRST}")
        self.seen.first = [float(row["accept_time"]) for row in rows]

    def _fetch_fields(self) -> None:
        """Fetch all fields of the samples."""
        shown = self.seen.shown or ()
        known = {one.event.raw: one for one in shown}
        rows: list[Row] = []
        for source in sorted({one.event.source for one in shown}):
            self.say(f"fetching all fields of {source.partition(':')[0]}")
            found = self.splunk.search(f"{self.of(source)} | fields *")
            rows += [Row(known[raw], fields) for fields in found if (raw := str(fields.get("_raw"))) in known]
        self.seen.rows = rows

    def _latest(self) -> None:
        """Count what the macro shows, and what it is to show."""
        shown = list(self.scene.shown)
        terms = f'index={self.index} source="*:{self.scene.tag}_*"'
        search = f"`defender_alerts_versions` {terms} | `defender_alerts_each_once` | stats count by source"
        expected = our_knowledge().search(search, [one.event for one in shown])
        self.seen.latest = (by(self.splunk.search(search), "source"), by(expected, "source"))

    def _models(self) -> None:
        """Count what CIM's data models have."""
        if not self.splunk.has(f"{making.APPS}/Splunk_SA_CIM"):
            self.seen.why["models"] = "Splunk_SA_CIM is not installed there."
            return
        found, expected = Counter[str](), Counter[str]()
        for model, tag in _MODELS.items():
            search = f"| tstats count from datamodel={model} where index={self.index} by sourcetype"
            counts = by(self.splunk.search(search), "sourcetype")
            found.update({f"{model} {name}": count for name, count in counts.items()})
            for one in self.scene.shown:
                if tag in one.fields.get("tag", ()):
                    expected[f"{model} {one.event.sourcetype}"] += 1
        self.seen.models = found, expected

    def _update(self) -> None:
        """Let alerts be updated, and wait for the next poll."""
        versions = self.scene.update()
        expected = Counter(one.event.source for one in self.scene.shown)
        self.say("waiting for the next poll to bring three new versions")
        with given_up():
            self.until(lambda: reaches(self.counts(), expected), "the next poll", most=self.options.grace)
        self.seen.updated = versions, self.events()

    def _huge(self) -> None:
        """Let a huge alert be collected."""
        shown = self.scene.show_huge()
        self.save_input(self.scene.huge)
        with given_up():
            self.wait_for([shown], "the alert of 8 MB")
        rows = self.splunk.search(
            f"{self.of(shown.event.source)} | fields * | eval accept_size=len(_raw) "
            "| fields - _raw, description, Description"
        )
        sizes = [int(row.get("accept_size") or 0) for row in rows]
        largest = rows[sizes.index(max(sizes))] if rows else {}
        self.seen.huge = Huge(shown, len(rows), max(sizes, default=0), largest)

    def _disable(self) -> None:
        """Disable an input in the middle of its backlog, and enable it again."""
        self.say("filling the stand-in cloud with a backlog")
        late, shown = self.scene.late, self.scene.show_backlog()

        def disable() -> None:
            self.say("disabling it")
            making.switch(self.splunk, late, enabled=False)
            with given_up():
                self.until(lambda: bool(self.outcomes(late)), "the end of its run", most=self.options.grace)

        def enable() -> None:
            self.say("enabling it again")
            making.switch(self.splunk, late, enabled=True)

        self.seen.stopped = self.interrupted(late, shown, disable, enable)

    def _long(self) -> None:
        """Keep a run going for more than an hour: the API asks it, in the middle of the backlog, to wait."""
        began, lasting = time.monotonic(), self.scene.lasting
        # Twice half: no more than an hour is waited at once.
        fault = throttled(round(self.options.long / 2))
        self.scene.cloud.faults.add(HOST.format(lasting.own["region"]), fault, times=2, after=2)
        self.save_input(lasting)
        self.say(f"waiting for a run that lasts {self.options.long / 60:.0f} minutes")
        with given_up():
            most = self.options.long + self.options.patience
            self.until(lambda: bool(self.outcomes(lasting)), "the long run to end", most=most)
        self.seen.long_run = time.monotonic() - began, next(iter(self.outcomes(lasting)), "")

    def _look_into_logs(self) -> None:
        """Read what the inputs and splunkd have logged since the run began."""
        self.say("looking into the logs")
        source = f'source="*ta_defender_alerts_*_{self.scene.tag}_*.log"'
        rows = self.splunk.search(f'index=_internal {source} "action=run_done" | fields *')
        self.seen.outcomes = [str(row.get("outcome")) for row in rows if row.get("outcome")]
        hosts: dict[str, set[str]] = {}
        for row in rows:
            hosts.setdefault(str(row["source"]).rpartition(f"_{self.scene.tag}_")[2], set()).add(str(row["host"]))
        self.seen.hosts = {name: len(found) for name, found in hosts.items()}
        self.seen.refused_expressions = self.lines('"Invalid eval expression"')
        self.seen.errors = [line for line in self.lines('"ERROR"') if _OUR_SCRIPTS.search(line)]
        self.seen.python_complaints = self.lines('"needs Python 3.9"')


def _version_here() -> str:
    text = (paths.BUILT_APP / "default" / "app.conf").read_text(encoding="utf-8")
    found = re.search(r"^version = (\S+)", text, re.MULTILINE)
    return found[1] if found else ""
