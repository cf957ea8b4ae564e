"""Microsoft Graph security: ``GET /v1.0/security/alerts_v2`` and ``/v1.0/security/incidents``.

Documented (security-list-alerts_v2.md, security-list-incidents.md, throttling-limits.md, deployments.md): hosts, paths,
parameters, filterable properties, permissions, newest first, ``@odata.nextLink``, 150 calls a minute for an application in a
tenant, ``Prefer: include-unknown-enum-members``. Seen by others: a ``$top`` above 1,000 is clamped, ``$skip=501`` is a 400,
nextLinks to nothing, expanding the alerts of many incidents fails with 500.
Not documented, hence `AlertsBehaviour` and `IncidentsBehaviour`: ``$orderby``, how nextLinks work.
Assumed: 100 alerts or 50 incidents a page unless asked otherwise, 50 incidents at most, as a clamp; incidents count
towards the same limit as alerts; a nextLink's ``$skiptoken`` is refused when anything else in the link was changed; 403 for
a tenant of another cloud and for a deleted one; one incident by its id takes ``$expand=alerts`` (that it can be asked for
is documented, security-incident-get.md); 404 for other paths (single alerts are left out), 405 for other methods.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from standins.microsoft import graph_schema, hosts, json_members, odata_query, ticks
from standins.microsoft.call_limits import CallLimit, CallMeter
from standins.microsoft.clock import CloudClock
from standins.microsoft.directory import Directory, Tenant
from standins.microsoft.odata_collection import Collection, Page, Record
from standins.microsoft.odata_filter import Property, RefusedQueryError
from standins.microsoft.odata_query import Behaviour, Entity, Query
from standins.microsoft.tokens import TokenRefusedError
from standins.microsoft.wire import Answer, Request

ALERTS = "/v1.0/security/alerts_v2"
INCIDENTS = "/v1.0/security/incidents"
ROLES = {
    # As a real refusal of 2024 lists them (wazuh-documentation#7300).
    ALERTS: (
        "SecurityAlert.Read.All",
        "SecurityAlert.ReadWrite.All",
        "SecurityIncident.Read.All",
        "SecurityIncident.ReadWrite.All",
    ),
    INCIDENTS: ("SecurityIncident.Read.All", "SecurityIncident.ReadWrite.All"),
}
"""Application permissions, either of which is enough; an incident's alerts need no other."""

_COMMON = (
    Property("createdDateTime", "date"),
    Property("lastUpdateDateTime", "date"),
    Property("assignedTo", "text"),
    Property("classification", "enum", graph_schema.members("alertClassification")),
    Property("determination", "enum", graph_schema.members("alertDetermination")),
    Property("severity", "enum", graph_schema.members("alertSeverity")),
)
_ALERT = Entity(
    version="lastUpdateDateTime",
    properties=(
        *_COMMON,
        Property("serviceSource", "enum", graph_schema.members("serviceSource")),
        Property("status", "enum", graph_schema.members("alertStatus")),
    ),
    parameters=("$count", "$filter", "$skip", "$top"),
    context="/v1.0/$metadata#security/alerts_v2",
)
_INCIDENT = Entity(
    version="lastUpdateDateTime",
    properties=(*_COMMON, Property("status", "enum", graph_schema.members("incidentStatus"))),
    parameters=("$count", "$expand", "$filter", "$skip", "$top"),
    expands="alerts",
    context="/v1.0/$metadata#security/incidents",
)
_EVOLVING_ALERT = {
    "serviceSource": graph_schema.old_members("serviceSource"),
    "detectionSource": graph_schema.old_members("detectionSource"),
}
_EVOLVING_EVIDENCE = {"remediationStatus": graph_schema.old_members("evidenceRemediationStatus")}
_EVOLVING_INCIDENT = {"status": graph_schema.old_members("incidentStatus")}
_JSON = ("Content-Type", "application/json; odata.metadata=minimal; odata.streaming=true; charset=utf-8")
_PREFERENCE = "include-unknown-enum-members"


@dataclass(frozen=True)
class AlertsBehaviour(Behaviour):
    """What the documents leave open for alerts."""

    most_skip: int | None = 500


