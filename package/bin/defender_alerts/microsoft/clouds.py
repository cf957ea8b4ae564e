"""The table of clouds and API hosts: the only place with host names.

To add a region, add a row.

Sources: Microsoft, "Pull alerts using the SIEM REST API" and "Use Defender for Endpoint APIs" (commercial hosts),
"Microsoft Defender for Endpoint for US Government customers" (government hosts), "National clouds" (authorities), and
"Microsoft Graph: national cloud deployments". None of the APIs is offered in China: its Graph has no ``alerts_v2``.
"""

from __future__ import annotations

from typing import NamedTuple

from defender_alerts.errors import ConfigurationError

_EXCHANGE_GOV = "api://AzureADTokenExchangeUSGov"


class Cloud(NamedTuple):
    """One of Microsoft's clouds: its name in the account's settings, and the host that issues its tokens.

    Attributes:
        exchange_audience: of a managed identity's token that vouches for an application. Source: Microsoft, "Configure
            an application to trust a managed identity".
    """

    name: str
    label: str
    authority_host: str
    exchange_audience: str = "api://AzureADTokenExchange"


class Endpoint(NamedTuple):
    """The host that serves one API to the tenants of one cloud in one region.

    Attributes:
        audience: of its tokens. It is not the host: every commercial host of Defender for Endpoint wants the audience
            of the global one, and refuses ``https://api.security.microsoft.com``, which belongs to another API. Empty
            if the input's settings name it.
    """

    api: str
    cloud: str
    region: str
    host: str
    audience: str = ""


CLOUDS = (
    Cloud("commercial", "Commercial", "login.microsoftonline.com"),
    # GCC uses the commercial Entra ID; only GCC High and DoD use that of the US government cloud.
    Cloud("gcc", "GCC", "login.microsoftonline.com"),
    Cloud("gcc_high", "GCC High", "login.microsoftonline.us", _EXCHANGE_GOV),
    Cloud("dod", "DoD", "login.microsoftonline.us", _EXCHANGE_GOV),
)

_ENDPOINT = "https://api.securitycenter.microsoft.com"
_ENDPOINT_GCC = "https://api-gcc.securitycenter.microsoft.us"
_ENDPOINT_GOV = "https://api-gov.securitycenter.microsoft.us"

ENDPOINTS = (
    Endpoint("siem", "commercial", "us", "wdatp-alertexporter-us.windows.com"),
    Endpoint("siem", "commercial", "eu", "wdatp-alertexporter-eu.windows.com"),
    Endpoint("siem", "commercial", "uk", "wdatp-alertexporter-uk.windows.com"),
    Endpoint("siem", "gcc", "us", "wdatp-alertexporter-us.gcc.securitycenter.windows.us"),
    Endpoint("siem", "gcc_high", "us", "wdatp-alertexporter-us.securitycenter.windows.us"),
    Endpoint("siem", "dod", "us", "wdatp-alertexporter-us.securitycenter.windows.us"),
    Endpoint("endpoint", "commercial", "global", "api.securitycenter.microsoft.com", _ENDPOINT),
    *(
        Endpoint("endpoint", "commercial", region, f"{region}.api.security.microsoft.com", _ENDPOINT)
        for region in ("us", "eu", "uk", "au", "swa", "ina", "aea")
    ),
    # The base address on Microsoft's pages of 2026 ("Supported Microsoft Defender for Endpoint APIs"). Not yet tried;
    # that it wants the audience of the others is assumed.
    Endpoint("endpoint", "commercial", "xdr", "api.security.microsoft.com", _ENDPOINT),
    Endpoint("endpoint", "gcc", "global", "api-gcc.securitycenter.microsoft.us", _ENDPOINT_GCC),
    Endpoint("endpoint", "gcc_high", "global", "api-gov.securitycenter.microsoft.us", _ENDPOINT_GOV),
    Endpoint("endpoint", "dod", "global", "api-gov.securitycenter.microsoft.us", _ENDPOINT_GOV),
    Endpoint("graph", "commercial", "global", "graph.microsoft.com", "https://graph.microsoft.com"),
    Endpoint("graph", "gcc", "global", "graph.microsoft.com", "https://graph.microsoft.com"),
    Endpoint("graph", "gcc_high", "global", "graph.microsoft.us", "https://graph.microsoft.us"),
    Endpoint("graph", "dod", "global", "dod-graph.microsoft.us", "https://dod-graph.microsoft.us"),
)


def cloud(name: str) -> Cloud:
    """The cloud of that name.

    Raises:
        ConfigurationError: there is no such cloud.
    """
    for row in CLOUDS:
        if row.name == name:
            return row
    known = ", ".join(row.name for row in CLOUDS)
    raise ConfigurationError(f"The account's cloud is {name!r}. Set it to one of {known}.")


def regions(api: str, cloud_name: str) -> tuple[str, ...]:
    """The regions in which this API is offered to this cloud's tenants, in the table's order."""
    return tuple(row.region for row in ENDPOINTS if row.api == api and row.cloud == cloud_name)


def hosts(api: str, cloud_name: str) -> tuple[str, ...]:
    """The hosts that serve this API to this cloud's tenants."""
    return tuple(row.host for row in ENDPOINTS if row.api == api and row.cloud == cloud_name)


def audiences(api: str, cloud_name: str) -> tuple[str, ...]:
    """The distinct audiences of this API's hosts in this cloud."""
    return tuple(dict.fromkeys(row.audience for row in ENDPOINTS if row.api == api and row.cloud == cloud_name))


def endpoint(api: str, cloud_name: str, region: str) -> Endpoint:
    """The endpoint of an API in a cloud and region.

    Raises:
        ConfigurationError: the API is not offered there.
    """
    for row in ENDPOINTS:
        if (row.api, row.cloud, row.region) == (api, cloud_name, region):
            return row
    offered = ", ".join(regions(api, cloud_name))
    raise ConfigurationError(
        f"The region {region!r} does not exist for this input in the cloud {cloud(cloud_name).label}. "
        f"Choose among: {offered}."
    )
