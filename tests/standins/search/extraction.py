"""Inline extractions (``EXTRACT-``), transforms (``REPORT-``) and aliases (``FIELDALIAS-``)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from standins.search.conf import Conf, Stanza
from standins.search.refusal import NotModelledError
from standins.search.regex import compile_pcre

Values = dict[str, list[str]]

_IN_FIELD = re.compile(r"(?s)(?P<regex>.*)\s+in\s+(?P<field>\w+)\s*\Z", re.ASCII)
_ALIAS = re.compile(r'\s*("[^"]+"|\S+)\s+(AS|ASNEW)\s+("[^"]+"|\S+)', re.IGNORECASE)
_FORMAT_PAIR = re.compile(r'\s*([\w.{}]+)::("?)\$(\d+)\2(?=\s|\Z)', re.ASCII)
_REPORT_SETTINGS = frozenset({"REGEX", "FORMAT", "SOURCE_KEY"})


def in_class_order(settings: Stanza, prefix: str) -> Iterator[tuple[str, str]]:
    """Name and value of the settings of one kind, in the ASCII order of their classes (assumed where the spec is silent)."""
    for name in sorted(settings):
        if name.startswith(prefix):
            yield name, settings[name]


def extract_inline(settings: Stanza, fields: Values) -> Values:
    """What the ``EXTRACT-`` settings find in ``_raw`` or in the field that they name.

    props.conf.spec: ``(?ms)`` is put in front; each named group that took part in the match is a field.
    """
    found: Values = {}
    for name, value in in_class_order(settings, "EXTRACT-"):
        in_field = _IN_FIELD.match(value)
        regex, source_field = (in_field["regex"], in_field["field"]) if in_field else (value, "_raw")
        pattern = compile_pcre(regex, prefix="(?ms)")
        if not pattern.groupindex:
            raise NotModelledError(f"{name}: no named group")
        _add_matches(name, (pattern, pattern.groupindex), fields, source_field, found)
    return found


def extract_by_transforms(settings: Stanza, transforms: Conf, fields: Values) -> Values:
    """What the transforms that the ``REPORT-`` settings name find (transforms.conf.spec: REGEX, FORMAT, SOURCE_KEY)."""
    found: Values = {}
    for name, value in in_class_order(settings, "REPORT-"):
        for transform in (part.strip() for part in value.split(",")):
            stanza = transforms.get(transform)
            if stanza is None or not set(stanza) <= _REPORT_SETTINGS:
                raise NotModelledError(f"{name}: transforms.conf [{transform}] {sorted(stanza or ())}")
            pattern = compile_pcre(stanza["REGEX"])
            names = _format_names(transform, stanza["FORMAT"]) if "FORMAT" in stanza else pattern.groupindex
            source_field = stanza.get("SOURCE_KEY", "_raw")
            _add_matches(name, (pattern, names), fields, source_field, found)
    return found


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


def _format_names(transform: str, text: str) -> dict[str, int]:
    """FORMAT's field names and group numbers."""
    if _FORMAT_PAIR.sub("", text).strip():
        raise NotModelledError(f"transforms.conf [{transform}] FORMAT = {text}")
    return {name: int(number) for name, _, number in _FORMAT_PAIR.findall(text)}


def _add_matches(
    setting: str,
    search: tuple[re.Pattern[str], Mapping[str, int]],
    fields: Values,
    source_field: str,
    found: Values,
) -> None:
    """Add to ``found`` what a pattern finds in a field; it comes with the names of its groups."""
    pattern, names = search
    texts = (fields | found).get(source_field, [])
    if len(texts) > 1:
        raise NotModelledError(f"{setting}: an extraction from the multivalue field {source_field}")
    match = pattern.search(texts[0]) if texts else None
    if match is None:
        return
    for name, group in names.items():
        if match.group(group) is None:
            continue
        if name in fields or name in found:
            raise NotModelledError(f"{setting}: the field {name} exists already")
        found[name] = [match.group(group)]
