"""The built add-on in a Splunk, set up once for all tests that leave its settings as they are."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Callable

import pytest
from integration.installation import Install, Installation, set_up
from standins.microsoft.cloud import MicrosoftCloud
from standins.microsoft.faults import Hold
from standins.splunkd import Splunkd


@pytest.fixture(scope="session")
def install(
    built_app: Path, splunk_pythons: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Install]:
    """Give a function that installs the add-on, under Splunk's older Python unless it is told another one."""
    with ExitStack() as stack:

        def make(python: Path | None = None, tenant_cloud: str = "commercial") -> Installation:
            home = tmp_path_factory.mktemp("home") / "splunk"
            cloud = stack.enter_context(MicrosoftCloud())
            splunkd = stack.enter_context(Splunkd(home, built_app, python or splunk_pythons["3.9"]))
            return Installation(splunkd, cloud, tenant_cloud)

        yield make


@pytest.fixture(scope="session")
def installed_on(install: Install) -> Callable[[Path], Installation]:
    """Give a function that installs and sets up the add-on under a Python, once for each."""
    made: dict[Path, Installation] = {}

    def once(python: Path) -> Installation:
        if python not in made:
            made[python] = set_up(install(python))
            made[python].keep()
        return made[python]

    return once


@pytest.fixture
def installed(installed_on: Callable[[Path], Installation], splunk_pythons: dict[str, Path]) -> Installation:
    """Give the add-on set up under Splunk's older Python, as if nothing had been collected yet."""
    installation = installed_on(splunk_pythons["3.9"])
    installation.reset()
    return installation


@pytest.fixture
def installed_on_each(installed_on: Callable[[Path], Installation], splunk_python: Path) -> Installation:
    """Give the add-on set up under one of Splunk's Pythons after the other."""
    installation = installed_on(splunk_python)
    installation.reset()
    return installation


@pytest.fixture(scope="session")
def installed_alone(install: Install) -> Installation:
    """Give an installation in which nothing but the way to the cloud is saved."""
    installation = install()
    installation.save_way()
    installation.keep()
    return installation


@pytest.fixture
def fresh(installed_alone: Installation) -> Installation:
    """Give an installation for tests that add accounts and inputs of their own, as if none had before."""
    installed_alone.reset()
    return installed_alone


@pytest.fixture
def hold(installed: Installation) -> Iterator[Callable[[str], threading.Event]]:
    """Give a function that lets a host's answers wait for the end of the test, and the event of the first that waits."""
    gate = Hold()

    def hold_at(host: str) -> threading.Event:
        return installed.cloud.faults.add(host, gate, times=None).has_begun

    yield hold_at
    gate.gate.set()


@pytest.fixture
def python(splunk_pythons: dict[str, Path]) -> Path:
    """Give the older of Splunk's Pythons, where one is enough."""
    return splunk_pythons["3.9"]
