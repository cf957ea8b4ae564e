"""The command ``defender_alerts_audit.py``.

Exit status: 0 everything is indexed exactly once; 1 something is missing or repeated, or a region can't be read; 2
settings, arguments or credentials are wrong; 3 a search or the KV store failed.
"""

from __future__ import annotations

import argparse
import logging
import math
from collections.abc import Sequence

from defender_alerts.audit.compare import AuditContext, AuditRequest, audit
from defender_alerts.input_kinds import KINDS
from defender_alerts.microsoft.transport.client import Callers
from defender_alerts.microsoft.transport.session import trust
from defender_alerts.settings import read_polling
from defender_alerts.splunk.inputs import find_input
from defender_alerts.splunk.kvstore import KVStoreCheckpoints
from defender_alerts.splunk.log import Redaction, logger_on
from defender_alerts.splunk.refresh_tokens import StoredRefreshTokens
from defender_alerts.splunk.resetting import parse_time
from defender_alerts.splunk.searching import SplunkIndex
from defender_alerts.splunk.stored_settings import load_account, load_settings
from defender_alerts.times import machine_time

from .audit_report import MOST_LISTED, JsonWriter, TextWriter
from .command import run
from .login import LONGEST_SEARCH, local_splunkd, log_in
from .shell import LOCAL_TOKEN, Shell, with_login

SEARCH_TOKEN = "SPLUNK_SEARCH_TOKEN"  # noqa: S105 - the name of a variable


def main(arguments: Sequence[str], shell: Shell) -> int:
    """Audit one input; return the exit status."""
    options = _parser().parse_args(_joined(arguments))
    return run(
        shell,
        lambda redaction: _audit(options, shell, redaction),
        "Interrupted; nothing was ordered for the regions not reported yet.",
    )


def _joined(arguments: Sequence[str]) -> list[str]:
    """Turn ``--from -2d`` into ``--from=-2d``, since argparse would take the time for another option."""
    joined: list[str] = []
    for argument in arguments:
        if joined and joined[-1] in {"--from", "--to"}:
            joined[-1] += f"={argument}"
        else:
            joined.append(argument)
    return joined


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="defender_alerts_audit.py",
        description="Compares what Microsoft shows of a range of time with what is indexed, region by region.",
        epilog=f"Passwords are asked for; an authentication token or session key may be in the environment as "
        f"{LOCAL_TOKEN}, one for --search-head as {SEARCH_TOKEN}. Exit status: 0 complete, 1 missing or repeated or "
        "a region failed, 2 settings or credentials, 3 the search or the KV store failed.",
    )
    parser.add_argument("input", help="name of the input")
    parser.add_argument("--from", dest="start", required=True, metavar="TIME", help="2026-11-01T00:00:00Z, or -2d")
    parser.add_argument("--to", dest="end", required=True, metavar="TIME", help="not included; as --from, or -0s")
    parser.add_argument("--kind", choices=sorted(KINDS), help="kind of the input, where several have one of this name")
    parser.add_argument("--collect", action="store_true", help="let the input collect what is missing in its next run")
    parser.add_argument("--all", action="store_true", help=f"list every finding, not only the first {MOST_LISTED}")
    parser.add_argument("--json", action="store_true", help="one JSON object on each line instead of a table")
    parser.add_argument(
        "--search-head", default="", metavar="URI", help="where to search, if not here: https://search.example.com:8089"
    )
    parser.add_argument("--search-username", default="", metavar="USERNAME", help="who may search there")
    parser.add_argument(
        "--grace",
        type=float,
        default=60.0,
        metavar="SECONDS",
        help="how long Splunk may take to index what it was just given (default: %(default)s)",
    )
    return with_login(parser)


def _audit(options: argparse.Namespace, shell: Shell, redaction: Redaction) -> int:
    now = machine_time()
    start = parse_time(options.start, now, "--from", "-2d or -12h")
    end = parse_time(options.end, now, "--to", "-2d or -12h")
    redaction.hide(shell.environment.get(SEARCH_TOKEN, ""))
    most = math.inf if options.all else MOST_LISTED
    writer: JsonWriter | TextWriter = JsonWriter(shell.out) if options.json else TextWriter(shell.out, most)
    splunkd = local_splunkd(options, shell, LONGEST_SEARCH)
    this = find_input(splunkd, options.input, options.kind)
    kind = KINDS[this.kind]
    polling = read_polling(this.name, this.stanza)
    own = kind.read(this.name, this.stanza)
    network = load_settings(splunkd).network
    account = load_account(
        splunkd, polling.account, lambda name: StoredRefreshTokens(splunkd, name, hide=redaction.hide)
    ).in_tenant_of(polling.name, polling.tenant_id)
    redaction.hide(splunkd.session_key, *account.secrets, *(network.proxy.secrets if network.proxy else ()))
    service = splunkd.service
    if options.search_head:
        trusted = trust(network.ca_pem)
        service = log_in(shell, options.search_head, options.search_username, SEARCH_TOKEN, trusted)
    log = logger_on(shell.err, "defender_alerts_audit", logging.INFO, redaction)
    context = AuditContext(
        caller=Callers(network, trust(network.ca_pem), shell.stop, log),
        store=KVStoreCheckpoints(splunkd, shell.stop, log),
        index=SplunkIndex(service, kind),
        found=writer.found,
        grace=options.grace,
    )
    status = 0
    for report in audit(AuditRequest(kind, polling.name, own, account, start, end, options.collect), context):
        writer.region(report)
        status = max(status, report.exit_status)
    writer.end()
    return status
