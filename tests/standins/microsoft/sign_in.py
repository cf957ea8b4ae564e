"""Entra ID's sign-in of a person: ``/authorize``, its page, and the two grants that follow.

Sources: Microsoft, "Microsoft identity platform and OAuth 2.0 authorization code flow" and "Redirect URI (reply URL)
restrictions" (exact, but for the port of localhost); RFC 7636 (PKCE, S256). Codes of refusals: Microsoft's list, and
public issue threads for 9002327, 501481, 54005 and 500112. Assumed: the order of the checks; which refusals are a page and
which go back to the redirect URI (only those that a person chooses do here).

Stricter than life: ``state``, ``nonce`` and PKCE are demanded, and only S256 is taken.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from standins.microsoft import aadsts, ticks
from standins.microsoft.aadsts import RefusedError, demand
from standins.microsoft.clock import CloudClock
from standins.microsoft.directory import Application, Directory, Tenant, same_resource
from standins.microsoft.hosts import LoginHost
from standins.microsoft.people import AuthorizationRequest, Person
from standins.microsoft.tokens import signing_key
from standins.microsoft.wire import Answer, Request

RESERVED = frozenset({"openid", "profile", "offline_access", "email"})
_DEFAULT = "/.default"
_DEMANDED = ("client_id", "redirect_uri", "scope", "state", "nonce", "code_challenge")
_PROMPTS = frozenset({"", "login", "select_account", "consent", "none"})


@dataclass(frozen=True)
class SignInService:
    """What a login host does with people."""

    login: LoginHost
    directory: Directory
    clock: CloudClock

    def authorize(self, tenant: Tenant, request: Request) -> Answer:
        """Show the page on which a person signs in and consents."""
        query = dict(request.query)
        if len(query) != len(request.query):
            raise RefusedError(900144, parameter="client_id")  # a repeated field (assumed)
        demand(query, *_DEMANDED)
        application = self.application(tenant, query["client_id"])
        if not _registered(application, query["redirect_uri"]):
            raise RefusedError(50011, redirect_uri=query["redirect_uri"], application=application.client_id)
        if query.get("response_type") != "code" or query.get("response_mode", "query") != "query":
            raise RefusedError(900144, parameter="response_type")
        if query.get("code_challenge_method") != "S256" or query.get("prompt", "") not in _PROMPTS:
            raise RefusedError(900144, parameter="code_challenge_method")
        scopes = tuple(query["scope"].split())
        self._resource(tenant, scopes)
        asked = AuthorizationRequest(
            application.client_id,
            tenant.guid,
            query["redirect_uri"],
            scopes,
            query["state"],
            query["nonce"],
            query["code_challenge"],
        )
        return _page(request, self.directory.sign_ins.begin(asked), application)

    def enter(self, tenant: Tenant, request: Request) -> Answer:
        """Take what a person has filled in, and send the browser back to the application."""
        form = dict(request.form)
        asked = self.directory.sign_ins.request(form.get("flow", ""))
        if asked is None or asked.tenant != tenant.guid:
            raise RefusedError(900144, parameter="flow")
        application = self.application(tenant, asked.client_id)
        person = self.directory.person(form.get("login", ""))
        if person is None:
            raise RefusedError(50034, user=form.get("login", ""), tenant=tenant.name)
        self._admit(tenant, application, person)
        if form.get("consent") != "accept":
            return _back(asked, error="access_denied", error_description=aadsts.sentence(65004, self.clock.now()))
        code = self.directory.sign_ins.give_code(asked, person, self.clock.now())
        return _back(asked, code=code)

    def redeem(self, tenant: Tenant, application: Application, form: Mapping[str, str]) -> Answer:
        """Give tokens for a code."""
        demand(form, "code", "redirect_uri")
        code, was_redeemed = self.directory.sign_ins.redeem(form["code"])
        if code is None or code.request.client_id != application.client_id or code.request.tenant != tenant.guid:
            raise RefusedError(70000)
        if was_redeemed:
            raise RefusedError(54005)
        if code.expires <= self.clock.now():
            raise RefusedError(70008)
        if code.request.redirect_uri != form["redirect_uri"]:
            raise RefusedError(500112, redirect_uri=form["redirect_uri"])
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        if base64.urlsafe_b64encode(digest).decode().rstrip("=") != code.request.challenge:
            raise RefusedError(501481)
        self._admit(tenant, application, code.person)
        scopes = tuple(form.get("scope", "").split()) or code.request.scopes
        return self._tokens(tenant, application, code.person, scopes, code.request.nonce)

    def refresh(self, tenant: Tenant, application: Application, form: Mapping[str, str]) -> Answer:
        """Give tokens for a refresh token, a new refresh token among them."""
        demand(form, "refresh_token")
        token = self.directory.sign_ins.refresh_token(form["refresh_token"])
        if token is None or token.client_id != application.client_id:
            raise RefusedError(70000)
        if token.issued <= token.person.revoked:
            raise RefusedError(50173)
        self._admit(tenant, application, token.person)
        scopes = tuple(form.get("scope", "").split())
        return self._tokens(tenant, application, token.person, scopes)

    def application(self, tenant: Tenant, client_id: str) -> Application:
        """The application of that id which may ask in a tenant."""
        application = tenant.applications.get(client_id.lower())
        if application is None and self.directory.has_application(client_id, self.login.clouds):
            raise RefusedError(7000229, application=client_id, tenant=tenant.guid)
        if application is None:
            raise RefusedError(700016, application=client_id, tenant=tenant.name)
        if application.disabled:
            raise RefusedError(7000112, application=application.client_id, name=application.name)
        return application

    def _admit(self, tenant: Tenant, application: Application, person: Person) -> None:
        if person.refused is not None:
            raise RefusedError(person.refused)
        if person.tenant != tenant.guid and person.identity not in tenant.partners:
            raise RefusedError(50020, user=person.name, tenant=tenant.name, application=application.client_id)

    def _resource(self, tenant: Tenant, scopes: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
        """The resource of scopes and the permissions that they name; none for ``.default``."""
        wanted = [scope for scope in scopes if scope not in RESERVED]
        split = [scope.rpartition("/") for scope in wanted]
        resources = {resource for resource, _, _ in split}
        if not wanted or "" in resources:
            raise RefusedError(70011, scope=" ".join(scopes))
        if len(resources) > 1:
            raise RefusedError(700022, scope=" ".join(scopes))
        [resource] = resources
        if not any(same_resource(known, resource) for known in tenant.resources):
            raise RefusedError(500011, resource=resource, tenant=tenant.name)
        return resource, tuple(name for _, _, name in split if f"/{name}" != _DEFAULT)

    def _tokens(
        self,
        tenant: Tenant,
        application: Application,
        person: Person,
        scopes: tuple[str, ...],
        nonce: str = "",
    ) -> Answer:
        resource, named = self._resource(tenant, scopes)
        granted = application.delegated_for(resource)
        if not set(named) <= set(granted):
            raise RefusedError(65001, application=application.client_id, name=application.name)
        now = self.clock.now()
        body: dict[str, Any] = {
            "token_type": "Bearer",
            "scope": " ".join(f"{resource}/{name}" for name in granted),
            "expires_in": application.token_seconds - 1,
            "ext_expires_in": application.token_seconds - 1,
            "access_token": self.directory.issue(self.login, tenant, application, resource, person),
            "client_info": _packed({"uid": person.identity, "utid": person.tenant}),
        }
        if "offline_access" in scopes:
            body["refresh_token"] = self.directory.sign_ins.give_refresh_token(person, application.client_id, now)
        if "openid" in scopes:
            body["id_token"] = self._id_token(tenant, application, person, nonce)
        return aadsts.answer(200, body)

    def _id_token(self, tenant: Tenant, application: Application, person: Person, nonce: str) -> str:
        """The claims of Microsoft's "ID token claims reference", v2.0."""
        seconds = self.clock.now() // ticks.PER_SECOND
        claims = {
            "aud": application.client_id,
            "iss": f"https://{self.login.host}/{tenant.guid}/v2.0",
            "iat": seconds - 300,
            "nbf": seconds - 300,
            "exp": seconds + 3600,
            "name": person.name.partition("@")[0].title(),
            "oid": person.identity,
            "preferred_username": person.name,
            "sub": hashlib.sha256(f"{person.identity}{application.client_id}".encode()).hexdigest()[:43],
            "tid": tenant.guid,
            "ver": "2.0",
            **({"nonce": nonce} if nonce else {}),
        }
        return signing_key(self.login.instance).sign(claims)


