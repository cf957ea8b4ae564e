"""The names under which Microsoft's cloud is known to the add-on.

Sources: Microsoft's authentication-national-cloud page (login hosts); pull-alerts-using-rest-api and its 2019 and
Splunk siblings (both forms of the commercial SIEM hosts); the US government page gov.md of 2021-22 (government ones).
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


@dataclass(frozen=True)
class SiemHosts:
    """One region of the SIEM API: one store, one or two names."""

    region: str
    hosts: tuple[str, ...]
    clouds: tuple[str, ...]


LOGIN = (
    LoginHost("login.microsoftonline.com", "microsoftonline.com", ("commercial", "gcc")),
    LoginHost("login.microsoftonline.us", "microsoftonline.us", ("gcc_high", "dod")),
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
