"""People who sign in: who they are, what Entra ID refuses them, and the codes and refresh tokens that it gave them.

Sources: Microsoft, "refresh tokens in the Microsoft identity platform" (a use gives a new one and doesn't revoke the old
one; bound to user and client, to no resource and no tenant) and "authorization code flow" (a code lives about ten minutes
and is redeemed once). What else may end a sign-in is said by `Person.refused`.
"""

from __future__ import annotations

import secrets
import threading
import uuid
from dataclasses import dataclass, field

from standins.microsoft import ticks

CODE_SECONDS = 600


@dataclass
class Person:
    """A user of a tenant. A test may change it while the cloud runs."""

    name: str
    """The user principal name, such as ``anna@contoso.com``."""
    tenant: str
    """The GUID of the home tenant."""
    identity: str = field(default_factory=lambda: str(uuid.uuid4()))
    refused: int | None = None
    """The AADSTS code that each sign-in and each refresh gets, such as 50076 after a change of policy."""
    revoked: int = -1
    """Ticks: refresh tokens issued up to then get AADSTS50173."""


@dataclass(frozen=True)
class AuthorizationRequest:
    """What an application sent a browser to ``/authorize`` with."""

    client_id: str
    tenant: str
    redirect_uri: str
    scopes: tuple[str, ...]
    state: str
    nonce: str
    challenge: str


@dataclass(frozen=True)
class Code:
    """An authorization code."""

    request: AuthorizationRequest
    person: Person
    expires: int


@dataclass(frozen=True)
class RefreshToken:
    """A refresh token, without its text."""

    person: Person
    client_id: str
    issued: int


class SignIns:
    """Requests under way, codes and refresh tokens."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: dict[str, AuthorizationRequest] = {}
        self._codes: dict[str, Code] = {}
        self._redeemed: set[str] = set()
        self._refresh_tokens: dict[str, RefreshToken] = {}

    def begin(self, request: AuthorizationRequest) -> str:
        """Remember a request while its person looks at the page; returns the page's handle for it."""
        handle = secrets.token_urlsafe(16)
        with self._lock:
            self._requests[handle] = request
        return handle

    def request(self, handle: str) -> AuthorizationRequest | None:
        """The request of a page."""
        with self._lock:
            return self._requests.get(handle)

    def give_code(self, request: AuthorizationRequest, person: Person, now: int) -> str:
        """A code for a person who has signed in."""
        code = f"0.A{secrets.token_urlsafe(300)}"
        with self._lock:
            self._codes[code] = Code(request, person, now + CODE_SECONDS * ticks.PER_SECOND)
        return code

    def redeem(self, code: str) -> tuple[Code | None, bool]:
        """The code, which counts as redeemed from now on, and whether it had been before."""
        with self._lock:
            found = self._codes.get(code)
            was_redeemed = code in self._redeemed
            if found is not None:
                self._redeemed.add(code)
        return found, was_redeemed

    def give_refresh_token(self, person: Person, client_id: str, now: int) -> str:
        """A new refresh token; those given before stay valid."""
        value = f"1.A{secrets.token_urlsafe(900)}"
        with self._lock:
            self._refresh_tokens[value] = RefreshToken(person, client_id, now)
        return value

    def refresh_token(self, value: str) -> RefreshToken | None:
        """The refresh token with this text."""
        with self._lock:
            return self._refresh_tokens.get(value)

    @property
    def refresh_tokens(self) -> list[str]:
        """The texts of all refresh tokens given so far, to search files and answers for."""
        with self._lock:
            return list(self._refresh_tokens)

    @property
    def codes(self) -> list[str]:
        """The texts of all codes given so far."""
        with self._lock:
            return list(self._codes)
