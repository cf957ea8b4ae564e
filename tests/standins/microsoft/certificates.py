"""The throw-away certificate authority behind every name of the stand-in cloud."""

from __future__ import annotations

import ssl
import subprocess
import threading
import warnings
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from enum import Enum
from functools import cache, cached_property
from ipaddress import ip_address
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryDirectory
from typing import Any

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

_PEM = serialization.Encoding.PEM
_ANY = "DEFAULT:@SECLEVEL=0"
_GROUP = """-----BEGIN DH PARAMETERS-----
MIGHAoGBAIfmseWhvNqbO0AjO825kAkuZPfNUpWlDHm8Vhl97O7A6gE5o/RF3+qj
oDLB3zpn+Voa14fKP8+0mVHXy+p3x3g1IoVIP5AbOvML5pkl568ZrmpCUQio+fQF
Od6PcNR4Szf4Lc8RjAymq9Rba1sZPitSt7lKPN6PpZOw1lGM5spvAgEC
-----END DH PARAMETERS-----
"""
"""A Diffie-Hellman group of 1,024 bits."""


class Certificate(Enum):
    """Which certificate a host shows, and in which TLS."""

    OWN = "its own, valid"
    OTHER_HOST = "one for another host"
    EXPIRED = "its own, expired yesterday"
    NOT_YET_VALID = "its own, valid from tomorrow on"
    UNKNOWN_AUTHORITY = "its own, from an authority that nobody trusts"
    WEAK_KEY = "its own, with an RSA key of 1,024 bits"
    WEAK_AUTHORITY = "its own, from an intermediate authority with an RSA key of 1,024 bits"
    WEAK_SIGNATURE = "its own, from an intermediate authority whose certificate is signed with SHA-1"
    WEAK_KEY_EXCHANGE = "its own, valid, with a Diffie-Hellman group of 1,024 bits"
    OLD_TLS = "its own, valid, in TLS 1.1"
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
        if certificate in {Certificate.WEAK_KEY, Certificate.WEAK_AUTHORITY, Certificate.WEAK_SIGNATURE}:
            return self._weak(host, certificate)
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
        # The group's ciphers want RSA.
        kind = trustme.KeyType.RSA if certificate is Certificate.WEAK_KEY_EXCHANGE else trustme.KeyType.ECDSA
        leaf = authority.issue_cert(name, not_before=begin, not_after=end, key_type=kind)
        if certificate is Certificate.WEAK_KEY_EXCHANGE:
            return _serving(leaf, "DHE-RSA-AES128-GCM-SHA256:@SECLEVEL=0", ssl.TLSVersion.TLSv1_2, _GROUP)
        if certificate is Certificate.OLD_TLS:
            return _serving(leaf, _ANY, ssl.TLSVersion.TLSv1_1)
        return _serving(leaf)

    def _weak(self, host: str, certificate: Certificate) -> ssl.SSLContext:
        """A context with a chain that trustme makes none like: a server of today would not show it; an old proxy does."""
        root = _Issuer(
            x509.load_pem_x509_certificate(self.pem.encode()).subject,
            serialization.load_pem_private_key(self._trusted.private_key_pem.bytes(), None),
        )
        if certificate is Certificate.WEAK_KEY:
            return _serving(_leaf(host, root, bits=1_024), _ANY)
        between = _Issuer(
            x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "An authority of long ago")]),
            rsa.generate_private_key(65_537, 1_024 if certificate is Certificate.WEAK_AUTHORITY else 2_048),
        )
        if certificate is Certificate.WEAK_AUTHORITY:
            shown = root.issue(between.name, between.key, is_authority=True).public_bytes(_PEM)
        else:
            shown = _signed_with_sha1(between, root, self.pem)
        return _serving(_leaf(host, between, shown), _ANY)


@dataclass(frozen=True)
class _Issuer:
    """Whoever issues certificates, with its key."""

    name: x509.Name
    key: Any

    def issue(self, name: x509.Name, key: Any, *, is_authority: bool = False, host: str = "") -> x509.Certificate:
        """A certificate for a name and a key."""
        now, day = datetime.now(timezone.utc), timedelta(days=1)
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - day)
            .not_valid_after(now + 90 * day)
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        )
        if host:
            builder = builder.add_extension(x509.SubjectAlternativeName([_general(host)]), critical=False)
        return builder.sign(self.key, hashes.SHA256())


def _general(host: str) -> x509.GeneralName:
    return x509.IPAddress(ip_address(host)) if host[0].isdigit() else x509.DNSName(host)


def _leaf(host: str, issuer: _Issuer, *above: bytes, bits: int = 2_048) -> trustme.LeafCert:
    key = rsa.generate_private_key(65_537, bits)
    certificate = issuer.issue(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)]), key, host=host)
    return trustme.LeafCert(_key_pem(key), certificate.public_bytes(_PEM), list(above))


def _key_pem(key: Any) -> bytes:
    pem: bytes = key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return pem


def _signed_with_sha1(authority: _Issuer, root: _Issuer, root_pem: str) -> bytes:
    """The certificate of an authority, signed with SHA-1: openssl still does that, cryptography does not."""
    with TemporaryDirectory() as folder:
        path = Path(folder)
        request = x509.CertificateSigningRequestBuilder().subject_name(authority.name)
        (path / "request").write_bytes(request.sign(authority.key, hashes.SHA256()).public_bytes(_PEM))
        (path / "root.pem").write_text(root_pem, encoding="ascii")
        (path / "root.key").write_bytes(_key_pem(root.key))
        (path / "extensions").write_text("basicConstraints=critical,CA:TRUE\n", encoding="ascii")
        command = "openssl x509 -req -in request -CA root.pem -CAkey root.key -set_serial 2 -sha1 -days 90 -extfile extensions"
        return subprocess.run(command.split(), check=True, capture_output=True, cwd=path).stdout


@cache
def authority() -> Authority:
    """The authority of every cloud in this process: what was issued once need not be issued for each test."""
    return Authority()


def _serving(
    leaf: trustme.LeafCert,
    ciphers: str = "",
    most: ssl.TLSVersion = ssl.TLSVersion.MAXIMUM_SUPPORTED,
    group: str = "",
) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with warnings.catch_warnings():
        # OLD_TLS is deprecated, which is the point of it.
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = most if most is ssl.TLSVersion.TLSv1_1 else ssl.TLSVersion.TLSv1_2
        context.maximum_version = most
    if ciphers:
        context.set_ciphers(ciphers)
    if group:
        with NamedTemporaryFile("w", suffix=".pem") as file:
            file.write(group)
            file.flush()
            context.load_dh_params(file.name)
    leaf.configure_cert(context)
    return context
