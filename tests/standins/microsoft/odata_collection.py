"""A collection of records as OData shows it: each record once, at its current version, pages cut out of the live list."""

from __future__ import annotations

import functools
import json
import re
import threading
import zlib
from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, Generic, NamedTuple, TypeVar

from standins.microsoft import odata_query, ticks
from standins.microsoft.clock import CloudClock
from standins.microsoft.directory import Tenant
from standins.microsoft.odata_filter import Property, Value
from standins.microsoft.odata_query import Behaviour, Entity, Query
from standins.microsoft.wire import Answer, Request

B = TypeVar("B", bound=Behaviour)

_JSON = ("Content-Type", "application/json; odata.metadata=minimal; odata.streaming=true; charset=utf-8")
_FIRST_IS_ID = re.compile(rb'\s*\{\s*"id"\s*:\s*"([0-9A-Za-z_-]+)"')


@dataclass(eq=False)
class Record:
    """One version of one record."""

    identity: str
    key: tuple[int, int]
    """Version time in ticks, then the number of its arrival."""
    raw: bytes
    entity: Entity
    visible_from: int | None = None
    parts: tuple[bytes, ...] = ()
    """What ``$expand`` adds, where that isn't in the record itself."""
    short: bytes | None = None
    """The record without what must be expanded, once somebody has asked for it."""

    @functools.cached_property
    def values(self) -> dict[str, Value]:
        """What can be filtered by, dates in ticks; read when somebody filters, which most requests do by version alone."""
        try:
            meaning = json.loads(self.raw)
        except ValueError:  # a broken record, whose id and version time the test has said
            meaning = {}
        values = {each.name: _value(meaning.get(each.name), each) for each in self.entity.properties}
        return {**values, self.entity.version: self.key[0]}


class Page(NamedTuple):
    """What a query shows now."""

    records: list[Record]
    has_more: bool
    total: int | None
    """How many there are in all, if that was asked."""


@dataclass
class _Shelf:
    """One tenant's records."""

    current: dict[str, Record] = field(default_factory=dict)
    ordered: list[Record] = field(default_factory=list)
    """The same, oldest version first."""
    late: list[Record] = field(default_factory=list)
    """Versions that aren't shown yet; until then, the earlier version of the same record is."""

    def put(self, record: Record) -> None:
        """Let a version take the place of the one before, wherever that was in the list."""
        self.take(record.identity)
        self.current[record.identity] = record
        insort(self.ordered, record, key=_key)

    def put_all(self, records: Iterable[Record]) -> None:
        """Do the same for many at once."""
        for record in records:
            self.current[record.identity] = record
        self.ordered = sorted(self.current.values(), key=_key)

    def take(self, identity: str) -> None:
        """Take a record away."""
        before = self.current.pop(identity, None)
        if before is not None:
            del self.ordered[bisect_left(self.ordered, before.key, key=_key)]

    def ripen(self, now: int) -> None:
        """Show the late versions whose time has come, but never an older version after a newer one."""
        ripe = [record for record in self.late if (record.visible_from or 0) <= now]
        if not ripe:
            return
        self.late = [record for record in self.late if (record.visible_from or 0) > now]
        for record in ripe:
            shown = self.current.get(record.identity)
            if shown is None or shown.key < record.key:
                self.put(record)


