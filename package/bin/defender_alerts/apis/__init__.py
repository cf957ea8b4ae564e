"""Microsoft's APIs, each as a table of what the collector needs to know of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from defender_alerts.errors import AddonError
from defender_alerts.http.calls import Refusal, Request
from defender_alerts.windows import Window


class Api(Protocol):
    """One API at one host, as the collector sees it."""

    @property
    def region(self) -> str:
        """The region's name in the settings."""

    @property
    def host(self) -> str:
        """The host that answers."""

    @property
    def most_records(self) -> int:
        """An answer with so many records counts as cut short."""

    @property
    def narrowest(self) -> int:
        """The width in ticks of a window that cannot be halved."""

    @property
    def retention(self) -> int:
        """For how long, in ticks, the API shows a record."""

    @property
    def retirement(self) -> str:
        """What to say of a host that no longer exists; empty for an API that is there to stay."""

    def request(self, window: Window) -> Request:
        """The request for all versions of a window, whether or not the bounds are inclusive."""

    def is_record(self, value: Any) -> bool:
        """Whether an object that stands where the array should be is a record, and not an error."""

    def identify(self, record: Mapping[str, Any]) -> tuple[str, int]:
        """Identity and version time (ticks) of a record.

        Raises:
            ValueError: it has none.
        """

    def explain(self, refusal: Refusal, roles: tuple[str, ...]) -> AddonError:
        """What a refusal means here, and what to do; ``roles`` are the permissions in the token."""
