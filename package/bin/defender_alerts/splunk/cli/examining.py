"""Examines one input: its settings, the path to Microsoft, its checkpoints and the user's permissions."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Callable, TypeVar

from defender_alerts.diagnostics.checkpoints import checkpoints
from defender_alerts.diagnostics.checks import CHECKS, Examination
from defender_alerts.diagnostics.context import Context
from defender_alerts.diagnostics.report import Finding, InputReport, failed, failed_by, ok, warning
from defender_alerts.errors import AddonError, ConfigurationError
from defender_alerts.input_kinds import KINDS
from defender_alerts.microsoft.account import Account
from defender_alerts.microsoft.apis.base import OwnSettings, apis_of
from defender_alerts.microsoft.network import Network
from defender_alerts.microsoft.transport.client import Stop
from defender_alerts.microsoft.transport.session import trust
from defender_alerts.settings import Polling, is_true, read_polling
from defender_alerts.splunk.inputs import KnownInput
from defender_alerts.splunk.kvstore import KVStoreCheckpoints
from defender_alerts.splunk.log import Redaction
from defender_alerts.splunk.refresh_tokens import StoredRefreshTokens
from defender_alerts.splunk.rest_client import Splunkd, SplunkdError, content_of
from defender_alerts.splunk.stored_settings import load_account, load_settings
from defender_alerts.times import machine_time

AS_ADMINISTRATOR = "Run the doctor as a user with the role admin or sc_admin."
SETTINGS = ("input", "account", "network", "region")
# Needed to read the saved secrets, and to read and save the add-on's pages.
_CAPABILITIES = ("list_storage_passwords", "admin_all_objects")

_T = TypeVar("_T")


@dataclass
class Examiner:
    """Examines inputs one after the other.

    Attributes:
        splunkd: with the user's session.
        stop: ends every wait.
        log: for unexpected errors.
        redaction: learns every secret that is read.
    """

    splunkd: Splunkd
    stop: Stop
    log: logging.Logger
    redaction: Redaction

    def examine(self, one: KnownInput) -> InputReport:
        """Run all checks of an input; each comes after those that it depends on."""
        examination = Examination(self.redaction.clean, self.log)
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
        account = None
        if read is not None:
            account = self._read(examination, "account", lambda: self._account(read[0]))
        else:
            examination.skip_behind("account", "input")
        network = self._read(examination, "network", self._network)
        if read is None or account is None or network is None:
            return None
        apis, wrong = apis_of(read[1], account.cloud)
        for region, error in wrong.items():
            examination.note("region", failed_by(error), region)
        kind = KINDS[one.kind]
        return Context(kind, account, network, apis, self.stop, self.log, self.redaction.hide) if apis else None

    def _read(self, examination: Examination, check: str, read: Callable[[], tuple[_T, Finding]]) -> _T | None:
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
        keeper = partial(StoredRefreshTokens, self.splunkd, hide=self.redaction.hide)
        account = load_account(self.splunkd, polling.account, keeper).in_tenant_of(polling.name, polling.tenant_id)
        self.redaction.hide(*account.secrets)
        return account, ok(
            f"The account {account.name} is the application {account.client_id}, signed in to the tenant "
            f"{account.tenant_id}{', which the input names,' if account.tenant_of_input else ''} in the cloud "
            f"{account.cloud}."
        )

    def _network(self) -> tuple[Network, Finding]:
        network = load_settings(self.splunkd).network
        proxy = network.proxy
        if proxy is not None:
            self.redaction.hide(*proxy.secrets)
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
        store = KVStoreCheckpoints(self.splunkd, self.stop, self.log)
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
        context = content_of(self.splunkd.get_again("authentication/current-context", app=None))
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
    if is_true(one.stanza.get("disabled")):
        return (polling, own), warning(f"{found} It is disabled.", "Enable it on the Inputs page, if it shall collect.")
    return (polling, own), ok(found)
