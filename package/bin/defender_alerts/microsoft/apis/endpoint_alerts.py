"""The alerts of Microsoft Defender for Endpoint with their evidence, by the time of their last update.

Source: Microsoft, "List alerts API" and "Alert resource type" (2025), including the limits of calls and of ``$top``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from defender_alerts.microsoft.transport.rate_limit import Limit
from defender_alerts.settings import cleaned

from .base import ENDPOINT_PRODUCT, Access, Alerts
from .odata import Collection, ODataApi, any_of, chosen

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


class EndpointSettings(NamedTuple):
    """The settings that only this kind of input has."""

    region: str
    severities: tuple[str, ...]

    @property
    def regions(self) -> tuple[str, ...]:
        """One region: each host shows the whole tenant."""
        return (self.region,)

    @property
    def brings(self) -> Alerts:
        """The alerts of endpoints with these severities."""
        return Alerts(ENDPOINT_PRODUCT, frozenset(self.severities))

    def in_region(self, region: str, cloud: str) -> ODataApi:
        """The API with these settings' filters.

        Raises:
            ConfigurationError: the cloud does not offer it in that region.
        """
        severities = (_SPELLINGS[severity] for severity in self.severities)
        return ODataApi.at(_ALERTS, cloud, region, filters=any_of("severity", severities))


def read_settings(name: str, stanza: Mapping[str, str]) -> EndpointSettings:
    """Read the settings of an input.

    Raises:
        ConfigurationError: a field is wrong.
    """
    region = cleaned(stanza.get("region") or DEFAULT_REGION).lower()
    return EndpointSettings(region, chosen(stanza.get("severities"), SEVERITIES, "severity", name))
