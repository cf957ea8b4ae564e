"""What Microsoft's current APIs have in common: OData collections of records that are updated in place.

An API only shows the current version of a record: an update moves it to a later version time, and out of the window
that is being read. So nothing is paged through while it moves: if an answer is full, its window is narrowed and
requested again.

Undocumented behaviour that is used, and the fallback:

- ``@odata.nextLink`` of the endpoint API: followed if there is one; otherwise the documented ``$skip`` is used.
- The page behind a link after records have moved: only a single over-full instant is paged, and it is read again until
  two readings are equal.

``$orderby`` is not used. It is not documented, and to prove that a full answer holds the oldest records, everything up
to its last record would have to be read again: halving the window is cheaper.

Sources: Microsoft, "List alerts API" and "OData queries" (Defender for Endpoint), "List alerts_v2" and "List incidents"
(Microsoft Graph), "Paging Microsoft Graph data", OASIS, "OData 4.01, part 1", 11.2.6.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import quote

from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

from defender_alerts.errors import (
    AccessDeniedError,
    AddonError,
    AuthenticationError,
    ConfigurationError,
    RecordGoneError,
    RefusedQueryError,
    StrangeLinkError,
    UnexpectedAnswerError,
)
from defender_alerts.microsoft import clouds
from defender_alerts.microsoft.json_stream import (
    BrokenRecord,
    Record,
    cut_array,
    cut_envelope,
    elements,
    without_member,
)
from defender_alerts.microsoft.tokens import DelegatedPermissions
from defender_alerts.microsoft.transport.client import Refusal, Request
from defender_alerts.microsoft.transport.rate_limit import Limit
from defender_alerts.settings import split_list
from defender_alerts.times import iso, parse_iso

from .base import Access, Alerts, Query
from .refusals import about, asked_for, out_of_service

_HTTPS = 443
# A single record is one of many, and the next run requests it again.
_TRIES_FOR_ONE = 2
_NOWHERE = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE})


class Collection(NamedTuple):
    """One OData collection.

    Attributes:
        api: its name in the table of endpoints.
        path: of its URL.
        updated: the member with the version time.
        access: the permissions that it needs.
        most_records: the value of ``$top``.
        limits: Microsoft's rate limits.
        expand: the member to request with ``$expand``; empty for none.
        most_skip: the largest ``$skip`` that the service accepts.
        headers: in addition to those of every request.
        by_id: records can be requested by id, so that an incomplete one can be requested again.
    """

    api: str
    path: str
    updated: str
    access: Access
    most_records: int
    limits: tuple[Limit, ...]
    expand: str = ""
    most_skip: int = 0
    headers: Mapping[str, str] | None = None
    by_id: bool = False


class ODataApi(NamedTuple):
    """One collection at one host.

    Attributes:
        region: its name in the settings.
        audience: that its tokens must have.
        hosts: to which links to further pages may point.
        most_records: the value of ``$top``; an answer with this many counts as cut short.
        filters: OData conditions in addition to the times.
        expands: whether the inner records are wanted.
        splits: whether they become events of their own.
        plain: they are wanted but not requested, since the service fails to expand them.
        identity: the id of the single record to request; empty for all.
        slack: how many ticks to add to a bound that may be exclusive: OData defines which comparisons are inclusive.
    """

    collection: Collection
    region: str
    host: str
    audience: str
    hosts: frozenset[str]
    most_records: int
    filters: tuple[str, ...] = ()
    expands: bool = True
    splits: bool = False
    plain: bool = False
    identity: str = ""
    slack: int = 0

    @property
    def limits(self) -> tuple[Limit, ...]:
        """Microsoft's published rate limits."""
        return self.collection.limits

    @property
    def errors(self) -> ODataErrors:
        """Explains its refusals."""
        return ODataErrors(self.collection, self.identity)

    @property
    def pages(self) -> ODataApi:
        """Pages by links and by ``$skip``."""
        return self

    @property
    def expansion(self) -> ODataApi | None:
        """Inner records that can be requested one by one; other expansions are simply part of a record."""
        return self if self.collection.by_id and self.expands else None

    def request(self, query: Query) -> Request:
        """The request for a query.

        Raises:
            RefusedQueryError: the service does not allow skipping that many records.
        """
        if query.skip > self.collection.most_skip:
            raise RefusedQueryError(f"{self.host} lets no more records be skipped than {query.skip}.")
        expands = self.collection.expand and self.expands and not self.plain
        expand = [("$expand", self.collection.expand)] if expands else []
        url = f"https://{self.host}{self.collection.path}"
        if self.identity:
            url = f"{url}/{quote(self.identity, safe='')}"
            return Request("GET", url, params=tuple(expand), headers=self._headers, failures=_TRIES_FOR_ONE)
        updated, times = self.collection.updated, query.times
        conditions = [f"{updated} ge {iso(times.start)}", f"{updated} lt {iso(times.end)}", *self.filters]
        params = [("$filter", " and ".join(conditions)), *expand, ("$top", str(self.most_records))]
        if query.skip:
            params.append(("$skip", str(query.skip)))
        return Request("GET", url, params=tuple(params), headers=self._headers)

    @property
    def _headers(self) -> Mapping[str, str]:
        return {"Accept": "application/json", "Accept-Encoding": "gzip", **(self.collection.headers or {})}

    def follow(self, link: str) -> Request:
        """The request for the next page.

        Raises:
            StrangeLinkError: the link points to a host that is not this API's.
        """
        try:
            url = parse_url(link)
        except LocationParseError:
            url = parse_url("")
        if (url.scheme, url.auth) != ("https", None) or url.host not in self.hosts or url.port not in {None, _HTTPS}:
            raise StrangeLinkError(
                f"{self.host} returned a link to {(url.host or link)[:80]!r}, which is not followed: it is no host of "
                "this API in the account's cloud, and would get the token. Look for a proxy in between that changes "
                "answers."
            )
        return Request("GET", link, headers=self._headers)

    def cut(self, pieces: Iterable[bytes], around: dict[str, Any]) -> Iterator[Record | BrokenRecord]:
        """The elements of ``value``, or the single record that was requested.

        Raises:
            UnexpectedAnswerError: this is not an answer of the API.
            ConnectionFailedError: the answer ends too early.
        """
        if not self.identity:
            return cut_envelope(pieces, around, self._is_record)
        return (_without_context(record) for record in cut_array(pieces, self._is_record))

    def _is_record(self, value: Any) -> bool:
        try:
            self.identify(value)
        except ValueError:
            return False
        return True

    def identify(self, record: Mapping[str, Any]) -> tuple[str, int]:
        """``id``, at the version time.

        Raises:
            ValueError: identity or time is missing or malformed.
        """
        identity, updated = record.get("id"), record.get(self.collection.updated)
        # An incident's id is a number in one of Microsoft's APIs and a string in the other.
        if isinstance(identity, int) and not isinstance(identity, bool):
            identity = str(identity)
        if not isinstance(identity, str) or not identity:
            raise ValueError("id is missing")
        if not isinstance(updated, str):
            raise ValueError(f"{self.collection.updated} is missing")  # noqa: TRY004 - the contract is ValueError for every malformed record
        return identity, parse_iso(updated)

    def take_apart(self, record: Record) -> tuple[str, tuple[Record, ...]]:
        """Return the record's text, without its inner records if they become events of their own, and those."""
        member = self.collection.expand
        if not self.splits or not isinstance(record.value, dict) or member not in record.value:
            return record.raw, ()
        raw, inside = without_member(record.raw, member)
        return raw, tuple(elements(inside))

    def is_incomplete(self, record: Mapping[str, Any]) -> bool:
        """Whether inner records are missing: a record that has none holds an empty array."""
        member = self.collection.expand
        return not isinstance(record.get(member), list) or f"{member}@odata.nextLink" in record

    def unexpanded(self) -> ODataApi:
        """The collection without expansion."""
        return self._replace(plain=True)

    def single(self, identity: str) -> ODataApi:
        """One record by its id."""
        return self._replace(plain=False, identity=identity)


