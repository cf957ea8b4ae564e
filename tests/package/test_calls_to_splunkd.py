"""A search of the built tree: which code calls splunkd, Splunk's own libraries included, and that none can take a proxy."""

from __future__ import annotations

import ast
from modulefinder import ModuleFinder
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


PREPARING = (
    # Runs when the module is imported, which what UCC has made does by its first lines, or is the first step of a command:
    # tests/integration/test_environment_proxy.py listens to each of them.
    *("\nPROCESS.prepare()\n", "\nfrom defender_alerts_rh import ", "\nfrom defender_alerts_input_helper import "),
    '\nif __name__ == "__main__":\n    start(main)\n',
)
"""How a script takes the environment's proxies away."""


def opens_connections(tree: ast.Module) -> bool:
    """Whether a file calls, or inherits from, something that opens connections."""
    used = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    used += [base for node in ast.walk(tree) if isinstance(node, ast.ClassDef) for base in node.bases]
    names = [ast.unparse(one) for one in used]
    return any(name == one or name.endswith(f".{one}") for name in names for one in OPENING)


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def reached(built_app: Path) -> set[str]:
    """Give the files that the scripts may import, wherever the imports stand: ours, and those of Splunk's libraries."""
    scripts = sorted((built_app / "bin").glob("*.py"))
    others = {path.name.partition(".")[0] for path in (built_app / "lib").iterdir()} - set(LIBRARIES)
    finder = ModuleFinder([str(built_app / "bin"), str(built_app / "lib")], excludes=sorted(others))
    for script in scripts:
        finder.run_script(str(script))
    files = [getattr(module, "__file__", None) for module in finder.modules.values()]
    return {Path(file).relative_to(built_app).as_posix() for file in (*scripts, *files) if file}


def test_these_files_of_splunks_libraries_open_connections_and_no_others(built_app: Path) -> None:
    found = {
        str(path.relative_to(built_app / "lib"))
        for library in LIBRARIES
        for path in (built_app / "lib" / library).rglob("*.py")
        if opens_connections(parsed(path))
    }
    assert found == set(CALLERS)


def test_those_that_are_said_to_be_unused_are(reached: set[str]) -> None:
    used = {name for name in CALLERS if f"lib/{name}" in reached}
    assert {"solnlib/splunk_rest_client.py", "splunklib/binding.py"} <= used
    assert [name for name in used if CALLERS[name] is UNUSED] == []


def test_nothing_tells_splunks_libraries_of_a_proxy(built_app: Path, reached: set[str]) -> None:
    told = [
        f"{name}:{node.value.lineno}"
        for name in reached
        for node in ast.walk(parsed(built_app / name))
        if isinstance(node, ast.keyword) and node.arg in {"proxy_hostname", "proxy_port", "proxy_info"}
    ]
    assert told == []


def test_each_script_of_the_built_tree_takes_the_environments_proxies_away_but_those_that_call_nobody(
    built_app: Path,
) -> None:
    texts = {path.name: path.read_text(encoding="utf-8") for path in (built_app / "bin").glob("*.py")}
    missing = {name for name, text in texts.items() if not any(words in text for words in PREPARING)}
    assert missing == {"import_declare_test.py", "defender_alerts_python_version.py"}


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
