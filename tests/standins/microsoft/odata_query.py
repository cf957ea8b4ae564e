"""OData's query parameters, read as strictly as the documents of each collection allow.

Assumed, because no document says it: unknown, repeated and empty parameters are a 400 (real services ignore some, the
stand-in is stricter, so that a misspelt one is noticed); ``$top`` must be positive; ``$orderby`` takes one property.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote

from standins.microsoft import odata_filter, ticks
from standins.microsoft.odata_filter import Dates, Property, Range, RefusedQueryError
from standins.microsoft.wire import Headers, Request

_UNITS = {None: 1, "ms": ticks.PER_MILLISECOND, "s": ticks.PER_SECOND}
_PLACE = ("$skip", "$skiptoken")


@dataclass(frozen=True)
class Behaviour:
    """What the documents of a collection leave open, to be tried each way; see the subclasses for each one's defaults."""

    orderby: Literal["honoured", "refused", "ignored", "within_newest"] = "honoured"
    """``within_newest``: a page is chosen newest first all the same, and only what is in it is put into order."""
    order: Literal["newest_first", "oldest_first", "oldest_of_newest_first", "none"] = "newest_first"
    """Without ``$orderby``. ``oldest_of_newest_first``: a page is chosen newest first, and then only what is in it is
    put into order. ``none`` is always the same, and has nothing to do with any time."""
    page_default: int = 100
    """How many records a page has that wasn't asked for a number."""
    page_maximum: int = 1000
    """No page has more, whatever is asked for; nothing says so but a nextLink."""
    most_top: int | None = None
    """A larger ``$top`` is a 400."""
    most_skip: int | None = None
    """A larger ``$skip`` is a 400, also in a nextLink."""
    links: Literal["never", "more", "full", "always"] = "more"
    """When there is an ``@odata.nextLink``: when more is there, when the page is full (so perhaps to nothing), or after
    every page that has any record."""
    empty_first: int = 0
    """So many pages without a record come before the first one that has some, each with a nextLink (by skiptoken)."""
    link_by: Literal["skiptoken", "skip"] = "skiptoken"
    """How a nextLink says where it goes on. Either is an offset into the list as it is then, so records that move shift it."""
    links_break_from: int | None = None
    """Following the n-th link, or a later one, is a 400."""
    link_host: str | None = None
    """Links lead to this host instead of the one that was asked."""
    rounds_bounds_to: Literal["ms", "s"] | None = None
    """Dates in ``$filter`` lose their finer digits (they are rounded down)."""
    most_digits: int = 7
    """Dates in ``$filter`` with more fraction digits are a 400."""
    link_first: bool = False
    """``@odata.nextLink`` stands before ``value`` instead of behind it."""
    space: bytes = b""
    """White space before every member of the envelope and every record, such as ``b"\\r\\n  "``."""
    chunked: bool = False

    @property
    def dates(self) -> Dates:
        """How dates are read."""
        return Dates(_UNITS[self.rounds_bounds_to], self.most_digits)


@dataclass(frozen=True)
class Entity:
    """What is documented of a collection."""

    version: str
    """The property that changes with every update."""
    properties: tuple[Property, ...]
    """Those that can be filtered by."""
    parameters: tuple[str, ...]
    """Those that are documented, apart from ``$orderby`` and ``$skiptoken``, which a behaviour allows."""
    expands: str | None = None
    """What ``$expand`` can name."""
    context: str = ""
    """The end of ``@odata.context``."""


@dataclass(frozen=True)
class Recollection:
    """What ``$orderby`` asks for."""

    name: str
    descending: bool = False


@dataclass(frozen=True)
class Query:
    """A query that has been accepted."""

    host: str
    path: str
    pairs: Headers
    """All parameters as they came."""
    range: Range
    """Bounds of the version time, and the rest of the filter."""
    top: int | None
    """What ``$top`` asks for."""
    size: int
    """How many records the page has at most."""
    skip: int
    """How many records of the live list come before it."""
    link: int = 0
    """The how-manieth nextLink this is."""
    order: Recollection | None = None
    expands: bool = False
    counts: bool = False

    @property
    def filter(self) -> str:
        """``$filter`` as it came."""
        return dict(self.pairs).get("$filter", "")

    @property
    def since(self) -> int | None:
        """The least version time that passes, in ticks."""
        return self.range.since

    @property
    def until(self) -> int | None:
        """The least version time that is too late to pass, in ticks."""
        return self.range.until

    def next_link(self, behaviour: Behaviour) -> str:
        """Return the URL of the next page."""
        offset, link = self.skip + self.size, self.link + 1
        pairs = [(name, value) for name, value in self.pairs if name not in _PLACE]
        if behaviour.link_by == "skip":
            pairs.append(("$skip", str(offset)))
        else:
            pairs.append(("$skiptoken", _token(offset, link, pairs)))
        text = "&".join(f"{name}={quote(value, safe='')}" for name, value in pairs)
        return f"https://{behaviour.link_host or self.host}{self.path}?{text}"


