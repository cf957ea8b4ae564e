"""The REST handler behind Configuration > Accounts: an account is tried out before it is saved."""

from typing import Any

from defender_alerts.errors import AddonError
from defender_alerts.input.names import ACCOUNT_CONF
from defender_alerts.input.saved import load_settings, secrets
from defender_alerts.input.splunkd import Splunkd, SplunkdError
from defender_alerts.kinds import KINDS
from defender_alerts.settings import is_true, read_account
from defender_alerts.setup.account import check_account
from splunktaucclib.rest_handler.admin_external import AdminExternalHandler, get_splunkd_endpoint
from splunktaucclib.rest_handler.error import RestError

_CONNECTION_FIELDS = ("cloud", "tenant_id", "client_id")
_MASKED = {"", "******"}


class AccountHandler(AdminExternalHandler):
    """Adds a check of the credentials to UCC's handler; ``skip_check`` is not stored, an account in use not removed."""

    def handleCreate(self, confInfo: Any) -> None:  # noqa: N802, N803 - Splunk's names
        """Check, then create."""
        self._check({})
        super().handleCreate(confInfo)

    def handleEdit(self, confInfo: Any) -> None:  # noqa: N802, N803 - Splunk's names
        """Check if what the connection depends on changes, then edit."""
        self._check(self._stored())
        super().handleEdit(confInfo)

    def handleRemove(self, confInfo: Any) -> None:  # noqa: N802, N803 - Splunk's names
        """Remove an account that no input uses."""
        users = self._inputs_of(self.callerArgs.id)
        if users:
            raise RestError(
                400,
                f"The account {self.callerArgs.id} is used by the inputs {', '.join(users)}. Delete them first, or "
                "give them another account.",
            )
        super().handleRemove(confInfo)

    def _inputs_of(self, account: str) -> list[str]:
        splunkd = self._splunkd()
        try:
            entries = [entry for kind in KINDS for entry in splunkd.get(f"data/inputs/{kind}", count=0)["entry"]]
        except SplunkdError as error:
            raise RestError(error.status or 500, str(error)) from None
        return sorted(entry["name"] for entry in entries if entry["content"].get("account") == account)

    def _splunkd(self) -> Splunkd:
        return Splunkd(get_splunkd_endpoint(), self.getSessionKey())

    def _stored(self) -> dict[str, str]:
        try:
            return dict(self._splunkd().stanza(ACCOUNT_CONF, self.callerArgs.id) or {})
        except SplunkdError as error:
            raise RestError(error.status or 500, str(error)) from None

    def _check(self, stored: dict[str, str]) -> None:
        payload = self.payload
        for field, value in payload.items():
            payload[field] = value.strip()
        skip = is_true(payload.pop("skip_check", ""))
        new_secret = payload.get("client_secret", "") not in _MASKED
        changed = new_secret or any(
            field in payload and payload[field] != stored.get(field, "") for field in _CONNECTION_FIELDS
        )
        if skip or not changed:
            return
        try:
            kept = {} if new_secret else secrets(self._splunkd(), ACCOUNT_CONF, self.callerArgs.id)
            fields = {**stored, **payload}
            secret = payload["client_secret"] if new_secret else kept.get("client_secret", "")
            account = read_account(self.callerArgs.id, fields, {"client_secret": secret})
            check_account(account, load_settings(self._splunkd()).network)
        except AddonError as error:
            raise RestError(400, str(error)) from None
        except SplunkdError as error:
            raise RestError(error.status or 500, str(error)) from None
