"""Finds one of the add-on's inputs on this host by its name."""

from __future__ import annotations

from collections.abc import Mapping

from defender_alerts.errors import ConfigurationError
from defender_alerts.kinds import KINDS, Kind

from .splunkd import Splunkd


def find_input(splunkd: Splunkd, name: str, kind_name: str | None) -> tuple[Kind, Mapping[str, str]]:
    """The input of that name, and its stanza; ``kind_name`` tells apart several of one name.

    Raises:
        ConfigurationError: there is none, or more than one.
        SplunkdError: splunkd could not be reached or refused.
    """
    found: dict[str, Mapping[str, str]] = {}
    for kind in [kind_name] if kind_name else list(KINDS):
        for entry in splunkd.get(f"data/inputs/{kind}", count=0)["entry"]:
            if entry["name"] == name:
                found[kind] = {key: str(value) for key, value in entry["content"].items() if value is not None}
    if not found:
        raise ConfigurationError(f"There is no input {name!r} here. See the Inputs page of the add-on on this host.")
    if len(found) > 1:
        raise ConfigurationError(f"Several inputs are called {name}: add --kind, one of {', '.join(sorted(found))}.")
    ((kind_found, stanza),) = found.items()
    return KINDS[kind_found], stanza
