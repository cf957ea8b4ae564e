"""``KV_MODE = auto``, Splunk's default: the fields that it extracts from ``key=value`` in an event by itself."""

from __future__ import annotations

import re

from standins.search.limits import SearchLimits
from standins.search.refusal import NotModelledError

_PAIR = re.compile(r'(?<![\w.=])([A-Za-z_][\w.]*)=(?:"([^"]*)"|([^\s",;&|]+))', re.ASCII)


def kv_fields(raw: str, limits: SearchLimits) -> dict[str, list[str]]:
    """Field name to value, in the order of the text.

    Documented (props.conf.spec, KV_MODE): pairs separated by an equal sign. transforms.conf.spec, MV_ADD: of a key that
    comes again the first value stays. Assumed: what a key is made of, and that a value without quotes ends at white
    space or one of ``, ; & |``; so a test that needs more of a value than that fails.

    Raises:
        NotModelledError: JSON, of which Splunk may take something for pairs.
    """
    if raw.startswith(("{", "[")):
        raise NotModelledError("KV_MODE = auto for JSON")
    text = raw[: limits.maxchars] if limits.maxchars else raw
    fields: dict[str, list[str]] = {}
    for key, quoted, bare in _PAIR.findall(text):
        if len(fields) < (limits.fields or len(text)):
            fields.setdefault(key.lstrip("_"), [quoted or bare])
    return fields
