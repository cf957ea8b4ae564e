"""Acquires an account's tokens from Entra ID with ``msal``.

Source: Microsoft, "OAuth 2.0 client credentials flow". ``user_sign_in`` and ``managed_identity`` have the other ways,
``entra_refusals`` explains refusals.
"""

from __future__ import annotations

import base64
import re
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Callable, NamedTuple
from urllib.parse import quote

from defender_alerts.errors import ConfigurationError, UnexpectedAnswerError

from .account import MANAGED_IDENTITY, Account
from .client_certificate import UNSUPPORTED_ALGORITHM
from .clouds import Cloud
from .entra_http import EntraHttp, forget, token_endpoint, unavailable
from .entra_refusals import called, codes_of, quoted, refused
from .transport.client import Answer, Caller, Callers, Request, json_object

if TYPE_CHECKING:
    from .client_certificate.assertion import Assertions
    from .managed_identity.identity import MachineIdentity
    from .user_sign_in import Entered, PersonsTokens

_ISSUER = r"(?i)https://[^/]+/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})/v2\.0"
_IMPORTING = threading.Lock()
_Ask = Callable[[Any], Mapping[str, Any]]
"""Asks ``msal``'s application for a token; a refusal is an answer too."""
# The first assertion, one with the server's time, and one with the other algorithm.
_MOST_ASSERTIONS = 3


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
        self._lock = threading.Lock()
        self._application: Any = None
        self._assertions: Assertions | None = None
        self._identity: MachineIdentity | None = None
        self._person: PersonsTokens | None = None
        self._tenant = account.tenant_guid
        # Imported here, since polls with other credentials don't need these modules. One thread at a time: to avoid a
        # deadlock, Python may show one thread a module that another has only partly imported.
        with _IMPORTING:
            if account.auth_type == MANAGED_IDENTITY:
                from .managed_identity.identity import MachineIdentity

                self._identity = MachineIdentity(account, cloud, callers)
            if account.is_of_user:
                from .user_sign_in import PersonsTokens

                self._person = PersonsTokens(account, caller.clock.now)
        self._direct = self._identity if account.is_direct else None

    def acquire(self, resource: str, hint: str = "") -> Token:
        """Return a token for ``resource``; ``msal`` renews it five minutes before it expires.

        Args:
            resource: the audience that the API wants.
            hint: advice if the tenant does not know the resource.

        Raises:
            AuthenticationError, ConfigurationError: Entra ID refuses the credentials or the request.
            ConnectionFailedError, ServiceError: Entra ID can't be reached or is unavailable.
            UnexpectedAnswerError: the answer can't be read, or something else answers.
            StoppedError: the process was asked to stop.
        """
        with self._lock:
            result = self._ask(resource)
        if "access_token" not in result:
            if self._direct and not codes_of(result):
                raise self._direct.refused(result)
            raise refused(result, self._account, self._cloud, resource, hint=hint)
        value = str(result["access_token"])
        claims = _claims(value)
        tenant = str(claims.get("tid") or "").lower()
        if tenant:
            self._must_be_of(tenant)
        expires = claims.get("exp")
        return Token(
            value,
            tenant or self._account.tenant_id.lower(),
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
            self._tenant = self._caller.call(request, _read_tenant, unavailable)
        return self._tenant

    def reject(self, token: str) -> None:
        """Forget a token that an API refused, unless another region has already done so."""
        with self._lock:
            holder = self._direct or self._person
            if holder:
                holder.reject(token)
            else:
                forget(self._msal().token_cache, token)

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
        from .user_sign_in import UNUSABLE_ADDRESS, entered, redeem, unusable_address

        with self._lock:
            result = self._ask_msal(lambda application: redeem(application, flow, answer))
        if "access_token" not in result:
            if answer.get("code") and UNUSABLE_ADDRESS.intersection(codes_of(result)):
                raise unusable_address(f"Entra ID does not take this address, or takes it no longer.{quoted(result)}")
            redirect_uri = str(flow.get("redirect_uri") or "")
            raise refused(result, self._account, self._cloud, resource, redirect_uri=redirect_uri)
        return entered(self._account, result)

    def _must_be_of(self, tenant: str) -> None:
        """Refuse a token of another tenant: what it reads would be filed under the wrong one.

        Raises:
            ConfigurationError: the tenant is another one.
        """
        if self._direct and tenant != self.tenant():
            raise ConfigurationError(
                f"The managed identity of this machine belongs to the tenant {tenant}, not to the "
                f"{called(self._account)}, and reads its own tenant alone. Correct the tenant, or choose Vouches for "
                "an application, with a multitenant one."
            )
        if self._person:
            self._account.must_be_of(tenant)

    def _ask(self, resource: str) -> Mapping[str, Any]:
        if self._direct:
            return self._direct.ask(resource)
        # The text before "/.default" becomes the audience byte for byte, so it must not be normalised.
        scope = f"{resource}/.default"
        person = self._person
        if person:
            return self._ask_msal(lambda application: person.ask(application, scope))
        return self._ask_msal(lambda application: application.acquire_token_for_client([scope]))

    def _ask_msal(self, ask: _Ask) -> Mapping[str, Any]:
        """Request a token; with a certificate again, as long as another assertion may succeed."""
        application = self._msal()
        result = ask(application)
        for _ in range(_MOST_ASSERTIONS - 1):
            if (
                "access_token" in result
                or self._assertions is None
                or not self._assertions.another_may_do(codes_of(result))
            ):
                break
            again = ask(application)
            # A refusal of the other algorithm does not explain why the first assertion was refused.
            if UNSUPPORTED_ALGORITHM not in codes_of(again):
                result = again
        return result

    def _msal(self) -> Any:
        if self._application is None:
            # One thread at a time, as above.
            with _IMPORTING:
                from msal.application import ConfidentialClientApplication

                credential = self._credential()
            self._application = ConfidentialClientApplication(
                self._account.client_id,
                client_credential=credential,
                authority=self._authority,
                instance_discovery=False,
                http_client=EntraHttp(self._authority, self._caller),
            )
        return self._application

    def _credential(self) -> Any:
        """The credential for ``msal``: the secret, or a function that makes a new assertion for each request."""
        account = self._account
        if self._identity:
            return {"client_assertion": self._identity.assertion}
        if account.pair is None:
            return account.client_secret
        # Imported here, since polls with a client secret don't need it.
        from .client_certificate.assertion import Assertions

        audience = token_endpoint(self._authority)
        self._assertions = Assertions(account.pair, account.client_id, audience, self._caller.clock.now)
        return {"client_assertion": self._assertions.make}


class ResourceBearer:
    """The tokens for one resource; ``roles`` are the permissions in the last one."""

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


def _permissions(claims: Mapping[str, Any]) -> tuple[str, ...]:
    """The permissions in a token: those of an application, or those of a person."""
    roles, scopes = claims.get("roles"), claims.get("scp")
    if isinstance(scopes, str):
        return DelegatedPermissions(scopes.split())
    return tuple(str(role) for role in roles) if isinstance(roles, list) else ()


def _claims(token: str) -> Mapping[str, Any]:
    """The claims of a JWT, not verified, since that is the API's task; empty for an opaque token."""
    try:
        _header, claims, _signature = token.split(".")
        return json_object(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)).decode())
    except ValueError:
        return {}


def _read_tenant(answer: Answer) -> str:
    issuer = re.fullmatch(_ISSUER, str(json_object(answer.text()).get("issuer")))
    if issuer is None:
        raise UnexpectedAnswerError(
            "The OpenID configuration of the account's domain names no tenant. Enter the tenant's GUID in "
            "the account instead of the domain: in Entra ID, Overview > Tenant ID."
        )
    return issuer.group(1).lower()
