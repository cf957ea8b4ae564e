"""The part of ``docs/fields.md`` that is made of ``knowledge/evidence.toml``."""

from __future__ import annotations

from collections.abc import Iterator

from tooling import paths
from tooling.fields.conf import KNOWLEDGE
from tooling.fields.evidence_table import FIELDS, LEFT_OUT, Field

PAGE = paths.ROOT / "docs" / "fields.md"
MADE = "<!-- Made of knowledge/evidence.toml by `python -m tooling.fields`: change it there. -->\n"


def page(written: str) -> str:
    """The text of the page: what is written by hand, and what is made."""
    return written.partition(MADE)[0] + MADE + "\n" + "\n".join(_made()) + "\n"


def _made() -> Iterator[str]:
    siem = (KNOWLEDGE / "siem.conf").read_text(encoding="utf-8")
    yield "| field | in events of | what it is | CIM | read from |"
    yield "|---|---|---|---|---|"
    for field in FIELDS.values():
        events = "all" if f"EVAL-{field.name} " in siem else "all but SIEM"
        models = ", ".join(model.replace("_", " ") for model in field.models)
        yield f"| `{field.name}` | {events} | {field.meaning} | {models} | {_read_from(field)} |"
    yield ""
    yield "## What is in no field"
    yield ""
    yield "It is in the event all the same: `spath` finds it."
    yield ""
    yield "| why | evidence and its members |"
    yield "|---|---|"
    for reason in dict.fromkeys(LEFT_OUT.values()):
        members = ", ".join(f"`{member}`" for member, why in LEFT_OUT.items() if why == reason)
        yield f"| {reason} | {members} |"


def _read_from(field: Field) -> str:
    """Types that are read in the same way stand together."""
    types: dict[tuple[str, ...], list[str]] = {}
    for of, paths_of_type in field.paths.items():
        types.setdefault(paths_of_type, []).append(of)
    return "; ".join(f"{', '.join(of)}: {', '.join(f'`{path}`' for path in read)}" for read, of in types.items())
