"""The stages on which the rows are played."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from faults.polls import Polls
from faults.processes import REGIONS, Processes
from integration.installation import Installation, set_up
from standins.microsoft.cloud import MicrosoftCloud
from standins.polling import SECRET, PolledInput
from standins.splunkd import Splunkd
from standins.splunkd.kvstore import STATE_ANSWERS


@pytest.fixture
def polls(monkeypatch: pytest.MonkeyPatch) -> Iterator[Polls]:
    with MicrosoftCloud() as cloud:
        tenant = cloud.entra.add_tenant(domain="contoso.onmicrosoft.com", cloud="commercial")
        yield Polls(PolledInput(cloud, tenant, tenant.add_application(secret=SECRET)), monkeypatch)


@pytest.fixture(scope="session")
def installation(
    built_app: Path, splunk_pythons: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    home = tmp_path_factory.mktemp("faults") / "splunk"
    with MicrosoftCloud() as cloud, Splunkd(home, built_app, splunk_pythons["3.9"]) as splunkd:
        yield set_up(Installation(splunkd, cloud), regions=",".join(REGIONS))


@pytest.fixture
def processes(installation: Installation) -> Iterator[Processes]:
    installation.reset()
    stage = Processes(installation)
    yield stage
    installation.splunkd.kvstore.answers = dict(STATE_ANSWERS)
    stage.mend()
