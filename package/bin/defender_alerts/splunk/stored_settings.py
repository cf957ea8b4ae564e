"""Reads the settings that the setup pages save; splunkd decrypts the secrets."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Callable, NamedTuple

from defender_alerts.errors import ConfigurationError
from defender_alerts.microsoft.account import CERTIFICATE, MANAGED_IDENTITY, Account, read_account
from defender_alerts.microsoft.network import Network, read_network
from defender_alerts.settings import cleaned, is_true

from .names import ACCOUNT_CONF, APP, SETTINGS_CONF
from .rest_client import Splunkd, entries

if TYPE_CHECKING:
    from defender_alerts.microsoft.user_sign_in import RefreshTokens

_SEPARATOR = "``splunk_cred_sep``"
_END = _SEPARATOR.join(("", "S", "P", "L", "U", "N", "K", ""))
# solnlib's SPLUNK_CRED_LEN_LIMIT.
_LONGEST = 255
# UCC shows these instead of an encrypted value, and may store them if nothing was stored before.
MASKS = frozenset({"******", "********"})
_REASON = "it was encrypted with another splunk.secret, as on another host"


def _untold(*_secrets: str) -> None:
    """Redact nothing: for those who write nothing of what they read."""


class SavedSettings(NamedTuple):
    """The settings that all inputs share."""

    network: Network
    loglevel: str


def readable(pieces: Mapping[int, str | None]) -> Mapping[str, str] | None:
    """Join a stanza's numbered passwords, as decrypted by splunkd, to its encrypted fields.

    They are one JSON object in pieces of 255 characters with a mark after the last one; pieces after the mark are left
    over from an earlier value (solnlib 8.2, ``credentials.py``).

    Returns:
        None if splunkd can't decrypt them: it then returns no text, an empty one, or garbage.
    """
    whole = ""
    for _, piece in sorted(pieces.items()):
        if not piece:
            return None
        if piece == _END:
            break
        whole += piece
    try:
        fields = json.loads(whole)
    except (ValueError, RecursionError):
        return None
    return {str(name): str(value) for name, value in fields.items()} if isinstance(fields, dict) else None


def in_pieces(text: str) -> list[str]:
    """A text as ``readable`` reads it: in pieces of as many characters as a password may have, then a mark."""
    return [*(text[start : start + _LONGEST] for start in range(0, len(text), _LONGEST)), _END]


def account_secrets(splunkd: Splunkd, name: str, auth_type: str) -> Mapping[str, str]:
    """The encrypted fields of an account; empty if nothing is stored.

    Raises:
        ConfigurationError: splunkd can't decrypt what is stored.
        SplunkdError: splunkd could not be reached or refused.
    """
    called = "private key" if auth_type == CERTIFICATE else "client secret"
    undecipherable = ConfigurationError(
        f"Splunk can't decrypt the {called} of the account {name}: {_REASON}. Paste it again under Configuration > "
        "Accounts."
    )
    return _secrets(splunkd, ACCOUNT_CONF, name, undecipherable)


def undecipherable_accounts(splunkd: Splunkd) -> set[str]:
    """The names of the accounts whose secrets splunkd can't decrypt.

    Raises:
        SplunkdError: splunkd could not be reached or refused.
    """
    return {name for name, fields in _all_secrets(splunkd, ACCOUNT_CONF).items() if fields is None}


def proxy_secrets(splunkd: Splunkd) -> Mapping[str, str]:
    """The encrypted fields of the proxy; empty if nothing is stored.

    Raises:
        ConfigurationError: splunkd can't decrypt what is stored.
        SplunkdError: splunkd could not be reached or refused.
    """
    undecipherable = ConfigurationError(
        f"Splunk can't decrypt the password of the proxy: {_REASON}. Enter it again under Configuration > Proxy."
    )
    return _secrets(splunkd, SETTINGS_CONF, "proxy", undecipherable)


def load_settings(splunkd: Splunkd, hide: Callable[..., None] = _untold) -> SavedSettings:
    """Read the settings for proxy, network and logging.

    Args:
        splunkd: whom to ask.
        hide: is told each secret that is read, so that it can be redacted.

    Raises:
        ConfigurationError: a setting is wrong.
        SplunkdError: splunkd could not be reached or refused.
    """
    stanzas = splunkd.stanzas(SETTINGS_CONF)
    proxy = stanzas.get("proxy", {})
    with_login = is_true(proxy.get("proxy_enabled")) and bool(proxy.get("proxy_username"))
    network = read_network(proxy, proxy_secrets(splunkd) if with_login else {}, stanzas.get("network", {}))
    hide(*(network.proxy.secrets if network.proxy else ()))
    return SavedSettings(network, cleaned(stanzas.get("logging", {}).get("loglevel") or "INFO").upper())


def account_stanza(splunkd: Splunkd, name: str) -> Mapping[str, str]:
    """The stanza of an account.

    Raises:
        ConfigurationError: it does not exist, or the user may not read it.
        SplunkdError: splunkd could not be reached or refused.
    """
    stanza = splunkd.stanza(ACCOUNT_CONF, name)
    if stanza is None:
        raise ConfigurationError(
            f"The account {name} does not exist, or this user may not read it. Add it under Configuration > Accounts, "
            "or choose another one for the input; to read accounts takes the role admin or sc_admin."
        )
    return stanza


def load_account(
    splunkd: Splunkd,
    name: str,
    hide: Callable[..., None] = _untold,
    refresh_tokens_of: Callable[[str], RefreshTokens] | None = None,
) -> Account:
    """Read an account and its secrets.

    Args:
        splunkd: whom to ask.
        name: of the account.
        hide: is told each secret that is read, so that it can be redacted.
        refresh_tokens_of: returns the stored refresh token of the person who signs in for an account of this name; None
            for one that is only read.

    Raises:
        ConfigurationError: it does not exist, or a field is wrong.
        SplunkdError: splunkd could not be reached or refused.
    """
    stanza = account_stanza(splunkd, name)
    auth_type = stanza.get("auth_type") or ""
    # A managed identity has no secret, and what an earlier credential left need not be readable.
    account = read_account(
        name, stanza, {} if auth_type == MANAGED_IDENTITY else account_secrets(splunkd, name, auth_type)
    )
    hide(*account.secrets)
    if not account.is_of_user:
        return account
    # Imported here, since polls of applications don't need it.
    from .refresh_tokens import StoredRefreshTokens

    stored = refresh_tokens_of(name) if refresh_tokens_of else StoredRefreshTokens(splunkd, name, hide=hide)
    return account._replace(refresh_tokens=stored)


def _secrets(splunkd: Splunkd, conf: str, stanza: str, undecipherable: ConfigurationError) -> Mapping[str, str]:
    """The encrypted fields of a stanza; empty if nothing is stored. Raises ``undecipherable`` if they can't be read."""
    fields = _all_secrets(splunkd, conf).get(stanza, {})
    if fields is None:
        raise undecipherable
    return {name: value for name, value in fields.items() if value not in MASKS}


def _all_secrets(splunkd: Splunkd, conf: str) -> dict[str, Mapping[str, str] | None]:
    """The encrypted fields of all stanzas of a conf file, as ``readable`` returns them.

    solnlib's own reader is not used, since it fails as a whole if one piece can't be decrypted.

    Raises:
        SplunkdError: splunkd could not be reached or refused.
    """
    realm = f"__REST_CREDENTIAL__#{APP}#configs/conf-{conf}"
    pieces: dict[str, dict[int, str | None]] = {}
    for _, content in entries(splunkd.get_with_retries("storage/passwords", count=0, search=f"realm={realm}")):
        owner, _, number = str(content.get("username", "")).rpartition(_SEPARATOR)
        if content.get("realm") == realm and number.isdecimal():
            pieces.setdefault(owner, {})[int(number)] = content.get("clear_password")
    return {owner: readable(of_owner) for owner, of_owner in pieces.items()}
