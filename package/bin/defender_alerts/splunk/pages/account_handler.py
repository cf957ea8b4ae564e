"""The REST handler of Configuration > Accounts: tries an account before it is saved."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from defender_alerts.diagnostics.account import AccountCheck, check_account, refuse_secret_id, summary, warnings
from defender_alerts.errors import ConfigurationError
from defender_alerts.microsoft.account import (
    CERTIFICATE,
    CLIENT_SECRET,
    MANAGED_IDENTITY,
    USER,
    Account,
    read_account,
)
from defender_alerts.microsoft.client_certificate.key_pair import not_after
from defender_alerts.microsoft.user_sign_in import not_signed_in
from defender_alerts.settings import check_name, cleaned, is_true
from defender_alerts.splunk.inputs import saved_inputs, texts
from defender_alerts.splunk.names import ACCOUNT_CONF
from defender_alerts.splunk.refresh_tokens import StoredRefreshTokens, ends_of_all
from defender_alerts.splunk.rest_client import SplunkdError
from defender_alerts.splunk.stored_settings import MASKS, account_secrets, load_settings, undecipherable_accounts

from .page import LOG, PageHandler, answering

_CONNECTION_FIELDS = (
    "cloud",
    "tenant_id",
    "client_id",
    "auth_type",
    "certificate",
    "identity_mode",
    "identity_client_id",
)
_SIGN_IN_FIELDS = ("cloud", "tenant_id", "client_id", "auth_type")
_ENCRYPTED_OF = {
    CLIENT_SECRET: ("client_secret",),
    CERTIFICATE: ("private_key",),
    USER: ("client_secret", "private_key"),
}
_FIELDS_OF = {
    CLIENT_SECRET: ("client_secret", "secret_expires"),
    CERTIFICATE: ("certificate", "private_key"),
    USER: ("client_secret", "secret_expires", "certificate", "private_key"),
    MANAGED_IDENTITY: ("identity_mode", "identity_client_id"),
}
_CREDENTIAL_FIELDS = tuple(dict.fromkeys(field for fields in _FIELDS_OF.values() for field in fields))
_NOT_SIGNED_IN = "Not signed in. Press Sign in: until then, its inputs don't run."


class AccountHandler(PageHandler):
    """Adds to UCC's handler a check of what the account can feed; refuses to remove an account that is in use.

    UCC's pages (6.6) don't show messages of a successful answer. So the result of the check is stored in the stanza, as
    ``last_check``, and shown in the table, as ``feeds``. ``skip_check`` is never stored.
    """

    _is_direct = False

    def handleList(self, confInfo: Any) -> None:  # noqa: N802, N803 - Splunk's names
        """List accounts with what each can feed."""
        super().handleList(confInfo)
        ends, unreadable = None, set()
        try:
            unreadable = undecipherable_accounts(self.splunkd())
            if any(item.get("auth_type") == USER for item in confInfo.values()):
                ends = ends_of_all(self.splunkd())
        except SplunkdError as error:
            # List the accounts anyway.
            LOG.warning("whether Splunk can decrypt the accounts' secrets is not known: %s", error)
        _describe(confInfo, ends)
        for name in unreadable & set(confInfo):
            field = " or ".join(_ENCRYPTED_OF.get(confInfo[name]["auth_type"], ())).replace("_", " ")
            confInfo[name]["feeds"] = f"Splunk can't decrypt its {field}. Edit the account and paste it again."

    @answering()
    def handleCreate(self, confInfo: Any) -> None:  # noqa: N802, N803 - Splunk's names
        """Check, then create."""
        check = self._check({})
        super().handleCreate(confInfo)
        self._answer(confInfo, check)

    @answering()
    def handleEdit(self, confInfo: Any) -> None:  # noqa: N802, N803 - Splunk's names
        """Check if fields of the connection change or the last check was not good, then edit."""
        stored = texts(self.splunkd().stanza(ACCOUNT_CONF, self.callerArgs.id) or {})
        check = self._check(stored)
        super().handleEdit(confInfo)
        if stored.get("signed_in_as") and self.payload.get("signed_in_as") == "":
            StoredRefreshTokens(self.splunkd(), self.callerArgs.id).forget()
        self._answer(confInfo, check)

    @answering()
    def handleRemove(self, confInfo: Any) -> None:  # noqa: N802, N803 - Splunk's names
        """Remove an account, unless an input uses it."""
        name = self.callerArgs.id
        users = sorted(one.name for one in saved_inputs(self.splunkd()) if one.account == name)
        if users:
            raise ConfigurationError(
                f"The account {name} is used by the inputs {', '.join(users)}. Delete them first, or give them another "
                "account."
            )
        StoredRefreshTokens(self.splunkd(), name).forget()
        super().handleRemove(confInfo)

    def _check(self, stored: Mapping[str, str]) -> AccountCheck | None:
        """Turn ``payload`` into what is stored, and check it; None if no check is made.

        Raises:
            AddonError: the account would not work.
            SplunkdError: splunkd could not be reached or refused.
        """
        # UCC also refuses such names, but with another message and only after our check, which may take long.
        check_name(self.callerArgs.id, "account")
        payload = self.payload
        for field, value in payload.items():
            payload[field] = cleaned(value.replace("\r\n", "\n"))
        skip = is_true(payload.pop("skip_check", ""))
        auth_type = payload["auth_type"] = payload.get("auth_type") or stored.get("auth_type") or CLIENT_SECRET
        _drop_what_is_not_of(auth_type, payload, stored)
        new_secret = any(payload.get(field) is not None for field in _ENCRYPTED_OF.get(auth_type, ()))
        last = AccountCheck.load(stored.get("last_check"))
        _end_sign_in_of_another(payload, stored)
        account = self._account({**stored, **payload, "tenant_of_domain": ""})
        self._is_direct = account.is_direct
        read = (account.pair.certificate.pem, account.pair.key_pem) if account.pair else ("", "")
        for field, text in zip(_FIELDS_OF[CERTIFICATE], read):
            if payload.get(field):
                # With normal line breaks, and only the certificate that belongs to the key.
                payload[field] = text.strip()
        changed = new_secret or any(
            field in payload and payload[field] != stored.get(field, "") for field in _CONNECTION_FIELDS
        )
        if new_secret:
            # This needs no network.
            refuse_secret_id(account)
        if skip or (account.is_of_user and not account.signed_in_as):
            if changed and last:
                payload["last_check"] = ""
            return None
        if not changed and last and last.feeds_all:
            return None
        # A missing permission may have been granted: saving again checks again.
        kept = StoredRefreshTokens(self.splunkd(), self.callerArgs.id)
        check = check_account(account._replace(refresh_tokens=kept), load_settings(self.splunkd()).network)
        payload["last_check"] = check.dump()
        if check.tenant:
            # With the domain, so that it counts for nothing where another one is written into the conf by hand.
            payload["tenant_of_domain"] = f"{account.tenant_id} {check.tenant}"
        return check

    def _account(self, fields: Mapping[str, str]) -> Account:
        auth_type = fields["auth_type"]
        given = {field: fields[field] for field in _ENCRYPTED_OF.get(auth_type, ()) if field in self.payload}
        with_key = auth_type == CERTIFICATE or (auth_type == USER and fields.get("certificate"))
        wanted = "private_key" if with_key else "client_secret"
        kept = (
            {}
            if wanted in given or auth_type == MANAGED_IDENTITY
            else account_secrets(self.splunkd(), self.callerArgs.id, auth_type)
        )
        return read_account(self.callerArgs.id, fields, {**kept, **given})

    def _answer(self, confInfo: Any, check: AccountCheck | None) -> None:  # noqa: N803 - Splunk's name
        _describe(confInfo)
        for warning in warnings(self.callerArgs.id, check, is_direct=self._is_direct) if check else ():
            confInfo.addWarnMsg(warning)


def _drop_what_is_not_of(auth_type: str, payload: dict[str, str], stored: Mapping[str, str]) -> None:
    """Drop hidden and masked fields, and delete credentials of the other type."""
    for field in _CREDENTIAL_FIELDS:
        if field in _FIELDS_OF.get(auth_type, ()):
            continue
        payload.pop(field, None)
        if stored.get(field):
            payload[field] = ""
    for secret in _ENCRYPTED_OF.get(auth_type, ()):
        if payload.get(secret) in {"", *MASKS}:
            # UCC keeps the stored secret if the field is missing, and would delete it if the field is empty.
            del payload[secret]


def _end_sign_in_of_another(payload: dict[str, str], stored: Mapping[str, str]) -> None:
    """Forget who has signed in, if that was for another application or tenant, or is not wanted any more."""
    if any(field in payload and payload[field] != stored.get(field, "") for field in _SIGN_IN_FIELDS):
        payload.update({field: "" for field in ("signed_in_as", "signed_in_at") if stored.get(field)})


def _describe(confInfo: Any, ends: Mapping[str, dt.date] | None = None) -> None:  # noqa: N803 - Splunk's name
    """Add the table's columns to each account; ``ends`` has the day on which each sign-in ends, None if not known."""
    for name, item in confInfo.items():
        check = AccountCheck.load(item.get("last_check"))
        # An account in a hand-written conf may lack it; the form would then show no choice.
        item["auth_type"] = item.get("auth_type") or CLIENT_SECRET
        item["feeds"] = summary(check) if check else "Not checked yet."
        item["checked"] = f"{check.day} (UTC)" if check else ""
        item["expires"] = str(not_after(item.get("certificate") or "") or item.get("secret_expires") or "")
        if item["auth_type"] == USER:
            until = str((ends or {}).get(name, ""))
            item["signed_in_until"] = until
            item["feeds"] = _feeds_by_person(item, until)
            if item.get("signed_in_as") and ends is not None and not until:
                item["feeds"] = str(not_signed_in(name, item["signed_in_as"]))


def _feeds_by_person(item: Mapping[str, str], until: str) -> str:
    """What an account that signs in as a user can feed: first who that is, and until when if nothing runs."""
    if not item.get("signed_in_as"):
        return _NOT_SIGNED_IN
    lasts = f", until {until} unless an input runs before" if until else ""
    return (
        f"Signed in as {item['signed_in_as']} since {(item.get('signed_in_at') or '')[:10]}{lasts}. Inputs see only "
        f"what this person may see. {item['feeds']}"
    )
