"""The product that an alert comes from, as Microsoft names it."""

from __future__ import annotations

from collections.abc import Mapping

from tooling.fields.expressions import cleaned

FAMILY = "Microsoft Defender XDR"
"""What all products belong to: of an alert that names none."""
ENDPOINT = "Microsoft Defender for Endpoint"

PRODUCTS: Mapping[str, tuple[str, ...]] = {
    "Microsoft Defender for Endpoint": (
        "microsoftDefenderForEndpoint",
        "MicrosoftDefenderATP",
    ),
    "Microsoft Defender for Identity": (
        "microsoftDefenderForIdentity",
        "AzureATP",
    ),
    "Microsoft Defender for Cloud Apps": (
        "microsoftDefenderForCloudApps",
        "MicrosoftCloudAppSecurity",
    ),
    "Microsoft Defender for Office 365": (
        "microsoftDefenderForOffice365",
        "OfficeATP",
    ),
    "Microsoft Defender XDR": ("microsoft365Defender",),
    "Microsoft Entra ID Protection": ("azureAdIdentityProtection",),
    "Microsoft App Governance": ("microsoftAppGovernance",),
    "Microsoft Purview Data Loss Prevention": ("dataLossPrevention",),
    "Microsoft Defender for Cloud": ("microsoftDefenderForCloud",),
    "Microsoft Sentinel": ("microsoftSentinel",),
    "Microsoft Purview Insider Risk Management": ("microsoftInsiderRiskManagement",),
    "Microsoft Security for AI": ("microsoftSecurityForAI",),
    "Microsoft Threat Intelligence": ("microsoftThreatIntelligence",),
}
"""Each product, and what Graph's serviceSource and that of Microsoft's former incidents API call it."""


def app() -> str:
    """An expression: by serviceSource, else productName, else what the sourcetype says.

    A serviceSource that is none of these tells that the record is Graph's, and no more.
    """
    tests = {
        product: " OR ".join(f'lower(service_source)=="{name.lower()}"' for name in names)
        for product, names in PRODUCTS.items()
    }
    pairs = ", ".join(f'{test}, "{product}"' for product, test in tests.items())
    unnamed = f'if(sourcetype=="ms:defender:atp:alerts" AND isnull(service_source), "{ENDPOINT}", "{FAMILY}")'
    named = f"coalesce(case({pairs}), {cleaned('product_name')}, {unnamed})"
    return f'if(sourcetype=="ms365:defender:incident", "{FAMILY}", {named})'
