"""The interface of Microsoft's APIs: everything that the collector needs to know of one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from defender_alerts.errors import AddonError, ConfigurationError
from defender_alerts.microsoft.json_stream import BrokenRecord, Record
from defender_alerts.microsoft.transport.client import Refusal, Request
from defender_alerts.microsoft.transport.rate_limit import Limit
from defender_alerts.times import Window

if TYPE_CHECKING:
    from .odata import ODataApi


class Access(NamedTuple):
    """The permissions that an application needs to read an API.

    Attributes:
        service: the API's name in Entra ID's list of permissions.
        roles: application permissions, of which any one is enough, the least privileged first; empty if the API
            checks none.
        doubtful: the one of them that some documents name alone; empty if they agree.
        delegated: the permissions for a person who signs in, likewise; empty if they have the same names.
    """

    service: str
    roles: tuple[str, ...]
    doubtful: str = ""
    delegated: tuple[str, ...] = ()

    @property
    def for_persons(self) -> tuple[str, ...]:
        """The permissions for a person who signs in, of which any one is enough."""
        return self.delegated or self.roles

    def is_in(self, permissions: Iterable[str]) -> bool:
        """Whether one of the documented permissions is among these of a token; true if the API checks none."""
        return not self.roles or not {*self.roles, *self.delegated}.isdisjoint(permissions)


# Graph's name for the product whose alerts the SIEM API and the endpoint API return.
ENDPOINT_PRODUCT = frozenset({"microsoftDefenderForEndpoint"})


class Alerts(NamedTuple):
    """Which alerts of a tenant an input collects; an empty set means all.

    Attributes:
        sources: Defender products, as Graph names them.
        severities: of the alerts.
        stores: the regions that store them. The SIEM API has a host for each; the other APIs' hosts show all.
        groups: device groups.
    """

    sources: frozenset[str] = frozenset()
    severities: frozenset[str] = frozenset()
    stores: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()

    def meets(self, other: Alerts) -> bool:
        """Whether an alert can belong to both."""
        return all(not one or not another or one & another for one, another in zip(self, other))


class OwnSettings(Protocol):
    """The settings that only one kind of input has."""

    @property
    def regions(self) -> tuple[str, ...]:
        """The regions to collect."""

    @property
    def brings(self) -> Alerts | None:
        """The alerts that an input with these settings collects; None if it collects none."""

    def in_region(self, region: str, cloud: str) -> Api:
        """The API of a region, with these settings' filters.

        Raises:
            ConfigurationError: the cloud does not offer the API in that region.
        """


def apis_of(own: OwnSettings, cloud: str) -> tuple[dict[str, Api], dict[str, AddonError]]:
    """The API of each region, and the errors of regions that are misconfigured."""
    apis: dict[str, Api] = {}
    wrong: dict[str, AddonError] = {}
    for region in own.regions:
        try:
            apis[region] = own.in_region(region, cloud)
        except ConfigurationError as error:  # noqa: PERF203 - a misconfigured region must not affect the others
            wrong[region] = error
    return apis, wrong


class Query(NamedTuple):
    """The parameters of one request.

    Attributes:
        times: the window of version times.
        skip: the number of records to skip; only used within one instant, since records move between instants.
    """

    times: Window
    skip: int = 0


class Api(Protocol):
    """One API at one host."""

    @property
    def region(self) -> str:
        """The region's name in the settings."""

    @property
    def host(self) -> str:
        """The host name."""

    @property
    def audience(self) -> str:
        """The audience that its tokens must have."""

    @property
    def limits(self) -> tuple[Limit, ...]:
        """Microsoft's published rate limits."""

    @property
    def most_records(self) -> int:
        """An answer with this many records counts as cut short."""

    @property
    def narrowest(self) -> int:
        """The width in ticks of the narrowest window."""

    @property
    def slack(self) -> int:
        """How many ticks to add to a bound that may be exclusive; 0 if it is known to be inclusive."""

    @property
    def retention(self) -> int:
        """How long the API keeps a record, in ticks."""

    @property
    def errors(self) -> ApiErrors:
        """Explains its refusals."""

    @property
    def pages(self) -> ODataApi | None:
        """What follows links to further pages; None if the API has none."""

    @property
    def expansion(self) -> ODataApi | None:
        """What takes records out of its records, such as the alerts of an incident.

        None if none are requested, or if they can't be requested one by one.
        """

    def request(self, query: Query) -> Request:
        """The request for a query; it always has both bounds.

        Raises:
            RefusedQueryError: the service does not allow skipping that many records.
        """

    def cut(self, pieces: Iterable[bytes], around: dict[str, Any]) -> Iterator[Record | BrokenRecord]:
        """Split an answer into records; ``around`` receives its other members.

        Raises:
            UnexpectedAnswerError: this is not an answer of the API.
            ConnectionFailedError: the answer ends too early.
        """

    def identify(self, record: Mapping[str, Any]) -> tuple[str, int]:
        """The identity and version time (ticks) of a record.

        Raises:
            ValueError: one of them is missing or malformed.
        """


class ApiErrors(Protocol):
    """Explains the refusals of one API."""

    @property
    def resource_hint(self) -> str:
        """What to do if the tenant does not know the resource; empty for no special advice."""

    @property
    def retirement(self) -> str:
        """What to say if the host no longer exists; empty for an API that Microsoft has not deprecated."""

    def explain(self, refusal: Refusal, roles: tuple[str, ...]) -> AddonError:
        """Turn a refusal into an error with advice; ``roles`` are the permissions in the token."""