def read(request: Request, entity: Entity, behaviour: Behaviour) -> Query:
    """Read a request's query.

    Raises:
        RefusedQueryError: Says which parameter and why.
    """
    try:
        pairs = request.query
    except UnicodeDecodeError as error:
        raise RefusedQueryError("The query is not UTF-8") from error
    known = (*entity.parameters, "$orderby", "$skiptoken")
    given: dict[str, str] = {}
    for name, value in pairs:
        if name not in known:
            raise RefusedQueryError(f"The query parameter '{name}' is not supported")
        if name in given:
            raise RefusedQueryError(f"Query option '{name}' was specified more than once")
        if not value.strip():
            raise RefusedQueryError(f"Query option '{name}' is empty")
        given[name] = value
    top = _number(given, "$top", least=1, most=behaviour.most_top)
    skip = _number(given, "$skip", least=0, most=behaviour.most_skip) or 0
    size = min(top or behaviour.page_default, behaviour.page_maximum)
    link = skip // size if behaviour.link_by == "skip" else 0
    if "$skiptoken" in given:
        if behaviour.link_by == "skip":
            raise RefusedQueryError("Query option 'SkipToken' is not allowed")
        if "$skip" in given:
            raise RefusedQueryError("$skip and $skiptoken exclude each other")
        others = [(name, value) for name, value in pairs if name not in _PLACE]
        skip, link = _checkpoint(given["$skiptoken"], others)
    if link and behaviour.links_break_from is not None and link >= behaviour.links_break_from:
        raise RefusedQueryError("Query option 'SkipToken' is not allowed. To allow it, set the 'AllowedQueryOptions'")
    expand = given.get("$expand")
    if expand is not None and expand != entity.expands:
        raise RefusedQueryError(f"Could not find a property named '{expand}' to expand")
    if given.get("$count") not in (None, "true", "false"):
        raise RefusedQueryError("$count is neither true nor false")
    expression = odata_filter.read(given["$filter"], entity.properties, behaviour.dates) if "$filter" in given else None
    return Query(
        host=request.host,
        path=request.path,
        pairs=pairs,
        range=odata_filter.within(expression, entity.version),
        top=top,
        size=size,
        skip=skip,
        link=link,
        order=_order(given.get("$orderby"), entity, behaviour),
        expands=expand is not None,
        counts=given.get("$count") == "true",
    )


def _number(given: dict[str, str], name: str, *, least: int, most: int | None) -> int | None:
    text = given.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal()) or len(text) > 9 or int(text) < least:
        raise RefusedQueryError(f"Invalid value '{text}' for {name} query option found")
    if most is not None and int(text) > most:
        raise RefusedQueryError(f"The limit of '{most}' for {name} query has been exceeded. The value is '{text}'")
    return int(text)


def _order(text: str | None, entity: Entity, behaviour: Behaviour) -> Recollection | None:
    if text is None:
        return None
    if behaviour.orderby == "refused":
        raise RefusedQueryError("Query option 'OrderBy' is not allowed")
    name, *direction = text.split()
    if name not in (each.name for each in entity.properties) or direction not in ([], ["asc"], ["desc"]):
        raise RefusedQueryError(f"'{text}' is no order")
    return None if behaviour.orderby == "ignored" else Recollection(name, direction == ["desc"])


def _token(offset: int, link: int, others: list[tuple[str, str]]) -> str:
    state = json.dumps([offset, link, _digest(others)]).encode()
    return base64.urlsafe_b64encode(state).decode()


def _checkpoint(token: str, others: list[tuple[str, str]]) -> tuple[int, int]:
    """Read a token of ours; a nextLink is opaque, so what else it says mustn't have been changed."""
    try:
        offset, link, digest = json.loads(base64.urlsafe_b64decode(token))
    except (ValueError, TypeError, binascii.Error) as error:
        raise RefusedQueryError("The skip token is invalid") from error
    if digest != _digest(others):
        raise RefusedQueryError("The skip token belongs to another query")
    return int(offset), int(link)


def _digest(others: list[tuple[str, str]]) -> str:
    return hashlib.sha256(json.dumps(sorted(others)).encode()).hexdigest()[:16]
