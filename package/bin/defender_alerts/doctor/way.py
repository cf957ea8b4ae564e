"""The way to Microsoft: proxy, names, certificates."""

from __future__ import annotations

import socket

from defender_alerts.http.session import trust

from .case import Case
from .certificates import Look, look_unverified, look_verified
from .report import Finding, Outcome, failed, failed_by, ok

_HTTPS = 443
_AT_THE_PROXY = frozenset({"proxy", "proxy login"})
_UNTRUSTED = "untrusted certificate"
_BAD_CERTIFICATES = frozenset(
    {
        _UNTRUSTED,
        "expired certificate",
        "certificate not yet valid",
        "weak certificate",
        "incomplete chain",
        "certificate of another host",
    }
)
_MOST_ADDRESSES = 4


def proxy(case: Case, _: str) -> Finding:
    """Whether the proxy is there, and takes its login."""
    host = case.cloud.authority_host
    way = case.way(host)
    if way is None:
        return ok("None is set: Microsoft is reached directly.")
    try:
        socket.create_connection((way.host, way.port), timeout=case.network.timeout).close()
    except OSError as error:
        return failed(
            f"Nothing answers at {way} ({' '.join(str(error).split())[:160]}).",
            f"Check host, port and type under {way.source}, and that this host may connect to it.",
        )
    failure = look_unverified(case.network, host).failure
    if failure is not None and failure.reason in _AT_THE_PROXY:
        return failed_by(failure.error)
    return ok(f"{way} answers. It is set under {way.source}.")


def names(case: Case, host: str) -> Finding:
    """Whether this host can resolve a name, where it is this host that has to."""
    way = case.way(host)
    if way is not None and way.resolves:
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


def certificate(case: Case, host: str) -> Finding:
    """Whose certificate answers for a host, who has issued it, and by whom that is trusted."""
    look = look_verified(case.network, host, trust(""))
    trusted = "trusted by the public roots"
    if look.failure is not None and look.failure.reason == _UNTRUSTED and case.network.ca_pem:
        look = look_verified(case.network, host, trust(case.network.ca_pem))
        trusted = (
            "trusted by the certificates under Configuration > Network alone. So it is not Microsoft's own: a proxy "
            "on the way inspects TLS"
        )
    if look.failure is None:
        if case.clock.observe(look.date) is not None:
            case.heard = True
        return ok(f"{_shown(look)}, {trusted}.")
    finding = failed_by(look.failure.error)
    if look.failure.reason not in _BAD_CERTIFICATES:
        return finding
    seen = look_unverified(case.network, host)
    return failed(f"{finding.found} {_shown(seen)}." if seen.names else finding.found, finding.advice)


def _shown(look: Look) -> str:
    assert look.names is not None  # noqa: S101 - a look without failure has come to the end of its handshake
    return f"The certificate of {look.names.subject} is issued by {look.names.issuer}"
