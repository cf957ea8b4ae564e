"""The REST handler of the Inputs page: checks an input with its account, and deletes checkpoints with their input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from defender_alerts.diagnostics.account import Verdict, check_account, explained_in_tenant
from defender_alerts.errors import (
    CheckpointError,
    ConfigurationError,
    ConnectionFailedError,
    StoppedError,
    UnexpectedAnswerError,
)
from defender_alerts.input_kinds import KINDS, Kind
from defender_alerts.settings import Polling, cleaned, read_polling
from defender_alerts.splunk.inputs import KnownInput, saved_inputs, texts
from defender_alerts.splunk.kvstore import KVStoreCheckpoints
from defender_alerts.splunk.names import ACCOUNT_CONF
from defender_alerts.splunk.resetting import delete_input
from defender_alerts.splunk.rest_client import SplunkdError
from defender_alerts.splunk.stored_settings import account_stanza, load_account, load_settings
from defender_alerts.times import machine_time

from .input_checks import Remark, check_input, remarks
from .page import LOG, PageHandler, answering
from .status_model import health, statuses


class InputHandler(PageHandler):
    """Adds to UCC's handler checks that need the account and the other inputs.

    Remarks are no reason to refuse an input. Since UCC's pages (6.6) don't show messages of a successful answer, each
    row of the table gets their briefs as ``remarks``.

    The page can only sort and search by values in the rows, so each row also gets ``health``, if the user may read the
    checkpoints. What the page displays comes from ``defender_alerts_status``, for all users.
    """

    def handleList(self, confInfo: Any) -> None:  # noqa: N802, N803 - Splunk's names
        """List, with remarks."""
        super().handleList(confInfo)
        self._remark(confInfo)

    @answering()
    def handleCreate(self, confInfo: Any) -> None:  # noqa: N802, N803 - Splunk's names
        """Check, then create."""
        self._check({})
        super().handleCreate(confInfo)
        self._answer(confInfo)

    @answering()
    def handleEdit(self, confInfo: Any) -> None:  # noqa: N802, N803 - Splunk's names
        """Check, then edit; only enabling or disabling an input needs no check.

        UCC's handler ignores all other fields if it gets ``disabled``, so that is sent separately after them.
        """
        disabled = self.payload.pop("disabled", None)
        if self.payload or disabled is None:
            self._check(texts(self.existing().content))
            super().handleEdit(confInfo)
        if disabled is not None:
            self.payload = {"disabled": disabled}
            super().handleEdit(confInfo)
        self._answer(confInfo)

    def handleRemove(self, confInfo: Any) -> None:  # noqa: N802, N803 - Splunk's names
        """Remove the input, then its checkpoints: a new input of that name starts at its own start_time."""
        super().handleRemove(confInfo)
        try:
            store = KVStoreCheckpoints(self.splunkd())
            delete_input(store, self.handler.get_endpoint().input_type, self.callerArgs.id, machine_time())
        except (CheckpointError, StoppedError) as error:
            # The input is deleted; a failing store is no reason to report otherwise.
            LOG.warning(
                "The input %s is deleted, but its checkpoint is still in the KV store (%s). A new input of that name "
                "goes on where this one ended: reset it if it is to begin at its start_time.",
                self.callerArgs.id,
                error,
            )

    def _answer(self, confInfo: Any) -> None:  # noqa: N803 - Splunk's name
        for remark in self._remark(confInfo).get(self.callerArgs.id, []):
            confInfo.addWarnMsg(remark.sentence)

    def _remark(self, confInfo: Any) -> dict[str, list[Remark]]:  # noqa: N803 - Splunk's name
        """Add remarks to each input."""
        try:
            known, accounts = saved_inputs(self.splunkd()), self.splunkd().stanzas(ACCOUNT_CONF)
        except SplunkdError as error:
            # List the inputs anyway.
            LOG.warning("no remarks: %s", error)
            known, accounts = [], {}
        kind = self.handler.get_endpoint().input_type
        listed = [one for one in known if one.kind == kind and one.name in confInfo]
        said = {one.name: remarks(one, known, accounts) for one in listed}
        for name, item in confInfo.items():
            item["remarks"] = " ".join(remark.brief for remark in said.get(name, []))
        self._add_health(confInfo, listed, accounts)
        return said

    def _add_health(
        self,
        confInfo: Any,  # noqa: N803 - Splunk's name
        listed: Sequence[KnownInput],
        accounts: Mapping[str, Mapping[str, str]],
    ) -> None:
        """Add the health and the remarks to each input, for sorting and searching."""
        try:
            store = KVStoreCheckpoints(self.splunkd())
            documents = store.status_documents() if listed else []
        except SplunkdError:
            # The user may not read them, or the store is down: the page's cells show which.
            return
        now = machine_time()
        for one, status in zip(listed, statuses(listed, documents)):
            found = health(one, status, has_account=one.account in accounts, now=now)
            confInfo[one.name]["health"] = f"{found.sort_key} {found.line} {confInfo[one.name]['remarks']}".rstrip()

    def _check(self, stored: dict[str, str]) -> None:
        for field, value in self.payload.items():
            self.payload[field] = cleaned(value)
        name, fields = self.callerArgs.id, {**stored, **self.payload}
        kind = KINDS[self.handler.get_endpoint().input_type]
        polling = read_polling(name, fields)
        own = kind.read(name, fields)
        account = account_stanza(self.splunkd(), polling.account)
        for region in own.regions:
            own.in_region(region, account.get("cloud", ""))
        # An old start time has had its effect and must not keep the input from being edited.
        starts = fields.get("start_time") != stored.get("start_time")
        check_input(name, fields, polling, machine_time(), starts=starts)
        is_new = any(fields.get(field) != stored.get(field) for field in ("account", "tenant_id"))
        # An account that was saved without a check is one that cannot reach Microsoft yet.
        if polling.tenant_id and is_new and account.get("last_check"):
            self._check_tenant(polling, kind)

    def _check_tenant(self, polling: Polling, kind: Kind) -> None:
        """Check that an application is let into the tenant that an input names, and may read there what it collects."""
        splunkd = self.splunkd()
        try:
            account = load_account(splunkd, polling.account).in_tenant_of(polling.name, polling.tenant_id)
            found = check_account(account, load_settings(splunkd).network, (kind,)).of(kind.name)
        except (SplunkdError, ConnectionFailedError, UnexpectedAnswerError) as error:
            # Who may save inputs need not be allowed to read what accounts sign in with; and a tenant is no worse for
            # an outage here.
            LOG.warning("The input %s is saved, but its tenant was not checked: %s", polling.name, error)
        else:
            if found and found.finding in {Verdict.MISSING, Verdict.UNKNOWN}:
                raise ConfigurationError(explained_in_tenant(account, found))
