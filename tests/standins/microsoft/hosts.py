"""The names under which Microsoft's cloud is known to the add-on.

Sources: Microsoft's authentication-national-cloud page (login hosts); pull-alerts-using-rest-api and its 2019 and
Splunk siblings (both forms of the commercial SIEM hosts); the US government page gov.md of 2021-22 (government ones);
get-alerts.md with its include improve-request-performance.md (since 05/2024) and gov.md of 2026 (Defender for Endpoint);
Microsoft Graph's deployments.md. The government clouds' audiences are those of the open connectors: host = audience.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LoginHost:
    """One national instance of Entra ID."""

    host: str
    instance: str
    """As ``cloud_instance_name`` of its openid-configuration."""
    clouds: tuple[str, ...]
    """Tenants of these clouds sign in here."""
    exchange_audience: str
    """Of a managed identity's token that stands for an application (Microsoft: "Configure an application to trust a
    managed identity")."""


@dataclass(frozen=True)
class SiemHosts:
    """One region of the SIEM API: one store, one or two names."""

    region: str
    hosts: tuple[str, ...]
    clouds: tuple[str, ...]


@dataclass(frozen=True)
class ApiHosts:
    """An API of today in some national clouds: one store, one or several names."""

    hosts: tuple[str, ...]
    clouds: tuple[str, ...]
    """Tenants of these clouds are served."""
    audience: str
    """The one resource whose tokens are taken; the hosts' own names don't matter."""
    trap: str = ""
    """The resource of a sister API, whose tokens are answered 403 as if a permission were missing."""


LOGIN = (
    LoginHost("login.microsoftonline.com", "microsoftonline.com", ("commercial", "gcc"), "api://AzureADTokenExchange"),
    LoginHost("login.microsoftonline.us", "microsoftonline.us", ("gcc_high", "dod"), "api://AzureADTokenExchangeUSGov"),
)

SIEM = (
    *(
        SiemHosts(
            region,
            (
                f"wdatp-alertexporter-{region}.windows.com",
                f"wdatp-alertexporter-{region}.securitycenter.windows.com",
            ),
            ("commercial",),
        )
        for region in ("us", "eu", "uk")
    ),
    SiemHosts("us.gcc", ("wdatp-alertexporter-us.gcc.securitycenter.windows.us",), ("gcc",)),
    SiemHosts("us.gov", ("wdatp-alertexporter-us.securitycenter.windows.us",), ("gcc_high", "dod")),
)

SIEM_RESOURCES = ("https://graph.windows.net", "https://WDATPAlertExport.Seville.onmicrosoft.com")
"""Both are documented, and the SIEM API takes a token for either; which one a tenant knows differs."""

ENDPOINT = (
    ApiHosts(
        (
            "api.securitycenter.microsoft.com",
            # Named by the pages of 2026 (exposed-apis-list); which audience it wants is assumed.
            "api.security.microsoft.com",
            *(f"{region}.api.security.microsoft.com" for region in ("us", "eu", "uk", "au", "swa", "ina", "aea")),
        ),
        ("commercial",),
        "https://api.securitycenter.microsoft.com",
        "https://api.security.microsoft.com",
    ),
    ApiHosts(
        ("api-gcc.securitycenter.microsoft.us",),
        ("gcc",),
        "https://api-gcc.securitycenter.microsoft.us",
        "https://api-gcc.security.microsoft.us",
    ),
    ApiHosts(
        ("api-gov.securitycenter.microsoft.us",),
        ("gcc_high", "dod"),
        "https://api-gov.securitycenter.microsoft.us",
        "https://api-gov.security.microsoft.us",
    ),
)
"""Defender for Endpoint. The trap is documented for the commercial cloud only (third-party note) and assumed elsewhere."""

GRAPH = (
    ApiHosts(("graph.microsoft.com",), ("commercial", "gcc"), "https://graph.microsoft.com"),
    ApiHosts(("graph.microsoft.us",), ("gcc_high",), "https://graph.microsoft.us"),
    ApiHosts(("dod-graph.microsoft.us",), ("dod",), "https://dod-graph.microsoft.us"),
)
"""Microsoft Graph. 21Vianet's has neither ``alerts_v2`` nor ``incidents``."""


def resources(cloud: str) -> tuple[str, ...]:
    """Return the resources that a tenant with a Defender licence knows in a national cloud."""
    apis = [api for api in (*GRAPH, *ENDPOINT) if cloud in api.clouds]
    return (*SIEM_RESOURCES, *(name for api in apis for name in (api.audience, api.trap) if name))
