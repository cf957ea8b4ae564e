from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
from standins.microsoft import ticks
from standins.microsoft.clock import CloudClock
from standins.microsoft.cloud import MicrosoftCloud
from standins.microsoft.directory import Application, Tenant

NOW = ticks.parse("2026-03-01T12:00:00Z")


class Client:
    """An ordinary client of the cloud: requests, a proxy, the private authority."""

    def __init__(self, session: requests.Session) -> None:
        self.session = session

    def token(
        self,
        tenant: Tenant,
        application: Application,
        *,
        scope: str = "https://graph.windows.net/.default",
        login: str = "login.microsoftonline.com",
    ) -> str:
        answer = self.ask_token(
            tenant.guid,
            login=login,
            grant_type="client_credentials",
            client_id=application.client_id,
            client_secret=application.secrets[0].value,
            scope=scope,
        )
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])

    def ask_token(self, tenant: str, *, login: str = "login.microsoftonline.com", **form: str) -> requests.Response:
        return self.session.post(f"https://{login}/{tenant}/oauth2/v2.0/token", data=form, timeout=20)

    def alerts(
        self,
        host: str,
        token: str | None,
        *query: tuple[str, str],
        path: str = "/api/alerts",
        timeout: float = 20,
    ) -> requests.Response:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        url = f"https://{host}{path}"
        asked = list(query) or [("sinceTimeUtc", "2026-03-01T00:00:00Z")]
        answer = self.session.get(
            url, params=asked, headers=headers, timeout=timeout, allow_redirects=False, stream=True
        )
        # requests leaves it to urllib3 to notice a body that is too short, and does not tell it to.
        answer.raw.enforce_content_length = True
        assert answer.content is not None
        return answer


@pytest.fixture
def clock() -> CloudClock:
    return CloudClock(frozen_at=NOW)


@pytest.fixture
def cloud(clock: CloudClock) -> Iterator[MicrosoftCloud]:
    with MicrosoftCloud(clock) as running:
        yield running


@pytest.fixture
def connect(tmp_path: Path) -> Iterator[Callable[[MicrosoftCloud, str], Client]]:
    """Make clients of a cloud by a proxy's URL."""
    with contextlib.ExitStack() as sessions:

        def make(cloud: MicrosoftCloud, proxy: str) -> Client:
            authority = tmp_path / "ca.pem"
            authority.write_text(cloud.ca_pem)
            session = sessions.enter_context(requests.Session())
            session.trust_env = False
            session.verify = str(authority)
            session.proxies = {"https": proxy}
            return Client(session)

        yield make


@pytest.fixture
def client(cloud: MicrosoftCloud, connect: Callable[[MicrosoftCloud, str], Client]) -> Client:
    return connect(cloud, cloud.proxy.url())


@pytest.fixture
def tenant(cloud: MicrosoftCloud) -> Tenant:
    return cloud.entra.add_tenant("11111111-2222-3333-4444-555555555555")


@pytest.fixture
def application(tenant: Tenant) -> Application:
    return tenant.add_application(
        "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
        secret="right",
        secret_id="99999999-8888-7777-6666-555555555555",
        roles={"https://graph.windows.net": ("Alert.Read.All",)},
    )