class ODataSettings(NamedTuple):
    """The settings that only one kind of input has, as far as a collection is requested by them.

    Attributes:
        collection: to request.
        brings: the alerts that an input with these settings collects; None if it collects none.
        filters: OData conditions in addition to the times.
        regions: the one region to collect, since each host shows the whole tenant.
        expands: whether the inner records are wanted.
        splits: whether they become events of their own.
    """

    collection: Collection
    brings: Alerts | None
    filters: tuple[str, ...]
    regions: tuple[str, ...] = ("global",)
    expands: bool = True
    splits: bool = False

    def in_region(self, region: str, cloud: str) -> ODataApi:
        """The API with these settings' filters and expansion.

        Raises:
            ConfigurationError: the cloud does not offer it there.
        """
        row = clouds.endpoint(self.collection.api, cloud, region)
        return ODataApi(
            self.collection,
            region,
            row.host,
            row.audience,
            hosts=frozenset(clouds.hosts(self.collection.api, cloud)),
            most_records=self.collection.most_records,
            filters=self.filters,
            expands=self.expands,
            splits=self.splits,
        )


class ODataErrors(NamedTuple):
    """Explains the refusals of a collection or of a single record."""

    collection: Collection
    identity: str = ""
    # These APIs are not deprecated, and each has one audience.
    resource_hint: str = ""
    retirement: str = ""

    def explain(self, refusal: Refusal, roles: tuple[str, ...]) -> AddonError:
        """Turn a refusal into an error with advice."""
        host, quoted, access = refusal.host, refusal.quoted(), self.collection.access
        asked = asked_for(refusal)
        of_person = isinstance(roles, DelegatedPermissions)
        documented = access.for_persons if of_person else access.roles
        # The least of the documented ones, unless the server takes none of them.
        least = next((role for role in documented if not asked or role in asked), asked[0] if asked else "")
        wanted = f"{access.service} > {'Delegated' if of_person else 'Application'} permissions > {least}"
        if refusal.status == HTTPStatus.UNAUTHORIZED:
            return AuthenticationError(
                f"{host} refuses a fresh token. {about(roles)} Check the account's cloud and tenant, and that its "
                f"application has the permission {wanted} in Entra ID, with an administrator's consent.{quoted}"
            )
        if refusal.status == HTTPStatus.FORBIDDEN and not set(asked or documented) & set(roles):
            choice = f"It asks for one of {', '.join(asked)}. " if asked else ""
            return AccessDeniedError(
                f"{host} denies this application what the input asks for. Give it the permission {wanted} in Entra ID "
                f"> App registrations > API permissions, and let an administrator consent. {choice}{about(roles)}"
                f"{quoted}",
                asked,
            )
        if refusal.status == HTTPStatus.FORBIDDEN:
            return _denied_all_the_same(refusal, access, roles)
        if refusal.status == HTTPStatus.BAD_REQUEST:
            return RefusedQueryError(
                f"{host} rejects the request as invalid. Report this with the line's correlation id.{quoted}"
            )
        if refusal.status in _NOWHERE:
            return self._not_found(refusal)
        return out_of_service(refusal)

    def _not_found(self, refusal: Refusal) -> AddonError:
        path = self.collection.path
        if self.identity:
            return RecordGoneError(f"{refusal.host} does not show {path}/{self.identity} any more.{refusal.quoted()}")
        return UnexpectedAnswerError(
            f"{refusal.host} does not know {path}. Check the account's cloud; if it is right, report this with the "
            f"line's correlation id.{refusal.quoted()}"
        )


