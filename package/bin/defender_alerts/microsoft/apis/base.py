"""The interface of Microsoft's APIs: everything that the collector needs to know of one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple, Protocol

from defender_alerts.errors import AddonError, ConfigurationError
from defender_alerts.times import Window, seconds

if TYPE_CHECKING:
    from typing_extensions import TypeAlias

    from .odata import ODataApi
    from .siem_alerts import SiemApi

Api: TypeAlias = "ODataApi | SiemApi"
"""One API at one host. What both have in common is all that the collector needs to know of one."""

RETENTION = seconds(180 * 86_400)
"""How long an API keeps a record: what Defender keeps alerts and incidents for. Not documented for the SIEM API."""


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
