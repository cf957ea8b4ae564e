"""The command: what it is started with, in which order it looks, and what it writes."""

from __future__ import annotations

import argparse
import datetime as dt
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TextIO

from defender_alerts.doctor.report import NOTICE, Outcome, Report, Result, heading

from . import logs, machine, rest
from .app import App
from .importing import Importer

TOKEN = "SPLUNK_TOKEN"  # noqa: S105 - the name of a variable
_NO_LOGIN = "Give --username, or set SPLUNK_TOKEN, to ask splunkd as well: the KV store, the add-on's pages, _internal."


@dataclass(frozen=True)
class Start:
    """What the command is started with.

    Attributes:
        folder: the add-on's.
        ask: asks for a password without echo.
    """

    folder: Path
    out: TextIO
    environment: Mapping[str, str]
    ask: Callable[[str], str]


def main(arguments: Sequence[str], start: Start) -> int:
    """Look, and write what was found: 0 if nothing failed, else 1."""
    options = _parser().parse_args(list(arguments))
    secrets: list[str] = []
    now = dt.datetime.now(dt.timezone.utc)
    results = _look(App(start.folder), options, start, secrets, now)
    report = Report(tuple(_clean(result, secrets) for result in results))
    made = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    if options.json:
        start.out.write(json.dumps({"notice": NOTICE, "time": made, **report.as_object()}, indent=2) + "\n")
    else:
        start.out.write("\n".join([*heading(made), "", "The add-on itself", *report.as_lines()]) + "\n")
    return 1 if report.first_failure else 0


def _look(app: App, options: argparse.Namespace, start: Start, secrets: list[str], now: dt.datetime) -> list[Result]:
    python = machine.python()
    results = [python, machine.openssl(), *machine.permissions(app)]
    if python.outcome is Outcome.OK:
        importer = Importer(app)
        results += [*importer.splunks_modules(), *importer.libraries(), *importer.entries()]
    else:
        # Each would fail over the Python, and hide that.
        results += [_not_looked_at(check, "Not looked at, because python failed.") for check in ("library", "entry")]
    results += _ask(app, options, start, secrets, now)
    return [*results, *logs.splunkds(app, now), *logs.own(app)]


def _ask(app: App, options: argparse.Namespace, start: Start, secrets: list[str], now: dt.datetime) -> Iterator[Result]:
    token = start.environment.get(TOKEN, "")
    if not token and not options.username:
        yield _not_looked_at("splunkd", f"Nobody is logged in. {_NO_LOGIN}")
        return
    splunkd = rest.Splunkd(options.port)
    try:
        if options.username:
            password = start.ask(f"Password of {options.username}: ")
            secrets.append(password)
            secrets.append(splunkd.log_in(options.username, password))
        else:
            secrets.append(token)
            splunkd.use(token)
    except rest.RefusedError as error:
        advice = "Check the name and the password, that splunkd runs, and that --port is its management port."
        yield Result("splunkd", "", Outcome.FAILED, f"The login fails ({error}).", advice)
        return
    yield from rest.look(splunkd, app, now.timestamp())


def _not_looked_at(check: str, why: str) -> Result:
    return Result(check, "", Outcome.SKIPPED, why, "")


def _clean(result: Result, secrets: Iterable[str]) -> Result:
    found, subject = result.found, result.subject
    for secret in filter(None, secrets):
        found, subject = found.replace(secret, "******"), subject.replace(secret, "******")
    return replace(result, found=found, subject=subject)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="defender_alerts_doctor.py --self",
        description="Looks at the installation itself where nothing else works: Python, OpenSSL, files, the bundled "
        "libraries, every entry point in a process of its own, and this host's logs. With a login also what splunkd "
        "says. It changes nothing, and needs no library.",
        epilog="The password is asked for; an authentication token or session key may be in the environment as "
        f"{TOKEN}. Exit status: 0 nothing failed, 1 something failed.",
    )
    parser.add_argument("--self", action="store_true", help="look at the installation, not at its inputs")
    parser.add_argument("--json", action="store_true", help="the report as one JSON object")
    parser.add_argument("--username", default="", help="an administrator of this Splunk; the password is asked for")
    parser.add_argument("--port", type=int, default=8089, help="this splunkd's management port (default: %(default)s)")
    return parser
