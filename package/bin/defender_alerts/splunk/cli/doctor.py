"""The command ``defender_alerts_doctor.py``: checks inputs end to end and prints a report to send to support.

It changes nothing. Exit status: 0 nothing failed; 1 something failed; 2 arguments, login or settings are wrong.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence

from defender_alerts.diagnostics.report import InputReport, Outcome, as_json, as_text
from defender_alerts.errors import ConfigurationError
from defender_alerts.input_kinds import KINDS
from defender_alerts.splunk.inputs import find_inputs
from defender_alerts.splunk.log import Redaction, logger_on
from defender_alerts.times import iso, machine_time

from .command import run
from .examining import SETTINGS, Examiner
from .login import local_splunkd
from .shell import LOCAL_TOKEN, Shell, with_login

SOMETHING_FAILED = 1


def main(arguments: Sequence[str], shell: Shell) -> int:
    """Examine one input or all; return the exit status."""
    options = _parser().parse_args(list(arguments))
    return run(shell, lambda redaction: _examine(options, shell, redaction), "Interrupted.")


def _examine(options: argparse.Namespace, shell: Shell, redaction: Redaction) -> int:
    splunkd = local_splunkd(options, shell)
    redaction.hide(splunkd.session_key)
    log = logger_on(shell.err, "defender_alerts_doctor", logging.WARNING, redaction)
    examiner = Examiner(splunkd, shell.stop, log, redaction)
    reports = [examiner.examine(one) for one in find_inputs(splunkd, options.input, options.kind)]
    time = iso(machine_time())
    shell.out.write(as_json(reports, time) if options.json else as_text(reports, time, quiet=options.quiet))
    return max(map(exit_status, reports))


def exit_status(report: InputReport) -> int:
    """0 if nothing failed, 2 if a setting is wrong, otherwise 1."""
    failures = {result.check for result in report.results if result.outcome is Outcome.FAILED}
    if failures & {*SETTINGS}:
        return ConfigurationError.exit_status
    return SOMETHING_FAILED if failures else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="defender_alerts_doctor.py",
        description="Checks an input end to end (settings, proxy, DNS, TLS, token, API, KV store, permissions) and "
        "prints a report that is safe to send to support. It changes nothing.",
        epilog=f"The password is asked for; an authentication token or session key may be in the environment as "
        f"{LOCAL_TOKEN}. Exit status: 0 nothing failed, 1 something failed, 2 arguments, login or settings are wrong.",
    )
    parser.add_argument("--input", default="", metavar="NAME", help="only inputs of this name (default: all)")
    parser.add_argument(
        "--kind",
        choices=sorted(KINDS),
        metavar="KIND",
        help=f"only inputs of this kind (default: all), one of {', '.join(sorted(KINDS))}",
    )
    parser.add_argument("--self", action="store_true", help="look at the installation itself; it takes no library")
    parser.add_argument("-q", "--quiet", action="store_true", help="only the result, and what failed or warns")
    parser.add_argument("--json", action="store_true", help="the report as one JSON object")
    return with_login(parser)
