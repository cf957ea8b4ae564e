"""The command ``defender_alerts_doctor.py``: checks inputs end to end and prints a report to send to support.

It changes nothing. Exit status: 0 nothing failed; 1 something failed; 2 arguments, login or settings are wrong.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Callable, TypeVar

from defender_alerts.diagnostics.checkpoints import checkpoints
from defender_alerts.diagnostics.checks import CHECKS, Examination
from defender_alerts.diagnostics.context import Context
from defender_alerts.diagnostics.report import (
    Finding,
    InputReport,
    Outcome,
    as_json,
    as_text,
    failed,
    failed_by,
    ok,
    warning,
)
from defender_alerts.errors import AddonError, ConfigurationError
from defender_alerts.input_kinds import KINDS
from defender_alerts.microsoft.account import Account
from defender_alerts.microsoft.apis.base import OwnSettings, apis_of
from defender_alerts.microsoft.network import Network
from defender_alerts.microsoft.transport.client import ASKS_ONCE, Callers
from defender_alerts.microsoft.transport.session import trust
from defender_alerts.settings import Polling, read_polling
from defender_alerts.splunk.inputs import KnownInput, find_inputs
from defender_alerts.splunk.kvstore import KVStoreCheckpoints
from defender_alerts.splunk.log import Redaction
from defender_alerts.splunk.rest_client import Splunkd, SplunkdError, content_of
from defender_alerts.splunk.stored_settings import load_account, load_settings
from defender_alerts.times import iso, machine_time

from .command import CommandRun, run
from .shell import LOCAL_TOKEN, Shell, with_login

AS_ADMINISTRATOR = "Run the doctor as a user with the role admin or sc_admin."
SETTINGS = ("input", "account", "network", "region")
# Needed to read the saved secrets, and to read and save the add-on's pages.
_CAPABILITIES = ("list_storage_passwords", "admin_all_objects")

_T = TypeVar("_T")


def main(arguments: Sequence[str], shell: Shell) -> int:
    """Examine one input or all; return the exit status."""
    return run(_parser(), _examine, arguments, shell)


def examined(splunkd: Splunkd, redaction: Redaction, name: str | None, kind: str | None) -> list[InputReport]:
    """Examine the inputs that are asked for, as ``find_inputs`` finds them, one after the other.

    Args:
        splunkd: with the user's session.
        redaction: learns every secret that is read.
        name: of the inputs; None for all.
        kind: of the inputs; None for all.

    Raises:
        ConfigurationError: there is none.
        SplunkdError: splunkd could not be reached or refused.
    """
    examiner = _Examiner(splunkd, redaction)
    return [examiner.examine(one) for one in find_inputs(splunkd, name, kind)]


def exit_status(report: InputReport) -> int:
    """0 if nothing failed, 2 if a setting is wrong, otherwise 1."""
    failures = {result.check for result in report.results if result.outcome is Outcome.FAILED}
    if failures.intersection(SETTINGS):
        return ConfigurationError.exit_status
    return 1 if failures else 0


def _examine(command: CommandRun) -> int:
    options = command.options
    reports = examined(command.splunkd, command.redaction, options.input, options.kind)
    time = iso(machine_time())
    command.shell.out.write(as_json(reports, time) if options.json else as_text(reports, time, quiet=options.quiet))
    return max(map(exit_status, reports))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="defender_alerts_doctor.py",
        description="Checks an input end to end (settings, proxy, DNS, TLS, token, API, KV store, permissions) and "
        "prints a report that is safe to send to support. It changes nothing.",
        epilog=f"The password is asked for; an authentication token or session key may be in the environment as "
        f"{LOCAL_TOKEN}. Exit status: 0 nothing failed, 1 something failed, 2 arguments, login or settings are wrong.",
    )
    parser.add_argument("--input", metavar="NAME", help="only inputs of this name (default: all)")
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


@dataclass
class _Examiner:
    """Examines inputs one after the other.

    Attributes:
        splunkd: with the user's session. The checks wait and log as its ``patience`` does.
        redaction: learns every secret that is read.
    """

    splunkd: Splunkd
    redaction: Redaction

    def examine(self, one: KnownInput) -> InputReport:
        """Run all checks of an input; each comes after those that it depends on."""
        examination = Examination(self.redaction.clean, self.splunkd.patience.log)
        context = self._context(one, examination)
        for check in CHECKS:
            if context is None:
                examination.skip_behind(check.name, *SETTINGS)
            else:
                examination.make(check, context)
        self._look_at_the_store(one, examination, machine_time() if context is None else context.clock.now())
        self._read(examination, "user", self._user)
        return examination.report(one.name, one.kind)

    def _context(self, one: KnownInput, examination: Examination) -> Context | None:
        """The context of the checks against Microsoft; None if the settings can't be read."""
        read = self._read(examination, "input", lambda: _input(one))
        account = read and self._read(examination, "account", lambda: self._account(read[0]))
        if read is None:
            examination.skip_behind("account", "input")
        network = self._read(examination, "network", self._network)
        if read is None or account is None or network is None:
            return None
        apis, wrong = apis_of(read[1], account.cloud)
        for region, error in wrong.items():
            examination.note("region", failed_by(error), region)
        patience = self.splunkd.patience
        callers = Callers(network, trust(network.ca_pem), patience.stop, patience.log, ASKS_ONCE)
        return Context(KINDS[one.kind], account, apis, callers, self.redaction.hide) if apis else None

    def _read(self, examination: Examination, check: str, read: Callable[[], tuple[_T, Finding]]) -> _T | None:
        """Read something and note the finding; None if it can't be read."""
        try:
            value, finding = read()
        except AddonError as error:
            examination.note(check, failed_by(error))
        except SplunkdError as error:
            examination.note(check, failed(f"splunkd does not give it to this user ({error}).", AS_ADMINISTRATOR))
        else:
            examination.note(check, finding)
            return value
        return None

    def _account(self, polling: Polling) -> tuple[Account, Finding]:
        account = load_account(self.splunkd, polling.account, self.redaction.hide)
        account = account.in_tenant_of(polling.name, polling.tenant_id)
        return account, ok(
            f"The account {account.name} is the application {account.client_id}, signed in to the tenant "
            f"{account.tenant_id}{', which the input names,' if account.tenant_of_input else ''} in the cloud "
            f"{account.cloud}."
        )

    def _network(self) -> tuple[Network, Finding]:
        network = load_settings(self.splunkd, self.redaction.hide).network
        proxy = network.proxy
        trust(network.ca_pem)
        way = f"Proxy {proxy.kind}://{proxy.host}:{proxy.port}" if proxy else "No proxy"
        login = " with a login" if proxy and proxy.username else ""
        additional = "additional" if network.ca_pem else "no additional"
        return network, ok(f"{way}{login}, {additional} CA certificates, time-out {network.timeout:.0f} s.")

    def _look_at_the_store(self, one: KnownInput, examination: Examination, now: int) -> None:
        documents = self._read(examination, "kvstore", lambda: self._documents(one))
        if documents is None:
            return
        for region, finding in checkpoints(documents, one.stanza.get("interval", ""), now):
            examination.note("checkpoint", finding, region)

    def _documents(self, one: KnownInput) -> tuple[Iterable[Mapping[str, object]], Finding]:
        store = KVStoreCheckpoints(self.splunkd)
        status = store.status()
        if status not in {"", "ready"}:
            raise ConfigurationError(
                f"The KV store is {status}, and inputs keep their checkpoints in it. See mongod.log, [kvstore] in "
                "server.conf and `splunk show kvstore-status`."
            )
        documents = store.checkpoints_of(one.kind, one.name)
        found = f"The KV store is {status or 'there'} and was read."
        if any("watermark" in document for document in documents):
            return documents, ok(found)
        return documents, warning(
            f"{found} It holds no checkpoint of the input, which has never collected.",
            "See that the input is enabled, wait for its first run, and read its log.",
        )

    def _user(self) -> tuple[str, Finding]:
        context = content_of(self.splunkd.get_with_retries("authentication/current-context"))
        name, held = str(context.get("username", "")), {str(one) for one in context.get("capabilities") or ()}
        missing = [capability for capability in _CAPABILITIES if capability not in held]
        found = f"The doctor was run as {name}, with the roles {', '.join(map(str, context.get('roles') or ()))}."
        if not missing:
            return name, ok(found)
        return name, warning(
            f"{found} The user lacks {' and '.join(missing)}.",
            f"What this report says of settings may come of that. {AS_ADMINISTRATOR} The inputs themselves run as "
            "splunk-system-user and do not need it.",
        )


def _input(one: KnownInput) -> tuple[tuple[Polling, OwnSettings], Finding]:
    polling = read_polling(one.name, one.stanza)
    own = KINDS[one.kind].read(one.name, one.stanza)
    found = (
        f"Account {polling.account}, regions {', '.join(own.regions)}, interval {polling.interval}, overlap "
        f"{polling.overlap} s, start {polling.start_time}, index {polling.index}."
    )
    if not one.is_enabled:
        return (polling, own), warning(f"{found} It is disabled.", "Enable it on the Inputs page, if it shall collect.")
    return (polling, own), ok(found)
