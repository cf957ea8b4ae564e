"""A person's sign-in: the two halves of the authorization code flow, and the access tokens that follow from it.

``msal`` makes PKCE (S256), ``state`` and ``nonce``, and checks the last two. It does not look at whose tokens came
(msal 1.38: validation is the application's task), so this module does.

Sources: Microsoft, "OAuth 2.0 authorization code flow"; "Refresh tokens in the Microsoft identity platform" (90 days
without use; bound to user and application, neither to a resource nor to a tenant; a use gives a new one and leaves the
old one valid).
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Callable, NamedTuple, Protocol
from urllib.parse import parse_qsl, urlsplit

from defender_alerts.errors import AuthenticationError, SignInNeededError, UnexpectedAnswerError
from defender_alerts.times import TICKS_PER_SECOND

if TYPE_CHECKING:
    from .account import Account

REDIRECT_URI = "http://localhost"
CODE_SECONDS = 600
REFRESH_DAYS = 90
# msal renews its own tokens that long before they end.
_RENEWAL = 300 * TICKS_PER_SECOND
# A code or the secret behind it is wrong: unknown, expired, redeemed before, of another redirect URI, without verifier.
UNUSABLE_ADDRESS = frozenset({70000, 70008, 54005, 500112, 501481})
# Microsoft: decide on ``error``, since codes may change. The second is what a changed policy gets.
_OVER = frozenset({"invalid_grant", "interaction_required"})
_PARAMETERS = ("code", "error", "error_description", "error_uri", "state")


class RefreshTokens(Protocol):
    """Where the refresh token of a person is kept."""

    def current(self) -> str:
        """The newest refresh token, read anew; empty where nobody has signed in."""

    def renewed(self, token: str) -> None:
        """Keep a newer one, if the one that is kept is old enough."""


class Entered(NamedTuple):
    """What comes of a sign-in.

    Attributes:
        refresh_token: to be kept.
        name: of the person, as Entra ID gives it: ``anna@contoso.com``.
        tenant: the GUID of the tenant whose tokens came.
    """

    refresh_token: str
    name: str
    tenant: str


class UnusableAddressError(AuthenticationError):
    """The address that was pasted is of no use, or no longer; a new sign-in helps."""


def unusable_address(reason: str) -> UnusableAddressError:
    """The error for an address that can't be redeemed."""
    return UnusableAddressError(
        f"{reason} Begin the sign-in again, and paste the whole address that the browser shows at its end "
        f"within {CODE_SECONDS // 60} minutes."
    )


def begin(application: Any, resource: str, redirect_uri: str) -> dict[str, Any]:
    """Begin a sign-in.

    Args:
        application: ``msal``'s, of the account.
        resource: whose permissions the person is asked to agree to; the refresh token is good for others as well.
        redirect_uri: where the browser ends.

    Returns:
        What ``redeem`` needs, as JSON; in it the address of Microsoft's page as ``auth_uri``.
    """
    with warnings.catch_warnings():
        # msal prefers an answer by POST, which a page at localhost that does not exist could not take.
        warnings.simplefilter("ignore", UserWarning)
        flow: dict[str, Any] = application.initiate_auth_code_flow(
            [f"{resource}/.default"], redirect_uri=redirect_uri, prompt="select_account"
        )
    return flow


def read_address(address: str) -> dict[str, str]:
    """What Entra ID has put into the address at which the browser has ended.

    Raises:
        UnusableAddressError: it is not such an address.
    """
    try:
        parts = urlsplit("".join(address.split()))
        answer = dict(parse_qsl(parts.query or parts.fragment, keep_blank_values=True))
    except ValueError:
        answer = {}
    answer = {name: value for name, value in answer.items() if name in _PARAMETERS}
    if not answer.get("state") or not (answer.get("code") or answer.get("error")):
        raise unusable_address(
            "This is not the address at which a sign-in ends: it begins with the redirect URI and has a code."
        )
    return answer


def redeem(application: Any, flow: Mapping[str, Any], answer: Mapping[str, str]) -> Mapping[str, Any]:
    """Exchange the code in an address for tokens; ``msal``'s answer, which may be a refusal.

    Raises:
        UnusableAddressError: the address is of another sign-in.
        UnexpectedAnswerError: the answer can't be read.
    """
    # At DEBUG, msal would log the code and its verifier.
    logging.getLogger("msal.token_cache").setLevel(logging.INFO)
    if answer["state"] != flow["state"]:
        raise unusable_address("This address is of another sign-in than the one that was begun last.")
    try:
        result = _read(lambda: application.acquire_token_by_auth_code_flow(dict(flow), dict(answer)))
    except RuntimeError as error:
        # msal's own message holds the nonces.
        raise unusable_address("Entra ID's answer is of another sign-in than the one that was begun.") from error
    return result


