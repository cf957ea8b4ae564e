"""Which package imports which: the table in docs/architecture.md is compared with the imports."""

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
    """Give the table: package or module -> what it imports."""
    text = (paths.ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = re.findall(
        r"^\| `(\w+)` \|([^|]*)\|", text.partition("| package | imports |")[2].partition("\n\n")[0], re.MULTILINE
    )
    return {package: set(re.findall(r"`(\w+)`", imports)) for package, imports in rows}


def imported() -> dict[str, set[str]]:
    """Give the same out of the code."""
    packages: dict[str, set[str]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        inside = path.relative_to(PACKAGE).with_suffix("").parts
        if inside == ("__init__",):
            continue
        imports = {name for module in modules(path, inside) if (name := package_of(module))}
        packages.setdefault(inside[0], set()).update(imports - {inside[0]})
    return packages


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


def package_of(module: str) -> str:
    """Give the package of a module of ours, or the library; empty for the standard library."""
    first, *rest = module.split(".")
    if first == "defender_alerts":
        return rest[0]
    return first if first in LIBRARIES else ""


def test_each_package_imports_what_the_table_says_and_nothing_else() -> None:
    assert told() == imported()


def test_only_the_package_that_faces_splunk_imports_splunks_libraries() -> None:
    assert [package for package, imports in imported().items() if imports & SPLUNKS] == ["splunk"]


def test_no_two_packages_import_each_other() -> None:
    imports = imported()
    assert [(one, other) for one in imports for other in imports[one] if one in imports.get(other, ())] == []


def test_no_two_classes_have_one_name() -> None:
    names = [
        node.name
        for path in PACKAGE.rglob("*.py")
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef)
    ]
    assert sorted(names) == sorted(set(names))


def test_each_package_states_its_rule() -> None:
    rules = {
        path: ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) for path in PACKAGE.rglob("__init__.py")
    }
    assert [path for path, rule in rules.items() if not rule or len(rule) < 40] == []
