"""The Defender for Endpoint API: ``GET /api/alerts``.

Documented (get-alerts.md, alerts.md, common-errors.md, gov.md, improve-request-performance.md): the hosts, which of them
is only nearer than another, the filterable properties, ``$top`` up to 10,000, ``$skip``, ``$expand=evidence`` without which
``evidence`` is empty, newest first, 100 calls a minute and 1,500 an hour, the error body and its codes, Retry-After.
Documented by others: a token for the sister API https://api.security.microsoft.com is answered 403, not 401.
Not documented, hence `EndpointBehaviour`: ``$orderby`` and ``@odata.nextLink``.
Assumed: 400 for a larger ``$top``; ``ODataError`` as the code of every refused query; 403 for a tenant of another cloud and
for a deleted one; 404 for other paths, 405 for other methods; limits hold for an application in a tenant.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from typing import Literal

from standins.microsoft import hosts, json_members
from standins.microsoft.call_limits import CallLimit, CallMeter
from standins.microsoft.clock import CloudClock
from standins.microsoft.directory import Directory
from standins.microsoft.odata_collection import Collection, Record
from standins.microsoft.odata_filter import Property, RefusedQueryError
from standins.microsoft.odata_query import Behaviour, Entity
from standins.microsoft.tokens import TokenRefusedError
from standins.microsoft.wire import Answer, Request

ROLES = frozenset({"Alert.Read.All", "Alert.ReadWrite.All"})
"""Application permissions of WindowsDefenderATP; either is enough."""
SCOPES = frozenset({"Alert.Read", "Alert.ReadWrite"})
"""Of a person's token (Microsoft: "List alerts API", Permissions, delegated)."""

SEVERITIES = ("UnSpecified", "Informational", "Low", "Medium", "High")
STATUSES = ("Unknown", "New", "InProgress", "Resolved")

_ALERT = Entity(
    version="lastUpdateTime",
    properties=(
        Property("alertCreationTime", "date"),
        Property("lastUpdateTime", "date"),
        Property("lastEventTime", "date"),
        Property("incidentId", "number"),
        Property("investigationId", "number"),
        Property("id", "text"),
        Property("assignedTo", "text"),
        Property("detectionSource", "text"),
        Property("category", "text"),
        Property("status", "enum", STATUSES),
        Property("severity", "enum", SEVERITIES),
    ),
    parameters=("$filter", "$top", "$skip", "$expand"),
    expands="evidence",
    context="/api/$metadata#Alerts",
)
_PATHS = ("/api/alerts", "/api/v1.0/alerts")
_JSON = ("Content-Type", "application/json; charset=utf-8")


@dataclass(frozen=True)
class EndpointBehaviour(Behaviour):
    """What the documents leave open."""

    page_default: int = 10_000
    page_maximum: int = 10_000
    most_top: int | None = 10_000
    links: Literal["never", "more", "full", "always"] = "never"
    link_by: Literal["skiptoken", "skip"] = "skip"


class EndpointApi(Collection[EndpointBehaviour]):
    """The alerts of one or two national clouds' tenants, the same under every host."""

    def __init__(self, checkpoint: hosts.ApiHosts, clock: CloudClock) -> None:
        super().__init__(_ALERT, EndpointBehaviour(), clock)
        self.checkpoint = checkpoint
        self.meter = CallMeter(clock, CallLimit(100, 60), CallLimit(1500, 3600))

    @property
    def alerts(self) -> EndpointApi:
        """The API's only collection is the API itself; said as on `graph.GraphApi`."""
        return self

    @property
    def host(self) -> str:
        """The global host."""
        return self.checkpoint.hosts[0]

    def shown(self, record: Record, request: Request, *, expands: bool) -> bytes:
        """Return an alert, its evidence empty unless expanded."""
        del request
        if expands:
            return record.raw
        if record.short is None:
            record.short = json_members.replaced(record.raw, "evidence", b"[]")
        return record.short


@dataclass(frozen=True)
class EndpointService:
    """One host of the API."""

    api: EndpointApi
    directory: Directory

    def respond(self, request: Request) -> Answer:
        """Answer a request as Defender for Endpoint does."""
        checkpoint = self.api.checkpoint
        if request.path.rstrip("/").lower() not in _PATHS:
            return _error(404, "NotFound", f"The resource '{request.path}' does not exist.")
        if request.method != "GET":
            sentence = f"The requested resource does not support http method '{request.method}'."
            return _error(405, "BadRequest", sentence).with_headers(("Allow", "GET"))
        try:
            bearer = self.directory.check(
                request.headers.get("authorization", ""),
                audiences=(checkpoint.audience, checkpoint.trap),
                clouds=checkpoint.clouds,
            )
        except TokenRefusedError as refused:
            challenge = f'Bearer error="invalid_token", error_description="{refused}"'
            return _error(401, "Unauthorized", f"{refused}.").with_headers(("WWW-Authenticate", challenge))
        is_ours = bearer.claims["aud"] == checkpoint.audience
        if not is_ours or bearer.tenant.is_deleted or bearer.tenant.cloud not in checkpoint.clouds:
            return _error(
                403, "Forbidden", "The application does not have any of the required application permissions."
            )
        if bearer.scopes and not SCOPES & set(bearer.scopes):
            # What it says to a person is not documented.
            return _error(403, "Forbidden", "The user does not have the required scopes.")
        if not (ROLES & set(bearer.roles) or SCOPES & set(bearer.scopes)):
            return _error(
                403,
                "Forbidden",
                "Missing application roles. API required roles: Alert.Read.All,Alert.ReadWrite.All,"
                f" application roles: {','.join(bearer.roles) or '(none)'}.",
            )
        wait = self.api.meter.admit(bearer)
        if wait is not None:
            sentence = f"Quota exceeded. Try again in {wait} seconds."
            return _error(429, "TooManyRequests", sentence).with_headers(("Retry-After", str(wait)))
        try:
            return self.api.answer(request, bearer.tenant)
        except RefusedQueryError as refused:
            return _error(400, "ODataError", f"The query specified in the URI is not valid. {refused}.")


def _error(status: int, code: str, sentence: str) -> Answer:
    body = {"error": {"code": code, "message": sentence, "target": str(uuid.uuid4())}}
    return Answer(status, json.dumps(body).encode(), (_JSON,))
