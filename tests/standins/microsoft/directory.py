"""Tenants and applications of Entra ID, and the tokens they were given."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from standins.microsoft import hosts, ticks
from standins.microsoft.clock import CloudClock
from standins.microsoft.people import Person, SignIns
from standins.microsoft.tokens import Assertion, TokenRefusedError, signing_key


@dataclass(frozen=True)
class Secret:
    """One client secret of an application."""

    value: str
    identity: str
    """The GUID beside it in the portal, which people paste by mistake."""
    expires: int | None = None
    """Ticks; None never expires."""


@dataclass(frozen=True)
class RegisteredCertificate:
    """One certificate of an application, as it was uploaded."""

    certificate: x509.Certificate
    expires: int
    """Ticks; what the certificate says, unless the test knows better."""

    @property
    def thumbprints(self) -> Mapping[str, bytes]:
        """Its names in the header of an assertion: SHA-1 as ``x5t``, SHA-256 as ``x5t#S256`` (RFC 7515, 4.1.7 and 8)."""
        return {
            "x5t": self.certificate.fingerprint(hashes.SHA1()),  # noqa: S303 - a name
            "x5t#S256": self.certificate.fingerprint(hashes.SHA256()),
        }


@dataclass(frozen=True)
class FederatedCredential:
    """Whose tokens stand for an application."""

    issuer: str
    subject: str
    audience: str


@dataclass(frozen=True)
class Issued:
    """One access token, without the token itself."""

    identity: str
    """Its ``uti`` claim."""
    audience: str
    at: int
    expires: int


@dataclass
class Application:
    """An application (service principal) in one tenant. A test may change it while the cloud runs."""

    client_id: str
    name: str
    secrets: list[Secret]
    roles: dict[str, tuple[str, ...]]
    """Consented application permissions by resource; a token for a resource without any has no ``roles``."""
    disabled: bool = False
    token_seconds: int = 3600
    issued: list[Issued] = field(default_factory=list)
    certificates: list[RegisteredCertificate] = field(default_factory=list)
    federated: list[FederatedCredential] = field(default_factory=list)
    assertions: list[Assertion] = field(default_factory=list)
    """Those that got a token."""
    revoked: set[str] = field(default_factory=set)
    """The ``uti`` of tokens that no API takes any more."""
    redirect_uris: set[str] = field(default_factory=set)
    """Of the platform ``web``."""
    delegated: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Delegated permissions by resource, as an administrator has consented to them."""

    def let_people_sign_in(self, delegated: Mapping[str, Iterable[str]]) -> None:
        """Register what a person's sign-in needs: a redirect URI, and delegated permissions by resource."""
        self.redirect_uris.add("http://localhost")
        self.delegated = {resource: tuple(names) for resource, names in delegated.items()}

    def delegated_for(self, resource: str) -> tuple[str, ...]:
        """The delegated permissions for a resource."""
        return next((names for known, names in self.delegated.items() if same_resource(known, resource)), ())

    def revoke_tokens(self) -> None:
        """Let every API refuse the tokens issued so far, as after a rollover or an administrator's revocation."""
        self.revoked.update(token.identity for token in self.issued)

    def add_secret(self, value: str, *, expires: int | None = None, identity: str | None = None) -> Secret:
        """Register a further client secret, as for a rotation."""
        secret = Secret(value, identity or str(uuid.uuid4()), expires)
        self.secrets.append(secret)
        return secret

    def add_certificate(self, certificate: str | bytes, *, expires: int | None = None) -> RegisteredCertificate:
        """Upload a certificate, PEM or DER.

        Args:
            certificate: The file's content; of a chain the first one.
            expires: Ticks, instead of the certificate's own.
        """
        content = certificate.encode() if isinstance(certificate, str) else certificate
        load = x509.load_pem_x509_certificate if b"-----BEGIN" in content else x509.load_der_x509_certificate
        loaded = load(content)
        own = int(loaded.not_valid_after_utc.timestamp()) * ticks.PER_SECOND
        registered = RegisteredCertificate(loaded, own if expires is None else expires)
        self.certificates.append(registered)
        return registered


