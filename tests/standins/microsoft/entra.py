"""The login hosts: the v2.0 token endpoint, and what MSAL likes to GET around it; `sign_in` has what a person sees.

Sources: Microsoft's v2-oauth2-client-creds-grant-flow, reference-error-codes and authentication-national-cloud pages.
Assumed: the order in which the checks are made; which code answers an ``/organizations`` request. Left out: the v1
endpoint, and all grants but client credentials, codes and refresh tokens. All of it is refused, not ignored.

Assertions: what must stand in one is said by Microsoft's certificate-credentials page; the codes of refusals are those
that public issue threads quote (see ``aadsts``). Assumed: a secret beside an assertion (RFC 6749, 2.3, forbids it) and a
``jti`` that comes again (the page wants it unique) get 50012; an unknown ``client_assertion_type`` gets 7000216, a
missing claim 50027; ``nbf`` and ``exp`` are read with five minutes of tolerance. A managed identity's token is compared
with the application's federated credentials byte for byte ("Configure an application to trust a managed identity");
which code each difference gets is known from public notes, 70021 for an application without any is assumed.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from standins.microsoft import aadsts, ticks
from standins.microsoft.aadsts import RefusedError, demand
from standins.microsoft.clock import CloudClock
from standins.microsoft.directory import Application, Directory, Tenant, same_resource
from standins.microsoft.hosts import LoginHost
from standins.microsoft.sign_in import SignInService
from standins.microsoft.tokens import Assertion, TokenRefusedError, signing_key
from standins.microsoft.wire import Answer, Request

_TOKEN = re.compile(r"/([^/]+)/oauth2/v2\.0/token/?", re.IGNORECASE)
_AUTHORIZE = re.compile(r"/([^/]+)/(oauth2/v2\.0/authorize|login)/?", re.IGNORECASE)
_CONFIGURATION = re.compile(r"/([^/]+)/v2\.0/\.well-known/openid-configuration/?", re.IGNORECASE)
_KEYS = re.compile(r"/([^/]+)/discovery/v2\.0/keys/?", re.IGNORECASE)
_INSTANCES = re.compile(r"/common/discovery/instance/?", re.IGNORECASE)
_DOMAIN = re.compile(r"(?=.{4,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}", re.IGNORECASE)
_ALIASES = {"common", "organizations", "consumers"}
_DEFAULT = "/.default"
_GRANTS = ("client_credentials", "authorization_code", "refresh_token")
_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_CLAIMS = ("aud", "exp", "iat", "iss", "jti", "nbf", "sub")
_THUMBPRINTS = ("x5t", "x5t#S256")
_TOLERANCE = 300

_ANY_INSTANCE = [
    {
        "preferred_network": network,
        "preferred_cache": cache,
        "aliases": aliases,
    }
    for network, cache, aliases in (
        (
            "login.microsoftonline.com",
            "login.windows.net",
            ["login.microsoftonline.com", "login.windows.net", "login.microsoft.com", "sts.windows.net"],
        ),
        (
            "login.partner.microsoftonline.cn",
            "login.partner.microsoftonline.cn",
            ["login.partner.microsoftonline.cn", "login.chinacloudapi.cn"],
        ),
        (
            "login.microsoftonline.us",
            "login.microsoftonline.us",
            ["login.microsoftonline.us", "login.usgovcloudapi.net"],
        ),
    )
]


@dataclass(frozen=True)
class EntraService:
    """One login host."""

    login: LoginHost
    directory: Directory
    clock: CloudClock

    @property
    def people(self) -> SignInService:
        """What this host does with people."""
        return SignInService(self.login, self.directory, self.clock)

    def respond(self, request: Request) -> Answer:
        """Answer a request as the login host does."""
        page = _AUTHORIZE.fullmatch(request.path)
        if page is not None:
            return self._show(page[1], request)
        try:
            return self._respond(request)
        except RefusedError as refused:
            return aadsts.refusal(refused.code, self.clock.now(), request, **refused.values)

    def _respond(self, request: Request) -> Answer:
        token = _TOKEN.fullmatch(request.path)
        if token is not None:
            if request.method != "POST":
                raise RefusedError(900561, method=request.method)
            return self._issue(token[1], request)
        if request.method != "GET":
            return Answer(HTTPStatus.NOT_FOUND)
        configuration = _CONFIGURATION.fullmatch(request.path)
        if configuration is not None:
            return self._configuration(configuration[1])
        if _KEYS.fullmatch(request.path):
            return aadsts.answer(200, {"keys": [signing_key(self.login.instance).published()]})
        if _INSTANCES.fullmatch(request.path):
            return self._instances(request)
        return Answer(HTTPStatus.NOT_FOUND)

    def _show(self, identifier: str, request: Request) -> Answer:
        try:
            return self._page(identifier, request)
        except RefusedError as refused:
            return aadsts.refusal_page(refused.code, self.clock.now(), **refused.values)

    def _page(self, identifier: str, request: Request) -> Answer:
        if identifier.lower() in _ALIASES:
            raise RefusedError(50194, application=dict(request.query).get("client_id", ""))
        tenant = self._tenant(identifier)
        if tenant.cloud not in self.login.clouds:
            raise RefusedError(90002, tenant=identifier)
        is_entered = request.path.rstrip("/").lower().endswith("/login")
        if request.method != ("POST" if is_entered else "GET"):
            return Answer(HTTPStatus.METHOD_NOT_ALLOWED)
        return self.people.enter(tenant, request) if is_entered else self.people.authorize(tenant, request)

    def _issue(self, identifier: str, request: Request) -> Answer:
        form = dict(request.form)
        if len(form) != len(request.form):
            raise RefusedError(900144, parameter="grant_type")  # a repeated field (assumed)
        if identifier.lower() in _ALIASES:
            raise RefusedError(
                90130 if identifier.lower() == "organizations" else 9001023,
                application=form.get("client_id", ""),
            )
        tenant = self._tenant(identifier)
        demand(form, "grant_type", "client_id")
        grant = form["grant_type"]
        if grant not in _GRANTS:
            raise RefusedError(70003, grant_type=form["grant_type"])
        if "resource" in form:
            raise RefusedError(901002)
        demand(form, *(() if grant == "authorization_code" else ("scope",)))
        audience = _audience(form["scope"]) if grant == "client_credentials" else ""
        if tenant.cloud not in self.login.clouds:
            raise RefusedError(900382)
        application = self.people.application(tenant, form["client_id"])
        self._authenticate(application, form, f"https://{request.host}{request.path}")
        if grant == "authorization_code":
            return self.people.redeem(tenant, application, form)
        if grant == "refresh_token":
            return self.people.refresh(tenant, application, form)
        if not any(same_resource(known, audience) for known in tenant.resources):
            raise RefusedError(500011, resource=audience, tenant=tenant.name)
        return aadsts.answer(
            200,
            {
                "token_type": "Bearer",
                "expires_in": application.token_seconds - 1,
                "ext_expires_in": application.token_seconds - 1,
                "access_token": self.directory.issue(self.login, tenant, application, audience),
            },
        )

    def _authenticate(self, application: Application, form: dict[str, str], endpoint: str) -> None:
        if "client_assertion" in form or "client_assertion_type" in form:
            self._check_assertion(application, form, endpoint)
            return
        if not form.get("client_secret"):
            raise RefusedError(7000218)
        matching = [secret for secret in application.secrets if secret.value == form["client_secret"]]
        if not matching:
            raise RefusedError(7000215, application=application.client_id)
        now = self.clock.now()
        if all(secret.expires is not None and secret.expires <= now for secret in matching):
            raise RefusedError(7000222, application=application.client_id)

    def _check_assertion(self, application: Application, form: dict[str, str], endpoint: str) -> None:
        if "client_secret" in form:
            raise RefusedError(50012, reason="There is more than one credential.")
        demand(form, "client_assertion_type", "client_assertion")
        if form["client_assertion_type"] != _ASSERTION_TYPE:
            raise RefusedError(7000216)
        token = form["client_assertion"]
        try:
            assertion = Assertion.read(token)
        except TokenRefusedError as error:
            raise RefusedError(50027, reason=str(error)) from error
        if str(assertion.claims.get("iss")).startswith("https://login."):
            self._check_federated(application, token, assertion)
            return
        self._check_signature(application, token, assertion)
        claims = assertion.claims
        missing = [claim for claim in _CLAIMS if not claims.get(claim)]
        if missing:
            raise RefusedError(50027, reason=f"The claims {missing} are missing.")
        if claims["aud"] != endpoint:
            raise RefusedError(700023)
        if not claims["iss"] == claims["sub"] == form["client_id"]:
            raise RefusedError(700021)
        now = self.clock.now() // ticks.PER_SECOND
        if not claims["nbf"] - _TOLERANCE <= now < claims["exp"] + _TOLERANCE:
            times = {"time": now, "begin": claims["nbf"], "end": claims["exp"]}
            raise RefusedError(700024, **{name: ticks.text(at * ticks.PER_SECOND) for name, at in times.items()})
        if any(claims["jti"] == former.claims["jti"] for former in application.assertions):
            raise RefusedError(50012, reason="The assertion has been used before.")
        application.assertions.append(assertion)

    def _check_federated(self, application: Application, token: str, assertion: Assertion) -> None:
        claims = assertion.claims
        if not str(claims["iss"]).startswith(f"https://{self.login.host}/"):
            raise RefusedError(700238, issuer=str(claims["iss"]))
        try:
            signing_key(self.login.instance).open(token)
        except TokenRefusedError as error:
            raise RefusedError(50027, reason=str(error)) from error
        if claims["exp"] <= self.clock.now() // ticks.PER_SECOND:
            raise RefusedError(700024, end=str(claims["exp"]))
        left = application.federated
        if not left:
            raise RefusedError(70021)
        for claim, name, code in (("iss", "issuer", 700211), ("sub", "subject", 700213), ("aud", "audience", 700212)):
            left = [one for one in left if getattr(one, name) == claims[claim]]
            if not left:
                raise RefusedError(code, claim=str(claims[claim]))

    def _check_signature(self, application: Application, token: str, assertion: Assertion) -> None:
        header = assertion.header
        if header.get("typ") != "JWT":
            raise RefusedError(50027, reason="The type is not JWT.")
        if header["alg"] not in self.directory.assertion_algorithms:
            raise RefusedError(5002730)
        given = {name: _thumbprint(header[name]) for name in _THUMBPRINTS if name in header}
        if not given:
            raise RefusedError(50027, reason="No certificate thumbprint specified in token header.")
        values = {"thumbprint": next(iter(given.values())).hex().upper(), "application": application.client_id}
        found = [one for one in application.certificates if self._is_meant(given, one.thumbprints)]
        if not found:
            what = "The certificate with identifier used to sign the client assertion is not registered on application."
            raise RefusedError(700027, what=what, reason="The key was not found.", **values)
        what = "Client assertion contains an invalid signature."
        if all(one.expires <= self.clock.now() for one in found):
            raise RefusedError(700027, what=what, reason="The key used is expired.", **values)
        if not any(assertion.is_signed_by(token, one.certificate) for one in found):
            reason = "The key was found, but use of the key to verify the signature failed."
            raise RefusedError(700027, what=what, reason=reason, **values)

    def _is_meant(self, given: Mapping[str, bytes], own: Mapping[str, bytes]) -> bool:
        known = self.directory.assertion_thumbprints.intersection(given)
        return bool(known) and all(given[name] == own[name] for name in known)

    def _tenant(self, identifier: str) -> Tenant:
        """Find a tenant; login.microsoftonline.com knows that a government tenant exists elsewhere, not the reverse."""
        if not aadsts.GUID.fullmatch(identifier) and not _DOMAIN.fullmatch(identifier):
            raise RefusedError(900023, tenant=identifier)
        tenant = self.directory.find(identifier)
        is_visible = tenant is not None and (tenant.cloud in self.login.clouds or "commercial" in self.login.clouds)
        if tenant is None or not is_visible or tenant.is_deleted:
            raise RefusedError(90002, tenant=identifier)
        return tenant

    def _configuration(self, identifier: str) -> Answer:
        if identifier.lower() not in _ALIASES:
            tenant = self._tenant(identifier)
            identifier = tenant.guid
        base = f"https://{self.login.host}/{identifier}"
        return aadsts.answer(
            200,
            {
                "token_endpoint": f"{base}/oauth2/v2.0/token",
                "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
                "jwks_uri": f"{base}/discovery/v2.0/keys",
                "issuer": f"{base}/v2.0",
                "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
                "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
                "response_types_supported": ["code", "id_token"],
                "subject_types_supported": ["pairwise"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "cloud_instance_name": self.login.instance,
            },
        )

    def _instances(self, request: Request) -> Answer:
        asked = dict(request.query).get("authorization_endpoint", "")
        tenant = re.fullmatch(r"https://([^/]+)/([^/]+)/oauth2(?:/v2\.0)?/authorize/?", asked)
        if tenant is None:
            raise RefusedError(900144, parameter="authorization_endpoint")
        discovery = f"https://{tenant[1]}/{tenant[2]}/v2.0/.well-known/openid-configuration"
        return aadsts.answer(
            200,
            {"tenant_discovery_endpoint": discovery, "api-version": "1.1", "metadata": _ANY_INSTANCE},
        )


def _thumbprint(text: object) -> bytes:
    """Return a thumbprint out of a header; what can't be read is no certificate's."""
    try:
        return base64.b64decode(f"{text}" + "=" * (-len(f"{text}") % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return b""


def _audience(scope: str) -> str:
    """Return what stands before ``/.default``, byte for byte."""
    scopes = scope.split(" ")
    bad = next((one for one in scopes if not one.endswith(_DEFAULT) or one == _DEFAULT), None)
    if bad is not None and (":" in bad or "." in bad):
        raise RefusedError(1002012, scope=bad)
    if bad is not None:
        raise RefusedError(70011, scope=bad)
    if len(set(scopes)) > 1:
        raise RefusedError(700022, scope=scope)
    return scope.removesuffix(_DEFAULT)
