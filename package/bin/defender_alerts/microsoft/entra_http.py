"""The HTTP client that ``msal`` uses.

``msal`` requests two discovery documents before a token, some of them from the commercial cloud whatever the account's
cloud is. They contain nothing that the table of clouds does not, so this module answers those requests itself, and a
poll needs one call to Entra ID.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from defender_alerts.errors import AddonError, ServiceError, UnexpectedAnswerError

from .transport.client import Answer, Caller, Refusal, Request, json_object


def token_endpoint(authority: str) -> str:
    """Where Entra ID issues the tokens of a tenant."""
    return f"{authority}/oauth2/v2.0/token"


class Response(NamedTuple):
    """The parts of a response that ``msal`` uses."""

    status_code: int
    text: str
    headers: Mapping[str, str] = {}


class EntraHttp:
    """The HTTP client for ``msal``: it answers discovery itself and sends token requests through the caller."""

    def __init__(self, authority: str, caller: Caller) -> None:
        self._authority = authority
        self._caller = caller

    def get(self, url: str, **_: Any) -> Response:
        """Answer a discovery document: that of this authority, whatever ``msal`` asks for."""
        del url
        return Response(
            200,
            json.dumps(
                {
                    "issuer": f"{self._authority}/v2.0",
                    "authorization_endpoint": f"{self._authority}/oauth2/v2.0/authorize",
                    "token_endpoint": token_endpoint(self._authority),
                }
            ),
        )

    def post(
        self,
        url: str,
        params: Mapping[str, str] | None = None,
        data: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        **_: Any,
    ) -> Response:
        """Send a request for tokens."""
        request = Request(
            "POST",
            url,
            params=tuple((params or {}).items()),
            form=data,
            headers=headers or {},
            accepts=frozenset({200, 400, 401, 403}),
        )
        return self._caller.call(request, _read, unavailable)


def forget(cache: Any, token: str) -> None:
    """Remove an access token from a cache of ``msal``'s."""
    for entry in list(cache.search("AccessToken")):
        if entry.get("secret") == token:
            cache.remove_at(entry)


def unavailable(refusal: Refusal) -> AddonError:
    """The error for an Entra ID that answers with a 5xx or throttles."""
    return ServiceError(
        f"Entra ID ({refusal.host}) is not issuing tokens at the moment; the next run tries again.{refusal.quoted()}"
    )


def _read(answer: Answer) -> Response:
    text = answer.text()
    body = json_object(text)
    if not (_is_token(body) or "error" in body):
        raise UnexpectedAnswerError(
            f"The token endpoint answered {answer.status} with something that is not Entra ID's{_beginning(text)}. "
            "Look for a proxy, portal or filter in between that asks for a login."
        )
    return Response(answer.status, text)


def _is_token(body: Mapping[str, Any]) -> bool:
    """Whether this is a token with a lifetime in seconds, which older endpoints send as a string."""
    return isinstance(body.get("access_token"), str) and str(body.get("expires_in", "")).isdecimal()


def _beginning(text: str) -> str:
    """The beginning of an answer for a message, unless it may contain a token."""
    return "" if "_token" in text else f", but begins with {text[:80]!r}"
