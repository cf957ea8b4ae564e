"""The tables of ``docs/fields.md``, which are made of ``knowledge/fields.toml``."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from tooling import paths
from tooling.fields.table import FIELDS, INCIDENT, LEFT_OUT, SIEM, Field

PAGE = paths.ROOT / "docs" / "fields.md"
_MARK = "<!-- {}: made of knowledge/fields.toml by `python -m tooling.fields`. Change it there. -->\n\n"


def page(written: str, texts: Mapping[str, str]) -> str:
    """The text of the page: what is written by hand, and the tables, each behind its mark.

    Args:
        written: the page as it is.
        texts: the files that are edited and those that are made, by name, for their sizes.
    """
    tables = {**{name: table() for name, table in _TABLES.items()}, "sizes": _sizes(texts)}
    for name, table in tables.items():
        mark = _MARK.format(name)
        rows = "\n".join(table) + "\n"
        before, found, behind = written.partition(mark)
        if not found:
            raise ValueError(f"{PAGE.name} lacks {mark.strip()}")
        written = before + mark + rows + re.sub(r"\A(?:\|.*\n)*", "", behind)
    return written


def events(field: Field) -> str:
    """In events of which records a field may be."""
    if field.events:
        return field.events
    if field.is_of_evidence:
        return "all" if SIEM in field.paths else "all but SIEM"
    types = {*field.paths} - {"former"}
    if types == {INCIDENT}:
        return "incidents"
    if types <= {"alert", INCIDENT}:
        return "Graph"
    return "all" if SIEM in types else "all but SIEM"


def _fields(only: Callable[[Field], bool]) -> Iterator[str]:
    yield "| field | in events of | what it is | CIM | read from |"
    yield "|---|---|---|---|---|"
    for field in FIELDS.values():
        if only(field):
            models = ", ".join(model.replace("_", " ") for model in field.models)
            yield f"| `{field.name}` | {events(field)} | {field.meaning} | {models} | {_read_from(field)} |"


def _left_out() -> Iterator[str]:
    yield "| why | evidence and its members |"
    yield "|---|---|"
    for reason in dict.fromkeys(LEFT_OUT.values()):
        members = ", ".join(f"`{member}`" for member, why in LEFT_OUT.items() if why == reason)
        yield f"| {reason} | {members} |"


def _sizes(texts: Mapping[str, str]) -> Iterator[str]:
    yield "| file | lines | bytes |"
    yield "|---|---|---|"
    for name, text in texts.items():
        yield f"| `{name}` | {text.count(chr(10)):,} | {len(text.encode()):,} |"


def _read_from(field: Field) -> str:
    read = [_by_type(field.paths)] if field.is_made or not field.steps[1:] else list(_steps(field))
    return "; ".join(filter(None, [*read, ", ".join(f"`{name}`" for name in field.of)]))


def _steps(field: Field) -> Iterator[str]:
    """One after the other, with what evidence counts."""
    for number, step in enumerate(field.steps, 1):
        which = ", then ".join(" and ".join(choice) or "any" for choice in step.which)
        yield f"({number}) {'' if which == 'any' else f'{which}: '}{_by_type(step.paths)}"


def _by_type(paths: Mapping[str, tuple[str, ...]]) -> str:
    """Types that are read in the same way stand together."""
    types: dict[tuple[str, ...], list[str]] = {}
    for of, paths_of_type in paths.items():
        types.setdefault(paths_of_type, []).append(of)
    return "; ".join(f"{', '.join(of)}: {', '.join(f'`{path}`' for path in read)}" for read, of in types.items())


_TABLES: Mapping[str, Callable[[], Iterator[str]]] = {
    "records": lambda: _fields(lambda field: not field.is_of_evidence and not field.is_siem_name),
    "evidence": lambda: _fields(lambda field: field.is_of_evidence and not field.is_siem_name),
    "SIEM names": lambda: _fields(lambda field: field.is_siem_name),
    "left out": _left_out,
}
