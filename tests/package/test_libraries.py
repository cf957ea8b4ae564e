"""lib/: a complete lock, and libraries that both of Splunk's Pythons can use."""

from __future__ import annotations

import os
import subprocess
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from tooling import paths, tree
from tooling.splunk_pythons import SPLUNK_PYTHONS

# What the libraries' own metadata ask for and lib/ does not have, and why that is right: each is compiled, or serves only
# what is.
NOT_MET = {
    ("msal", "cryptography"): "compiled; msal imports it only where it signs itself, and here its caller does",
    ("msal", "pyjwt"): "the same: an assertion that comes signed needs none",
    ("solnlib", "grpcio"): "compiled; serves solnlib.observability alone, which is taken out of lib/",
    ("solnlib", "opentelemetry-api"): "serves solnlib.observability alone",
    ("solnlib", "opentelemetry-exporter-otlp-proto-grpc"): "serves solnlib.observability alone",
    ("solnlib", "opentelemetry-sdk"): "serves solnlib.observability alone",
}

# Imports what the add-on uses, and gets a token for a client secret.
USE = """
import json, sys
for name in ("cryptography", "jwt", "grpc", "opentelemetry"):
    sys.modules[name] = None
import msal, requests, socks, urllib3, splunklib.client, splunklib.modularinput
import splunktaucclib.rest_handler.endpoint.validator
import solnlib.log, solnlib.conf_manager, solnlib.credentials
class Answer:
    status_code, headers = 200, {}

    def __init__(self, **members):
        self.text = json.dumps(members)

class Http:
    def get(self, url, **_):
        place = url.partition("/v2.0/")[0]
        return Answer(issuer=place, authorization_endpoint=place + "/authorize", token_endpoint=place + "/token")

    def post(self, url, data, **_):
        return Answer(access_token=data["client_secret"][::-1], token_type="Bearer", expires_in=3599)

    def close(self):
        pass

application = msal.ConfidentialClientApplication(
    "client",
    client_credential="secret",
    authority="https://login.microsoftonline.com/tenant",
    instance_discovery=False,
    http_client=Http(),
)
print(application.acquire_token_for_client(["https://graph.windows.net/.default"])["access_token"])
"""

EVERYTHING = """
import pathlib, sys
for path in sorted(pathlib.Path(sys.argv[1]).rglob("*.py")):
    compile(path.read_bytes(), str(path), "exec", dont_inherit=True)
"""


def run(python: Path, script: str, *arguments: str | Path, path: Path | None = None) -> str:
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"} | ({"PYTHONPATH": str(path)} if path else {})
    command = [str(python), "-W", "ignore", "-c", script, *map(str, arguments)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def pins(lock: Path) -> dict[str, str]:
    lines = [line.partition("#")[0].strip() for line in lock.read_text(encoding="utf-8").splitlines()]
    pinned = (line.partition("==") for line in lines if line)
    return {tree.canonical(name): rest.split(" ")[0] for name, _, rest in pinned}


LOCKS = [paths.LIBRARIES_LOCK, *sorted(paths.TOOLING.glob("requirements-*.txt"))]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_a_lock_pins_everything_that_it_names(lock: Path) -> None:
    pinned = pins(lock)
    assert pinned
    assert [name for name, version in pinned.items() if not version[:1].isdigit()] == []


def test_tests_run_with_the_versions_that_are_shipped() -> None:
    shipped, tested = tree.locked_libraries(), pins(paths.TOOLING / "requirements-dev.txt")
    both = shipped.keys() & tested.keys()
    assert {"msal", "requests", "splunk-sdk", "urllib3", "pysocks"} <= both
    assert {name: tested[name] for name in both} == {name: shipped[name] for name in both}


@pytest.fixture(scope="module")
def vendored(built_app: Path) -> list[metadata.Distribution]:
    """Give the libraries in lib/ by their own metadata."""
    found = list(metadata.distributions(path=[str(built_app / "lib")]))
    assert len(found) == len(tree.locked_libraries())
    return found


def unmet(libraries: list[metadata.Distribution], python: str) -> dict[tuple[str, str], str]:
    """Give what libraries ask for and lack on a Python, as `pip check` would: by library and name, what it asks for."""
    installed = {tree.canonical(library.metadata["Name"]): library.version for library in libraries}
    environment = {"extra": "", "python_version": python, "python_full_version": f"{python}.0"}
    found = {}
    for library in libraries:
        name = tree.canonical(library.metadata["Name"])
        asked = SpecifierSet(",".join(library.metadata.get_all("Requires-Python") or ()))
        if not asked.contains(f"{python}.0"):
            found[name, "python"] = str(asked)
        for line in library.requires or ():
            requirement = Requirement(line)
            if requirement.marker is not None and not requirement.marker.evaluate(environment):
                continue
            version = installed.get(tree.canonical(requirement.name))
            if version is None or not requirement.specifier.contains(version, prereleases=True):
                found[name, tree.canonical(requirement.name)] = f"{line}; lib/ has {version}"
    return found


@pytest.mark.parametrize("python", [python.version for python in SPLUNK_PYTHONS])
def test_the_libraries_agree_with_their_own_metadata(vendored: list[metadata.Distribution], python: str) -> None:
    found = unmet(vendored, python)
    assert {key: line for key, line in found.items() if key not in NOT_MET} == {}
    assert found.keys() == NOT_MET.keys(), "an exception that is none any more"


def test_the_libraries_work_without_what_is_compiled(splunk_python: Path, built_app: Path) -> None:
    # splunktaucclib has printed that this is no Splunk.
    assert run(splunk_python, USE, path=built_app / "lib").splitlines()[-1] == "terces"


def test_every_file_is_valid_for_the_python(splunk_python: Path, built_app: Path) -> None:
    run(splunk_python, EVERYTHING, built_app)
