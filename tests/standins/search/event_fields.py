"""The fields that an app gives events."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from standins.search.conf import Conf


def fields_of_events(props: Conf, transforms: Conf, lookups: Mapping[str, Sequence[str]]) -> frozenset[str]:
    """Every field that props.conf makes, except those of automatic extraction.

    Args:
        props: props.conf.
        transforms: transforms.conf, for the columns of lookups without OUTPUT.
        lookups: the columns of each lookup file.
    """
    found: set[str] = set()
    for settings in props.values():
        for setting, value in settings.items():
            kind, _, name = setting.partition("-")
            if kind == "EVAL":
                found.add(name)
            elif kind == "EXTRACT":
                found |= set(re.findall(r"\(\?<(\w+)>", value))
            elif kind == "FIELDALIAS":
                found |= set(re.findall(r"\b(?:AS|ASNEW)\s+\"?([\w.{}]+)", value))
            elif kind == "LOOKUP":
                found |= _outputs(value, transforms, lookups)
            elif kind == "REPORT":
                found |= {
                    field
                    for transform in value.split(",")
                    for field in re.findall(r"\(\?<(\w+)>", transforms[transform.strip()]["REGEX"])
                }
    return frozenset(found)


def _outputs(value: str, transforms: Conf, lookups: Mapping[str, Sequence[str]]) -> set[str]:
    table, *rest = re.split(r"\s+OUTPUT(?:NEW)?\s+", value)
    columns = lookups[transforms[table.split()[0]]["filename"]]
    return (
        {alias or column for column, alias in re.findall(r"(\w+)(?:\s+AS\s+(\w+))?", rest[0])} if rest else set(columns)
    )
