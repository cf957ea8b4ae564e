"""The categories of an alert, and the tactics of MITRE ATT&CK that some of them are.

Graph sends ``categories``, a list; ``category``, one word, is deprecated there since March 2026 and goes in March 2028.
The endpoint API knows ``category`` alone.
"""

from __future__ import annotations

import csv

from tooling import paths
from tooling.fields.expressions import EMPTY, cleaned

LIST = "defender_categories"
"""What an EXTRACT makes of ``categories``: a JSON array."""
_TABLE = paths.PACKAGE / "lookups" / "defender_categories.csv"


def category() -> str:
    """An expression: every category, else the only one."""
    listed = f'mvmap(json_array_to_mv({LIST}), if(match({LIST},"(?i)\\A(?!{EMPTY}\\z)"), {LIST}, null()))'
    return f"coalesce(mvdedup({listed}), {cleaned('coalesce(vendor_category, category)')})"


def tactic(column: str) -> str:
    """An expression: what the categories are in ATT&CK.

    No document says what an automatic lookup does with a field of several values, hence the table in words.

    Args:
        column: of defender_categories.csv.
    """

    def of(field: str) -> str:
        return f"case({', '.join(pairs).replace('FIELD', field)})"

    with _TABLE.open(encoding="utf-8", newline="") as file:
        rows = [(row["category"].lower(), row[column]) for row in csv.DictReader(file)]
    names: dict[str, list[str]] = {}
    for name, value in rows:
        names.setdefault(value, []).append(name)
    pairs = [
        f'''{" OR ".join(f'lower(FIELD)=="{name}"' for name in known)}, "{value}"''' for value, known in names.items()
    ]
    return f"coalesce(mvdedup(mvmap(json_array_to_mv({LIST}), {of(LIST)})), {of('vendor_category')})"