def _registered(application: Application, uri: str) -> bool:
    """Whether a redirect URI is registered, as one of a web application."""
    return _comparable(uri) in map(_comparable, application.redirect_uris)


def _comparable(uri: str) -> str:
    parts = urlsplit(uri)
    if parts.scheme == "http" and parts.hostname == "localhost":
        return parts._replace(netloc="localhost").geturl()
    return uri


def _packed(value: Mapping[str, str]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def _back(asked: AuthorizationRequest, **answer: str) -> Answer:
    """Send the browser to the redirect URI."""
    joint = "&" if "?" in asked.redirect_uri else "?"
    query = urlencode({**answer, "state": asked.state, "session_state": "00000000-0000-0000-0000-000000000000"})
    return Answer(302, b"", (("Location", f"{asked.redirect_uri}{joint}{query}"), ("Cache-Control", "no-store")))


def _page(request: Request, handle: str, application: Application) -> Answer:
    tenant = request.path.split("/")[1]
    wanted = "".join(
        f"<li>{html.escape(f'{resource}/{name}')}</li>"
        for resource, names in application.delegated.items()
        for name in names
    )
    return aadsts.page(
        200,
        f'<form method="post" action="/{html.escape(tenant)}/login">'
        f'<input type="hidden" name="flow" value="{html.escape(handle)}">'
        '<label>Sign in <input name="login" autofocus></label>'
        f"<p>{html.escape(application.name)} would like to:</p><ul>{wanted}</ul>"
        '<button name="consent" value="accept">Accept</button>'
        '<button name="consent" value="decline">Cancel</button></form>',
    )
