"""The alerts of all Defender products from Microsoft Graph (``alerts_v2``), by the time of their last update.

Sources: Microsoft, "List alerts_v2", "alert resource type", "Microsoft Graph service-specific throttling limits"
(security); the schema of August 2026 (msgraph-metadata, v1.0) for the members of enumerations.
"""

from __future__ import annotations

from collections.abc import Mapping

from defender_alerts.microsoft.transport.rate_limit import Limit

from .base import Access, Alerts
from .odata import Collection, ODataSettings, any_of, chosen

API = "graph"
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


def read_settings(name: str, stanza: Mapping[str, str]) -> ODataSettings:
    """Read the settings of an input.

    Raises:
        ConfigurationError: a field is wrong.
    """
    severities = chosen(stanza.get("severities"), SEVERITIES, "severity", name)
    sources = chosen(stanza.get("service_sources"), SERVICE_SOURCES, "service source", name)
    filters = (*any_of("severity", severities), *any_of("serviceSource", sources))
    return ODataSettings(_ALERTS, Alerts(frozenset(sources), frozenset(severities)), filters)
