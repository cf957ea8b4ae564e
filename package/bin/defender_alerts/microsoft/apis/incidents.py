"""The incidents of Microsoft Defender from Microsoft Graph, by the time of their last update.

On request an incident contains its alerts (``$expand``). On large tenants Graph has been seen to fail permanently when
it expands incidents: they are then read without their alerts, and with them one by one. An incident that was merged
into another stays in the list with the status ``redirected``.

Source: Microsoft, "List incidents", "Get incident" and "incident resource type" (Microsoft Graph). The maximum of 50
per answer is not documented; other connectors use it. It is assumed that a single incident can be requested with its
alerts: if the answer has none, the incident stays among the incomplete ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from defender_alerts.errors import ConfigurationError
from defender_alerts.settings import cleaned

from .base import Access, Alerts
from .graph_alerts import API, HEADERS, LIMITS, REGION
from .odata import Collection, ODataApi

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


class IncidentSettings(NamedTuple):
    """The settings that only this kind of input has."""

    alerts: str
    # One: Graph has no regions.
    regions: tuple[str, ...] = (REGION,)

    @property
    def brings(self) -> Alerts | None:
        """All alerts, if incidents come with theirs."""
        return None if self.alerts == "none" else Alerts()

    def in_region(self, region: str, cloud: str) -> ODataApi:
        """The API with these settings' expansion.

        Raises:
            ConfigurationError: the cloud does not offer it.
        """
        return ODataApi.at(_INCIDENTS, cloud, region, expands=self.alerts != "none", splits=self.alerts == "split")


def read_settings(name: str, stanza: Mapping[str, str]) -> IncidentSettings:
    """Read the settings of an input.

    Raises:
        ConfigurationError: a field is wrong.
    """
    alerts = cleaned(stanza.get("alerts") or ALERTS[0]).lower()
    if alerts not in ALERTS:
        raise ConfigurationError(
            f"alerts is {alerts!r}, and should be one of {', '.join(ALERTS)}. Correct the input {name} under Inputs."
        )
    return IncidentSettings(alerts)
