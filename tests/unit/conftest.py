"""What the unit tests share: a stand-in cloud, a tenant in it, an input that polls it, and a splunkd."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from standins.microsoft.cloud import MicrosoftCloud
from standins.polling import SECRET, PolledInput
from standins.splunkd import Splunkd


@pytest.fixture(scope="module")
def splunkd(
    tmp_path_factory: pytest.TempPathFactory, built_app: Path, splunk_pythons: dict[str, Path]
) -> Iterator[Splunkd]:
    with Splunkd(tmp_path_factory.mktemp("splunk"), built_app, splunk_pythons["3.9"]) as running:
        yield running


@pytest.fixture
def cloud() -> Iterator[MicrosoftCloud]:
    with MicrosoftCloud() as running:
        yield running


@pytest.fixture
def polled(cloud: MicrosoftCloud) -> PolledInput:
    tenant = cloud.entra.add_tenant(domain="contoso.onmicrosoft.com", cloud="commercial")
    application = tenant.add_application(secret=SECRET)
    return PolledInput(cloud, tenant, application)
