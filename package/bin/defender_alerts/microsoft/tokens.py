"""Acquires an application's tokens from Entra ID with ``msal``.

``msal`` requests two discovery documents before a token, some of them from the commercial cloud whatever the account's
cloud is. They contain nothing that the table of clouds does not, so this module answers those requests itself, and a
poll needs one call to Entra ID.

Source: Microsoft, "OAuth 2.0 client credentials flow". ``aadsts`` explains refusals.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Callable, NamedTuple
from urllib.parse import quote

from defender_alerts.errors import (
    AddonError,
    AuthenticationError,
    ConfigurationError,
    ServiceError,
    UnexpectedAnswerError,
)
from defender_alerts.settings import unusual

from .account import CERTIFICATE, CLIENT_SECRET, MANAGED_IDENTITY, Account
from .client_certificate import UNSUPPORTED_ALGORITHM
from .clouds import Cloud
from .transport.client import Answer, Caller, Callers, Refusal, Request, microsofts_words

if TYPE_CHECKING:
    from .client_certificate.assertion import Assertions
    from .client_certificate.key_pair import Pair
    from .managed_identity.identity import MachineIdentity
    from .user_sign_in import Entered, PersonsTokens

_CORRELATION = re.compile(r"Correlation ID: ([0-9a-fA-F-]{36})")
_JWT_PARTS = 3  # header, claims, signature
_AADSTS = re.compile(r"AADSTS(\d+)")
_ISSUER = re.compile(r"https://[^/]+/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})/v2\.0", re.IGNORECASE)


_IMPORTING = threading.Lock()


_Way = Callable[[Any, str], Mapping[str, Any]]
"""Asks ``msal``'s application for a token for a scope; a refusal is an answer too."""
_UNKNOWN = "Entra ID refuses the account {account}. Look the code up in Microsoft's list of AADSTS error codes."
_CREDENTIALS = {
    CLIENT_SECRET: "client secret",
    CERTIFICATE: "certificate and private key",
    MANAGED_IDENTITY: "managed identity",
}
# The first assertion, one with the server's time, and one with the other algorithm.
_MOST_ASSERTIONS = 3
_TRANSIENT = frozenset({90006, 90012, 90024, 90033, 90055, 50196})


class DelegatedPermissions(tuple[str, ...]):
    """The permissions in the token of a person, who may see less than they say."""

    __slots__ = ()


class Token(NamedTuple):
    """An access token and its claims.

    Attributes:
        value: the token itself.
        tenant: the tenant's GUID, or the account's tenant if the token is opaque.
        roles: its permissions, those of a person (``scp``) among them. They help to explain a refusal, but never
            prevent a call.
        expires: seconds since 1970 by the server's clock; None if the token does not say.
    """

    value: str
    tenant: str
    roles: tuple[str, ...]
    expires: int | None = None


def _claims(token: str) -> Mapping[str, Any]:
    """The claims of a JWT, not verified, since that is the API's task; empty for an opaque token."""
    parts = token.split(".")
    if len(parts) != _JWT_PARTS:
        return {}
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        return {}
    return claims if isinstance(claims, dict) else {}


def _token_endpoint(authority: str) -> str:
    return f"{authority}/oauth2/v2.0/token"


class _Response:
    """The parts of a response that ``msal`` uses."""

    def __init__(self, status_code: int, text: str) -> None:
        self.status_code = status_code
        self.text = text
        self.headers: Mapping[str, str] = {}

    def raise_for_status(self) -> None:
        """Do nothing: the caller has raised errors already."""


