"""Checks proxy and CA certificates before they are saved.

Only the tunnel is tried, not TLS inside it: whether Microsoft's certificate is trusted there depends on the Network
tab, which may be saved after the Proxy tab. Saving an account tries the whole path.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from defender_alerts.errors import ConfigurationError
from defender_alerts.microsoft import clouds
from defender_alerts.microsoft.client_certificate import pem
from defender_alerts.microsoft.client_certificate.authorities import CA_FIELD, read_authorities
from defender_alerts.microsoft.network import Network, Proxy, read_ca_bundle, unreadable_ca_file

from .network_path import proxy_failure

# Connecting, asking for the tunnel, and TLS may each take as long; Splunk Web gives up on a page's request after 30 s.
LONGEST_STEP = 6.0


def login_hosts(cloud_names: Iterable[str]) -> tuple[str, ...]:
    """The login hosts of these clouds, each once, the commercial one first."""
    wanted = set(cloud_names)
    return tuple(dict.fromkeys(row.authority_host for row in clouds.CLOUDS if row.name in wanted))


def check_proxy(proxy: Proxy, cloud_names: Iterable[str], ca_pem: str = "", seconds: float = LONGEST_STEP) -> None:
    """Check that the proxy can be reached and opens a tunnel to port 443 of these clouds' login hosts.

    Args:
        proxy: as it would be saved.
        cloud_names: the clouds of the accounts. Without any, a way to the login host of one cloud, whichever, is
            enough: a proxy for government may well refuse the commercial one.
        ca_pem: certificates to trust for TLS with the proxy itself.
        seconds: the longest that one step may take.

    Raises:
        ConnectionFailedError: it does not; the sentence names the field to correct.
        ConfigurationError: it wants other credentials, or the certificates can't be used.
    """
    # Only the proxy's own certificate matters here, so no CA is needed without TLS to the proxy.
    network = Network(proxy, ca_pem if proxy.kind == "https" else "", seconds)
    wanted = login_hosts(cloud_names)
    first = None
    for host in wanted or login_hosts(row.name for row in clouds.CLOUDS):
        failure = proxy_failure(network, host)
        if not (failure or wanted):
            return
        first = first or failure
        if first and wanted:
            break
    if first:
        raise first.error


def check_ca_bundle(setting: str, now: dt.datetime | None = None) -> str:
    """Check that the setting's certificates can be read and that it contains no private key.

    Args:
        setting: PEM text, or the path of a file with such text; nothing is fine as well.
        now: when they have to be valid; by default, now by this host's clock.

    Returns:
        What is not used, such as the expired certificates in an operating system's bundle; empty if everything is.

    Raises:
        ConfigurationError: one can't be read, none can be used, or there is a private key. A file without certificates
            gets the same sentence as a missing one, so that the page does not tell what is in a machine's files.
    """
    text = read_ca_bundle(setting)
    if not text:
        return ""
    found = read_authorities(text, now)
    has_certificates = bool(found.usable or found.unfit)
    if not has_certificates and pem.BEGINNING not in setting:
        raise unreadable_ca_file(setting.strip())
    if found.has_key:
        raise ConfigurationError(
            f"There is a private key among the CA certificates. Take it out under {CA_FIELD}: only certificates belong "
            "there."
        )
    if not found.is_whole or not has_certificates:
        raise ConfigurationError(
            "The CA certificates are not whole, or there is something else in their place. Paste each from -----BEGIN "
            f"CERTIFICATE----- to -----END CERTIFICATE----- under {CA_FIELD}."
        )
    if found.broken:
        raise ConfigurationError(
            f"CA certificate number {found.broken[0]} can't be read. Paste its whole text again, from "
            f"-----BEGIN CERTIFICATE----- to -----END CERTIFICATE-----, under {CA_FIELD}."
        )
    if not found.usable:
        raise ConfigurationError(
            f"None of the CA certificates can be used: {found.left_out}. Replace them by what is in use today, or take "
            f"them out, under {CA_FIELD}."
        )
    return found.left_out