class Collection(Generic[B]):
    """Every tenant's records. Everything may change while the cloud runs; thread-safe."""

    def __init__(self, entity: Entity, behaviour: B, clock: CloudClock) -> None:
        self.entity = entity
        self.behaviour = behaviour
        self.before_answer: Callable[[Query], None] | None = None
        """Called with every query that is accepted, so that a test can change what is there between two requests."""
        self._clock = clock
        self._lock = threading.Lock()
        self._shelves: dict[str, _Shelf] = {}
        self._numbers = 0

    def put(
        self,
        tenant: Tenant,
        raw: bytes | dict[str, Any],
        *,
        visible_from: int | None = None,
        version: int | None = None,
        identity: str | None = None,
    ) -> None:
        """Put a record, in the place of an earlier version with the same id; answers hold exactly these bytes.

        Args:
            tenant: Whose.
            raw: The JSON text of one object, with what only ``$expand`` shows if that is part of the record.
            visible_from: Ticks of the cloud's clock before which the API doesn't show it; None: at once.
            version: Its version time in ticks instead of what the bytes say; for broken ones.
            identity: Its id instead of what the bytes say; for broken ones.

        Raises:
            ValueError: The id or the version time can't be read.
        """
        self._store(tenant, [self._record(raw, visible_from, version, identity)])

    def put_all(self, tenant: Tenant, raws: Iterable[bytes], *, visible_from: int | None = None) -> None:
        """Put many records; see `put`."""
        self._store(tenant, [self._record(raw, visible_from) for raw in raws])

    def remove(self, tenant: Tenant, identity: str | None = None) -> None:
        """Remove one record of a tenant, or all; also what isn't visible yet."""
        with self._lock:
            shelf = self._shelves.setdefault(tenant.guid, _Shelf())
            if identity is None:
                self._shelves[tenant.guid] = _Shelf()
                return
            shelf.late = [record for record in shelf.late if record.identity != identity]
            shelf.take(identity)

    def records(self, tenant: Tenant) -> list[bytes]:
        """Return every version stored for a tenant as it was put, oldest version time first, visible or not."""
        with self._lock:
            shelf = self._shelf(tenant)
            return [record.raw for record in sorted([*shelf.ordered, *shelf.late], key=_key)]

    def page(self, tenant: Tenant, query: Query) -> Page:
        """Return what a query shows now."""
        order = query.order
        with self._lock:
            shelf = self._shelf(tenant)
            start, end = 0, len(shelf.ordered)
            if query.since is not None:
                start = bisect_left(shelf.ordered, (query.since, 0), key=_key)
            if query.until is not None:
                end = bisect_left(shelf.ordered, (query.until, 0), key=_key)
            found = shelf.ordered[start:end]
        late = self.behaviour.orderby == "within_newest"
        if order is None or late:
            descending = self.behaviour.order in {"newest_first", "oldest_of_newest_first"}
        else:
            descending = order.descending
            if order.name != self.entity.version:
                found.sort(key=_by(order.name))
        if descending:
            found.reverse()
        if (order is None or late) and self.behaviour.order == "none":
            found.sort(key=lambda record: zlib.crc32(record.identity.encode()))
        passing = iter(found) if query.range.rest is None else _passing(found, query)
        if query.counts:
            found = list(passing)
            passing = iter(found)
        chosen = list(islice(passing, query.skip, query.skip + query.size + 1))
        has_more = len(chosen) > query.size
        del chosen[query.size :]
        if order is None and self.behaviour.order == "oldest_of_newest_first":
            chosen.sort(key=_key)
        if order is not None and late:
            chosen.sort(key=_by(order.name), reverse=order.descending)
        return Page(chosen, has_more, len(found) if query.counts else None)

    def answer(self, request: Request, tenant: Tenant) -> Answer:
        """Answer a request whose caller may ask.

        Raises:
            RefusedQueryError: It deserves a 400.
        """
        behaviour = self.behaviour
        query = odata_query.read(request, self.entity, behaviour)
        if self.before_answer is not None:
            self.before_answer(query)
        if query.link < behaviour.empty_first:
            # Its nextLink leads to where it stands itself.
            query, page = replace(query, size=0), Page([], has_more=True, total=None)
        else:
            page = self.page(tenant, query)
        failure = self.failure(query, page)
        if failure is not None:
            return failure
        return Answer(200, self._body(request, query, page, behaviour), (_JSON,), chunked=behaviour.chunked)

    def failure(self, query: Query, page: Page) -> Answer | None:
        """Return what this page is answered with instead, if it can't be shown."""
        del query, page
        return None

    def shown(self, record: Record, request: Request, *, expands: bool) -> bytes:
        """Return the bytes that an answer holds of a record."""
        del request, expands
        return record.raw

    def _body(self, request: Request, query: Query, page: Page, behaviour: Behaviour) -> bytes:
        space = behaviour.space
        raws = [self.shown(record, request, expands=query.expands) for record in page.records]
        value = b"[" + space + (b"," + space).join(raws) + b"]" if raws else b"[]"
        members = [(b"@odata.context", _text(f"https://{query.host}{self.entity.context}"))]
        if page.total is not None:
            members.append((b"@odata.count", b"%d" % page.total))
        members.append((b"value", value))
        has_link = {
            "never": False,
            "more": page.has_more,
            "full": len(page.records) == query.size,
            "always": bool(page.records),
        }[behaviour.links] or query.link < behaviour.empty_first
        if has_link:
            link = (b"@odata.nextLink", _text(query.next_link(behaviour)))
            members.insert(1 if behaviour.link_first else len(members), link)
        inside = b",".join(space + b'"' + name + b'":' + content for name, content in members)
        return b"{" + inside + space + b"}"

    def _record(
        self,
        raw: bytes | dict[str, Any],
        visible_from: int | None,
        version: int | None = None,
        identity: str | None = None,
        parts: tuple[bytes, ...] = (),
    ) -> Record:
        content = raw if isinstance(raw, bytes) else json.dumps(raw, ensure_ascii=False).encode()
        if identity is None:
            identity = _identity(content)
        if version is None:
            version = self._version(content)
        with self._lock:
            self._numbers += 1
            number = self._numbers
        return Record(identity, (version, number), content, self.entity, visible_from, parts)

    def _version(self, raw: bytes) -> int:
        # Quick way first: inside a JSON string the quotes of such a text would be escaped, so one match is the member.
        matches = re.findall(rb'"%s"\s*:\s*"([0-9T:.Z+-]+)"' % self.entity.version.encode(), raw)
        text = matches[0].decode("ascii") if len(matches) == 1 else json.loads(raw).get(self.entity.version)
        if not isinstance(text, str):
            sentence = f"{self.entity.version} is missing; say `version` for a record without it"
            raise ValueError(sentence)  # noqa: TRY004 - the bytes are wrong, not their type
        return ticks.parse(text)

    def _store(self, tenant: Tenant, records: list[Record]) -> None:
        now = self._clock.now()
        with self._lock:
            shelf = self._shelf(tenant)
            shown = [record for record in records if record.visible_from is None or record.visible_from <= now]
            if len(shown) == 1:
                shelf.put(shown[0])
            elif shown:
                shelf.put_all(shown)
            if len(shown) < len(records):
                shelf.late += [r for r in records if r.visible_from is not None and r.visible_from > now]

    def _shelf(self, tenant: Tenant) -> _Shelf:
        shelf = self._shelves.setdefault(tenant.guid, _Shelf())
        shelf.ripen(self._clock.now())
        return shelf


def _identity(raw: bytes) -> str:
    match = _FIRST_IS_ID.match(raw)
    identity = match[1].decode() if match else json.loads(raw).get("id")
    if not isinstance(identity, str):
        sentence = "id is missing; say `identity` for a record without it"
        raise ValueError(sentence)  # noqa: TRY004 - the bytes are wrong, not their type
    return identity


def _key(record: Record) -> tuple[int, int]:
    return record.key


def _by(name: str) -> Callable[[Record], tuple[bool, Any, tuple[int, int]]]:
    """Return the sort key of one property: null first, ties by version time and arrival."""

    def key(record: Record) -> tuple[bool, Any, tuple[int, int]]:
        value = record.values.get(name)
        return (value is not None, value if value is not None else 0, record.key)

    return key


def _passing(found: list[Record], query: Query) -> Iterator[Record]:
    rest = query.range.rest
    return (record for record in found if rest is None or rest.holds(record.values))


def _value(value: object, known: Property) -> Value:
    if known.kind != "date":
        return value if isinstance(value, (int, str)) else None
    try:
        return ticks.parse(value) if isinstance(value, str) else None
    except ValueError:  # a broken date compares with nothing
        return None


def _text(text: str) -> bytes:
    return json.dumps(text).encode()
