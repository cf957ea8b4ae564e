"""The alerts of Microsoft Defender for Endpoint with their evidence, by the time of their last update.

Source: Microsoft, "List alerts API" and "Alert resource type" (2025), including the limits of calls and of ``$top``.
"""

from __future__ import annotations

from collections.abc import Mapping

from defender_alerts.microsoft.transport.rate_limit import Limit
from defender_alerts.settings import cleaned

from .base import ENDPOINT_PRODUCT, Access, Alerts
from .odata import Collection, ODataSettings, any_of, chosen

API = "endpoint"
# Pages of 2026 on related alerts name the second alone (get-domain-related-alerts); "List alerts API" names both.
ACCESS = Access(
    "WindowsDefenderATP",
    ("Alert.Read.All", "Alert.ReadWrite.All"),
    doubtful="Alert.ReadWrite.All",
    delegated=("Alert.Read", "Alert.ReadWrite"),
)
DEFAULT_REGION = "global"
SEVERITIES = ("informational", "low", "medium", "high", "unspecified")

# As the API spells them.
_SPELLINGS = {
    "informational": "Informational",
    "low": "Low",
    "medium": "Medium",
    "high": "High",
    "unspecified": "UnSpecified",
}
_ALERTS = Collection(
    api=API,
    path="/api/alerts",
    updated="lastUpdateTime",
    access=ACCESS,
    most_records=10_000,
    limits=(Limit(100, 60), Limit(1_500, 3_600)),
    expand="evidence",
    # No limit of $skip is documented; an instant never holds this many.
    most_skip=1_000_000,
)


def read_settings(name: str, stanza: Mapping[str, str]) -> ODataSettings:
    """Read the settings of an input.

    Raises:
        ConfigurationError: a field is wrong.
    """
    region = cleaned(stanza.get("region") or DEFAULT_REGION).lower()
    severities = chosen(stanza.get("severities"), SEVERITIES, "severity", name)
    return ODataSettings(
        _ALERTS,
        Alerts(ENDPOINT_PRODUCT, frozenset(severities)),
        any_of("severity", (_SPELLINGS[severity] for severity in severities)),
        regions=(region,),
    )