class Tenant:
    """One tenant. Its applications, resources and state may change while the cloud runs."""

    def __init__(self, guid: str, domain: str, cloud: str, name: str, resources: Iterable[str]) -> None:
        self.guid = guid
        self.domain = domain
        self.cloud = cloud
        """``commercial``, ``gcc``, ``gcc_high`` or ``dod``."""
        self.name = name
        self.resources = set(resources)
        """Application ID URIs that have a service principal here; others give AADSTS500011."""
        self.is_deleted = False
        """A deleted tenant's tokens are answered 403 by the SIEM API (documented there)."""
        self.applications: dict[str, Application] = {}
        self.people: dict[str, Person] = {}
        self.partners: set[str] = set()
        """The identities of people of other tenants who may act in this one, as under GDAP."""

    def add_person(self, name: str) -> Person:
        """Create a user, by the user principal name."""
        self.people[name.lower()] = person = Person(name, self.guid)
        return person

    def add_application(
        self,
        client_id: str | None = None,
        *,
        secret: str | None = "a secret that is nobody's",
        secret_id: str | None = None,
        secret_expires: int | None = None,
        roles: Mapping[str, Iterable[str]] | None = None,
        name: str = "Splunk",
    ) -> Application:
        """Register an application; without a secret it has no credential until a certificate is added.

        Args:
            client_id: A GUID; a new one by default.
            secret: The client secret's value.
            secret_id: Its GUID.
            secret_expires: Ticks.
            roles: Consented application permissions by resource.
            name: The display name.
        """
        application = Application(
            client_id=(client_id or str(uuid.uuid4())).lower(),
            name=name,
            secrets=[],
            roles={resource: tuple(names) for resource, names in (roles or {}).items()},
        )
        if secret is not None:
            application.add_secret(secret, expires=secret_expires, identity=secret_id)
        self.applications[application.client_id] = application
        return application

    def revoke_tokens(self) -> None:
        """Revoke the tokens of all applications."""
        for application in self.applications.values():
            application.revoke_tokens()


@dataclass(frozen=True)
class Bearer:
    """Who calls an API."""

    tenant: Tenant
    application: Application
    claims: Mapping[str, Any]

    @property
    def roles(self) -> tuple[str, ...]:
        """The application permissions in the token."""
        return tuple(self.claims.get("roles", ()))

    @property
    def scopes(self) -> tuple[str, ...]:
        """The delegated permissions in the token of a person."""
        return tuple(str(self.claims.get("scp", "")).split())


