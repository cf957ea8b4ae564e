"""A search of the built tree: which code calls splunkd, Splunk's own libraries included, and that none can take a proxy."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

LIBRARIES = ("solnlib", "splunktaucclib", "splunklib")
OPENING = {
    "requests.request", "requests.get", "requests.post", "requests.put", "requests.delete", "requests.Session",
    "requests.session", "request.urlopen", "request.build_opener", "rest.simpleRequest", "socket.socket",
    "socket.create_connection", "client.HTTPSConnection", "client.HTTPConnection", "httplib2.Http", "HTTPSConnection",
    "HTTPConnection", "ProxyManager", "PoolManager", "urlopen",
}  # fmt: skip
BY_THE_ENVIRONMENT = "requests: it takes the environment's proxies, which each entry point has taken away"
UNUSED = "nothing of ours or UCC's imports it"
CALLERS = {
    "solnlib/splunk_rest_client.py": BY_THE_ENVIRONMENT,
    "solnlib/rest.py": BY_THE_ENVIRONMENT,
    "splunklib/binding.py": "http.client, which knows no proxy",
    "splunktaucclib/legacy/rest.py": UNUSED,
    "splunktaucclib/splunk_aoblib/rest_helper.py": UNUSED,
    "splunktaucclib/cim_actions.py": UNUSED,
}
"""The files of Splunk's libraries that open connections, and why no session key gets to a proxy through them."""


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def opens_connections(tree: ast.Module) -> bool:
    """Whether a file calls, or inherits from, something that opens connections."""
    used = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    used += [base for node in ast.walk(tree) if isinstance(node, ast.ClassDef) for base in node.bases]
    names = [ast.unparse(one) for one in used]
    return any(name == one or name.endswith(f".{one}") for name in names for one in OPENING)


@cache
def imported(tree: ast.Module, package: str) -> frozenset[str]:
    """Give the names of modules that a file may mean by its imports, wherever these stand in it."""
    return frozenset(_imported(tree, package))


def _imported(tree: ast.Module, package: str) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            name = ".".join([*above, *filter(None, [node.module])])
            yield name
            yield from (f"{name}.{alias.name}" for alias in node.names)


@cache
def file_of(app: Path, module: str) -> Path | None:
    inside = module.replace(".", "/")
    places = (app / folder / f"{inside}{end}" for folder in ("bin", "lib") for end in (".py", "/__init__.py"))
    return next((place for place in places if place.is_file()), None)


def imported_by(app: Path, scripts: list[Path]) -> set[Path]:
    """Follow imports through our code and Splunk's libraries, into packages as Python does."""
    found, left = set(scripts), list(scripts)
    while left:
        path = left.pop()
        folder = path.relative_to(app).parts[1:]
        package = ".".join(folder[:-1])
        for name in imported(parsed(path), package):
            parts = name.split(".")
            for depth in range(1, len(parts) + 1):
                file = file_of(app, ".".join(parts[:depth]))
                is_ours = file is not None and (app / "bin" in file.parents or parts[0] in LIBRARIES)
                if file is not None and is_ours and file not in found:
                    found.add(file)
                    left.append(file)
    return found


def scripts(app: Path) -> list[Path]:
    return sorted((app / "bin").glob("*.py"))


def test_these_files_of_splunks_libraries_open_connections_and_no_others(built_app: Path) -> None:
    found = {
        str(path.relative_to(built_app / "lib"))
        for library in LIBRARIES
        for path in (built_app / "lib" / library).rglob("*.py")
        if opens_connections(parsed(path))
    }
    assert found == set(CALLERS)


def test_those_that_are_said_to_be_unused_are(built_app: Path) -> None:
    reached = {str(path.relative_to(built_app)) for path in imported_by(built_app, scripts(built_app))}
    used = {name for name in CALLERS if f"lib/{name}" in reached}
    assert {"solnlib/splunk_rest_client.py", "splunklib/binding.py"} <= used
    assert [name for name in used if CALLERS[name] is UNUSED] == []


def test_nothing_tells_splunks_libraries_of_a_proxy(built_app: Path) -> None:
    told = [
        f"{path.name}:{node.value.lineno}"
        for path in imported_by(built_app, scripts(built_app))
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.keyword) and node.arg in {"proxy_hostname", "proxy_port", "proxy_info"}
    ]
    assert told == []


def prepares(app: Path, script: Path) -> bool:
    """Whether a script takes the environment's proxies away when it is run, before it calls anything."""
    tree = parsed(script)
    last = tree.body[-1]
    is_a_command = isinstance(last, ast.If) and ast.unparse(last.test) == "__name__ == '__main__'"
    for step in [*tree.body[:-1], *last.body] if isinstance(last, ast.If) and is_a_command else tree.body:
        if ast.unparse(step) == "PROCESS.prepare()" or begins_with_it(app, tree, step):
            return True
        if isinstance(step, ast.If) and "'--self' in sys.argv[1:]" in ast.unparse(step.test):
            continue  # ends with sys.exit, and calls by urllib without any proxy: tests/unit/test_swallowing.py
        if "sys.path.insert" not in ast.unparse(step) and any(isinstance(node, ast.Call) for node in ast.walk(step)):
            return False
    return False


def begins_with_it(app: Path, tree: ast.Module, step: ast.stmt) -> bool:
    """Whether a step calls, with nothing but names, a function of ours that takes them away by its first statement."""
    if not (isinstance(step, ast.Expr) and isinstance(step.value, ast.Call)):
        return False
    if not all(isinstance(part, ast.Name) for part in (step.value.func, *step.value.args)):
        return False
    called = ast.unparse(step.value.func)
    [module] = [
        node.module
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.module and called in {alias.name for alias in node.names}
    ] or [""]
    file = file_of(app, module) if module else None
    functions = parsed(file).body if file else []
    for function in functions:
        if isinstance(function, ast.FunctionDef) and function.name == called:
            [first, *_] = [one for one in function.body if not is_docstring(one)]
            return ast.unparse(first) == "PROCESS.prepare()"
    return False


def is_docstring(step: ast.stmt) -> bool:
    return isinstance(step, ast.Expr) and isinstance(step.value, ast.Constant)


def test_each_script_of_the_built_tree_that_calls_anybody_takes_the_environments_proxies_away_first(
    built_app: Path,
) -> None:
    missing = []
    for script in scripts(built_app):
        reached = imported_by(built_app, [script])
        calls = any(opens_connections(parsed(path)) for path in reached)
        # What UCC has made imports ours by its first lines.
        beside = (path for path in reached if path.parent == script.parent)
        if calls and not any(prepares(built_app, path) for path in beside):
            missing.append(script.name)
    assert missing == []


@pytest.mark.parametrize(
    ("code", "is_found"),
    [
        ("import requests\nrequests.get('x')", True),
        ("import urllib.request\nurllib.request.urlopen('x')", True),
        ("from http.client import HTTPSConnection\nclass Own(HTTPSConnection): pass", True),
        ("import urllib3\nurllib3.ProxyManager('x')", True),
        ("import requests\nrequests.adapters.HTTPAdapter()", False),
    ],
)
def test_the_search_finds_what_it_looks_for(code: str, *, is_found: bool) -> None:
    assert opens_connections(ast.parse(code)) is is_found
