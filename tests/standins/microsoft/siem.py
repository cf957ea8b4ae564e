"""The SIEM API (wdatp-alertexporter): ``GET /api/alerts`` of one region.

Documented (pull-alerts-using-rest-api, 2017 to 2022): the hosts, the path in any case and with a trailing slash, the
parameters, a bare JSON array, 401 for a missing or invalid token, 403 for a deleted tenant, 500.
Not documented, hence `SiemBehaviour`: which bounds are inclusive, the order, a cap.
Assumed: a tenant of another region gets nothing; the error bodies (those of ASP.NET Web API), 404 for other paths, 405 for
other methods.
"""

from __future__ import annotations

import json
import random
import re
import threading
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Literal, NamedTuple

from standins.microsoft import hosts, siem_query, ticks
from standins.microsoft.clock import CloudClock
from standins.microsoft.directory import Directory, Tenant
from standins.microsoft.siem_query import SiemQuery
from standins.microsoft.tokens import TokenRefusedError
from standins.microsoft.wire import Answer, Request

_PATH = "/api/alerts"
_JSON = ("Content-Type", "application/json; charset=utf-8")
_PROCESSED = re.compile(rb'"LastProcessedTimeUtc"\s*:\s*"([0-9T:.Z+-]+)"')
_PRECISION = {"ms": ticks.PER_MILLISECOND, "s": ticks.PER_SECOND}


@dataclass(frozen=True)
class SiemBehaviour:
    """What the documents leave open, to be tried each way."""

    lower_inclusive: bool = True
    upper_inclusive: bool = True
    silent_cap: int | None = None
    """Answers hold the newest so many at most, and nothing says so."""
    order: Literal["newest_first", "oldest_first", "shuffled"] = "newest_first"
    rounds_bounds_to: Literal["ms", "s"] | None = None
    """The bounds lose their finer digits (both are rounded down)."""
    envelope: Literal["array", "value"] = "array"
    """A bare array as documented, or ``{"value": [...]}`` as Microsoft's other APIs have it."""
    empty: bytes = b"[]"
    """The body when there is nothing (``b""``: none at all)."""
    separator: bytes = b","
    """What stands between two alerts, such as ``b",\\r\\n  "``."""
    chunked: bool = False
    required_role: str | None = None
    """An application permission without which the answer is 403 (this old API's applications may have none)."""


class StoredAlert(NamedTuple):
    """One alert as it came in; sorted by time, then by arrival."""

    processed: int
    number: int
    visible_from: int | None
    raw: bytes


@dataclass
class _Shelf:
    """One tenant's alerts in one region."""

    alerts: list[StoredAlert] = field(default_factory=list)
    is_sorted: bool = True


class SiemRegion:
    """One region's store. Everything may change while the cloud runs; thread-safe."""

    def __init__(self, checkpoint: hosts.SiemHosts) -> None:
        self.name = checkpoint.region
        self.hosts = checkpoint.hosts
        self.clouds = checkpoint.clouds
        self.behaviour = SiemBehaviour()
        self.retired: Literal["404", "410"] | None = None
        """Every request is answered so: the API has been switched off, its name still resolves."""
        self.before_answer: Callable[[SiemQuery], None] | None = None
        """Called with every query that is accepted, so that a test can change what is there between two requests."""
        self._lock = threading.Lock()
        self._shelves: dict[str, _Shelf] = {}
        self._numbers = 0

    @property
    def host(self) -> str:
        """The current host name."""
        return self.hosts[0]

    def add(
        self,
        tenant: Tenant,
        raw: bytes | dict[str, Any],
        *,
        visible_from: int | None = None,
        processed: int | None = None,
    ) -> None:
        """Add one alert, or another version of one; see `add_all`."""
        one = raw if isinstance(raw, bytes) else json.dumps(raw, ensure_ascii=False).encode()
        self.add_all(tenant, [one], visible_from=visible_from, processed=processed)

    def add_all(
        self,
        tenant: Tenant,
        raws: Iterable[bytes],
        *,
        visible_from: int | None = None,
        processed: int | None = None,
    ) -> None:
        """Add alerts, each the JSON text of one object; answers hold exactly these bytes.

        Args:
            tenant: Whose.
            raws: The alerts.
            visible_from: Ticks of the cloud's clock before which the API doesn't show them; None: at once.
            processed: Ticks to use as LastProcessedTimeUtc instead of what the bytes say; for broken ones.

        Raises:
            ValueError: An alert's LastProcessedTimeUtc can't be read.
        """
        timed = [(_processed(raw) if processed is None else processed, raw) for raw in raws]
        with self._lock:
            shelf = self._shelves.setdefault(tenant.guid, _Shelf())
            for moment, raw in timed:
                self._numbers += 1
                shelf.alerts.append(StoredAlert(moment, self._numbers, visible_from, raw))
            shelf.is_sorted = False

    def remove(self, tenant: Tenant, which: Callable[[StoredAlert], bool] | None = None) -> None:
        """Remove a tenant's alerts, or some of them."""
        with self._lock:
            shelf = self._shelves.setdefault(tenant.guid, _Shelf())
            shelf.alerts = [] if which is None else [a for a in shelf.alerts if not which(a)]

    def alerts(self, tenant: Tenant) -> list[StoredAlert]:
        """Return everything stored for a tenant, oldest first, visible or not."""
        with self._lock:
            return self._sorted(tenant.guid).copy()

    def select(self, tenant: Tenant, query: SiemQuery, now: int) -> list[bytes]:
        """Return the alerts of one answer, in its order."""
        behaviour = self.behaviour
        unit = 1 if behaviour.rounds_bounds_to is None else _PRECISION[behaviour.rounds_bounds_to]
        since, until = query.since - query.since % unit, query.until - query.until % unit
        with self._lock:
            alerts = self._sorted(tenant.guid)
            left, right = bisect_left, bisect_right
            start = (left if behaviour.lower_inclusive else right)(alerts, since, key=_moment)
            end = (right if behaviour.upper_inclusive else left)(alerts, until, key=_moment)
            found = alerts[start:end]
        found = [a for a in found if a.visible_from is None or a.visible_from <= now]
        if query.machine_groups:
            found = [a for a in found if json.loads(a.raw).get("MachineGroup") in query.machine_groups]
        if behaviour.silent_cap is not None:
            found = found[max(0, len(found) - behaviour.silent_cap) :]
        if behaviour.order == "newest_first":
            found.reverse()
        elif behaviour.order == "shuffled":
            random.Random(len(found)).shuffle(found)
        return [a.raw for a in found]

    def _sorted(self, guid: str) -> list[StoredAlert]:
        shelf = self._shelves.get(guid)
        if shelf is None:
            return []
        if not shelf.is_sorted:
            shelf.alerts.sort()
            shelf.is_sorted = True
        return shelf.alerts


