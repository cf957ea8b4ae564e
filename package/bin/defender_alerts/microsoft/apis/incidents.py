"""The incidents of Microsoft Defender, as Microsoft Graph shows them, by the time of their last update.

Their alerts come inside them if that is asked for. On large tenants the service has been seen to fail over that for
good: then the incidents are read without them, and asked for with their alerts one by one. An incident that was merged
into another stays in the list, as ``redirected``.

Source: Microsoft, "List incidents", "Get incident" and "incident resource type" (Microsoft Graph). That an answer holds
at most 50 is nowhere documented; it is what other connectors ask for. That one incident can be asked for with its
alerts is assumed: an answer without them leaves the incident where it was, among those that lack theirs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from defender_alerts.errors import ConfigurationError
from defender_alerts.settings import cleaned

from .base import Access
from .graph_alerts import API, HEADERS, LIMITS, REGION, audiences
from .odata import Collection, ODataApi

__all__ = ["ACCESS", "ALERTS", "IncidentSettings", "audiences", "read_settings"]

ACCESS = Access("Microsoft Graph", ("SecurityIncident.Read.All", "SecurityIncident.ReadWrite.All"))
ALERTS = ("none", "inside", "split")

_INCIDENTS = Collection(
    api=API,
    path="/v1.0/security/incidents",
    updated="lastUpdateDateTime",
    access=ACCESS,
    most_records=50,
    most_skip=500,
    limits=LIMITS,
    expand="alerts",
    headers=HEADERS,
    by_id=True,
)


@dataclass(frozen=True)
class IncidentSettings:
    """What an input of this kind sets beside what all inputs do."""

    alerts: str

    @property
    def regions(self) -> tuple[str, ...]:
        """Graph has none."""
        return (REGION,)

    def in_region(self, region: str, cloud: str) -> ODataApi:
        """The API where the table says that the cloud offers it.

        Raises:
            ConfigurationError: it does not.
        """
        return ODataApi.at(_INCIDENTS, cloud, region, expands=self.alerts != "none", splits=self.alerts == "split")


def read_settings(name: str, stanza: Mapping[str, str]) -> IncidentSettings:
    """The settings of an input of this kind.

    Raises:
        ConfigurationError: a field is wrong.
    """
    alerts = cleaned(stanza.get("alerts") or ALERTS[0]).lower()
    if alerts not in ALERTS:
        raise ConfigurationError(
            f"alerts is {alerts!r}, and should be one of {', '.join(ALERTS)}. Correct the input {name} under Inputs."
        )
    return IncidentSettings(alerts)
