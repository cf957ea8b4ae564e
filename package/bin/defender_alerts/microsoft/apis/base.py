"""Microsoft's APIs, each as a table of what the collector needs to know of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple, Protocol

from defender_alerts.errors import AddonError
from defender_alerts.microsoft.json_stream import BrokenRecord, Record
from defender_alerts.microsoft.transport.client import Refusal, Request
from defender_alerts.microsoft.transport.rate_limit import Limit
from defender_alerts.times import Window


class Access(NamedTuple):
    """What an application needs in Entra ID to read an API.

    Attributes:
        service: the API's name in Entra ID's list of permissions.
        roles: application permissions of which any one is enough, the least first; none where a token is enough.
    """

    service: str
    roles: tuple[str, ...]


class OwnSettings(Protocol):
    """What an input of some kind sets beside what all inputs do."""

    @property
    def regions(self) -> tuple[str, ...]:
        """The regions that are collected."""

    def in_region(self, region: str, cloud: str) -> Api:
        """The API of a region, asked for what these settings say.

        Raises:
            ConfigurationError: the cloud does not offer it.
        """


class Query(NamedTuple):
    """What one request asks for.

    Attributes:
        times: the version times.
        skip: so many records are left out; of a collection that moves, so it is for one instant only.
    """

    times: Window
    skip: int = 0


class Api(Protocol):
    """One API at one host, as the reader of a region sees it."""

    @property
    def region(self) -> str:
        """The region's name in the settings."""

    @property
    def host(self) -> str:
        """The host that answers."""

    @property
    def audience(self) -> str:
        """The resource that a token has to be for."""

    @property
    def limits(self) -> tuple[Limit, ...]:
        """The limits of calls that Microsoft publishes."""

    @property
    def most_records(self) -> int:
        """An answer with so many records counts as cut short."""

    @property
    def narrowest(self) -> int:
        """The width in ticks of a window that cannot be narrowed."""

    @property
    def slack(self) -> int:
        """By how many ticks a bound may leave out what lies on it."""

    @property
    def retention(self) -> int:
        """For how long, in ticks, the API shows a record."""

    @property
    def errors(self) -> ApiErrors:
        """What its refusals mean."""

    @property
    def pages(self) -> Pages | None:
        """How more than one answer holds can be had of one instant; None where it can't."""

    @property
    def expansion(self) -> Expansion | None:
        """The records inside its records; None where none are wanted, or they can't be asked for again."""

    def request(self, query: Query) -> Request:
        """The request for a query, both bounds in it, whether or not they are inclusive.

        Raises:
            RefusedQueryError: the service does not let so many records be skipped.
        """

    def cut(self, pieces: Iterable[bytes], around: dict[str, Any]) -> Iterator[Record | BrokenRecord]:
        """Cut the records out of an answer; ``around`` takes up what stands beside them.

        Raises:
            UnexpectedAnswerError: this is no answer of the API.
            ConnectionFailedError: the answer ends too early.
        """

    def identify(self, record: Mapping[str, Any]) -> tuple[str, int]:
        """Identity and version time (ticks) of a record.

        Raises:
            ValueError: it has none.
        """


class ApiErrors(Protocol):
    """What the refusals of one API mean, and what to do."""

    @property
    def resource_hint(self) -> str:
        """What to do where the tenant does not know the resource; empty for nothing special."""

    @property
    def retirement(self) -> str:
        """What to say of a host that no longer exists; empty for an API that is there to stay."""

    def explain(self, refusal: Refusal, roles: tuple[str, ...]) -> AddonError:
        """What a refusal means here, and what to do; ``roles`` are the permissions in the token."""


class Pages(Protocol):
    """The further pages of an answer."""

    def follow(self, link: str) -> Request:
        """The request for a link to a further page.

        Raises:
            StrangeLinkError: it leads to a host that is not this API's.
        """


class Expansion(Protocol):
    """The records inside the records of an API: whether they have come, and how to ask with and without them."""

    @property
    def splits(self) -> bool:
        """Whether they become events of their own."""

    def take_apart(self, record: Record) -> tuple[str, tuple[Record, ...]]:
        """The text of the event that a record becomes, and the records inside it that become events of their own."""

    def lacks(self, record: Mapping[str, Any]) -> bool:
        """Whether a record has come without those inside it: it is to be asked for again."""

    def unexpanded(self) -> Api:
        """The API asked for its records alone."""

    def single(self, identity: str) -> Api:
        """The API asked for one record, with everything inside it."""
