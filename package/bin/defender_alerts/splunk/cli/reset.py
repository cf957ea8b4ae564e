"""The command ``defender_alerts_reset.py``: restarts an input at a time of the administrator's choice.

It shows the effect and asks for confirmation at the terminal; scripts use ``--yes``.

Exit status: 0 reset; 1 not confirmed; 2 settings, arguments or credentials are wrong; 3 the KV store failed.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from defender_alerts.errors import ConfigurationError
from defender_alerts.input_kinds import KINDS
from defender_alerts.splunk.inputs import find_input
from defender_alerts.splunk.kvstore import KVStoreCheckpoints
from defender_alerts.splunk.resetting import effects, parse_from, request_resets
from defender_alerts.times import iso, machine_time

from .command import CommandRun, run
from .shell import LOCAL_TOKEN, Shell, with_login

NOT_CONFIRMED = 1


def main(arguments: Sequence[str], shell: Shell) -> int:
    """Reset the checkpoints of one input; return the exit status."""
    return run(_parser(), _reset, arguments, shell)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="defender_alerts_reset.py",
        description="Lets an input start again at a time of your choice: what it has collected since then is indexed "
        "again, what lies between its checkpoint and a later time is left out.",
        epilog=f"The password is asked for; a token or session key may be in the environment as {LOCAL_TOKEN}.",
    )
    parser.add_argument("input", help="name of the input")
    parser.add_argument("--from", dest="start", required=True, metavar="TIME", help="2026-11-01T00:00:00Z, or -2d")
    parser.add_argument("--region", default="", help="only this region (default: all)")
    parser.add_argument("--kind", choices=sorted(KINDS), help="kind of the input, where several have one of this name")
    parser.add_argument("--yes", action="store_true", help="do not ask; needed where no terminal is there to ask at")
    return with_login(parser)


def _reset(command: CommandRun) -> int:
    options, shell = command.options, command.shell
    start = parse_from(options.start, machine_time(), "--from")
    known = find_input(command.splunkd, options.input, options.kind)
    store = KVStoreCheckpoints(command.splunkd)
    for effect in effects(store, known.kind, known.name, start, options.region):
        shell.out.write(f"{effect.region}: {effect}\n")
    if not options.yes:
        if shell.confirm is None:
            raise ConfigurationError(
                "There is no terminal to ask for confirmation, so nothing was reset. Add --yes to confirm."
            )
        shell.out.flush()
        if not shell.confirm(f"Let the input {known.name} start again?"):
            shell.err.write("Nothing was ordered.\n")
            return NOT_CONFIRMED
    for reset in request_resets(store, known.kind, known.name, start, options.region):
        shell.out.write(f"{reset.key.region} of tenant {reset.key.tenant}: the next run starts at {iso(start)}.\n")
    return 0
