"""An installation for audits, set up once; each test begins with nothing collected and nothing indexed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from audit.audited import Audited
from integration.installation import Installation, set_up
from standins.microsoft.cloud import MicrosoftCloud
from standins.splunkd import Splunkd


@pytest.fixture(scope="session")
def installation_for_audits(
    built_app: Path, splunk_pythons: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    home = tmp_path_factory.mktemp("audit") / "splunk"
    with MicrosoftCloud() as cloud, Splunkd(home, built_app, splunk_pythons["3.9"]) as splunkd:
        yield set_up(Installation(splunkd, cloud))


@pytest.fixture
def cloud() -> Iterator[MicrosoftCloud]:
    with MicrosoftCloud() as running:
        yield running


@pytest.fixture
def audited(installation_for_audits: Installation) -> Audited:
    installation_for_audits.reset()
    searches = installation_for_audits.splunkd.searches
    searches.hidden, searches.messages = {}, []
    searches.events.clear()
    searches.journal.clear()
    return Audited(installation_for_audits)
