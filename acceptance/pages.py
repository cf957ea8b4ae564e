"""What the documents say of the questions, made of their tables.

    PYTHONPATH=tests:package/bin:. .toolchain/venv/bin/python -m acceptance.pages

writes it: which question settles a row of docs/unknowns.md, and the questions in docs/accept.md.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from acceptance.checks import Check
from acceptance.judging import CHECKS as SPLUNK
from acceptance.tenant_checks import CHECKS as TENANT
from tooling import paths

CHECKS: Mapping[str, Sequence[Check]] = {"splunk": [asked.check for asked in SPLUNK], "tenant": TENANT}
"""All questions, by the option that asks them."""
UNKNOWNS, ACCEPT = paths.ROOT / "docs" / "unknowns.md", paths.ROOT / "docs" / "accept.md"
_EYES, _SIGN_IN = "by hand: it takes eyes", "by hand: somebody has to sign in"
BY_HAND: Mapping[str, str] = {
    "S9": "by hand: no field of a search job tells it",
    "S12": _EYES,
    "S13": _EYES,
    "R13": _EYES,
    "R14": "by hand: it takes Splunk Cloud",
    "R17": "by hand: the container has no IPv6",
    "M3": "by hand: the program only reads",
    "M4": _EYES,
    "M15": _SIGN_IN,
    "M16": _SIGN_IN,
}
"""Why no program asks a row, in a few words."""
ROW = re.compile(r"^(\| ([SIRM]\d+[a-z]?) \|.*(?<!\\)\|).*(?<!\\)\|$", re.MULTILINE)
"""A row but for its last cell, and its number."""
_TABLE = re.compile(
    r"(<!-- questions of (\w+)[^>]*-->\n\n"
    r"\| name \| question \| how it is asked \|\n\|---\|---\|---\|\n).*?(?=<!-- end)",
    re.DOTALL,
)


def settling(row: str) -> str:
    """The names of the questions that settle a row, or why there is none."""
    names = [f"`{check.name}`" for checks in CHECKS.values() for check in checks if row in check.settles]
    return ", ".join(names) or BY_HAND[row]


def unknowns(text: str) -> str:
    """The list of unknowns, each row with the questions that settle it in its last cell."""
    return ROW.sub(lambda found: f"{found.group(1)} {settling(found.group(2))} |", text)


def accept(text: str) -> str:
    """The page about the program, with its questions."""

    def table(found: re.Match[str]) -> str:
        rows = (f"| `{check.name}` | {check.question} | {check.how} |\n" for check in CHECKS.get(found.group(2), ()))
        return found.group(1) + "".join(rows)

    return _TABLE.sub(table, text)


def main() -> None:
    """Write both pages."""
    for path, make in ((UNKNOWNS, unknowns), (ACCEPT, accept)):
        path.write_text(make(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
