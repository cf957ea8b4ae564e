"""Which host serves which API in which cloud and region: the only place where a host name stands.

Adding a region is adding a row.

Sources: Microsoft, "Pull alerts using the SIEM REST API" (commercial hosts), "Microsoft Defender for Endpoint for
US Government customers" (government hosts), and "National clouds" (authorities).
"""

from __future__ import annotations

from dataclasses import dataclass

from .errors import ConfigurationError


@dataclass(frozen=True)
class Cloud:
    """One of Microsoft's clouds: the name in the account's settings and the host that issues its tokens."""

    name: str
    label: str
    authority_host: str


@dataclass(frozen=True)
class Endpoint:
    """The host that serves one API to the tenants of one cloud in one region."""

    api: str
    cloud: str
    region: str
    host: str


CLOUDS = (
    Cloud("commercial", "Commercial", "login.microsoftonline.com"),
    # GCC runs on the commercial Entra ID; only GCC High and DoD have the one of the US government cloud.
    Cloud("gcc", "GCC", "login.microsoftonline.com"),
    Cloud("gcc_high", "GCC High", "login.microsoftonline.us"),
    Cloud("dod", "DoD", "login.microsoftonline.us"),
)

ENDPOINTS = (
    Endpoint("siem", "commercial", "us", "wdatp-alertexporter-us.windows.com"),
    Endpoint("siem", "commercial", "eu", "wdatp-alertexporter-eu.windows.com"),
    Endpoint("siem", "commercial", "uk", "wdatp-alertexporter-uk.windows.com"),
    Endpoint("siem", "gcc", "us", "wdatp-alertexporter-us.gcc.securitycenter.windows.us"),
    Endpoint("siem", "gcc_high", "us", "wdatp-alertexporter-us.securitycenter.windows.us"),
    Endpoint("siem", "dod", "us", "wdatp-alertexporter-us.securitycenter.windows.us"),
)


def cloud(name: str) -> Cloud:
    """The cloud of that name.

    Raises:
        ConfigurationError: there is none.
    """
    for row in CLOUDS:
        if row.name == name:
            return row
    known = ", ".join(row.name for row in CLOUDS)
    raise ConfigurationError(f"The account's cloud is {name!r}. Set it to one of {known}.")


def regions(api: str, cloud_name: str) -> tuple[str, ...]:
    """The regions in which this API is offered to this cloud's tenants, in the table's order."""
    return tuple(row.region for row in ENDPOINTS if row.api == api and row.cloud == cloud_name)


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
