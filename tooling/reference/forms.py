"""Tables of the settings, made of ``globalConfig.json`` as UCC expands it.

The meaning of a field is the help of its form. ``meanings.toml`` says what the form does not: what UCC's own fields
mean, which have no help, and what only a reader of the reference wants to know.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

from splunk_add_on_ucc_framework import global_config

from tooling import paths

Field = Mapping[str, Any]
COMMON = ("name", "account", "index", "interval", "start_time", "tenant_id", "overlap")
"""The settings that all inputs have."""
MEANINGS: Mapping[str, Mapping[str, str]] = tomllib.loads(
    Path(__file__).with_name("meanings.toml").read_text(encoding="utf-8")
)


@cache
def pages() -> Mapping[str, tuple[Field, ...]]:
    """Give the fields of each form, by the form's name."""
    config = global_config.GlobalConfig.from_file(str(paths.ROOT / "globalConfig.json"))
    config.expand()
    return {page["name"]: tuple(page["entity"]) for page in [*config.resolved_configuration, *config.inputs]}


def inputs() -> tuple[str, ...]:
    """Give the kinds of inputs, in the order of the page."""
    config = json.loads((paths.ROOT / "globalConfig.json").read_text(encoding="utf-8"))
    return tuple(service["name"] for service in config["pages"]["inputs"]["services"])


def _form(name: str) -> Iterator[str]:
    for field in pages()[name]:
        yield _row(name, field, default(field))


def _common() -> Iterator[str]:
    """Give what all inputs have; the help of the first kind stands for all, without what is its own."""
    for key in COMMON:
        same = {name: _field(name, key) for name in inputs()}
        values: dict[str, list[str]] = {}
        for name, field in same.items():
            values.setdefault(default(field), []).append(name)
        [first, *others] = values
        told = first and f"`{first}`"
        told += "".join(f"; `{other}` for {', '.join(f'`{kind}`' for kind in values[other])}" for other in others)
        yield _row("inputs", same[inputs()[0]], told, quoted=True)


def _own(name: str) -> Iterator[str]:
    for field in pages()[name]:
        if field["field"] not in COMMON:
            yield _row(name, field, default(field))


def _field(form: str, key: str) -> Field:
    return next(field for field in pages()[form] if field["field"] == key)


def default(field: Field) -> str:
    """Give what a field has if nobody fills it."""
    if field["type"] == "checkbox":
        return "yes" if field.get("defaultValue") else "no"
    return str(field.get("defaultValue") or "")


def _row(form: str, field: Field, default_value: str, *, quoted: bool = False) -> str:
    told = default_value if quoted or not default_value else f"`{default_value}`"
    cells = (field["label"], f"`{field['field']}`", _values(field), told, meaning(form, field))
    return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"


def meaning(form: str, field: Field) -> str:
    """Give what a field means: what meanings.toml has in the place of the form's help, else this; and what it adds."""
    told = MEANINGS.get(form, {})
    key = field["field"]
    text = told.get(key) or _help(field)
    more = told.get(f"{key}_more", "")
    return " ".join(part for part in (text, more) if part)


def _help(field: Field) -> str:
    help_of_form = field.get("help") or ""
    if isinstance(help_of_form, str):
        return help_of_form
    text = help_of_form["text"]
    for link in help_of_form["links"]:
        target = link["link"]
        shown = f"[{link['linkText']}]({target})" if target.startswith("https://") else link["linkText"]
        text = text.replace(f"[[{link['slug']}]]", shown)
    return str(re.sub(r"\s+", " ", text))


def _values(field: Field) -> str:
    """Give what may be entered, where that is a list or a range."""
    options = field.get("options") or {}
    items = options.get("items") or options.get("autoCompleteFields") or []
    values = [str(item["value"]) for item in items]
    if values:
        return ", ".join(f"`{value}`" for value in values)
    for validator in field.get("validators", ()):
        if validator["type"] == "number":
            least, most = validator["range"]
            return f"{least:,} to {most:,}" if least < most else str(least)
    return ""


def _table(rows: Callable[[], Iterator[str]]) -> Iterator[str]:
    yield from ("| field | key | values | default | meaning |", "|---|---|---|---|---|")
    yield from rows()


TABLES: Mapping[str, Callable[[], Iterator[str]]] = {
    **{name: partial(_table, partial(_form, name)) for name in ("account", "proxy", "logging", "network")},
    "all inputs": partial(_table, _common),
    **{name: partial(_table, partial(_own, name)) for name in inputs()},
}
"""By the name in the page's mark."""
