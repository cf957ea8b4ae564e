"""Lists the add-on's inputs on this host, and finds those that are asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from defender_alerts.errors import ConfigurationError
from defender_alerts.input_kinds import KINDS
from defender_alerts.microsoft.apis.base import OwnSettings
from defender_alerts.settings import cleaned, is_true

from .rest_client import Splunkd, entries


@dataclass(frozen=True)
class KnownInput:
    """An input as it stands in inputs.conf."""

    kind: str
    name: str
    stanza: Mapping[str, str]

    @property
    def account(self) -> str:
        """The name of its account; empty for none."""
        return cleaned(self.stanza.get("account") or "")

    @property
    def tenant_id(self) -> str:
        """The tenant as it was typed; empty for the account's."""
        return cleaned(self.stanza.get("tenant_id") or "")

    @property
    def is_enabled(self) -> bool:
        """Whether splunkd runs it."""
        return not is_true(self.stanza.get("disabled"))

    @cached_property
    def own(self) -> OwnSettings | None:
        """The settings that only its kind has; None if one is wrong, so that it collects nothing."""
        try:
            return KINDS[self.kind].read(self.name, self.stanza)
        except ConfigurationError:
            return None


def saved_inputs(splunkd: Splunkd, kind_name: str | None = None) -> list[KnownInput]:
    """The inputs that whoever asks may list, of one kind or of all.

    Raises:
        ConfigurationError: there is no such kind.
        SplunkdError: splunkd could not be reached or refused.
    """
    if kind_name not in {None, *KINDS}:
        raise ConfigurationError(
            f"The kind {kind_name!r} is not one of the add-on's. Ask for one of {', '.join(sorted(KINDS))}."
        )
    return [
        KnownInput(kind, entry.name, texts(entry.content))
        for kind in ([kind_name] if kind_name else KINDS)
        for entry in entries(splunkd.get_with_retries(f"data/inputs/{kind}", count=0))
    ]


def texts(content: Mapping[str, Any]) -> dict[str, str]:
    """A stanza as splunkd gives it, without the fields that have no value."""
    return {key: str(value) for key, value in content.items() if value is not None}


def find_inputs(splunkd: Splunkd, name: str | None, kind_name: str | None) -> list[KnownInput]:
    """The inputs that are asked for: of one name, of one kind, or all.

    Raises:
        ConfigurationError: there is none.
        SplunkdError: splunkd could not be reached or refused.
    """
    found = [one for one in saved_inputs(splunkd, kind_name) if name in {None, one.name}]
    if not found:
        what = "no input" if name is None else f"no input {name!r}"
        of_kind = f" of the kind {kind_name}" if kind_name else ""
        raise ConfigurationError(f"There is {what}{of_kind} here. See the Inputs page of the add-on on this host.")
    return found


def find_input(splunkd: Splunkd, name: str, kind_name: str | None) -> KnownInput:
    """The input of that name; ``kind_name`` tells apart several of one name.

    Raises:
        ConfigurationError: there is none, or more than one.
        SplunkdError: splunkd could not be reached or refused.
    """
    found = find_inputs(splunkd, name, kind_name)
    if len(found) > 1:
        raise ConfigurationError(
            f"Several inputs are called {name}: add --kind, one of {', '.join(sorted(one.kind for one in found))}."
        )
    return found[0]
