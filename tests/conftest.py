"""What several test folders need: the add-on as it was built, and the two Pythons that Splunk runs it on."""

from __future__ import annotations

import gc
import os
from pathlib import Path

import pytest
from hypothesis import settings

from tooling import paths
from tooling.splunk_pythons import SPLUNK_PYTHONS, SplunkPython

# How long an example takes says nothing about it on a machine that does other things as well. The same examples each
# time: what fails fails again, and to look further is a matter of raising the number.
settings.register_profile("project", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("project")

# Collecting makes hardly any garbage, and a third of its time would go into looking for some.
gc.disable()


def pytest_collection_finish() -> None:
    """Leave the thousands of collected tests out of every later garbage collection."""
    gc.collect()
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session")
def built_app() -> Path:
    """Give the tree that UCC built. It is shared: whoever runs something in it copies it first."""
    return there(paths.BUILT_APP)


@pytest.fixture(scope="session")
def tarball() -> Path:
    """Give what users install."""
    return there(paths.TARBALL)


@pytest.fixture(scope="session")
def splunk_pythons() -> dict[str, Path]:
    """Give the programs of Splunk's Pythons by version: `3.9` and `3.13`."""
    return {python.version: program(python) for python in SPLUNK_PYTHONS}


@pytest.fixture(scope="session", params=SPLUNK_PYTHONS, ids=lambda python: f"python{python.version}")
def splunk_python(request: pytest.FixtureRequest) -> Path:
    """Give the program of one of Splunk's Pythons; the test runs once for each."""
    return program(request.param)


def there(path: Path) -> Path:
    """Give a path that has to be there."""
    if not path.exists():
        pytest.fail(f"{path} is missing: run ./build.sh build", pytrace=False)
    return path


def program(python: SplunkPython) -> Path:
    """Give the program of one of Splunk's Pythons; without it the test is reported as not run, or fails in CI."""
    if not python.ready:
        reason = f"Splunk's Python {python.version} is missing: ./build.sh test makes it, where it can be root"
        if os.environ.get("CI") == "true":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    return python.program
