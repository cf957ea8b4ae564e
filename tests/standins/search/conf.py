"""Conf files as stanzas of settings, and several apps' files layered into one."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from addonfactory_splunk_conf_parser_lib import TABConfigParser  # type: ignore[import-untyped]

from standins.search.refusal import NotModelledError

Stanza = Mapping[str, str]
Conf = Mapping[str, Stanza]

_CONTINUATION = re.compile(r"\\\n")


def read_conf(path: Path) -> dict[str, dict[str, str]]:
    """The stanzas of a conf file; none if there is no such file.

    Raises:
        NotModelledError: settings outside any stanza, or a ``;`` behind a space, which the parser library takes for
            the start of a comment and Splunk does not.
    """
    if not path.is_file():
        return {}
    text = path.read_text(encoding="utf-8")
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.lstrip().startswith(("#", ";")) and re.search(r"\s;", line):
            raise NotModelledError(f"{path.name}:{number}: a semicolon behind a space")
    parser = TABConfigParser()
    parser.read_string(text, source=str(path))
    if parser.fields_outside_stanza:
        raise NotModelledError(f"{path.name}: settings outside any stanza: {parser.fields_outside_stanza}")
    return {
        name: {key: _CONTINUATION.sub("\n", value or "") for key, value in settings.items()}
        for name, settings in parser.item_dict().items()
    }


def layer(confs: Sequence[Conf]) -> dict[str, dict[str, str]]:
    """One conf out of several apps', the first of which wins.

    Splunk merges setting by setting, not stanza by stanza ("About configuration files", Admin Manual). Which app wins
    depends on directory names and on the context of the search; the caller says it by the order.
    """
    merged: dict[str, dict[str, str]] = {}
    for conf in reversed(confs):
        for name, settings in conf.items():
            merged.setdefault(name, {}).update(settings)
    return merged
