"""`./build.sh accept --splunk`: its options, its end, and its report."""

from __future__ import annotations

import argparse
import datetime as dt
import getpass
import os
import re
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from standins.microsoft.cloud import MicrosoftCloud

from acceptance.container import Container, NoContainerError
from acceptance.judging import CHECKS
from acceptance.making import RefusedError
from acceptance.notes import Notes, NotesError, take_back, undo_changes
from acceptance.observed import Seen
from acceptance.report import Report
from acceptance.rest import Splunk, SplunkError
from acceptance.running import Run
from acceptance.scene import Scene
from acceptance.session import Options, TooLateError
from tooling import paths

PASSWORD = "SPLUNK_PASSWORD"  # noqa: S105 - the name of a variable
TOKEN = "SPLUNK_TOKEN"  # noqa: S105 - the name of a variable
NOTES = paths.TOOLCHAIN / "acceptance-notes.jsonl"
REPORT = paths.OUTPUT / "acceptance-splunk"
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_CONTAINER = Container()


def main(
    arguments: Sequence[str],
    *,
    environment: Mapping[str, str] = os.environ,
    ask: Callable[[str], str] = getpass.getpass,
    show: Callable[[str], None] = print,
    container: Container = _CONTAINER,
) -> int:
    """Run the program and give its exit status: 0 all well, 1 something is wrong, 2 it could not be asked.

    Args:
        arguments: the options.
        environment: may hold a password or a token.
        ask: asks for a password without echo.
        show: prints a line.
        container: that --disruptive disrupts.
    """
    # "--splunk --help" lacks the address: argparse would say that, and not help.
    wants_help = not {"-h", "--help"}.isdisjoint(arguments)
    options = parser().parse_args(["--help"] if wants_help else arguments)
    began = dt.datetime.now(dt.UTC)

    def say(text: str) -> None:
        seconds = (dt.datetime.now(dt.UTC) - began).total_seconds()
        show(f"  {seconds:5.0f} s  {text}")

    notes = Notes(options.notes)
    splunk = Splunk(options.splunk, ca=options.ca, certificate_name=options.certificate_name)
    try:
        if options.clean_up and notes.exist:
            undo_changes(notes, container, say)
        _log_in(splunk, options.user, environment, ask)
        if options.clean_up:
            return _clean_up(splunk, notes, container, say)
        _refuse_loopback(options)
        if options.disruptive:
            container.must_be(options.splunk)
        return _ask(splunk, notes, options, container, say=say, show=show)
    except (RefusedError, NotesError, SplunkError, NoContainerError) as error:
        show(f"{error}")
    except KeyboardInterrupt:
        show("Stopped. If anything was made it is noted: the same command with --clean-up takes it back.")
    return 2


def _refuse_loopback(options: argparse.Namespace) -> None:
    if (urlsplit(options.splunk).hostname or "") not in _LOOPBACK and options.address in _LOOPBACK:
        raise RefusedError(
            "This Splunk is on another machine: give --address the name or address by which it reaches this one, "
            "where the stand-in cloud is."
        )


def _log_in(splunk: Splunk, user: str, environment: Mapping[str, str], ask: Callable[[str], str]) -> None:
    if user:
        splunk.log_in(user, environment.get(PASSWORD) or ask(f"Password of {user}: "))
    elif environment.get(TOKEN):
        splunk.use_token(environment[TOKEN])
    else:
        raise RefusedError(f"Give --user, whose password is asked for, or an authentication token in {TOKEN}.")


def _clean_up(splunk: Splunk, notes: Notes, container: Container, say: Callable[[str], None]) -> int:
    if not notes.exist:
        say("nothing is noted, so nothing is left")
        return 0
    left = take_back(notes, splunk, container, say)
    for sentence in left:
        say(sentence)
    return 1 if left else 0


def _ask(
    splunk: Splunk,
    notes: Notes,
    options: argparse.Namespace,
    container: Container,
    *,
    say: Callable[[str], None],
    show: Callable[[str], None],
) -> int:
    """Do a whole run; what it has made is taken back, however it ends."""
    info = splunk.content("services/server/info")
    about, stopped = _about(info), ""
    run_options = _run_options(options, container if options.disruptive else None)
    hidden = {urlsplit(options.splunk).hostname or "": "<splunk>", options.address: "<address>", options.user: "<user>"}
    hidden |= {str(info.get(name) or ""): "<splunk>" for name in ("serverName", "host")}
    with MicrosoftCloud(listen=(options.listen or options.address, options.port)) as cloud:
        scene = Scene(cloud, options.index, every=options.every, backlog=options.backlog)
        scene.index = options.index or scene.tag
        address = (options.address, cloud.proxy.port)
        run = Run(splunk, scene, address, notes=notes, options=run_options, say=say)
        try:
            run.carry_out()
        except KeyboardInterrupt:
            stopped = "Ctrl-C."
        except (SplunkError, TooLateError, NotesError) as error:
            if not run.has_begun:
                raise
            stopped = str(error)
        except Exception as error:
            if not run.has_begun:
                raise
            # A defect of this program: what was seen so far is worth a report, and what was made is taken back.
            traceback.print_exc()
            stopped = f"The program itself failed: {type(error).__name__}."
        if run.has_begun and not options.keep:
            stopped = " ".join([stopped, *take_back(notes, splunk, container, say)]).strip()
    report = _report(run.seen, about, stopped, options, hidden)
    _write(report, options.report)
    show("")
    show(report.for_people())
    show(f"The report is in {options.report}.txt and {options.report}.json; it is safe to send.")
    if options.keep:
        show("What was made is still there (--keep); the same command with --clean-up takes it back.")
    return report.status


