"""The command ``defender_alerts_doctor.py --self``."""

from __future__ import annotations

import argparse
import datetime as dt
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from defender_alerts.diagnostics.report import NOTICE, Outcome, Report, Result, heading
from defender_alerts.splunk.cli.shell import LOCAL_TOKEN, Shell, with_login

from . import logs, machine, rest
from .importing import Importer

_FOLDER = Path(__file__).resolve().parents[4]
_NO_LOGIN = "Give --username, or set SPLUNK_TOKEN, to ask splunkd as well: the KV store and the add-on's pages."


def main(arguments: Sequence[str], shell: Shell) -> int:
    """Examine the installation and write a report; return 0 if nothing failed, otherwise 1."""
    options = _parser().parse_args(list(arguments))
    now = dt.datetime.now(dt.timezone.utc)
    secrets: list[str] = []
    results = list(_look(options, shell, secrets, now))
    for secret in filter(None, secrets):
        results = [
            replace(one, found=one.found.replace(secret, "******"), subject=one.subject.replace(secret, "******"))
            for one in results
        ]
    report, made = Report(tuple(results)), now.strftime("%Y-%m-%dT%H:%M:%SZ")
    lines = [*heading(made), "", "The add-on itself", *report.as_lines()]
    if options.json:
        lines = [json.dumps({"notice": NOTICE, "time": made, **report.as_object()}, indent=2)]
    shell.out.write("\n".join(lines) + "\n")
    return 1 if report.first_failure else 0


def _look(options: argparse.Namespace, shell: Shell, secrets: list[str], now: dt.datetime) -> Iterator[Result]:
    home = Path(shell.environment.get("SPLUNK_HOME") or _FOLDER.parents[2])
    python = machine.python()
    yield from (python, machine.openssl(), *machine.permissions(_FOLDER, home))
    if python.outcome is Outcome.OK:
        importer = Importer(_FOLDER)
        yield importer.splunks_modules()
        yield from importer.libraries()
        yield from importer.entries()
    else:
        # All of them would fail because of this Python, and hide the reason.
        for check in ("library", "entry"):
            yield Result(check, "", Outcome.SKIPPED, "Not looked at, because python failed.", "")
    yield from _ask(options, shell, secrets)
    yield from logs.splunkds(home / "var" / "log" / "splunk", now)
    yield from logs.own(home / "var" / "log" / "splunk")


def _ask(options: argparse.Namespace, shell: Shell, secrets: list[str]) -> Iterator[Result]:
    splunkd = rest.LocalSplunkd(options.port, shell.environment.get(LOCAL_TOKEN, ""))
    if not splunkd.token and not options.username:
        yield Result("splunkd", "", Outcome.SKIPPED, f"Nobody is logged in. {_NO_LOGIN}", "")
        return
    if options.username:
        secrets.append(shell.ask(f"Password of {options.username}: "))
        try:
            splunkd.log_in(options.username, secrets[0])
        except rest.RefusedError as error:
            yield Result(
                "splunkd",
                "",
                Outcome.FAILED,
                f"The login fails ({error}).",
                "Check the name and the password, that splunkd runs, and that --port is its management port.",
            )
            return
    secrets.append(splunkd.token)
    yield from rest.look(splunkd)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="defender_alerts_doctor.py --self",
        description="Looks at the installation itself where nothing else works: Python, OpenSSL, files, the bundled "
        "libraries, every entry point in a process of its own, and this host's logs. With a login also what splunkd "
        "says. It changes nothing, and needs no library.",
        epilog="The password is asked for; an authentication token or session key may be in the environment as "
        f"{LOCAL_TOKEN}. Exit status: 0 nothing failed, 1 something failed.",
    )
    parser.add_argument("--self", action="store_true", help="look at the installation, not at its inputs")
    parser.add_argument("--json", action="store_true", help="the report as one JSON object")
    return with_login(parser)
