"""The throw-away certificate authority behind every name of the stand-in cloud."""

from __future__ import annotations

import ssl
import threading
from datetime import datetime, timedelta, timezone
from enum import Enum
from functools import cache, cached_property

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID


class Certificate(Enum):
    """Which certificate a host shows."""

    OWN = "its own, valid"
    OTHER_HOST = "one for another host"
    EXPIRED = "its own, expired yesterday"
    NOT_YET_VALID = "its own, valid from tomorrow on"
    UNKNOWN_AUTHORITY = "its own, from an authority that nobody trusts"
    WEAK_KEY = "its own, with an RSA key of 1,024 bits"
    FROM_INTERMEDIATE = "its own, from an intermediate authority, whose certificate comes with it"


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

    @cached_property
    def _intermediate(self) -> trustme.CA:
        return self._trusted.create_child_ca()

    @property
    def intermediate_pem(self) -> str:
        """The certificate of the authority below it."""
        with self._lock:
            return self._intermediate.cert_pem.bytes().decode("ascii")

    def context(self, host: str, certificate: Certificate = Certificate.OWN) -> ssl.SSLContext:
        """Return a server's TLS context for a host name or an IP address (TLS 1.2 or later)."""
        with self._lock:
            key = (host, certificate)
            if key not in self._contexts:
                self._contexts[key] = self._make(host, certificate)
            return self._contexts[key]

    def _make(self, host: str, certificate: Certificate) -> ssl.SSLContext:
        if certificate is Certificate.WEAK_KEY:
            return self._weak(host)
        authority = {
            Certificate.UNKNOWN_AUTHORITY: self._foreign,
            Certificate.FROM_INTERMEDIATE: self._intermediate,
        }.get(certificate, self._trusted)
        name = "another-host.example" if certificate is Certificate.OTHER_HOST else host
        now, day = datetime.now(timezone.utc), timedelta(days=1)
        begin, end = {
            Certificate.EXPIRED: (now - 90 * day, now - day),
            Certificate.NOT_YET_VALID: (now + day, now + 90 * day),
        }.get(certificate, (now - day, now + 90 * day))
        return _serving(authority.issue_cert(name, not_before=begin, not_after=end))

    def _weak(self, host: str) -> ssl.SSLContext:
        """A context with a key so short that trustme makes none like it."""
        key = rsa.generate_private_key(public_exponent=65_537, key_size=1_024)  # noqa: S505 - weak is what it is for
        now, day = datetime.now(timezone.utc), timedelta(days=1)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)]))
            .issuer_name(x509.load_pem_x509_certificate(self.pem.encode()).subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - day)
            .not_valid_after(now + 90 * day)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
            .sign(
                serialization.load_pem_private_key(self._trusted.private_key_pem.bytes(), None),  # type: ignore[arg-type]
                hashes.SHA256(),
            )
        )
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        leaf = trustme.LeafCert(pem, certificate.public_bytes(serialization.Encoding.PEM), [])
        # A server of today would not show such a key; an old proxy does.
        return _serving(leaf, "DEFAULT:@SECLEVEL=0")


@cache
def authority() -> Authority:
    """The authority of every cloud in this process: what was issued once need not be issued for each test."""
    return Authority()


def _serving(leaf: trustme.LeafCert, ciphers: str = "") -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ciphers:
        context.set_ciphers(ciphers)
    leaf.configure_cert(context)
    return context
