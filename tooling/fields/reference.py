"""The tables of ``docs/fields.md``, which are made of ``knowledge/fields.toml``."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from tooling import paths
from tooling.fields.table import FIELDS, INCIDENT, LEFT_OUT, SIEM, Field

PAGE = paths.ROOT / "docs" / "fields.md"
PROPS = "package/default/props.conf"
_MARK = "<!-- {}: made of knowledge/fields.toml by `python -m tooling.fields`. Change it there. -->\n\n"


def page(written: str, texts: Mapping[str, str]) -> str:
    """The text of the page: what is written by hand, and the tables, each behind its mark.

    Args:
        written: the page as it is.
        texts: the files that are edited and those that are made, by name, for their sizes.
    """
    calls = _json_calls(texts[PROPS])
    tables = {name: _fields(only, calls) for name, only in _TABLES.items()}
    tables |= {"left out": _left_out(), "sizes": _sizes(texts)}
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


def _json_calls(props: str) -> Mapping[str, str]:
    """How many calls of JSON functions an event of the SIEM API costs, and one of the others, by field."""
    calls: dict[str, list[str]] = {}
    for sourcetype in ("wdatp:alerts", "ms:defender:graph:alerts"):
        settings = props.partition(f"\n[{sourcetype}]\n")[2].partition("\n[")[0]
        for name, value in re.findall(r"^EVAL-(\w+) = (.*)$", settings, re.MULTILINE):
            if count := len(re.findall(r"\bjson_\w+\(", value)):
                calls.setdefault(name, []).append(f"{count}{' (SIEM)' if sourcetype == 'wdatp:alerts' else ''}")
    return {name: ", ".join(reversed(counts)) for name, counts in calls.items()}


def _fields(only: Callable[[Field], bool], calls: Mapping[str, str]) -> Iterator[str]:
    yield "| field | in events of | what it is | CIM | read from | JSON calls |"
    yield "|---|---|---|---|---|---|"
    for field in FIELDS.values():
        if only(field):
            models = ", ".join(model.replace("_", " ") for model in field.models)
            cells = (
                f"`{field.name}`",
                events(field),
                field.meaning,
                models,
                _read_from(field),
                calls.get(field.name, ""),
            )
            yield f"| {' | '.join(cells)} |"


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


_TABLES: Mapping[str, Callable[[Field], bool]] = {
    "records": lambda field: not field.is_of_evidence and not field.is_siem_name,
    "evidence": lambda field: field.is_of_evidence and not field.is_siem_name,
    "SIEM names": lambda field: field.is_siem_name,
}