class Directory:
    """All tenants of all national clouds."""

    def __init__(self, clock: CloudClock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._tenants: list[Tenant] = []
        self.sign_ins = SignIns()
        self.assertion_algorithms = {"PS256", "RS256"}
        """With which applications may sign: the documented one, and the one of before."""
        self.assertion_thumbprints = {"x5t", "x5t#S256"}
        """By which headers a certificate is found. The new one alone was not found everywhere, says entra-docs#1301."""

    def add_tenant(
        self,
        guid: str | None = None,
        *,
        domain: str = "contoso.onmicrosoft.com",
        cloud: str = "commercial",
        name: str = "Contoso",
        resources: Iterable[str] | None = None,
    ) -> Tenant:
        """Create a tenant.

        Args:
            guid: Its id; a new one by default.
            domain: A verified domain, unique.
            cloud: ``commercial``, ``gcc``, ``gcc_high`` or ``dod``.
            name: The display name.
            resources: Application ID URIs known in it; by default those of its cloud.

        Raises:
            ValueError: The cloud is none of those, or the tenant exists.
        """
        if not any(cloud in login.clouds for login in hosts.LOGIN):
            raise ValueError(f"no such cloud: {cloud}")
        known = hosts.resources(cloud) if resources is None else resources
        tenant = Tenant((guid or str(uuid.uuid4())).lower(), domain.lower(), cloud, name, known)
        if self.find(tenant.guid) or self.find(tenant.domain):
            raise ValueError(f"the tenant exists: {tenant.guid} {tenant.domain}")
        with self._lock:
            self._tenants.append(tenant)
        return tenant

    def find(self, identifier: str) -> Tenant | None:
        """Find a tenant by GUID or domain, in whichever cloud."""
        with self._lock:
            for tenant in self._tenants:
                if identifier.lower() in (tenant.guid, tenant.domain):
                    return tenant
        return None

    def person(self, name: str) -> Person | None:
        """Find a person by name, in whichever tenant."""
        with self._lock:
            tenants = list(self._tenants)
        return next((found for tenant in tenants if (found := tenant.people.get(name.lower()))), None)

    def has_application(self, client_id: str, clouds: Iterable[str]) -> bool:
        """Whether an application is registered in any tenant of these clouds."""
        with self._lock:
            tenants = [tenant for tenant in self._tenants if tenant.cloud in clouds]
        return any(client_id.lower() in tenant.applications for tenant in tenants)

    def issue(
        self,
        login: hosts.LoginHost,
        tenant: Tenant,
        application: Application,
        audience: str,
        person: Person | None = None,
    ) -> str:
        """Sign an access token.

        The claims are those of Microsoft's access-token-claims-reference for a v1.0 token of an application or, where
        there is one, of a person; times five minutes back in ``iat`` and ``nbf`` are as seen in real ones.
        """
        now = self._clock.now()
        seconds = now // ticks.PER_SECOND
        identity = uuid.uuid4().hex[:22]
        claims: dict[str, Any] = {
            "aud": audience,
            "iss": f"https://sts.windows.net/{tenant.guid}/",
            "iat": seconds - 300,
            "nbf": seconds - 300,
            "exp": seconds + application.token_seconds,
            "appid": application.client_id,
            "appidacr": "1",
            "idp": f"https://sts.windows.net/{tenant.guid}/",
            "tid": tenant.guid,
            "uti": identity,
            "ver": "1.0",
        }
        roles = next((n for r, n in application.roles.items() if same_resource(r, audience)), ())
        if person is not None:
            claims["scp"] = " ".join(application.delegated_for(audience))
            claims.update(oid=person.identity, upn=person.name, unique_name=person.name)
        elif roles:
            claims["roles"] = list(roles)
        token = signing_key(login.instance).sign(claims)
        expires = now + application.token_seconds * ticks.PER_SECOND
        application.issued.append(Issued(identity, audience, now, expires))
        return token

    def check(self, authorization: str, *, audiences: Iterable[str], clouds: Iterable[str]) -> Bearer:
        """Check an Authorization header as an API of these clouds does that answers to these audiences.

        Raises:
            TokenRefusedError: The call deserves a 401.
        """
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise TokenRefusedError("There is no bearer token")
        login = next(login for login in hosts.LOGIN if set(login.clouds) & set(clouds))
        claims = signing_key(login.instance).open(token)
        now = self._clock.now() / ticks.PER_SECOND
        if claims["exp"] <= now:
            raise TokenRefusedError("The token is expired")
        if claims["nbf"] > now:
            raise TokenRefusedError("The token is not valid yet")
        if claims["aud"] not in audiences:
            raise TokenRefusedError("The audience is invalid")
        tenant = self.find(claims["tid"])
        application = None if tenant is None else tenant.applications.get(claims["appid"])
        if tenant is None or application is None or claims["uti"] in application.revoked:
            raise TokenRefusedError("The token is revoked")
        return Bearer(tenant, application, claims)


def same_resource(one: str, other: str) -> bool:
    """Whether two identifiers name one resource: case and a trailing slash don't count (assumed).

    The token's audience is nevertheless exactly what was asked for (Microsoft: v2-permissions-and-consent,
    "trailing slash and .default").
    """
    return one.rstrip("/").casefold() == other.rstrip("/").casefold()
