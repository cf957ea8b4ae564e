"""An Azure VM's metadata service and a server's Azure Arc agent, as far as they give tokens of managed identities.

Sources: Microsoft, "How to use managed identities on an Azure VM to acquire an access token" (header, parameters, members
of the answer, errors, retries), "Azure Instance Metadata Service" (no ``X-Forwarded-For``, no proxy), "Authenticate
against Azure resources with Azure Arc-enabled servers" (the challenge), msal 1.39 (a new agent names the identity that it
used, an old one ignores which is wanted); the texts of the errors are those of public issue threads.
Assumed: parameters that nobody documents are refused, and so is a challenge that comes again.
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import uuid
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any

from typing_extensions import Self

from standins.microsoft import hosts, ticks
from standins.microsoft.cloud import MicrosoftCloud
from standins.microsoft.directory import Application, FederatedCredential, Tenant, same_resource
from standins.microsoft.tokens import signing_key
from standins.microsoft.wire import Answer, BadRequestError, ClientGoneError, Connection, Request
from standins.microsoft.workers import Workers

PATH = "/metadata/identity/oauth2/token"
_VM_VERSIONS = frozenset({"2018-02-01"})
_ARC_VERSIONS = frozenset({"2019-11-01", "2020-06-01"})
_PARAMETERS = frozenset({"api-version", "resource", "client_id"})
_NOT_FOUND = ("invalid_request", "Identity not found")
_SEVERAL = (
    "invalid_request",
    (
        "Multiple user assigned identities exist, please specify the clientId / resourceId of the identity in the token"
        " request"
    ),
)


@dataclass(frozen=True)
class ManagedIdentity:
    """One identity: its service principal in its tenant, and its object ID."""

    tenant: Tenant
    principal: Application
    object_id: str

    @property
    def client_id(self) -> str:
        """Its client ID."""
        return self.principal.client_id

    def trusted_by(self, application: Application, **other: str) -> None:
        """Let an application trust this identity; ``other`` replaces what stands in its federated credential."""
        login = _login(self.tenant)
        given = {
            "issuer": f"https://{login.host}/{self.tenant.guid}/v2.0",
            "subject": self.object_id,
            "audience": login.exchange_audience,
        }
        application.federated.append(FederatedCredential(**{**given, **other}))


@dataclass
class Machine:
    """A machine with an identity service; a context manager, like the cloud.

    Attributes:
        challenges: the folder of the Arc agent's files.
        system_assigned: the machine's own identity.
        user_assigned: those assigned to it.
        next_answers: what the next requests get in place of the genuine answer.
        requests: all that came.
        is_old_agent: the agent knows no user-assigned identities.
        challenge: the file that the agent names, in place of one of its own.
    """

    cloud: MicrosoftCloud
    challenges: Path
    system_assigned: ManagedIdentity | None = None
    user_assigned: list[ManagedIdentity] = field(default_factory=list)
    next_answers: deque[Answer] = field(default_factory=deque)
    requests: list[Request] = field(default_factory=list)
    is_old_agent: bool = False
    challenge: Path | None = None
    vm_address: tuple[str, int] = field(init=False)
    arc_address: tuple[str, int] = field(init=False)

    def __post_init__(self) -> None:
        self._workers = Workers()
        self._lock = threading.Lock()
        self._open: set[Path] = set()

    def __enter__(self) -> Self:
        self.vm_address = self._workers.listen("imds", lambda sock: self._serve(sock, "169.254.169.254"))
        self.arc_address = self._workers.listen("himds", lambda sock: self._serve(sock, "localhost:40342"))
        return self

    def __exit__(self, *_: object) -> None:
        self._workers.close()

    def new_identity(self, tenant: Tenant, roles: Mapping[str, Iterable[str]] | None = None) -> ManagedIdentity:
        """Make an identity that is not assigned to any machine yet."""
        principal = tenant.add_application(secret=None, roles=roles, name="identity")
        return ManagedIdentity(tenant, principal, str(uuid.uuid4()))

    def _serve(self, sock: socket.socket, host: str) -> None:
        connection = Connection(sock)
        with contextlib.suppress(ClientGoneError):
            while connection.is_open and not self._workers.stopping.is_set():
                try:
                    request = connection.read_request(host)
                except BadRequestError as error:
                    request, answer = None, Answer(error.status)
                else:
                    if request is None:
                        return
                    with self._lock:
                        self.requests.append(request)
                        planned = self.next_answers.popleft() if self.next_answers else None
                    answer = planned or self._respond(request)
                answer = answer.with_headers(("Date", ticks.http_date(self.cloud.clock.now())), ("Server", "IMDS/150"))
                connection.send(answer.head() + answer.body)
                if request is None or not request.keeps_alive:
                    connection.finish()

    def _respond(self, request: Request) -> Answer:
        forwarded = {"x-forwarded-for", "via", "forwarded", "proxy-authorization", "proxy-connection"}
        if request.method != "GET" or request.path != PATH:
            return Answer(HTTPStatus.NOT_FOUND)
        is_arc = request.host != "169.254.169.254"
        names = {"localhost:40342", "127.0.0.1:40342"} if is_arc else {"169.254.169.254"}
        if request.headers.get("host") not in names or forwarded & set(request.headers):
            return _refusal("invalid_request", "Requests through a proxy are not served")
        if request.headers.get("metadata") != "true":
            return _refusal("bad_request_102", "Required metadata header not specified")
        query = dict(request.query)
        if len(query) != len(request.query) or set(query) - _PARAMETERS:
            return _refusal("invalid_request", "A parameter is unknown or comes twice")
        if query.get("api-version") not in (_ARC_VERSIONS if is_arc else _VM_VERSIONS) or not query.get("resource"):
            return _refusal("invalid_request", "api-version or resource is missing or not supported")
        if is_arc and not self._has_met_a_challenge(request.headers.get("authorization", "")):
            return self._challenged()
        if is_arc and self.is_old_agent:
            query.pop("client_id", None)
        found = self._identity(query.get("client_id", ""))
        if isinstance(found, tuple):
            return _refusal(*found)
        return self._token(found, query["resource"], names_identity=not self.is_old_agent)

    def _identity(self, client_id: str) -> ManagedIdentity | tuple[str, str]:
        if client_id:
            known = [*self.user_assigned, *([self.system_assigned] if self.system_assigned else [])]
            return next((one for one in known if one.client_id == client_id.lower()), _NOT_FOUND)
        if self.system_assigned is not None:
            return self.system_assigned
        if len(self.user_assigned) > 1:
            return _SEVERAL
        return self.user_assigned[0] if self.user_assigned else _NOT_FOUND

    def _token(self, identity: ManagedIdentity, resource: str, *, names_identity: bool) -> Answer:
        tenant, login = identity.tenant, _login(identity.tenant)
        now = self.cloud.clock.now() // ticks.PER_SECOND
        seconds = identity.principal.token_seconds
        if same_resource(resource, login.exchange_audience):
            claims: dict[str, Any] = {
                "aud": resource,
                "iss": f"https://{login.host}/{tenant.guid}/v2.0",
                "sub": identity.object_id,
                "oid": identity.object_id,
                "tid": tenant.guid,
                "iat": now,
                "nbf": now,
                "exp": now + seconds,
                "ver": "2.0",
            }
            token = signing_key(login.instance).sign(claims)
        elif any(same_resource(known, resource) for known in tenant.resources):
            token = self.cloud.entra.issue(login, tenant, identity.principal, resource)
        else:
            sentence = (
                f"AADSTS500011: The resource principal named {resource} was not found in the tenant {tenant.guid}."
            )
            return _refusal("invalid_resource", sentence)
        body = {
            "access_token": token,
            "expires_in": str(seconds),
            "expires_on": str(now + seconds),
            "ext_expires_in": str(seconds),
            "not_before": str(now),
            "resource": resource,
            "token_type": "Bearer",
            **({"client_id": identity.client_id} if names_identity else {}),
        }
        return _json(HTTPStatus.OK, body)

    def _challenged(self) -> Answer:
        path = self.challenge
        if path is None:
            path = self.challenges / f"{uuid.uuid4()}.key"
            path.write_text(uuid.uuid4().hex, encoding="ascii")
        with self._lock:
            self._open.add(path)
        return Answer(HTTPStatus.UNAUTHORIZED, b"{}", (("Www-Authenticate", f"Basic realm={path}"),))

    def _has_met_a_challenge(self, authorization: str) -> bool:
        scheme, _, secret = authorization.partition(" ")
        with self._lock:
            met = next((path for path in self._open if secret and secret == path.read_text(encoding="ascii")), None)
            self._open.discard(met or Path())
        return scheme == "Basic" and met is not None


def _login(tenant: Tenant) -> hosts.LoginHost:
    return next(login for login in hosts.LOGIN if tenant.cloud in login.clouds)


def _refusal(error: str, description: str) -> Answer:
    return _json(HTTPStatus.BAD_REQUEST, {"error": error, "error_description": description})


def _json(status: int, body: object) -> Answer:
    return Answer(status, json.dumps(body).encode(), (("Content-Type", "application/json; charset=utf-8"),))
