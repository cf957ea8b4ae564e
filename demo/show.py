"""The demo from beginning to end: progress as it goes, then what a person wants to see."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path

from standins.search import Fields, IndexedEvent, SearchKnowledge
from standins.splunkd import SchemeError, WebError

from demo.printing import MARGIN, cut, folded, heading, show_table, tell
from demo.runs import NotAsItShouldBeError, Run, Runner, log_file, refuse_leaks
from demo.stage import (
    ALERTS,
    BACKLOG,
    DETECTIONS,
    GRAPH_ALERTS,
    INCIDENTS,
    INPUTS,
    SECRET,
    SIEM,
    SPLIT_ALERTS,
    STREAMS,
    WHOLE_INCIDENTS,
    NewAlert,
    Stage,
    Stream,
    choose_python,
    set_up,
)
from tooling import paths, steps

PAUSE = 240.0  # seconds of the cloud's clock between the first run and the second
LATE = NewAlert("eu", 90_001, 590.0)
NEWER = (
    NewAlert("us", 90_004, 150.0),
    NewAlert("us", 90_006, 35.0),
    NewAlert("eu", 90_013, 80.0),
    NewAlert("uk", 90_010, 20.0),
)
RESOLVED = 10_144  # one of the backlog in the EU that nobody has looked at yet

# What a later run brings, by stream: the new alerts in four incidents, the resolved one and the incident it is in.
NEWS = {
    GRAPH_ALERTS: 6,
    WHOLE_INCIDENTS: 5,
    SPLIT_ALERTS: 6,
    DETECTIONS["us"]: 2,
    DETECTIONS["eu"]: 2,
    DETECTIONS["uk"]: 1,
}
REGIONS = [(this, region) for this in INPUTS for region in this.regions]
NO_NEWS = dict.fromkeys(STREAMS, 0)

FEEDS = (
    "Can feed Defender alerts (Microsoft Graph), Defender incidents (Microsoft Graph). Missing permission for "
    "Defender for Endpoint alerts: WindowsDefenderATP Alert.Read.All."
)
REMARKS = {
    ALERTS: "",
    INCIDENTS: "Same alerts as alerts (defender_graph_alerts).",
    SIEM: "Same alerts as 2 other inputs.",
}

LATEST = "`defender_alerts_latest`"
OF_ONE_ALERT = ("time", "input", "sourcetype", "status", "severity", "signature")
COLUMNS = ("time", "status", "severity", "signature", "dest", "user", "file_name")
IN_FULL = (
    "id",
    "app",
    "signature",
    "category",
    "mitre_technique_id",
    "severity",
    "status",
    "dest",
    "user",
    "file_path",
    "file_hash",
    "process",
    "incident_id",
    "alert_url",
    "version_time",
    "eventtype",
    "tag",
)


def main(arguments: list[str]) -> int:
    """Run the demo and give the exit status; the only argument is the built add-on."""
    app = Path(arguments[0]).absolute() if arguments else paths.BUILT_APP
    try:
        demonstrate(app)
    except (NotAsItShouldBeError, SchemeError, WebError, TimeoutError) as error:
        sys.stdout.flush()
        print(f"\n{folded(f'The demo failed. {error}')}", file=sys.stderr)
        return 1
    return 0


def demonstrate(app: Path) -> None:
    """Show everything.

    Raises:
        NotAsItShouldBeError: something did not come out as it should.
        SchemeError: one of the add-on's inputs does not introduce itself.
        WebError: one of the add-on's pages could not be saved.
        TimeoutError: an input did not end.
    """
    if not (app / "default" / "app.conf").is_file():
        raise NotAsItShouldBeError(f"{app} is no built add-on; ./build.sh demo builds it first.")
    python, which = choose_python()
    heading("Microsoft Defender Alerts Add-on for Splunk: a demonstration")
    tell(
        "Microsoft's cloud and Splunk are stand-ins here: programs of this repository that speak the real protocols on "
        f"this machine. The add-on is the real one, as it was built. {which}"
    )
    with ExitStack() as stack:
        heading("Setting up, as the add-on's pages do")
        with steps.announced("Start the stand-ins"):
            stage = stack.enter_context(set_up(app, python))
        configure(stage)
        runs = show_runs(stage)
        show_search(stage, SearchKnowledge.load(app), runs)
        show_log(runs[1])
    heading("All of this is as it should be. The next step: a real Splunk")
    tell_how_to_install()


def configure(stage: Stage) -> None:
    """Save the settings through the add-on's own REST handlers, the account first with a wrong secret.

    Raises:
        NotAsItShouldBeError: the wrong secret is taken, the right one refused, or a page says something else of it.
    """
    with steps.announced("Proxy: it asks for a password and inspects TLS"):
        stage.save_proxy()
    with steps.announced("Network: the CA of that proxy"):
        stage.save_network()
    with steps.announced("Account, its secret mistyped"):
        refusal, _ = stage.save_account(SECRET[::-1])
    if "AADSTS7000215" not in refusal:
        raise NotAsItShouldBeError(f"An account with a wrong secret is not refused as such: {refusal!r}.")
    tell(f"Refused: {refusal}", margin=4)
    with steps.announced("Account, its secret right"):
        refusal, feeds = stage.save_account(SECRET)
    if refusal or not feeds.startswith(FEEDS):
        raise NotAsItShouldBeError(f"The page says of the right account: {refusal or feeds}")
    tell(f"The table says: {feeds}", margin=4)
    titles = {
        ALERTS: "Microsoft Graph's alerts",
        INCIDENTS: "its incidents, with their alerts split out",
        SIEM: f"the old SIEM API, regions {', '.join(SIEM.regions)}",
    }
    for this in INPUTS:
        with steps.announced(f"Input {this.name}: {titles[this]}"):
            remarks = stage.save_input(this)
        if remarks != REMARKS[this]:
            raise NotAsItShouldBeError(f"The page remarks of the input {this.name}: {remarks!r}.")
        if remarks:
            tell(f"The table remarks: {remarks}", margin=4)
    with steps.announced(
        f"{sum(BACKLOG.values()):,} alerts of the last days at Microsoft, which each of the three shows"
    ):
        stage.fill()


def show_runs(stage: Stage) -> list[Run]:
    """Run the inputs three times, and show what came of it.

    Raises:
        NotAsItShouldBeError: a run brought too little, too much, or something else.
    """
    runner = Runner(stage)
    heading("First run: the last 7 days")
    first = show_run(stage, runner, {stream: held.total() for stream, held in stage.held.items()})

    heading("Second run: new alerts, and an update")
    tell(
        f"Microsoft's clock goes {PAUSE / 60:.0f} minutes on. {len(NEWER)} new alerts appear, and one that is "
        f"{LATE.age:.0f} s old: the first run has read that time already, but it is inside the overlap of 600 s. And "
        "somebody resolves an old alert: Graph shows the new version in place of the old one, the SIEM API none at all."
    )
    stage.cloud.clock.advance(PAUSE)
    stage.resolve(RESOLVED, 60.0)
    stage.add((*NEWER, LATE))
    second = show_run(stage, runner, NEWS)
    late = {(this, region): int(second.done(this, region).fields["late"]) for this, region in REGIONS}
    if late != {(this, region): int(region in {"global", LATE.region}) for this, region in REGIONS}:
        raise NotAsItShouldBeError(f"The second run counts the late alerts as {list(late.values())}.")

    heading("Third run: nothing has happened since")
    with steps.announced("splunkd starts the inputs"):
        third = runner.run()
    refuse_other_news(third, NO_NEWS)
    refuse_leaks(stage)
    tell(
        f"{len(third.events)} new events from {third.requests} requests. The client secret can be read in no file of "
        "this Splunk, logs included, and not in its KV store."
    )
    return [first, second, third]


def show_run(stage: Stage, runner: Runner, news: Mapping[Stream, int]) -> Run:
    """Run the inputs and show what they brought; the runner compares every byte.

    Raises:
        NotAsItShouldBeError: the run is not as it should be.
    """
    with steps.announced("splunkd starts the inputs"):
        run = runner.run()
    refuse_other_news(run, news)
    print()
    rows = [
        {
            "input": stream.input.name,
            "region": stream.region,
            "sourcetype": stream.sourcetype,
            "new": f"{len(events):,}",
            "in all": f"{stage.held[stream].total():,}",
            "host": run.done(stream.input, stream.region).fields["api_host"],
        }
        for stream, events in run.delivered.items()
    ]
    show_table(rows, tuple(rows[0]))
    print()
    tell(
        f"{len(run.events):,} new events from {run.requests} requests. Each version that Microsoft has shown to an "
        "input is now in Splunk once, byte for byte."
    )
    return run


def refuse_other_news(run: Run, news: Mapping[Stream, int]) -> None:
    """Compare how many events came with how many should.

    Raises:
        NotAsItShouldBeError: they differ.
    """
    for stream, events in run.delivered.items():
        if len(events) != news[stream]:
            raise NotAsItShouldBeError(
                f"{stream.sourcetype} of {stream.input.name}, region {stream.region}: {len(events)} new events instead "
                f"of {news[stream]}."
            )


def show_search(stage: Stage, knowledge: SearchKnowledge, runs: Iterable[Run]) -> None:
    """Show the alerts as a search sees them: what makes one of many, then the newest.

    Raises:
        NotAsItShouldBeError: an event is not one in the index, or a search finds something else than it should.
    """
    heading("One alert through three inputs, and which of its events counts")
    events = [event for run in runs for event in run.events]
    indexed = [
        found
        for event in events
        for found in knowledge.index(event.raw, event.time, event.source, event.sourcetype, event.host, event.index)
    ]
    if len(events) != len(indexed):
        raise NotAsItShouldBeError(f"{len(events)} events became {len(indexed)} in the index.")
    with steps.announced(f"A stand-in for Splunk's search reads {len(indexed):,} events"):
        latest = knowledge.search(LATEST, indexed)
    found = Counter((str(row["id"]), row["_raw"]) for row in latest)
    if found != Counter((alert.identity, alert.raw.decode()) for alert in stage.shown.values()):
        raise NotAsItShouldBeError(
            f"{LATEST} finds {len(latest)} alerts, and not the {len(stage.shown)} that there are, each once, as "
            "Microsoft Graph shows it now."
        )
    show_one_alert(stage, knowledge, indexed)
    show_newest(latest)


def show_one_alert(stage: Stage, knowledge: SearchKnowledge, indexed: list[IndexedEvent]) -> None:
    """Show the events of one alert, and what the macro makes of them.

    Raises:
        NotAsItShouldBeError: they are others than they should be.
    """
    identity = stage.shown[RESOLVED].identity
    tell(
        "The index holds each version as each input brought it. The macro takes one: the latest, from Graph where "
        "there is one, since Graph says most."
    )
    # The searches would leave out all others as well, after computing their fields for nothing.
    mention_it = [event for event in indexed if identity in event.raw]
    today = [(this.name, status) for this in (ALERTS, INCIDENTS) for status in ("new", "resolved")]
    for search, statuses in (
        (f'`defender_alerts_index` id="{identity}"', [*today, (SIEM.name, "")]),
        (f'{LATEST} | search id="{identity}"', [(ALERTS.name, "resolved")]),
    ):
        rows = [for_table(row) for row in knowledge.search(search, mention_it)]
        found = sorted((str(row["input"]), str(row.get("status", ""))) for row in rows)
        if found != statuses:
            raise NotAsItShouldBeError(f"{search} finds {found} instead of {statuses}.")
        print(f"\n{MARGIN}{search}\n")
        show_table(rows, OF_ONE_ALERT)


def show_newest(rows: list[Fields]) -> None:
    """Show the newest alerts, and the first of them with its fields."""
    heading("The newest alerts, as a search shows them")
    tell(f"{LATEST} finds {len(rows):,} alerts; severity, dest, user ... are CIM fields.")
    print()
    show_table([for_table(row) for row in rows[:8]], COLUMNS)
    print(f"\n{MARGIN}The first of them, with fields that the add-on computes:\n")
    for name in IN_FULL:
        value = rows[0].get(name)
        if value:
            print(cut(f"{MARGIN}{name:18}  {' '.join(joined(value).split())}"))


def for_table(row: Fields) -> Fields:
    """Give an alert's fields, with those of the table that are shown shorter than they are."""
    return {
        **row,
        "time": str(row["version_time"])[:19].replace("T", " "),
        "input": row["defender_input"],
        "dest": str(row["dest"]).partition(".")[0],
        "file_name": joined(row.get("file_name", "")),
    }


def joined(value: str | list[str]) -> str:
    """Give the values of a field, each once."""
    return value if isinstance(value, str) else "; ".join(dict.fromkeys(value))


def show_log(run: Run) -> None:
    """Show a line that a run wrote into its log, the one by which an administrator watches an input."""
    heading("What the second run wrote into its log when it was done")
    tell(f"One line for each region, such as this in $SPLUNK_HOME/var/log/splunk/{log_file(ALERTS)}:")
    print()
    print(folded(run.done(ALERTS, "global").text, margin=4, hanging=4))


def tell_how_to_install() -> None:
    """Say where the tarball is, and how it gets into a Splunk.

    Raises:
        NotAsItShouldBeError: there is no tarball.
    """
    tarball = paths.TARBALL.relative_to(paths.ROOT)
    if not paths.TARBALL.is_file():
        raise NotAsItShouldBeError(f"{tarball} is missing: ./build.sh build makes it.")
    tell(f"Tarball:     {tarball}")
    tell("Splunk Web:  Apps > Manage Apps > Install app from file")
    tell(f"CLI:         $SPLUNK_HOME/bin/splunk install app {tarball}")
    tell("Then add an account and an input on the add-on's pages. README.md says what to prepare at Microsoft.")
