"""The alerts of Microsoft Defender for Endpoint, with their evidence, by the time of their last update.

Source: Microsoft, "List alerts API" and "Alert resource type" (2025); the limits of calls and of ``$top`` stand there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from defender_alerts.microsoft import clouds
from defender_alerts.microsoft.transport.rate_limit import Limit
from defender_alerts.settings import cleaned

from .base import Access
from .odata import Collection, ODataApi, any_of, chosen

API = "endpoint"
ACCESS = Access("WindowsDefenderATP", ("Alert.Read.All", "Alert.ReadWrite.All"))
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
    # No limit of $skip is documented; one instant does not hold more.
    most_skip=1_000_000,
)


@dataclass(frozen=True)
class EndpointSettings:
    """What an input of this kind sets beside what all inputs do."""

    region: str
    severities: tuple[str, ...]

    @property
    def regions(self) -> tuple[str, ...]:
        """The one host that is asked: each of them shows the whole tenant."""
        return (self.region,)

    def in_region(self, region: str, cloud: str) -> ODataApi:
        """The API where the table says that the cloud offers it.

        Raises:
            ConfigurationError: it does not.
        """
        severities = (_SPELLINGS[severity] for severity in self.severities)
        return ODataApi.at(_ALERTS, cloud, region, filters=any_of("severity", severities))


def read_settings(name: str, stanza: Mapping[str, str]) -> EndpointSettings:
    """The settings of an input of this kind.

    Raises:
        ConfigurationError: a field is wrong.
    """
    region = cleaned(stanza.get("region") or DEFAULT_REGION).lower()
    return EndpointSettings(region, chosen(stanza.get("severities"), SEVERITIES, "severity", name))


def audiences(cloud: str) -> tuple[str, ...]:
    """The resources of which a token for any one will do."""
    return clouds.audiences(API, cloud)