@dataclass(frozen=True)
class IncidentsBehaviour(Behaviour):
    """What the documents leave open for incidents."""

    page_default: int = 50
    page_maximum: int = 50
    most_skip: int | None = 500
    expansion_failure: Literal[500, 502, 503, 504] = 500
    """The status of a page whose alerts can't be expanded."""


class Alerts(Collection[AlertsBehaviour]):
    """``alerts_v2``."""

    def __init__(self, clock: CloudClock) -> None:
        super().__init__(_ALERT, AlertsBehaviour(), clock)

    def shown(self, record: Record, request: Request, *, expands: bool) -> bytes:
        """Return an alert; its evidence is always there."""
        del expands
        return record.raw if _prefers_all(request) else _rewritten(record.raw, _hide_in_alert)


class Incidents(Collection[IncidentsBehaviour]):
    """``incidents``."""

    def __init__(self, clock: CloudClock) -> None:
        super().__init__(_INCIDENT, IncidentsBehaviour(), clock)
        self.expansion_fails: Callable[[Query], bool] | None = None
        """Whether a query with ``$expand=alerts`` fails, such as ``lambda query: query.size > 10``."""
        self.too_large: set[str] = set()
        """Ids of incidents with which in the page every expansion fails, even one by one."""

    def put(
        self,
        tenant: Tenant,
        raw: bytes | dict[str, Any],
        *,
        alerts: Iterable[bytes] = (),
        visible_from: int | None = None,
        version: int | None = None,
        identity: str | None = None,
    ) -> None:
        """Put an incident without its alerts, and these; see `Collection.put`.

        Raises:
            ValueError: The incident holds alerts itself, or see there.
        """
        if json_members.has(raw, "alerts") if isinstance(raw, bytes) else "alerts" in raw:
            raise ValueError("an incident's alerts are said by `alerts=`")
        self._store(tenant, [self._record(raw, visible_from, version, identity, tuple(alerts))])

    def failure(self, query: Query, page: Page) -> Answer | None:
        """Fail as a large tenant's expansion does."""
        if not query.expands:
            return None
        fails = self.expansion_fails is not None and self.expansion_fails(query)
        if not fails and not any(record.identity in self.too_large for record in page.records):
            return None
        return Answer(self.behaviour.expansion_failure)

    def single(self, request: Request, tenant: Tenant, identity: str) -> Answer | None:
        """Answer a request for one incident by its id; None if there is none.

        Raises:
            RefusedQueryError: It deserves a 400.
        """
        query = replace(odata_query.read(request, self.entity, self.behaviour), size=1)
        strange = [name for name, _ in query.pairs if name != "$expand"]
        if strange:
            raise RefusedQueryError(f"{strange[0]} is not for one incident")
        if self.before_answer is not None:
            self.before_answer(query)
        with self._lock:
            record = self._shelf(tenant).current.get(identity)
        if record is None:
            return None
        failure = self.failure(query, Page([record], has_more=False, total=None))
        if failure is not None:
            return failure
        context = json.dumps(f"https://{query.host}{self.entity.context}/$entity").encode()
        shown = self.shown(record, request, expands=query.expands).lstrip()
        return Answer(200, b'{"@odata.context":' + context + b"," + shown[1:], (_JSON,))

    def shown(self, record: Record, request: Request, *, expands: bool) -> bytes:
        """Return an incident, its alerts only if expanded."""
        raw = record.raw
        if expands:
            raw = json_members.extended(raw, "alerts", b"[" + b",".join(record.parts) + b"]")
        return raw if _prefers_all(request) else _rewritten(raw, _hide_in_incident)


class GraphApi:
    """Microsoft Graph's security part in one or two national clouds."""

    def __init__(self, checkpoint: hosts.ApiHosts, clock: CloudClock) -> None:
        self.checkpoint = checkpoint
        self.alerts = Alerts(clock)
        self.incidents = Incidents(clock)
        self.meter = CallMeter(clock, CallLimit(150, 60))

    @property
    def host(self) -> str:
        """The host."""
        return self.checkpoint.hosts[0]


