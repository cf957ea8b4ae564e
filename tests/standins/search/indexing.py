"""What happens to an input's event until it is in an index."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from standins.search.conf import Stanza
from standins.search.refusal import NotModelledError
from standins.search.regex import compile_pcre

_TRUE = frozenset({"true", "t", "1", "yes", "y"})
_FALSE = frozenset({"false", "f", "0", "no", "n"})


@dataclass(frozen=True)
class IndexedEvent:
    """An event as it lies in an index."""

    raw: str
    time: str | None
    """Epoch seconds as the input gave them (``<time>``); None is the moment at which the event arrived."""
    source: str
    sourcetype: str
    host: str
    index: str
    index_time: str | None = None
    """Epoch seconds at which it was indexed, where that matters."""


def split_into_events(raw: str, settings: Stanza) -> list[str]:
    """The events that one ``<event>`` of a modular input becomes, by the settings of props.conf that hold for it.

    Raises:
        NotModelledError: a character set, a merging of lines or a reading of timestamps that isn't modelled.
    """
    if settings.get("CHARSET", "UTF-8") != "UTF-8":
        raise NotModelledError(f"CHARSET = {settings['CHARSET']}")
    lines = list(_broken(raw, settings.get("LINE_BREAKER", r"([\r\n]+)")))
    if len(lines) > 1 and _boolean(settings, "SHOULD_LINEMERGE", default=True):
        raise NotModelledError("SHOULD_LINEMERGE = true, for more than one line")
    return [_truncated(line, int(settings.get("TRUNCATE", "10000"))) for line in lines]


def event_time(time: str | None, settings: Stanza) -> str | None:
    """The time of an event whose input says ``time``.

    props.conf.spec, DATETIME_CONFIG: "NONE" leaves the event time set to whatever time was selected by the input layer,
    "CURRENT" takes the system's. Anything else makes Splunk look for a date in the text.
    """
    where = settings.get("DATETIME_CONFIG")
    if where not in {"NONE", "CURRENT"}:
        raise NotModelledError(f"recognition of timestamps in the text (DATETIME_CONFIG = {where})")
    return time if where == "NONE" else None


def _broken(raw: str, line_breaker: str) -> Iterator[str]:
    """props.conf.spec, LINE_BREAKER: the first group is what lies between two events, and is dropped."""
    pattern = compile_pcre(line_breaker)
    if not pattern.groups:
        raise NotModelledError(f"LINE_BREAKER = {line_breaker}: no capturing group")
    start = 0
    for match in pattern.finditer(raw):
        if raw[start : match.start(1)]:
            yield raw[start : match.start(1)]
        start = match.end(1)
    if raw[start:]:
        yield raw[start:]


def _truncated(line: str, limit: int) -> str:
    """props.conf.spec, TRUNCATE: in bytes, rounded down to a whole character; 0 is never."""
    encoded = line.encode()
    return line if limit == 0 or len(encoded) <= limit else encoded[:limit].decode(errors="ignore")


def _boolean(settings: Stanza, name: str, *, default: bool) -> bool:
    value = settings.get(name, str(default)).lower()
    if value not in _TRUE | _FALSE:
        raise NotModelledError(f"{name} = {settings[name]}")
    return value in _TRUE
