"""The demo from beginning to end: progress as it goes, then what a person wants to see."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from standins.search import Fields, SearchKnowledge, format_table
from standins.splunkd import SchemeError, WebError

from demo.runs import LOG, NotAsItShouldBeError, Run, Runner, refuse_leaks
from demo.stage import BACKLOG, INPUT, SECRET, Stage, choose_python, set_up
from tooling import paths, steps

WIDTH = 110
MARGIN = "  "
PAUSE = 240.0  # seconds of the cloud's clock between the first run and the second

# Region, the number that decides what the alert is about, and its age in seconds when it appears.
LATE = ("eu", 90_001, 590.0)
NEWER = (("us", 90_002, 150.0), ("us", 90_003, 35.0), ("eu", 90_004, 80.0), ("uk", 90_005, 20.0))

SEARCH = "`defender_alerts_latest`"
COLUMNS = ("time", "region", "severity", "signature", "dest", "user", "file_name")
IN_FULL = (
    "id",
    "signature",
    "signature_id",
    "category",
    "severity",
    "severity_id",
    "vendor_severity",
    "dest",
    "user",
    "file_path",
    "file_hash",
    "process",
    "ip",
    "url",
    "description",
    "alert_url",
    "version_time",
    "vendor_account",
    "vendor_region",
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
        SchemeError: the add-on's input does not introduce itself.
        WebError: one of the add-on's pages could not be saved.
        TimeoutError: the input did not end.
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
        show_alerts(SearchKnowledge.load(app), runs)
        show_log(runs[1])
    heading("All of this is as it should be. The next step: a real Splunk")
    tell_how_to_install()


def configure(stage: Stage) -> None:
    """Save the settings through the add-on's own REST handlers, the account first with a wrong secret.

    Raises:
        NotAsItShouldBeError: the wrong secret is taken, or the right one refused.
    """
    with steps.announced("Proxy: it asks for a password and inspects TLS"):
        stage.save_proxy()
    with steps.announced("Network: the CA of that proxy"):
        stage.save_network()
    with steps.announced("Account, its secret mistyped"):
        refusal = stage.save_account(SECRET[::-1])
    if not refusal:
        raise NotAsItShouldBeError("An account with a wrong secret was saved.")
    tell(f"Refused: {refusal}", margin=4)
    with steps.announced("Account, its secret right"):
        refusal = stage.save_account(SECRET)
    if refusal:
        raise NotAsItShouldBeError(f"The account was refused: {refusal}")
    with steps.announced(f"Input {INPUT}: regions {', '.join(BACKLOG)}, from 7 days ago on"):
        stage.save_input()
    with steps.announced(f"{sum(BACKLOG.values()):,} alerts of the last days at Microsoft"):
        stage.fill()


def show_runs(stage: Stage) -> list[Run]:
    """Run the input three times, and show what came of it.

    Raises:
        NotAsItShouldBeError: a run brought too little, too much, or something else.
    """
    runner = Runner(stage)
    heading("First run: the last 7 days")
    first = show_run(stage, runner)

    heading("Second run: a few alerts more")
    region, _, age = LATE
    tell(
        f"Microsoft's clock goes {PAUSE / 60:.0f} minutes on. {len(NEWER)} new alerts appear, and one in {region} that "
        f"is {age:.0f} s old: the first run has read that time already, but it is inside the input's overlap of 600 s."
    )
    stage.cloud.clock.advance(PAUSE)
    for alert in (*NEWER, LATE):
        stage.add(*alert)
    second = show_run(stage, runner)
    late = {region: int(second.done(region)["late"]) for region in BACKLOG}
    if late != {region: int(region == LATE[0]) for region in BACKLOG}:
        raise NotAsItShouldBeError(f"The second run counts the late alerts by region as {late}.")

    heading("Third run: nothing has happened since")
    third = show_run(stage, runner)
    refuse_leaks(stage)
    tell("The client secret can be read in no file of this Splunk, logs included, and not in its KV store.")
    return [first, second, third]


def show_run(stage: Stage, runner: Runner) -> Run:
    """Run the input and show what it did in each region; the runner compares every byte.

    Raises:
        NotAsItShouldBeError: the run is not as it should be.
    """
    with steps.announced("splunkd starts the input"):
        run = runner.run()
    print()
    rows = []
    for region in BACKLOG:
        done = run.done(region)
        rows.append(
            {
                "region": region,
                "alerts there": f"{stage.held[region].total():,}",
                "read from": done["asked"][:19].replace("T", " "),
                "requests": done["calls"],
                "new": f"{len(run.delivered[region]):,}",
                "of them late": done["late"],
                "host": done["host"],
            }
        )
    show_table(rows, tuple(rows[0]))
    print()
    tell(f"{len(run.events):,} new alerts. Each alert that Microsoft holds is now in Splunk once, byte for byte.")
    return run


def show_alerts(knowledge: SearchKnowledge, runs: Iterable[Run]) -> None:
    """Show the newest alerts as a search sees them.

    Raises:
        NotAsItShouldBeError: an alert is not one event in the index, or the search does not find it.
    """
    heading("The newest alerts, as a search shows them")
    events = [event for run in runs for event in run.events]
    indexed = [
        found
        for event in events
        for found in knowledge.index(event.raw, event.time, event.source, event.sourcetype, event.host, event.index)
    ]
    rows = knowledge.search(SEARCH, indexed)
    if not len(events) == len(indexed) == len(rows):
        raise NotAsItShouldBeError(
            f"{len(events)} alerts became {len(indexed)} events in the index, of which a search finds {len(rows)}."
        )
    tell(f"{SEARCH} is a macro of the add-on; severity, dest, user ... are fields of the CIM data model Alerts.")
    print()
    show_table([for_table(row) for row in rows[:8]], COLUMNS)
    print(f"\n{MARGIN}The first of them, with the fields that the add-on computes:\n")
    for name in IN_FULL:
        value = rows[0].get(name)
        if value:
            text = "; ".join(value) if isinstance(value, list) else value
            print(cut(f"{MARGIN}{name:16}  {' '.join(text.split())}"))


def for_table(row: Fields) -> Mapping[str, str | list[str]]:
    """Give an alert's fields, with those of the table that are shown shorter than they are."""
    return {
        **row,
        "time": str(row["version_time"])[:19].replace("T", " "),
        "region": row["vendor_region"],
        "dest": str(row["dest"]).partition(".")[0],
    }


