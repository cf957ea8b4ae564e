"""A search of the tree: no error disappears without a word, and no call to splunkd can take a proxy."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tooling import paths

BIN = paths.PACKAGE / "bin"
FILES = sorted(BIN.rglob("*.py"))
_NOTHING = (ast.Pass, ast.Continue, ast.Break)
WITHOUT_PROXY = {
    "solnlib.credentials": "its calls are UCC's: an entry point of ours has taken the proxies away",
    "splunktaucclib.rest_handler": "the same",
    "splunktaucclib.rest_handler.admin_external": "the same",
    "splunktaucclib.rest_handler.error": "makes no calls",
}
"""What is used of Splunk's libraries, and why no call of it can go to a proxy."""


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _has_a_reason(path: Path, first: int, last: int) -> bool:
    """Whether a comment stands there that is for readers, and not for ruff or mypy."""
    lines = path.read_text(encoding="utf-8").splitlines()[first - 1 : last]
    return any(re.search(r"# (?!noqa|type:)\S|# noqa: [A-Z0-9, ]+ - \w", line) for line in lines)


def _nothing_done(handler: ast.ExceptHandler) -> bool:
    """Whether a handler neither raises, nor tells anybody, nor answers something in place of what failed."""
    return all(
        isinstance(step, _NOTHING)
        or (isinstance(step, ast.Expr) and isinstance(step.value, ast.Constant))
        or (isinstance(step, ast.Expr) and ast.unparse(step.value).partition("(")[0].endswith(".debug"))
        or (isinstance(step, ast.Return) and (step.value is None or ast.unparse(step.value) == "None"))
        for step in handler.body
    )


def _inside_of_what_tells_when_it_answers_none(tree: ast.Module) -> set[int]:
    """Give the handlers inside of functions whose docstring says what None means."""
    return {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and "None" in (ast.get_docstring(node) or "")
        for inner in ast.walk(node)
        if isinstance(inner, ast.ExceptHandler)
    }


def swallowing(path: Path) -> Iterator[str]:
    """Give the places at which an error disappears, and no comment says why it may."""
    tree = _tree(path)
    answers_none = _inside_of_what_tells_when_it_answers_none(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Try):
            for handler in node.handlers:
                if isinstance(handler.body[-1], ast.Return) and id(handler) in answers_none:
                    continue
                if handler.type is not None and ast.unparse(handler.type) == "StoppedError":
                    continue  # to be asked to stop is no error
                last = handler.body[-1].end_lineno or handler.lineno
                if _nothing_done(handler) and not _has_a_reason(path, handler.lineno - 1, last):
                    yield f"{path.name}:{handler.lineno}"
            for step in (inner for last_step in node.finalbody for inner in ast.walk(last_step)):
                if isinstance(step, (ast.Return, ast.Break, ast.Continue)):
                    yield f"{path.name}:{step.lineno}"  # whatever was raised ends there
        if (
            isinstance(node, ast.Call)
            and ast.unparse(node.func).rpartition(".")[2] == "suppress"
            and not _has_a_reason(path, node.lineno - 1, node.lineno + 1)
        ):
            yield f"{path.name}:{node.lineno}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(BIN)))
def test_no_error_is_swallowed_without_a_reason_in_writing(path: Path) -> None:
    assert list(swallowing(path)) == []


def test_the_search_finds_what_it_looks_for(tmp_path: Path) -> None:
    file = tmp_path / "swallows.py"
    file.write_text(
        "for one in ():\n"
        "    try:\n        one()\n    except OSError:\n        continue\n"
        "def f():\n    try:\n        f()\n    except Exception:\n        return None\n"
        "with suppress(OSError):\n    f()\n"
        "try:\n    f()\nexcept ValueError:\n    pass  # it may be missing\n"
        "try:\n    f()\nexcept Exception:  # noqa: BLE001\n    pass\n"
        "try:\n    f()\nexcept Exception as error:\n    log.debug(error)\n"
        "stack.enter_context(suppress(OSError))\n"
        "\n\n"
        "def g():\n    try:\n        f()\n    finally:\n        return 1\n"
        "try:\n    f()\nexcept Exception:  # noqa: BLE001 - it may be missing\n    pass\n",
        encoding="utf-8",
    )
    assert sorted(swallowing(file)) == [f"swallows.py:{line}" for line in (11, 19, 23, 25, 32, 4, 9)]


def _names(path: Path) -> Iterator[tuple[str, str]]:
    """Give what a file imports of whom: module, name."""
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield from ((node.module or "", alias.name) for alias in node.names)


def _uses(path: Path, *called: str) -> list[str]:
    return [
        ast.unparse(node.func)
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(called)
    ]


def test_only_what_makes_no_calls_or_is_known_is_used_of_splunks_libraries() -> None:
    used = {
        f"{module}.{name}" if f"{module}.{name}" in WITHOUT_PROXY or "." not in module else module
        for path in FILES
        for module, name in _names(path)
        if module.partition(".")[0] in {"solnlib", "splunktaucclib"}
    }
    assert used <= {*WITHOUT_PROXY, "splunktaucclib.rest_handler.credentials"}


def test_the_sdk_is_given_a_handler_of_its_own_wherever_it_is_used() -> None:
    services = [
        (path.name, {keyword.arg for keyword in node.keywords})
        for path in FILES
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) in {"client.Service", "client.connect", "binding.connect"}
    ]
    assert services
    assert [name for name, given in services if "handler" not in given] == []


def test_sessions_of_requests_are_opened_in_one_place_which_asks_for_hosts_of_microsofts() -> None:
    assert {path.name for path in FILES if _uses(path, "requests.Session", "requests.get", "requests.post")} <= {
        "session.py"
    }
    # The standard library's own, without any proxy.
    by_itself = [path for path in FILES for module, _ in _names(path) if module == "urllib.request"]
    assert [path.name for path in by_itself if "urllib.request.ProxyHandler({})" not in path.read_text("utf-8")] == []
    # urllib3's pools by themselves: they read no variable of the environment.
    assert [path.name for path in FILES if _uses(path, "urlopen")] == ["rest_client.py"]
    assert [path.name for path in FILES if _uses(path, "ProxyManager")] == []


ENTRY_POINTS = [
    path
    for path in sorted(BIN.glob("*.py"))
    if any(module.startswith("defender_alerts.") for module, _ in _names(path))
]


@pytest.mark.parametrize("path", ENTRY_POINTS, ids=lambda path: path.name)
def test_each_entry_point_takes_the_environments_proxies_away_before_anything_is_called(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert "PROCESS.prepare()" in text or "    start(main)\n" in text


def test_a_command_does_so_before_its_own_part_begins() -> None:
    text = (BIN / "defender_alerts" / "splunk" / "cli" / "command.py").read_text(encoding="utf-8")
    assert 0 < text.index("PROCESS.prepare()") < text.index("main(sys.argv")
