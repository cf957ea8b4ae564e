"""props.conf: which settings hold for an event (props.conf.spec, "[<spec>] stanza precedence" and "patterns")."""

from __future__ import annotations

import re
from dataclasses import dataclass

from standins.search.conf import Conf
from standins.search.refusal import NotModelledError

# Every setting that the stand-in applies. A conf file with another one is refused when it is loaded.
INDEX_TIME = frozenset({"CHARSET", "TRUNCATE", "LINE_BREAKER", "SHOULD_LINEMERGE", "DATETIME_CONFIG"})
SEARCH_TIME = frozenset({"KV_MODE", "MATCH_LIMIT", "DEPTH_LIMIT"})
SEARCH_TIME_CLASSES = ("EXTRACT-", "REPORT-", "FIELDALIAS-", "EVAL-", "LOOKUP-")

_LITERAL, _PATTERN = 100, 0  # default priorities; the setting `priority` is not modelled
_REGEX_SIGNS = re.compile(r"[()\[\]|]")
_PATTERN_SIGNS = re.compile(r"\.\.\.|[*|()?\[\]]")
_PIECE = re.compile(r"\.\.\.|\\\\|.", re.DOTALL)
_TRANSLATION = {"...": ".*", "*": "[^/]*", ".": r"\."}


@dataclass(frozen=True)
class _Match:
    """A stanza that matches an event, comparable by precedence: the greatest wins."""

    kind: int
    priority: int
    name: str


def check_props(props: Conf) -> None:
    """Raise NotModelledError unless the stand-in knows every setting and every kind of stanza."""
    for stanza, settings in props.items():
        if stanza.startswith(("rule::", "delayedrule::")) or "(?::" in stanza:
            raise NotModelledError(f"props.conf [{stanza}]: this kind of stanza")
        if stanza.startswith(("source::", "host::")) and not _is_regex_on_record(stanza.partition("::")[2]):
            raise NotModelledError(f"props.conf [{stanza}]: a regular expression without a * in or before its segment")
        for name in settings:
            if name not in INDEX_TIME | SEARCH_TIME and not name.startswith(SEARCH_TIME_CLASSES):
                raise NotModelledError(f"props.conf [{stanza}] {name}: this setting")


def _is_regex_on_record(pattern: str) -> bool:
    """Whether what looks like a regular expression in a pattern is one.

    props.conf.spec of 10.2: "metacharacters such as ( ) [ ] | are treated as regular expressions in the stanza name only
    if they occur within or after a segment that contains a wildcard (*)". Of ``...`` it says nothing there.
    """
    until = ""
    for segment in pattern.split("/"):
        until += segment
        if _REGEX_SIGNS.search(segment) and "*" not in until:
            return False
    return True


def settings_for(props: Conf, *, source: str, sourcetype: str, host: str) -> dict[str, str]:
    """The settings that hold for an event with these three.

    ``[source::...]`` overrides ``[host::...]`` overrides ``[<sourcetype>]`` overrides ``[default]``. Among stanzas of
    one kind a literal name beats a pattern, then the lower name in ASCII order wins.
    """
    matches = []
    for stanza in props:
        kind, _, pattern = stanza.rpartition("::")
        if stanza == "default":
            matches.append((_Match(0, 0, stanza), stanza))
        elif stanza == sourcetype:
            matches.append((_Match(1, _LITERAL, stanza), stanza))
        elif kind in {"host", "source"}:
            value, flags = (host, re.IGNORECASE) if kind == "host" else (source, re.NOFLAG)
            if re.fullmatch(_as_regex(pattern), value, flags | re.DOTALL | re.ASCII):
                priority = _PATTERN if _PATTERN_SIGNS.search(pattern) else _LITERAL
                matches.append((_Match(2 if kind == "host" else 3, priority, stanza), stanza))
    matches.sort(key=lambda match: [-ord(letter) for letter in match[0].name])
    matches.sort(key=lambda match: (match[0].kind, match[0].priority))
    settings: dict[str, str] = {}
    for _, stanza in matches:
        settings.update(props[stanza])
    return settings


def _as_regex(pattern: str) -> str:
    return "".join(_TRANSLATION.get(piece, piece) for piece in _PIECE.findall(pattern))
