"""How the tests ask the APIs that speak OData."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import requests
from standins.microsoft.directory import Application, Tenant

from .conftest import Client

ALL_MEMBERS = {"Prefer": "include-unknown-enum-members"}


@dataclass
class Asker:
    """A client with a token."""

    client: Client
    url: str
    token: str | None

    def ask(self, *query: tuple[str, str], headers: dict[str, str] | None = None, url: str = "") -> requests.Response:
        """Ask, by default the collection."""
        authorization = {} if self.token is None else {"Authorization": f"Bearer {self.token}"}
        return self.client.session.get(
            url or self.url,
            params=list(query),
            headers={**ALL_MEMBERS, **authorization, **(headers or {})},
            timeout=30,
            allow_redirects=False,
        )

    def ids(self, *query: tuple[str, str]) -> list[str]:
        """Return the ids of an answer that is one."""
        answer = self.ask(*query)
        assert answer.status_code == 200, answer.text
        return [record["id"] for record in answer.json()["value"]]

    def pages(self, *query: tuple[str, str]) -> list[list[str]]:
        """Return the ids of all pages, following nextLinks."""
        answer = self.ask(*query)
        pages: list[list[str]] = []
        while True:
            assert answer.status_code == 200, answer.text
            body: dict[str, Any] = answer.json()
            pages.append([record["id"] for record in body["value"]])
            if "@odata.nextLink" not in body:
                return pages
            answer = self.ask(url=body["@odata.nextLink"])


def asker(
    client: Client,
    tenant: Tenant,
    application: Application,
    url: str,
    *,
    audience: str,
    login: str = "login.microsoftonline.com",
) -> Asker:
    """Get a token and return who asks with it."""
    return Asker(client, url, client.token(tenant, application, scope=f"{audience}/.default", login=login))