def entered(account: Account, result: Mapping[str, Any]) -> Entered:
    """Read who has signed in.

    Raises:
        ConfigurationError: somebody of another tenant than the account's has.
        UnexpectedAnswerError: the tokens are not complete.
    """
    claims = result.get("id_token_claims")
    token = result.get("refresh_token")
    if (
        not isinstance(claims, dict)
        or not isinstance(token, str)
        or not claims.get("tid")
        or str(claims.get("aud")).lower() != account.client_id.lower()
    ):
        raise UnexpectedAnswerError(
            "Entra ID has not given all tokens that a sign-in needs, or for another application than the account's. "
            "Sign in again; if that does not help, report it."
        )
    tenant = str(claims["tid"]).lower()
    account.must_be_of(tenant)
    name = str(claims.get("preferred_username") or claims.get("name") or claims.get("oid") or "")
    return Entered(token, name, tenant)


def not_signed_in(account: str, signed_in_as: str) -> SignInNeededError:
    """The error of an account without a sign-in that can be read."""
    if signed_in_as:
        return SignInNeededError(
            f"The sign-in of {signed_in_as} for the account {account} can't be read: it was removed, or "
            "encrypted with another splunk.secret, as on another host. Press Sign in again under Configuration > "
            "Accounts on this host; the inputs go on from their checkpoints."
        )
    return SignInNeededError(
        f"Nobody has signed in for the account {account}. Press Sign in under Configuration > Accounts; its "
        "inputs go on from their checkpoints."
    )


class PersonsTokens:
    """The access tokens of the person who has signed in for an account.

    Args:
        account: with its stored refresh token.
        now: the server's clock, in ticks, which is this machine's before the first answer.
    """

    def __init__(self, account: Account, now: Callable[[], int]) -> None:
        self._account = account
        self._now = now
        # By scope, with the time until which the token in an answer is good.
        self._kept: dict[str, tuple[Mapping[str, Any], int]] = {}
        self._refresh_token = ""

    def ask(self, application: Any, scope: str) -> Mapping[str, Any]:
        """``msal``'s answer for a scope: a token, perhaps one that came before, or a refusal.

        Args:
            application: ``msal``'s.
            scope: what the token is for.

        Raises:
            SignInNeededError: nobody has signed in.
            ServiceError, ConfigurationError: the stored refresh token can't be read.
            UnexpectedAnswerError: the answer can't be read.
        """
        kept, until = self._kept.get(scope, ({}, 0))
        if self._now() < until - _RENEWAL:
            return kept
        store = self._account.refresh_tokens
        if store is not None and self._account.signed_in_as:
            self._refresh_token = self._refresh_token or store.current()
        if store is None or not self._refresh_token:
            raise not_signed_in(self._account.name, self._account.signed_in_as)
        result = _read(lambda: application.acquire_token_by_refresh_token(self._refresh_token, [scope]))
        if result.get("error") in _OVER:
            # Somebody may have signed in again since it was read.
            latest = store.current()
            if latest and latest != self._refresh_token:
                self._refresh_token = latest
                result = _read(lambda: application.acquire_token_by_refresh_token(latest, [scope]))
        if "access_token" in result:
            self._kept[scope] = result, self._now() + int(result.get("expires_in") or 0) * TICKS_PER_SECOND
            if result.get("refresh_token"):
                self._refresh_token = str(result["refresh_token"])
                store.renewed(self._refresh_token)
        return dict(result)

    def reject(self, token: str) -> None:
        """Forget an access token that an API has refused."""
        self._kept = {scope: kept for scope, kept in self._kept.items() if kept[0].get("access_token") != token}


def _read(ask: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any]:
    """What ``msal`` answers; it takes ID tokens for granted.

    Raises:
        UnexpectedAnswerError: there is none that can be read.
    """
    try:
        return ask()
    except (ValueError, IndexError, TypeError, AttributeError) as error:
        raise UnexpectedAnswerError(
            "Entra ID's answer has an ID token that can't be read. Look for a proxy that changes answers."
        ) from error
