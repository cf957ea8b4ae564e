"""Which table stands on which page, and how it gets there."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

from tooling import paths
from tooling.reference import forms, tables

DOCS = paths.ROOT / "docs"
MARK = "<!-- {}: made by `python -m tooling.reference`. -->\n\n"
"""What stands in front of a table."""

Table = Callable[[], Iterable[str]]
TABLES: Mapping[str, Mapping[str, Table]] = {
    "settings.md": forms.TABLES,
    "macros.md": {"searches": tables.macros, "thresholds": tables.thresholds},
    "network.md": {"API hosts": tables.api_hosts, "login hosts": tables.login_hosts},
    "permissions.md": {"permissions": tables.permissions},
    "searches.md": {"sourcetypes": tables.sourcetypes},
    "troubleshooting.md": {"AADSTS codes": tables.aadsts_codes},
}
"""By page and by the name in the mark: the lines of a table."""


def page(name: str, written: str) -> str:
    """Give the text of a page with its tables as they should be.

    Args:
        name: the page's file name.
        written: the page as it is.

    Raises:
        ValueError: the page has no place for a table.
    """
    for title, table in TABLES[name].items():
        mark = MARK.format(title)
        before, found, behind = written.partition(mark)
        if not found:
            raise ValueError(f"{name} lacks {mark.strip()}")
        rest = re.sub(r"\A(?:\|.*\n)*\n*", "", behind)
        written = before + mark + "\n".join(table()) + "\n" + (f"\n{rest}" if rest else "")
    return written


def write() -> None:
    """Write the tables into all pages."""
    for name in TABLES:
        path = DOCS / name
        path.write_text(page(name, path.read_text(encoding="utf-8")), encoding="utf-8")