@dataclass(frozen=True)
class SiemService:
    """One host of a region."""

    region: SiemRegion
    directory: Directory
    clock: CloudClock

    def respond(self, request: Request) -> Answer:
        """Answer a request as the SIEM API does."""
        if self.region.retired is not None:
            return Answer(int(self.region.retired))
        if request.path.rstrip("/").lower() != _PATH:
            return _message(404, f"No HTTP resource was found that matches the request URI '{request.path}'.")
        if request.method != "GET":
            allowed = ("Allow", "GET")
            sentence = f"The requested resource does not support http method '{request.method}'."
            return _message(405, sentence).with_headers(allowed)
        try:
            bearer = self.directory.check(
                request.headers.get("authorization", ""),
                audiences=hosts.SIEM_RESOURCES,
                clouds=self.region.clouds,
            )
        except TokenRefusedError as refused:
            challenge = f'Bearer error="invalid_token", error_description="{refused}"'
            sentence = "Authorization has been denied for this request."
            return _message(401, sentence).with_headers(("WWW-Authenticate", challenge))
        tenant = bearer.tenant
        behaviour = self.region.behaviour
        is_forbidden = (
            tenant.is_deleted
            or tenant.cloud not in self.region.clouds
            or (behaviour.required_role is not None and behaviour.required_role not in (*bearer.roles, *bearer.scopes))
        )
        if is_forbidden:
            return _message(403, "Forbidden")
        try:
            query = siem_query.read(request.query, self.clock.now())
        except siem_query.RefusedQueryError as refused:
            return _message(400, f"The request is invalid: {refused}.")
        if self.region.before_answer is not None:
            self.region.before_answer(query)
        return _alerts(self.region.select(tenant, query, self.clock.now()), behaviour)


def _alerts(raws: list[bytes], behaviour: SiemBehaviour) -> Answer:
    opening, closing = (b'{"value":[', b"]}") if behaviour.envelope == "value" else (b"[", b"]")
    body = b"".join((opening, behaviour.separator.join(raws), closing)) if raws else behaviour.empty
    return Answer(HTTPStatus.OK, body, (_JSON,), chunked=behaviour.chunked)


def _message(status: int, sentence: str) -> Answer:
    return Answer(status, json.dumps({"Message": sentence}).encode(), (_JSON,))


def _moment(alert: StoredAlert) -> int:
    return alert.processed


def _processed(raw: bytes) -> int:
    # Quick way first: inside a JSON string the quotes of such a text would be escaped, so one match is the member.
    matches = _PROCESSED.findall(raw)
    text = matches[0].decode("ascii") if len(matches) == 1 else json.loads(raw).get("LastProcessedTimeUtc")
    if not isinstance(text, str):
        sentence = "LastProcessedTimeUtc is missing; say `processed` for an alert without it"
        raise ValueError(sentence)  # noqa: TRY004 - the bytes are wrong, not their type
    return ticks.parse(text)
