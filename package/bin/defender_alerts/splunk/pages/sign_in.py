"""The REST endpoint for the sign-in of a person: ``POST defender_alerts_sign_in`` with ``action`` and ``account``.

- ``start`` (and perhaps ``redirect_uri``) answers ``url``, Microsoft's page, ``redirect_uri`` and ``expires_in``.
- ``finish`` with ``address``, what the browser shows at the end, answers ``signed_in_as``, ``signed_in_at`` and
  ``check``: what the account ``feeds`` now, and ``warnings``.
- ``forget`` removes the tokens.

No answer has a token, a code or a verifier in it. Everything is done with the caller's permissions.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Callable

from defender_alerts.diagnostics.account import callers_for_a_page, check_account, summary, warnings
from defender_alerts.errors import ConfigurationError
from defender_alerts.microsoft import clouds
from defender_alerts.microsoft.account import Account
from defender_alerts.microsoft.tokens import TokenSource
from defender_alerts.microsoft.user_sign_in import CODE_SECONDS, REDIRECT_URI, read_address, unusable_address
from defender_alerts.settings import check_name
from defender_alerts.splunk.log import Redaction
from defender_alerts.splunk.names import ACCOUNT_CONF, SIGN_INS
from defender_alerts.splunk.refresh_tokens import StoredRefreshTokens
from defender_alerts.splunk.rest_client import Splunkd, documents
from defender_alerts.splunk.stored_settings import load_account, load_settings

_DATA = f"storage/collections/data/{SIGN_INS}"
# Splunk Web gives up on a request after 30 s; the redemption, its retries and splunkd's part need some of them.
_LONGEST_CHECK = 14.0


def act(request: Mapping[str, Any], caller: Splunkd, redaction: Redaction) -> dict[str, Any]:
    """Do what the form's ``action`` names."""
    form = dict(request.get("form", ()))
    actions: dict[str, Callable[[SignIn, Mapping[str, str]], dict[str, Any]]] = {
        "start": SignIn.start,
        "finish": SignIn.finish,
        "forget": SignIn.forget,
    }
    action = actions.get(form.get("action", ""))
    if action is None:
        raise ConfigurationError(f"The action is {form.get('action')!r}. Ask for one of {', '.join(actions)}.")
    check_name(form.get("account", ""), "account")
    asked_by = str(request["session"].get("user", ""))
    return action(SignIn(caller, form.get("account", ""), asked_by, redaction), form)


@dataclass
class _InMemory:
    """A refresh token that is not stored yet."""

    token: str

    def current(self) -> str:
        return self.token

    def renewed(self, token: str) -> None:
        self.token = token


