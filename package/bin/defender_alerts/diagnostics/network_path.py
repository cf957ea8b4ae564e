"""Checks of the path to Microsoft: proxy, names, certificates."""

from __future__ import annotations

import socket

from defender_alerts.microsoft.transport.failures import CERTIFICATE_REASONS, Failure
from defender_alerts.microsoft.transport.session import trust

from .context import Context
from .probes import Look, look, proxy_failure, proxy_in_use
from .report import Finding, Outcome, failed, failed_by, ok

_HTTPS = 443
_MOST_ADDRESSES = 4


def proxy(context: Context, _: str) -> Finding:
    """Check whether the proxy can be reached and accepts its login."""
    host = context.cloud.authority_host
    used = proxy_in_use(context.network, host)
    if used is None:
        return ok("None is set: Microsoft is reached directly.")
    failure = proxy_failure(context.network, host)
    # What is wrong with this host alone, other checks say of each.
    if failure is not None and failure.reason.startswith("proxy"):
        return failed_by(failure.error)
    return ok(f"{used} answers. It is set under {used.source}.")


def names(context: Context, host: str) -> Finding:
    """Check whether this host can resolve a name, if it has to."""
    used = proxy_in_use(context.network, host)
    if used is not None and used.resolves:
        return Finding(Outcome.SKIPPED, "Not checked: the proxy resolves the name.")
    try:
        found = socket.getaddrinfo(host, _HTTPS, type=socket.SOCK_STREAM)
    except OSError as error:
        return failed(
            f"The name can't be resolved ({error}).",
            "Check this host's DNS, or set the proxy under Configuration > Proxy.",
        )
    addresses = list(dict.fromkeys(str(address[0]) for *_, address in found))
    return ok(f"Resolves to {', '.join(addresses[:_MOST_ADDRESSES])}.")


def certificate(context: Context, host: str) -> Finding:
    """Report a host's certificate, its issuer, and whether it is trusted."""
    network = context.network
    seen = look(network, host, trust(network.ca_pem))
    if seen.failure is None:
        if context.clock.observe(seen.date) is not None:
            context.heard = True
        public = look(network, host, trust("")).failure if network.ca_pem else None
        return ok(f"{_shown(seen)}, {_trusted_by(public)}.")
    finding = failed_by(seen.failure.error)
    if seen.failure.reason not in CERTIFICATE_REASONS:
        return finding
    seen = look(network, host, None)
    return failed(f"{finding.found} {_shown(seen)}." if seen.reached else finding.found, finding.advice)


def _trusted_by(public: Failure | None) -> str:
    """Say what makes a certificate trusted; ``public`` is the failure with the public roots alone."""
    if public is None:
        return "trusted by the public roots"
    if public.reason in CERTIFICATE_REASONS:
        return (
            "trusted by the certificates under Configuration > Network alone. So it is not Microsoft's own: a proxy on "
            "the way inspects TLS"
        )
    return "trusted by the public roots or the certificates under Configuration > Network"


def _shown(seen: Look) -> str:
    if seen.certificate is None:
        return "The certificate can't be read"
    return f"The certificate of {seen.certificate.subject} is issued by {seen.certificate.issuer}"
