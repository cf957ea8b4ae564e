"""The built add-on, set up once for all kills, under each of Splunk's Pythons that a test wants."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from integration.installation import Installation, set_up
from standins.microsoft.cloud import MicrosoftCloud
from standins.splunkd import Splunkd


@pytest.fixture(scope="session")
def chaos_on(
    built_app: Path, splunk_pythons: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Installation]]:
    """Give a function that installs and sets up the add-on under a version of Python, once for each."""
    with ExitStack() as stack:
        made: dict[str, Installation] = {}

        def once(version: str) -> Installation:
            if version not in made:
                home = tmp_path_factory.mktemp("chaos") / "splunk"
                cloud = stack.enter_context(MicrosoftCloud())
                splunkd = stack.enter_context(Splunkd(home, built_app, splunk_pythons[version]))
                made[version] = set_up(Installation(splunkd, cloud))
            return made[version]

        yield once


@pytest.fixture
def installed(chaos_on: Callable[[str], Installation]) -> Installation:
    """Give the add-on under Splunk's older Python, as if nothing had been collected yet."""
    installation = chaos_on("3.9")
    installation.reset()
    return installation