def _run_options(options: argparse.Namespace, container: Container | None) -> Options:
    return Options(
        app=options.app,
        index=options.index,
        interval=options.interval,
        patience=options.patience,
        grace=options.grace,
        pause=options.pause,
        long=options.long * 60.0,
        container=container,
    )


def _about(info: Mapping[str, Any]) -> dict[str, str]:
    """What tells this Splunk from others, and no name."""
    return {
        "Splunk": f"{info.get('version', '?')} ({info.get('build', '?')})",
        "product": str(info.get("product_type", "?")),
        "platform": f"{info.get('os_name', '?')} {info.get('cpu_arch', '')}".strip(),
        "roles": ", ".join(sorted(map(str, info.get("server_roles") or ()))),
        "date": dt.datetime.now(dt.UTC).strftime("%Y-%m-%d"),
        "add-on": f"{paths.APP} {paths.VERSION}",
    }


def _report(
    seen: Seen, about: Mapping[str, str], stopped: str, options: argparse.Namespace, hidden: Mapping[str, str]
) -> Report:
    tls = seen.tls or ()
    # 1.0.2 has no TLS 1.3; every later one that Splunk ships has.
    openssl = {True: "1.1.1 or later, by its TLS", False: "1.0.2, or TLS 1.3 is off, by its TLS"}["TLSv1.3" in tls]
    whole = {**about, "OpenSSL of its Python": openssl if tls else "not seen"}
    settings = {
        "every": str(options.every),
        "long": f"{options.long:.0f} minutes",
        "disruptive": str(options.disruptive),
    }
    report = Report("Splunk", whole, [asked.answer(seen) for asked in CHECKS], stopped, settings)
    return report.without(hidden)


def _write(report: Report, base: Path) -> None:
    base.parent.mkdir(parents=True, exist_ok=True)
    base.with_name(f"{base.name}.txt").write_text(report.for_people(), encoding="utf-8")
    base.with_name(f"{base.name}.json").write_text(report.as_json(), encoding="utf-8")


def parser() -> argparse.ArgumentParser:
    """The options."""
    options = argparse.ArgumentParser(
        prog="./build.sh accept",
        description="Lets a Splunk run the add-on against a stand-in Microsoft cloud on this machine, and asks it what "
        "came of it. It refuses a Splunk on which the add-on is set up, and takes back all that it makes but the lines "
        "in Splunk's own logs.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = options.add_argument
    add("--splunk", required=True, metavar="URL", help="its management port, such as https://splunk.example.com:8089")
    add(
        "--user",
        default="",
        help=f"an administrator, whose password is in {PASSWORD} or asked for; without, a token is in {TOKEN}",
    )
    add("--ca", help="a file of CA certificates for the management port; without, the public ones")
    add("--certificate-name", default="", help="the name in splunkd's certificate, if it is not the host's")
    add("--address", default="127.0.0.1", help="of this machine, as the Splunk reaches it")
    add("--listen", default="", help="the address to listen on, if it is not --address, such as 0.0.0.0")
    add("--port", type=int, default=0, help="of the stand-in cloud's proxy; 0 takes a free one")
    add(
        "--app",
        default="",
        metavar="PATH",
        help="its tarball on Splunk's server, if it isn't installed; may restart Splunk",
    )
    add("--index", default="", help="an index that is there, in place of one that is made and deleted")
    add(
        "--long",
        type=float,
        default=0.0,
        metavar="MINUTES",
        help="also a run that lasts so long; 70 is an hour and more",
    )
    add(
        "--disruptive", action="store_true", help="also restart and kill: only the container of acceptance/compose.yaml"
    )
    add("--keep", action="store_true", help="leave everything there; --clean-up takes it back")
    add("--clean-up", action="store_true", help="take back what an earlier run has left, and nothing else")
    add("--notes", type=Path, default=NOTES, help="where it is noted what was made")
    add("--report", type=Path, default=REPORT, help="where the report is written, without the ending")
    add("--every", type=_positive, default=1, metavar="N", help="use every N-th sample only")
    add("--backlog", type=_positive, default=6_000, metavar="N", help="alerts of the input that is disabled meanwhile")
    add("--interval", type=_positive, default=60, metavar="SECONDS", help="of the inputs")
    add("--patience", type=float, default=900.0, metavar="SECONDS", help="after which the run is given up")
    add("--grace", type=float, default=240.0, metavar="SECONDS", help="after which a check is; at least two intervals")
    add("--pause", type=float, default=2.0, metavar="SECONDS", help="between two looks")
    return options


def _positive(text: str) -> int:
    if not re.fullmatch(r"[1-9]\d*", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 on")
    return int(text)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
