"""The forms of globalConfig.json, as UCC expands them, and what their validators let through."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import cache
from typing import Any

from splunk_add_on_ucc_framework import global_config

from tooling import paths

SOURCE = paths.ROOT / "globalConfig.json"


def source() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(SOURCE.read_text(encoding="utf-8"))
    return document


@cache
def forms() -> dict[str, dict[str, dict[str, Any]]]:
    """Give each form's fields as UCC expands them: form -> field -> entity."""
    expanded = global_config.GlobalConfig.from_file(str(SOURCE))
    expanded.expand()
    pages = [*expanded.resolved_configuration, *expanded.inputs]
    return {page["name"]: {entity["field"]: entity for entity in page["entity"]} for page in pages}


def allows(entity: dict[str, Any], value: str) -> bool:
    """Tell whether the validators let a value through, as splunktaucclib applies them on the server."""
    return all(VALIDATORS[validator["type"]](validator, value) for validator in entity.get("validators", []))


def in_range(validator: dict[str, Any], value: str) -> bool:
    low, high = validator["range"]
    return value.lstrip("-").isdecimal() and low <= int(value) <= high


VALIDATORS: dict[str, Callable[[dict[str, Any], str], bool]] = {
    "regex": lambda validator, value: re.match(validator["pattern"], value) is not None,
    "string": lambda validator, value: validator["minLength"] <= len(value) <= validator["maxLength"],
    "number": in_range,
    "index_name": lambda _validator, _value: True,
}
