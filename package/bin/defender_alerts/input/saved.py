"""Reads what the setup pages have saved: accounts, proxy, network and logging, secrets decrypted by splunkd."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import NamedTuple

from defender_alerts.errors import ConfigurationError
from defender_alerts.settings import Account, Network, is_true, read_account, read_network

from .names import ACCOUNT_CONF, APP, SETTINGS_CONF
from .splunkd import Splunkd

_SEPARATOR = "``splunk_cred_sep``"
_END = _SEPARATOR.join(("", "S", "P", "L", "U", "N", "K", ""))


class SavedSettings(NamedTuple):
    """What all inputs share."""

    network: Network
    loglevel: str


def secrets(splunkd: Splunkd, conf: str, name: str) -> Mapping[str, str]:
    """The encrypted fields of a stanza, where UCC's REST handlers keep them.

    They are one JSON object, cut into numbered passwords of 255 characters (solnlib 8.2, ``credentials.py``). solnlib's
    own reader is not used: its ``requests`` session would take the call to splunkd, with the session key, to a proxy
    that the environment names.

    Raises:
        SplunkdError: splunkd could not be reached or refused.
    """
    realm = f"__REST_CREDENTIAL__#{APP}#configs/conf-{conf}"
    answer = splunkd.get_again("storage/passwords", count=0, search=f"realm={realm}")
    pieces: dict[int, str] = {}
    for entry in answer["entry"]:
        content = entry["content"]
        owner, _, number = str(content.get("username", "")).partition(_SEPARATOR)
        if (content.get("realm"), owner) == (realm, name) and number.isdigit():
            pieces[int(number)] = str(content.get("clear_password", ""))
    whole = "".join(pieces[number] for number in sorted(pieces)).partition(_END)[0]
    try:
        fields = json.loads(whole)
    except ValueError:
        return {}
    return fields if isinstance(fields, dict) else {}


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
