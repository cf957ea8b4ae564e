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

from defender_alerts.errors import ConfigurationError
from defender_alerts.settings import cleaned

from .base import Access, Alerts
from .graph_alerts import API, HEADERS, LIMITS
from .odata import Collection, ODataSettings

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


def read_settings(name: str, stanza: Mapping[str, str]) -> ODataSettings:
    """Read the settings of an input.

    Raises:
        ConfigurationError: a field is wrong.
    """
    alerts = cleaned(stanza.get("alerts") or ALERTS[0]).lower()
    if alerts not in ALERTS:
        raise ConfigurationError(
            f"alerts is {alerts!r}, and should be one of {', '.join(ALERTS)}. Correct the input {name} under Inputs."
        )
    brings = None if alerts == "none" else Alerts()
    return ODataSettings(_INCIDENTS, brings, (), expands=alerts != "none", splits=alerts == "split")
