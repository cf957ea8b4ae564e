"""Inline extractions (``EXTRACT-``), transforms (``REPORT-``) and aliases (``FIELDALIAS-``)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from standins.search.conf import Conf, Stanza
from standins.search.pcre import LimitError, MatchLimits, Pattern, compile_pattern
from standins.search.refusal import NotModelledError

Values = dict[str, list[str]]

_IN_FIELD = re.compile(r"(?s)(?P<regex>.*)\s+in\s+(?P<field>\w+)\s*\Z", re.ASCII)
_ALIAS = re.compile(r'\s*("[^"]+"|\S+)\s+(AS|ASNEW)\s+("[^"]+"|\S+)', re.IGNORECASE)
_REPORT_SETTINGS = frozenset({"REGEX", "SOURCE_KEY", "MV_ADD", "MATCH_LIMIT", "DEPTH_LIMIT"})


def in_class_order(settings: Stanza, prefix: str) -> Iterator[tuple[str, str]]:
    """Name and value of the settings of one kind, in the ASCII order of their classes (assumed where the spec is silent)."""
    for name in sorted(settings):
        if name.startswith(prefix):
            yield name, settings[name]


def extract_inline(settings: Stanza, fields: Values) -> Values:
    """What the ``EXTRACT-`` settings find in ``_raw`` or in the field that they name.

    props.conf.spec: ``(?ms)`` is put in front; each named group that took part in the match is a field. MATCH_LIMIT and
    DEPTH_LIMIT of the stanza hold; what goes beyond them is not found.
    """
    found: Values = {}
    limits = match_limits(settings)
    for name, value in in_class_order(settings, "EXTRACT-"):
        in_field = _IN_FIELD.match(value)
        regex, source_field = (in_field["regex"], in_field["field"]) if in_field else (value, "_raw")
        pattern = compile_pattern(f"(?ms){regex}")
        if not pattern.groups:
            raise NotModelledError(f"{name}: no named group")
        _add_matches(_Search(name, pattern, pattern.groups, source_field, limits), fields, found)
    return found


def extract_by_transforms(settings: Stanza, transforms: Conf, fields: Values) -> Values:
    """What the transforms that the ``REPORT-`` settings name find (transforms.conf.spec: REGEX, SOURCE_KEY, MV_ADD).

    With MV_ADD, all matches count, each search from where the last match ended (as in the examples of "Configure advanced
    extractions with field transforms", Knowledge Manager Manual). Without it, the first one does.
    """
    found: Values = {}
    for name, value in in_class_order(settings, "REPORT-"):
        for transform in (part.strip() for part in value.split(",")):
            stanza = transforms.get(transform)
            if stanza is None or not set(stanza) <= _REPORT_SETTINGS:
                raise NotModelledError(f"{name}: transforms.conf [{transform}] {sorted(stanza or ())}")
            pattern = compile_pattern(stanza["REGEX"])
            source_field, is_repeated = stanza.get("SOURCE_KEY", "_raw"), stanza.get("MV_ADD", "false") == "true"
            search = _Search(name, pattern, pattern.groups, source_field, match_limits(stanza), is_repeated=is_repeated)
            _add_matches(search, fields, found)
    return found


def match_limits(stanza: Stanza) -> MatchLimits:
    """A stanza's MATCH_LIMIT and DEPTH_LIMIT."""
    default = MatchLimits()
    return MatchLimits(
        int(stanza.get("MATCH_LIMIT", default.match)),
        int(stanza.get("DEPTH_LIMIT", default.depth)),
    )


def apply_aliases(settings: Stanza, fields: Values) -> None:
    """Add and remove what the ``FIELDALIAS-`` settings say (props.conf.spec: AS replaces and removes, ASNEW does neither)."""
    original = dict(fields)
    for name, value in in_class_order(settings, "FIELDALIAS-"):
        if _ALIAS.sub("", value).strip():
            raise NotModelledError(f"{name} = {value}")
        for old, how, new in _ALIAS.findall(value):
            source_field, alias = old.strip('"'), new.strip('"')
            if how.upper() == "ASNEW" and alias in original:
                continue
            if source_field in original:
                fields[alias] = original[source_field]
            elif how.upper() == "AS":
                fields.pop(alias, None)


@dataclass(frozen=True)
class _Search:
    """A pattern to look for in a field, the fields that its groups become, and whether it may be found several times."""

    setting: str
    pattern: Pattern
    names: Mapping[str, int]
    source_field: str
    limits: MatchLimits
    is_repeated: bool = False


def _add_matches(search: _Search, fields: Values, found: Values) -> None:
    """Add to ``found`` what a pattern finds in a field."""
    texts = (fields | found).get(search.source_field, [])
    if len(texts) > 1:
        raise NotModelledError(f"{search.setting}: an extraction from the multivalue field {search.source_field}")
    new: Values = {}
    try:
        for match in search.pattern.matches(texts[0], search.limits) if texts else ():
            for name, group in search.names.items():
                if (value := match[group]) is not None:
                    new.setdefault(name, []).append(value)
            if not search.is_repeated:
                break
    except LimitError:
        return
    for name in new:
        if name in fields or name in found:
            raise NotModelledError(f"{search.setting}: the field {name} exists already")
    found |= new
