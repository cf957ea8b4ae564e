"""Which digests the add-on computes: those that a Splunk in FIPS mode allows, and each said not to be for security."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from tooling import paths

ALLOWED = {"sha1", "sha256"}
# A name, no proof: a FIPS provider must not refuse it. SHA-256 is allowed everywhere.
NOT_FOR_SECURITY = {"sha1"}
SOURCES = sorted((paths.PACKAGE / "bin").rglob("*.py"))


def digests(path: Path) -> Iterator[tuple[str, ast.Call | None]]:
    """Give each use of hashlib in a file, with its call if it is one."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    calls = {id(node.func): node for node in ast.walk(tree) if isinstance(node, ast.Call)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "hashlib":
            yield node.attr, calls.get(id(node))
        elif isinstance(node, ast.ImportFrom) and node.module in {"hashlib", "_hashlib", "_md5"}:
            yield from ((alias.name, None) for alias in node.names)


def test_no_product_code_says_md5() -> None:
    assert len(SOURCES) > 60
    assert [path.name for path in SOURCES if "md5" in path.read_text(encoding="utf-8").lower()] == []


def test_digests_that_prove_nothing_say_so() -> None:
    found = [(path.name, name, call) for path in SOURCES for name, call in digests(path)]
    assert {name for _, name, _ in found} == ALLOWED
    for file, name, call in found:
        assert call is not None, f"{file} uses hashlib.{name} without calling it by that name"
        said = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
        assert (said.get("usedforsecurity") == "False") == (name in NOT_FOR_SECURITY), f"{file}: hashlib.{name}"
