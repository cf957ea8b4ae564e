"""An input's settings, validated once and passed on as frozen values.

Names and defaults of settings are a contract with saved configurations. A test compares them with
``globalConfig.json``.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping
from typing import NamedTuple

from .errors import ConfigurationError
from .times import parse_start

SHORTEST_INTERVAL, LONGEST_INTERVAL = 60, 86_400
DEFAULT_INTERVAL = 300
DEFAULT_OVERLAP = 600
LONGEST_OVERLAP = 86_400
DEFAULT_START = "-7d"

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")
_GUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\Z", re.ASCII)
_TENANT = re.compile(
    r"(?:[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,})\Z", re.ASCII
)
_TRUE = frozenset({"1", "true", "t", "yes", "y", "on"})


class Polling(NamedTuple):
    """The settings that all kinds of input share.

    Attributes:
        start_time: as typed.
        overlap: in seconds.
        tenant_id: the tenant that is collected, a GUID or one of its domains; empty for the account's own.
    """

    name: str
    account: str
    index: str  # type: ignore[assignment] # in place of a tuple's own
    interval: str
    start_time: str
    overlap: int
    tenant_id: str = ""


def without_invisible(text: str) -> str:
    """Remove invisible characters that come with text copied from a web page, such as U+200B or a byte order mark.

    These are Unicode's category Cf, and lone surrogates (Cs), which JSON can hold and no encoding can write. Neither
    means anything in a setting.
    """
    if text.isascii():
        return text
    return "".join(character for character in text if unicodedata.category(character) not in {"Cf", "Cs"})


def cleaned(text: str) -> str:
    """Remove invisible characters and surrounding white space from a pasted value."""
    return without_invisible(text).strip()


def unusual(text: str) -> str:
    """A sentence that names the first character that is not printable ASCII: it may look like another one."""
    for character in text:
        if not (character.isascii() and character.isprintable()):
            return f" It holds the character U+{ord(character):04X} ({unicodedata.name(character, 'without a name')})."
    return ""


def is_guid(text: str) -> bool:
    """Whether the text has the form of a tenant id or application id."""
    return _GUID.match(text) is not None


def check_tenant_id(tenant_id: str, where: str) -> None:
    """Make sure that a text can name a tenant.

    Args:
        tenant_id: as it was typed, without blanks around it.
        where: what to do if it can't.

    Raises:
        ConfigurationError: it is neither a GUID nor a domain.
    """
    if not _TENANT.match(tenant_id):
        raise ConfigurationError(
            f"The tenant id {tenant_id!r} is neither a GUID nor a domain name.{unusual(tenant_id)} {where}"
        )


def is_true(text: str | None) -> bool:
    """Whether a checkbox or a value in a conf file means yes."""
    return cleaned(text or "").lower() in _TRUE


def split_list(text: str | None) -> tuple[str, ...]:
    """Split a comma-separated setting; drop empty members and repetitions, keep the order."""
    members = (cleaned(member) for member in (text or "").split(","))
    return tuple(dict.fromkeys(member for member in members if member))


def check_name(name: str, what: str) -> None:
    """Check that files, checkpoints and events can be named after an input, and that a conf file can hold an account's.

    Args:
        name: of the input or account.
        what: ``input`` or ``account``.

    Raises:
        ConfigurationError: the name is not allowed.
    """
    if not _NAME.match(name):
        raise ConfigurationError(
            f"The {what} name {name!r} is not allowed: it begins with a letter (A to Z), followed by letters, "
            "digits and underscores. Choose another name."
        )


def read_polling(name: str, stanza: Mapping[str, str]) -> Polling:
    """Read the settings that all kinds of input share.

    Raises:
        ConfigurationError: a field is missing or malformed.
    """
    where = f"Correct the input {name} under Inputs."
    check_name(name, "input")
    account = cleaned(stanza.get("account") or "")
    if not account:
        raise ConfigurationError(f"The input {name} names no account. {where}")
    tenant_id = cleaned(stanza.get("tenant_id") or "")
    if tenant_id:
        check_tenant_id(tenant_id, where)
    start_time = cleaned(stanza.get("start_time") or DEFAULT_START)
    try:
        parse_start(start_time, 0)
    except ValueError as error:
        raise ConfigurationError(
            f"The start time {start_time!r} is neither ISO 8601 in UTC (2026-01-31T00:00:00Z) nor relative (-7d, "
            f"-12h). {where}"
        ) from error
    return Polling(
        name=name,
        account=account,
        index=cleaned(stanza.get("index") or "default"),
        interval=cleaned(stanza.get("interval") or str(DEFAULT_INTERVAL)),
        start_time=start_time,
        overlap=whole_number(
            stanza.get("overlap"), "overlap", where, least=0, most=LONGEST_OVERLAP, default=DEFAULT_OVERLAP
        ),
        tenant_id=tenant_id,
    )


def seconds_between_runs(interval: str) -> int:
    """Seconds between two runs of an input with this interval; 0 if unknown, as with a cron schedule."""
    given = _number(interval)
    return max(SHORTEST_INTERVAL, int(given)) if 0 <= given < math.inf else 0


def too_short(interval: str) -> int:
    """The seconds by which an interval in a conf file is too short; 0 for a cron schedule."""
    given = _number(interval)
    return max(0, int(SHORTEST_INTERVAL - given)) if given >= 0 else 0


def _number(interval: str) -> float:
    """The seconds of an interval; -1 for what is no number. In a conf file, -1 runs an input once."""
    try:
        return float(interval)
    except ValueError:
        return -1.0


def whole_number(text: str | None, name: str, where: str, *, least: int, most: int, default: int | None = None) -> int:
    """Read a setting that must be a whole number in a range.

    Raises:
        ConfigurationError: it is not one.
    """
    given = cleaned(text or "")
    if not given and default is not None:
        return default
    if not re.fullmatch(r"\d{1,9}", given) or not least <= int(given) <= most:
        raise ConfigurationError(f"{name} is {given!r} and should be a whole number from {least} to {most}. {where}")
    return int(given)