class SignIn:
    """The sign-in for one account, by one Splunk user.

    While it is under way, a collection of the KV store keeps it: for ten minutes, once, and for that user.

    Args:
        splunkd: with the session of that user.
        account: its name.
        asked_by: the name of the Splunk user.
        redaction: learns every secret.
        now: seconds since 1970.
    """

    def __init__(
        self,
        splunkd: Splunkd,
        account: str,
        asked_by: str,
        redaction: Redaction,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._splunkd = splunkd
        self._name = account
        # Names of Splunk users may hold any character.
        self._key = hashlib.sha256(f"{account}\n{asked_by}".encode()).hexdigest()[:32]
        self._redaction = redaction
        self._now = now

    def start(self, form: Mapping[str, str]) -> dict[str, Any]:
        """Begin a sign-in; an earlier one of this user for this account ends by it."""
        account = self._account()
        redirect_uri = form.get("redirect_uri") or REDIRECT_URI
        flow = self._source(account).begin_sign_in(_first_resource(account), redirect_uri)
        self._keep({**flow, "client_id": account.client_id, "tenant_id": account.tenant_id})
        return {"url": flow["auth_uri"], "redirect_uri": redirect_uri, "expires_in": CODE_SECONDS}

    def finish(self, form: Mapping[str, str]) -> dict[str, Any]:
        """Redeem the address that the browser shows, try the account, and keep the sign-in."""
        came = read_address(form.get("address", ""))
        self._redaction.hide(came.get("code", ""))
        account = self._account()
        flow = self._take()
        if flow is None:
            raise unusable_address(
                "There is no sign-in for this account that you have begun in the last "
                f"{CODE_SECONDS // 60} minutes, or its address was used already."
            )
        if (flow.pop("client_id", ""), flow.pop("tenant_id", "")) != (account.client_id, account.tenant_id):
            raise unusable_address("The account was changed after this sign-in was begun.")
        source = self._source(account)
        entered = source.finish_sign_in(flow, came, _first_resource(account))
        self._redaction.hide(entered.refresh_token)
        kept = _InMemory(entered.refresh_token)
        now = dt.datetime.now(dt.timezone.utc).replace(microsecond=0)
        signed_in = account._replace(
            signed_in_as=entered.name,
            signed_in_at=now.strftime("%Y-%m-%dT%H:%M:%SZ"),
            refresh_tokens=kept,
        )
        network = load_settings(self._splunkd).network
        check = check_account(signed_in, network, seconds=_LONGEST_CHECK)
        if account.signed_in_as not in {"", signed_in.signed_in_as}:
            # If a write below fails, no input may read as one person and name another.
            self._note(signed_in_as="", signed_in_at="")
        StoredRefreshTokens(self._splunkd, account.name).replace(kept.token)
        self._note(
            signed_in_as=signed_in.signed_in_as,
            signed_in_at=signed_in.signed_in_at,
            last_check=check.dump(),
            tenant_of_domain=f"{account.tenant_id} {entered.tenant}",
        )
        return {
            "signed_in_as": signed_in.signed_in_as,
            "signed_in_at": signed_in.signed_in_at,
            "check": {"feeds": summary(check), "warnings": warnings(account.name, check)},
        }

    def forget(self, _: Mapping[str, str]) -> dict[str, Any]:
        """Remove the tokens; also those of an account that can't be read."""
        StoredRefreshTokens(self._splunkd, self._name).forget()
        self._take()
        if self._splunkd.stanza(ACCOUNT_CONF, self._name) is not None:
            self._note(signed_in_as="", signed_in_at="", last_check="")
        return {}

    def _keep(self, flow: Mapping[str, Any]) -> None:
        """Keep what ``finish`` will need, in place of an earlier sign-in; sweep away what is too old."""
        now = int(self._now())
        self._splunkd.delete(_DATA, query=json.dumps({"started": {"$lt": now - CODE_SECONDS}}))
        document = {"_key": self._key, "account": self._name, "started": now, "flow": json.dumps(flow)}
        self._splunkd.post_json(f"{_DATA}/batch_save", [document])

    def _take(self) -> dict[str, Any] | None:
        """Take the sign-in under way out of the store; None if there is none, or it is too old."""
        recent = {"_key": self._key, "started": {"$gte": int(self._now()) - CODE_SECONDS}}
        found = documents(self._splunkd.get(_DATA, query=json.dumps(recent)))
        self._splunkd.delete(_DATA, query=json.dumps({"_key": self._key}))
        flow: dict[str, Any] | None = json.loads(found[0]["flow"]) if found else None
        return flow

    def _note(self, **fields: str) -> None:
        """Write fields of the account."""
        self._splunkd.post("configs", f"conf-{ACCOUNT_CONF}", self._name, **fields)

    def _account(self) -> Account:
        account = load_account(self._splunkd, self._name, self._redaction.hide)
        if not account.is_of_user:
            raise ConfigurationError(
                f"The account {account.name} does not sign in as a user. Edit it under Configuration > Accounts, and "
                "set Signs in with to Sign in as a user."
            )
        return account

    def _source(self, account: Account) -> TokenSource:
        network = load_settings(self._splunkd, self._redaction.hide).network
        callers = callers_for_a_page(network, threading.Event())
        cloud = clouds.cloud(account.cloud)
        return TokenSource(account, cloud, callers(cloud.authority_host), callers)


def _first_resource(account: Account) -> str:
    """The resource that is named at the sign-in; the refresh token is good for the others as well."""
    return clouds.audiences("graph", account.cloud)[0]
