"""What the unit tests share: a stand-in cloud, a tenant in it, and an input that polls it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from standins.microsoft.cloud import MicrosoftCloud
from standins.polling import SECRET, PolledInput


@pytest.fixture
def cloud() -> Iterator[MicrosoftCloud]:
    with MicrosoftCloud() as running:
        yield running


@pytest.fixture
def polled(cloud: MicrosoftCloud) -> PolledInput:
    tenant = cloud.entra.add_tenant(domain="contoso.onmicrosoft.com", cloud="commercial")
    application = tenant.add_application(secret=SECRET)
    return PolledInput(cloud, tenant, application)
