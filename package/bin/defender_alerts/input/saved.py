"""Reads what the setup pages have saved: accounts, proxy, network and logging, secrets decrypted by splunkd."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from defender_alerts.errors import ConfigurationError
from defender_alerts.settings import Account, Network, is_true, read_account, read_network

from .names import ACCOUNT_CONF, APP, SETTINGS_CONF
from .splunkd import Splunkd, SplunkdError


@dataclass(frozen=True)
class SavedSettings:
    """What all inputs share."""

    network: Network
    loglevel: str


def secrets(splunkd: Splunkd, conf: str, name: str) -> Mapping[str, str]:
    """The encrypted fields of a stanza, where UCC's REST handlers keep them.

    They are one JSON object, cut into passwords of 255 characters of ``storage/passwords``.

    Raises:
        SplunkdError: splunkd could not be reached or refused.
    """
    from solnlib.credentials import CredentialManager
    from splunklib.binding import HTTPError

    keeper = CredentialManager(
        splunkd.session_key,
        APP,
        realm=f"__REST_CREDENTIAL__#{APP}#configs/conf-{conf}",
        scheme=splunkd.scheme,
        host=splunkd.host,
        port=splunkd.port,
    )
    try:
        kept = keeper.get_clear_passwords_in_realm()
    except HTTPError as error:
        raise SplunkdError(error.status, f"storage/passwords: HTTP {error.status}") from error
    except OSError as error:
        raise SplunkdError(0, f"storage/passwords: {type(error).__name__}") from error
    for password in kept:
        if password["username"] == name:
            try:
                fields = json.loads(password["clear_password"])
            except ValueError:
                return {}
            return fields if isinstance(fields, dict) else {}
    return {}


def load_settings(splunkd: Splunkd) -> SavedSettings:
    """Proxy, network and logging.

    Raises:
        ConfigurationError: a setting is wrong.
        SplunkdError: splunkd could not be reached or refused.
    """
    stanzas = splunkd.stanzas(SETTINGS_CONF)
    proxy = stanzas.get("proxy", {})
    with_login = is_true(proxy.get("proxy_enabled")) and bool(proxy.get("proxy_username"))
    return SavedSettings(
        network=read_network(
            proxy,
            secrets(splunkd, SETTINGS_CONF, "proxy") if with_login else {},
            stanzas.get("network", {}),
        ),
        loglevel=(stanzas.get("logging", {}).get("loglevel") or "INFO").strip().upper(),
    )


def load_account(splunkd: Splunkd, name: str) -> Account:
    """An account with its secret.

    Raises:
        ConfigurationError: it does not exist, or a field is wrong.
        SplunkdError: splunkd could not be reached or refused.
    """
    stanza = splunkd.stanza(ACCOUNT_CONF, name)
    if stanza is None:
        raise ConfigurationError(
            f"The account {name} does not exist. Add it under Configuration > Accounts, or choose another one for the "
            "input."
        )
    return read_account(name, stanza, secrets(splunkd, ACCOUNT_CONF, name))