def _denied_all_the_same(refusal: Refusal, access: Access, permissions: tuple[str, ...]) -> AddonError:
    """The error for a 403 although the token has the permission."""
    asked, quoted = asked_for(refusal), refusal.quoted()
    if isinstance(permissions, DelegatedPermissions):
        return AccessDeniedError(
            f"{refusal.host} denies the person who has signed in what the input asks for, although the application has "
            "the permission. Give this person a role that may read it: Security Reader in Entra ID; for Defender for "
            f"Endpoint a role with View Data in the Defender portal. {about(permissions)}{quoted}"
        )
    doubtful = access.doubtful and access.doubtful not in permissions and not asked
    perhaps = f" Some pages of Microsoft's name {access.doubtful} alone: try it." if doubtful else ""
    return AccessDeniedError(
        f"{refusal.host} denies this application what the input asks for, although it has the permission. Check that "
        "the tenant has a licence for Microsoft Defender and that it is set up in the Defender portal. "
        f"{about(permissions)}{perhaps}{quoted}"
    )


def any_of(member: str, values: Iterable[str]) -> tuple[str, ...]:
    """The condition that a member has one of these values; empty for no values, which means all."""
    either = " or ".join(f"{member} eq '{value}'" for value in values)
    return (f"({either})",) if either else ()


def chosen(text: str | None, known: Iterable[str], what: str, input_name: str) -> tuple[str, ...]:
    """Read a comma-separated setting; return its members in the spelling of ``known``.

    Raises:
        ConfigurationError: one of them is unknown.
    """
    spellings = {value.lower(): value for value in known}
    members = split_list(text)
    unknown = [member for member in members if member.lower() not in spellings]
    if unknown:
        raise ConfigurationError(
            f"The {what} {unknown[0]!r} is none of {', '.join(spellings.values())}. Correct the input {input_name} "
            "under Inputs."
        )
    return tuple(dict.fromkeys(spellings[member.lower()] for member in members))


def _without_context(record: Record | BrokenRecord) -> Record | BrokenRecord:
    """Remove ``@odata.context``, which a single record has and one in a list has not."""
    if isinstance(record, BrokenRecord):
        return record
    return record._replace(raw=without_member(record.raw, "@odata.context")[0])