def show_log(run: Run) -> None:
    """Show what a run wrote into its log."""
    heading("What the second run wrote into its log")
    tell(f"The file {LOG} in $SPLUNK_HOME/var/log/splunk, here without date, pid and file:")
    print()
    for line in run.log:
        print(folded(f"{line.time} {line.level} {line.text}", margin=2, hanging=4))


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


def heading(text: str) -> None:
    """Print a heading; in bold where a person reads it on a terminal."""
    print(f"\n\033[1m{text}\033[0m\n" if sys.stdout.isatty() else f"\n{text}\n")


def tell(text: str, margin: int = 2) -> None:
    """Print a paragraph."""
    print(folded(text, margin=margin, hanging=margin), flush=True)


def folded(text: str, *, margin: int = 0, hanging: int = 0) -> str:
    """Give a text in lines that fit."""
    return textwrap.fill(
        text,
        WIDTH,
        initial_indent=" " * margin,
        subsequent_indent=" " * hanging,
        break_on_hyphens=False,
    )


def show_table(rows: Sequence[Mapping[str, str | list[str]]], columns: Sequence[str]) -> None:
    """Print a table."""
    print(textwrap.indent(format_table(rows, columns, width=WIDTH - len(MARGIN)), MARGIN))


def cut(line: str) -> str:
    """Give a line that fits, and shows where it was cut."""
    return line if len(line) <= WIDTH else f"{line[: WIDTH - 1]}…"
