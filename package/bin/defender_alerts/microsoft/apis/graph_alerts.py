"""The alerts of all Defender products from Microsoft Graph (``alerts_v2``), by the time of their last update.

Sources: Microsoft, "List alerts_v2", "alert resource type", "Microsoft Graph service-specific throttling limits"
(security); the schema of August 2026 (msgraph-metadata, v1.0) for the members of enumerations.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from defender_alerts.microsoft.transport.rate_limit import Limit

from .base import Access, Alerts
from .odata import Collection, ODataApi, any_of, chosen

API = "graph"
REGION = "global"
ACCESS = Access("Microsoft Graph", ("SecurityAlert.Read.All", "SecurityAlert.ReadWrite.All"))
LIMITS = (Limit(150, 60),)
# Without it, newer members of an enumeration come as unknownFutureValue.
HEADERS = {"Prefer": "include-unknown-enum-members"}
SEVERITIES = ("informational", "low", "medium", "high", "unknown")
SERVICE_SOURCES = (
    "microsoftDefenderForEndpoint",
    "microsoftDefenderForIdentity",
    "microsoftDefenderForCloudApps",
    "microsoftDefenderForOffice365",
    "microsoft365Defender",
    "azureAdIdentityProtection",
    "microsoftAppGovernance",
    "dataLossPrevention",
    "microsoftDefenderForCloud",
    "microsoftSentinel",
    "microsoftInsiderRiskManagement",
    "microsoftThreatIntelligence",
    "microsoftSecurityForAI",
)

_ALERTS = Collection(
    api=API,
    path="/v1.0/security/alerts_v2",
    updated="lastUpdateDateTime",
    access=ACCESS,
    # The service reduces a larger $top to this.
    most_records=1_000,
    # The service refuses $skip=501.
    most_skip=500,
    limits=LIMITS,
    headers=HEADERS,
)


class GraphSettings(NamedTuple):
    """The settings that only this kind of input has."""

    severities: tuple[str, ...]
    service_sources: tuple[str, ...]
    # One: Graph has no regions.
    regions: tuple[str, ...] = (REGION,)

    @property
    def brings(self) -> Alerts:
        """The alerts of these products and severities."""
        return Alerts(frozenset(self.service_sources), frozenset(self.severities))

    def in_region(self, region: str, cloud: str) -> ODataApi:
        """The API with these settings' filters.

        Raises:
            ConfigurationError: the cloud does not offer it.
        """
        filters = (*any_of("severity", self.severities), *any_of("serviceSource", self.service_sources))
        return ODataApi.at(_ALERTS, cloud, region, filters=filters)


def read_settings(name: str, stanza: Mapping[str, str]) -> GraphSettings:
    """Read the settings of an input.

    Raises:
        ConfigurationError: a field is wrong.
    """
    return GraphSettings(
        chosen(stanza.get("severities"), SEVERITIES, "severity", name),
        chosen(stanza.get("service_sources"), SERVICE_SOURCES, "service source", name),
    )
