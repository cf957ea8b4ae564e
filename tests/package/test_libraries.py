"""lib/: a complete lock, and libraries that both of Splunk's Pythons can use."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tooling import paths, tree

# What the lock leaves out on purpose: each is compiled, or serves only what is.
LEFT_OUT = {"cryptography", "pyjwt", "grpcio", "opentelemetry-api", "opentelemetry-sdk"}
LEFT_OUT |= {"opentelemetry-exporter-otlp-proto-grpc"}

# Prints what the libraries ask for without an extra, as canonical names.
REQUIREMENTS = """
import json, re, sys
from importlib import metadata
from packaging.requirements import Requirement
found = set()
for distribution in metadata.distributions(path=[sys.argv[1]]):
    for line in distribution.requires or ():
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            found.add(re.sub(r"[-_.]+", "-", requirement.name).lower())
print(json.dumps(sorted(found)))
"""

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


def test_lib_holds_exactly_what_the_lock_names(built_app: Path) -> None:
    assert tree.installed_libraries(built_app) == tree.locked_libraries()


def test_each_library_comes_with_its_licence(built_app: Path) -> None:
    metadata = [path.read_text(encoding="utf-8") for path in built_app.glob("lib/*.dist-info/METADATA")]
    assert len(metadata) == len(tree.locked_libraries())
    # splunk-sdk names its licence's address; the others an identifier.
    assert [text[:200] for text in metadata if "\nLicense" not in text] == []


def test_the_lock_is_complete(built_app: Path, splunk_python: Path) -> None:
    needed = set(json.loads(run(splunk_python, REQUIREMENTS, built_app / "lib", path=built_app / "lib")))
    assert needed - tree.installed_libraries(built_app).keys() == LEFT_OUT


def test_the_libraries_work_without_what_is_compiled(splunk_python: Path, built_app: Path) -> None:
    # splunktaucclib has printed that this is no Splunk.
    assert run(splunk_python, USE, path=built_app / "lib").splitlines()[-1] == "terces"


def test_every_file_is_valid_for_the_python(splunk_python: Path, built_app: Path) -> None:
    run(splunk_python, EVERYTHING, built_app)