@dataclass(frozen=True)
class GraphService:
    """The API's host."""

    api: GraphApi
    directory: Directory
    clock: CloudClock

    def respond(self, request: Request) -> Answer:
        """Answer a request as Microsoft Graph does."""
        identity = str(uuid.uuid4())
        answer = self._answer(request)
        if not isinstance(answer, Answer):
            answer = self._error(request, identity, *answer)
        elif answer.status >= 500:
            answer = self._error(request, identity, answer.status, "UnknownError", "")
        return answer.with_headers(
            ("request-id", identity),
            ("client-request-id", request.headers.get("client-request-id", identity)),
        )

    def _answer(self, request: Request) -> Answer | tuple[int, str, str] | tuple[int, str, str, tuple[str, str]]:
        checkpoint = self.api.checkpoint
        path, _, single = request.path.rstrip("/").lower().partition(f"{INCIDENTS}/")
        path = INCIDENTS if single else path
        if path not in ROLES:
            return 404, "ResourceNotFound", f"Resource not found for the segment '{path.rpartition('/')[2]}'."
        if request.method != "GET":
            return 405, "Request_BadRequest", "Specified HTTP method is not allowed for the request target."
        authorization = request.headers.get("authorization", "")
        try:
            bearer = self.directory.check(authorization, audiences=(checkpoint.audience,), clouds=checkpoint.clouds)
        except TokenRefusedError as refused:
            sentence = f"Access token validation failure. {refused}." if authorization else "Access token is empty."
            return (
                401,
                "InvalidAuthenticationToken",
                sentence,
                ("WWW-Authenticate", 'Bearer realm="", error="invalid_token"'),
            )
        if bearer.tenant.is_deleted or bearer.tenant.cloud not in checkpoint.clouds:
            return 403, "Forbidden", "The tenant is not served here."
        if not set(ROLES[path]) & {*bearer.roles, *bearer.scopes}:
            needed, has = ",".join(ROLES[path]), ",".join((*bearer.roles, *bearer.scopes))
            sentence = f"Missing application roles. API required roles: {needed}, application roles: {has}."
            return 403, "Forbidden", sentence
        wait = self.api.meter.admit(bearer)
        if wait is not None:
            return 429, "TooManyRequests", "Too Many Requests", ("Retry-After", str(wait))
        collection: Alerts | Incidents = self.api.alerts if path == ALERTS else self.api.incidents
        try:
            if single:
                found = self.api.incidents.single(request, bearer.tenant, single)
                return found or (404, "ResourceNotFound", f"There is no incident {single}.")
            return collection.answer(request, bearer.tenant)
        except RefusedQueryError as refused:
            return 400, "BadRequest", f"Invalid request: {refused}."

    def _error(
        self, request: Request, identity: str, status: int, code: str, sentence: str, *headers: tuple[str, str]
    ) -> Answer:
        inner = {
            "date": ticks.text(self.clock.now() // ticks.PER_SECOND * ticks.PER_SECOND, digits=0, zone=""),
            "request-id": identity,
            "client-request-id": request.headers.get("client-request-id", identity),
        }
        body = {"error": {"code": code, "message": sentence, "innerError": inner}}
        return Answer(status, json.dumps(body).encode(), (("Content-Type", "application/json"), *headers))


def _prefers_all(request: Request) -> bool:
    preferences = request.headers.get("prefer", "").split(",")
    return _PREFERENCE in (preference.strip().lower() for preference in preferences)


def _rewritten(raw: bytes, hide: Callable[[dict[str, Any]], bool]) -> bytes:
    """Return a record without the newer members of its enums; the same bytes if it has none."""
    record = json.loads(raw)
    return json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode() if hide(record) else raw


def _hide_in_alert(alert: dict[str, Any]) -> bool:
    pieces = [_hide(alert, _EVOLVING_ALERT)]
    pieces += [_hide(each, _EVOLVING_EVIDENCE) for each in alert.get("evidence") or []]
    return any(pieces)


def _hide_in_incident(incident: dict[str, Any]) -> bool:
    pieces = [_hide(incident, _EVOLVING_INCIDENT)]
    pieces += [_hide_in_alert(alert) for alert in incident.get("alerts") or []]
    return any(pieces)


def _hide(part: dict[str, Any], evolving: Mapping[str, frozenset[str]]) -> bool:
    hidden = [name for name, old in evolving.items() if isinstance(part.get(name), str) and part[name] not in old]
    part.update(dict.fromkeys(hidden, "unknownFutureValue"))
    return bool(hidden)
