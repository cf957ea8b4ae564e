"""The throw-away certificate authority behind every name of the stand-in cloud."""

from __future__ import annotations

import ssl
import threading
from datetime import datetime, timedelta, timezone
from enum import Enum

import trustme


class Certificate(Enum):
    """Which certificate a host shows."""

    OWN = "its own, valid"
    OTHER_HOST = "one for another host"
    EXPIRED = "its own, expired yesterday"
    UNKNOWN_AUTHORITY = "its own, from an authority that nobody trusts"


class Authority:
    """Issues certificates when they are first needed.

    To the client this is also what a proxy that inspects TLS looks like: every host's certificate comes from
    a private authority, which has to be trusted on purpose.
    """

    def __init__(self) -> None:
        self._trusted = trustme.CA(organization_name="Stand-in Microsoft cloud")
        self._foreign = trustme.CA(organization_name="Somebody else")
        self._contexts: dict[tuple[str, Certificate], ssl.SSLContext] = {}
        self._lock = threading.Lock()

    @property
    def pem(self) -> str:
        """The authority's own certificate."""
        return self._trusted.cert_pem.bytes().decode("ascii")

    def context(self, host: str, certificate: Certificate = Certificate.OWN) -> ssl.SSLContext:
        """Return a server's TLS context for a host name or an IP address (TLS 1.2 or later)."""
        with self._lock:
            key = (host, certificate)
            if key not in self._contexts:
                self._contexts[key] = self._make(host, certificate)
            return self._contexts[key]

    def _make(self, host: str, certificate: Certificate) -> ssl.SSLContext:
        authority = self._foreign if certificate is Certificate.UNKNOWN_AUTHORITY else self._trusted
        now = datetime.now(timezone.utc)
        leaf = (
            authority.issue_cert(host, not_before=now - timedelta(days=90), not_after=now - timedelta(days=1))
            if certificate is Certificate.EXPIRED
            else authority.issue_cert("another-host.example" if certificate is Certificate.OTHER_HOST else host)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        leaf.configure_cert(context)
        return context