class _EntraHttp:
    """The HTTP client for ``msal``: it answers discovery itself and sends token requests through the caller."""

    def __init__(self, authority: str, caller: Caller) -> None:
        self._authority = authority
        self._caller = caller

    def get(self, url: str, **_: Any) -> _Response:
        if not url.startswith(f"{self._authority}/"):
            raise UnexpectedAnswerError(f"msal asks for {url}, which is not of the account's cloud")
        return _Response(
            200,
            json.dumps(
                {
                    "issuer": f"{self._authority}/v2.0",
                    "authorization_endpoint": f"{self._authority}/oauth2/v2.0/authorize",
                    "token_endpoint": _token_endpoint(self._authority),
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
    ) -> _Response:
        request = Request(
            "POST",
            url,
            params=tuple((params or {}).items()),
            form=data,
            headers=headers or {},
            accepts=frozenset({200, 400, 401, 403}),
        )
        return self._caller.call(request, _read_response, _explain_unavailable)

    def close(self) -> None:
        """Do nothing: the session belongs to the caller."""


def _read_response(answer: Answer) -> _Response:
    text = answer.text()
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict) or not (_is_token(body) or "error" in body):
        raise UnexpectedAnswerError(
            f"The token endpoint answered {answer.status} with something that is not Entra ID's{_beginning(text)}. "
            "Look for a proxy, portal or filter in between that asks for a login."
        )
    return _Response(answer.status, text)


def _is_token(body: Mapping[str, Any]) -> bool:
    """Whether this is a token with a lifetime in seconds, which older endpoints send as a string."""
    return isinstance(body.get("access_token"), str) and str(body.get("expires_in", "")).isdecimal()


def _beginning(text: str) -> str:
    """The beginning of an answer for a message, unless it may contain a token."""
    return "" if "_token" in text else f", but begins with {text[:80]!r}"


def _explain_unavailable(refusal: Refusal) -> AddonError:
    return ServiceError(
        f"Entra ID ({refusal.host}) is not issuing tokens at the moment; the next run tries again.{refusal.quoted()}"
    )


def _read_tenant(answer: Answer) -> str:
    try:
        issuer = _ISSUER.fullmatch(str(json.loads(answer.text())["issuer"]))
    except (ValueError, TypeError, KeyError, RecursionError):
        issuer = None
    if issuer is None:
        raise UnexpectedAnswerError(
            "The OpenID configuration of the account's domain names no tenant. Enter the tenant's GUID in "
            "the account instead of the domain: in Entra ID, Overview > Tenant ID."
        )
    return issuer.group(1).lower()


def consent_address(cloud: Cloud, tenant_id: str, client_id: str) -> str:
    """Where an administrator of a tenant lets an application in, with all that it asks for.

    Source: Microsoft, "Admin consent on the Microsoft identity platform".
    """
    return f"https://{cloud.authority_host}/{quote(tenant_id)}/adminconsent?client_id={client_id}"


class TokenSource:
    """The tokens of one account, shared by all regions of a process.

    Args:
        account: whose credentials are used.
        cloud: of its tenant.
        caller: calls the authority.
        callers: how this process makes calls; a managed identity's service is called in the same way.
    """

    def __init__(self, account: Account, cloud: Cloud, caller: Caller, callers: Callers) -> None:
        self._account = account
        self._cloud = cloud
        self._authority = f"https://{cloud.authority_host}/{quote(account.tenant_id)}"
        self._caller = caller
        self._callers = callers
        self._lock = threading.Lock()
        self._application: Any = None
        self._pair: Pair | None = None
        self._assertions: Assertions | None = None
        self._identity: MachineIdentity | None = None
        self._person: PersonsTokens | None = None
        self._tenant = account.tenant_guid

    def acquire(self, resource: str, hint: str = "") -> Token:
        """Return a token for ``resource``; ``msal`` renews it five minutes before it expires.

        Args:
            resource: the audience that the API wants.
            hint: advice if the tenant does not know the resource.

        Raises:
            AuthenticationError, ConfigurationError: Entra ID refuses the credentials or the request.
            ConnectionFailedError, ServiceError: Entra ID can't be reached or is unavailable.
            StoppedError: the process was asked to stop.
        """
        with self._lock:
            # The text before "/.default" becomes the audience byte for byte, so it must not be normalised.
            result = self._machine().ask(resource) if self._account.is_direct else self._ask(f"{resource}/.default")
        if "access_token" not in result:
            if self._account.is_direct and not _codes(result):
                raise self._machine().refused(result)
            raise self._refused(result, resource, hint)
        value = str(result["access_token"])
        claims = _claims(value)
        tenant = str(claims.get("tid") or self._account.tenant_id).lower()
        if self._account.is_direct:
            self._must_be_of_the_tenant(claims)
        if self._person is not None and claims.get("tid"):
            self._person.must_be_of(tenant)
        expires = claims.get("exp")
        return Token(
            value,
            tenant,
            _permissions(claims),
            expires if isinstance(expires, int) else None,
        )

    def tenant(self) -> str:
        """The GUID of the account's tenant; if it is not known yet, from its domain's OpenID configuration.

        An access token names the tenant too, but Microsoft documents Graph's tokens as opaque. Source: Microsoft,
        "OpenID Connect on the Microsoft identity platform", "Fetch the OpenID configuration document".

        Raises:
            ConnectionFailedError, ServiceError, UnexpectedAnswerError: the configuration can't be read.
            StoppedError: the process was asked to stop.
        """
        if not self._tenant:
            request = Request("GET", f"{self._authority}/v2.0/.well-known/openid-configuration")
            self._tenant = self._caller.call(request, _read_tenant, _explain_unavailable)
        return self._tenant

    def _must_be_of_the_tenant(self, claims: Mapping[str, Any]) -> None:
        """Refuse a managed identity of another tenant: what it reads would be filed under the wrong one.

        A token that can't be read is not refused.

        Raises:
            ConfigurationError: the token names another tenant.
        """
        named = str(claims.get("tid") or "").lower()
        if named and named != self.tenant():
            raise ConfigurationError(
                f"The managed identity of this machine belongs to the tenant {named}, not to the "
                f"{_called(self._account)}, and reads its own tenant alone. Correct the tenant, or choose Vouches for "
                "an application, with a multitenant one."
            )

    def _machine(self) -> MachineIdentity:
        """The managed identity of this machine."""
        if self._identity is None:
            # Imported here, since polls with other credentials don't need it.
            with _IMPORTING:
                from .managed_identity.identity import MachineIdentity

            self._identity = MachineIdentity(self._account, self._cloud, self._callers)
        return self._identity

    def begin_sign_in(self, resource: str, redirect_uri: str) -> dict[str, Any]:
        """Begin the sign-in of a person: what ``finish_sign_in`` needs, the page to open as ``auth_uri`` in it."""
        from .user_sign_in import begin

        with self._lock:
            return begin(self._msal(), resource, redirect_uri)

    def finish_sign_in(self, flow: Mapping[str, Any], answer: Mapping[str, str], resource: str) -> Entered:
        """Redeem what the browser's address holds at the end of a sign-in.

        Args:
            flow: what ``begin_sign_in`` gave.
            answer: what ``user_sign_in.read_address`` gave.
            resource: the one of ``begin_sign_in``.

        Raises:
            AuthenticationError, ConfigurationError: Entra ID or the person has refused, or it is another tenant's.
            ConnectionFailedError, ServiceError: Entra ID can't be reached or is unavailable.
            UnexpectedAnswerError: the tokens are not complete.
        """
        from .user_sign_in import entered, redeem, refuse_worn

        with self._lock:
            result = self._asked(lambda application, _: redeem(application, flow, answer), "")
        if "access_token" not in result:
            if answer.get("code"):
                refuse_worn(_codes(result), _quoted(result))
            raise self._refused(result, resource, "", redirect_uri=str(flow.get("redirect_uri") or ""))
        return entered(self._account, result)

    def _by_itself(self, application: Any, scope: str) -> Mapping[str, Any]:
        result: Mapping[str, Any] = application.acquire_token_for_client([scope])
        return result

    def _by_person(self) -> _Way:
        """How a token of the person who has signed in is asked for."""
        if self._person is None:
            # Imported here, since polls of applications don't need it.
            with _IMPORTING:
                from .user_sign_in import PersonsTokens

            self._person = PersonsTokens(self._account)
        person = self._person
        return lambda application, scope: person.ask(application, scope, self._caller.clock.now())

    def _ask(self, scope: str) -> Mapping[str, Any]:
        return self._asked(self._by_person() if self._account.is_of_user else self._by_itself, scope)

    def _asked(self, way: _Way, scope: str) -> Mapping[str, Any]:
        """Request a token; with a certificate again, as long as another assertion may succeed."""
        application = self._msal()
        result = way(application, scope)
        for _ in range(_MOST_ASSERTIONS - 1):
            if (
                "access_token" in result
                or self._assertions is None
                or not self._assertions.another_may_do(_codes(result))
            ):
                break
            again = way(application, scope)
            # A refusal of the other algorithm does not explain why the first assertion was refused.
            if UNSUPPORTED_ALGORITHM not in _codes(again):
                result = again
        return result

    def reject(self, token: str) -> None:
        """Forget a token that an API refused, unless another region has already done so."""
        with self._lock:
            if self._account.is_direct:
                self._machine().reject(token)
                return
            if self._person is not None:
                self._person.reject(token)
                return
            application = self._msal()
            kept = application.token_cache.search("AccessToken")
            if any(entry.get("secret") == token for entry in kept):
                application.remove_tokens_for_client()

    def _msal(self) -> Any:
        if self._application is None:
            # One thread at a time: to avoid a deadlock, Python may show one thread a module that another has only
            # partly imported.
            with _IMPORTING:
                from msal.application import ConfidentialClientApplication

                credential = self._credential()
            self._application = ConfidentialClientApplication(
                self._account.client_id,
                client_credential=credential,
                authority=self._authority,
                instance_discovery=False,
                http_client=_EntraHttp(self._authority, self._caller),
            )
        return self._application

    def _credential(self) -> Any:
        """The credential for ``msal``: the secret, or a function that makes a new assertion for each request."""
        account = self._account
        if account.auth_type == MANAGED_IDENTITY:
            return {"client_assertion": lambda: self._machine().assertion()}
        if account.credential != CERTIFICATE:
            return account.client_secret
        # Imported here, since polls with a client secret don't need these modules.
        from .client_certificate.assertion import Assertions
        from .client_certificate.key_pair import read_pair

        where = f"Correct the account {account.name} under Configuration > Accounts."
        self._pair = read_pair(account.certificate, account.private_key, where)
        audience = _token_endpoint(self._authority)
        self._assertions = Assertions(self._pair, account.client_id, audience, self._caller.clock.now)
        return {"client_assertion": self._assertions.make}

    def _refused(
        self, result: Mapping[str, Any], resource: str, hint: str, *, redirect_uri: str = "http://localhost"
    ) -> AddonError:
        codes = _codes(result)
        quoted = _quoted(result)
        if _TRANSIENT.intersection(codes) or result.get("error") == "temporarily_unavailable":
            return ServiceError(f"Entra ID is not issuing tokens at the moment; the next run tries again.{quoted}")
        from .aadsts import ADVICE

        account = self._account
        fitting = (
            row
            for row in ADVICE
            if row.auth_type in {"", account.credential, account.auth_type}
            and (account.tenant_of_input or not row.of_input)
        )
        advice = next((row for row in fitting if row.code in codes), None)
        sentence = advice.sentence if advice else _UNKNOWN
        error = advice.error if advice else AuthenticationError
        filled = sentence.format(
            account=account.name,
            owner=f"input {account.tenant_of_input}" if account.tenant_of_input else f"account {account.name}",
            tenant=_called(account),
            resource=resource,
            hint=hint and f" {hint}",
            consent=consent_address(self._cloud, account.tenant_id, account.client_id),
            client_id=account.client_id,
            unusual=unusual(account.client_secret),
            credential=_CREDENTIALS[account.credential],
            user=account.signed_in_as or "the person who signs in",
            redirect_uri=redirect_uri,
            thumbprint=self._pair.certificate.sha1.hex().upper() if self._pair else "",
            identity=account.identity_client_id,
            audience=self._cloud.exchange_audience,
        )
        return error(filled + quoted)


def _called(account: Account) -> str:
    """The tenant in a sentence, behind an article."""
    if account.tenant_of_input:
        return f"tenant {account.tenant_id} of the input {account.tenant_of_input}"
    return f"tenant of the account {account.name}"


def _permissions(claims: Mapping[str, Any]) -> tuple[str, ...]:
    """The permissions in a token: those of an application, or those of a person."""
    roles, scopes = claims.get("roles"), claims.get("scp")
    if isinstance(scopes, str):
        return DelegatedPermissions(scopes.split())
    return tuple(str(role) for role in roles) if isinstance(roles, list) else ()


def _quoted(result: Mapping[str, Any]) -> str:
    """Microsoft's words and correlation id in a refusal, to be appended to a sentence."""
    description = _description(result)
    correlation = result.get("correlation_id") or _first(_CORRELATION.search(description))
    return f" Microsoft says: {microsofts_words(description)}. (correlation id {correlation or 'not given'})"


def _description(result: Mapping[str, Any]) -> str:
    return str(result.get("error_description") or result.get("error") or "")


def _codes(result: Mapping[str, Any]) -> list[int]:
    """The AADSTS codes in a refusal."""
    match = _AADSTS.search(_description(result))
    given = result.get("error_codes")
    codes = given if isinstance(given, list) and given else [match.group(1)] if match else []
    return [int(code) for code in codes if isinstance(code, int) or (isinstance(code, str) and code.isdecimal())]


def _first(match: re.Match[str] | None) -> str:
    return match.group(1) if match else ""


class ResourceBearer:
    """The tokens for one resource."""

    def __init__(self, source: TokenSource, resource: str, hint: str = "") -> None:
        self._source = source
        self._resource = resource
        self._hint = hint
        self.roles: tuple[str, ...] = ()

    def token(self) -> str:
        """Return a valid token."""
        acquired = self._source.acquire(self._resource, self._hint)
        self.roles = acquired.roles
        return acquired.value

    def reject(self, token: str) -> None:
        """Forget this token, which the API has refused."""
        self._source.reject(token)
