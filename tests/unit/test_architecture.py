"""Which room knows which: the table in docs/architecture.md is compared with the imports."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tooling import paths

PACKAGE = paths.PACKAGE / "bin" / "defender_alerts"
LIBRARIES = {"certifi", "msal", "requests", "solnlib", "splunklib", "splunktaucclib", "urllib3"}
SPLUNKS = {"solnlib", "splunklib", "splunktaucclib"}


def told() -> dict[str, set[str]]:
    """Give the table: room -> the rooms and libraries that it knows."""
    text = (paths.ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = re.findall(
        r"^\| `(\w+)` \|([^|]*)\|", text.partition("| room | knows |")[2].partition("\n\n")[0], re.MULTILINE
    )
    return {room: set(re.findall(r"`(\w+)`", knows)) for room, knows in rows}


def imported() -> dict[str, set[str]]:
    """Give the same out of the code."""
    rooms: dict[str, set[str]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        inside = path.relative_to(PACKAGE).with_suffix("").parts
        if inside == ("__init__",):
            continue
        known = {name for module in modules(path, inside) if (name := room_of(module))}
        rooms.setdefault(inside[0], set()).update(known - {inside[0]})
    return rooms


def modules(path: Path, inside: tuple[str, ...]) -> Iterator[str]:
    """Give the whole name of everything that a file imports, `from package import module` included."""
    here = ("defender_alerts", *inside)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = here[: len(here) - node.level] if node.level else ()
            whole = ".".join((*base, *([node.module] if node.module else [])))
            yield from (f"{whole}.{alias.name}" for alias in node.names)


def room_of(module: str) -> str:
    """Give the room of a module of ours, or the library; empty for the standard library."""
    first, *rest = module.split(".")
    if first == "defender_alerts":
        return rest[0]
    return first if first in LIBRARIES else ""


def test_each_room_knows_what_the_table_says_and_nothing_else() -> None:
    assert told() == imported()


def test_only_the_side_that_faces_splunk_knows_splunks_libraries() -> None:
    assert [room for room, known in imported().items() if known & SPLUNKS] == ["input"]


def test_no_two_rooms_know_each_other() -> None:
    known = imported()
    assert [(one, other) for one in known for other in known[one] if one in known.get(other, ())] == []
