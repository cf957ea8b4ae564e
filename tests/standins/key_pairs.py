"""Certificates with their private keys, as an administrator makes or gets them; all throw-away."""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Sequence
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

DAY = dt.timedelta(days=1)
_PEM = serialization.Encoding.PEM
_PKCS8, _PKCS1 = serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.TraditionalOpenSSL
_OPEN = serialization.NoEncryption()


def rsa_key(bits: int = 2048, number: int = 0) -> rsa.RSAPrivateKey:
    """Return an RSA key; making one takes a while, so there is one for each size and number."""
    return _rsa_key(bits, number)


@functools.cache
def _rsa_key(bits: int, number: int) -> rsa.RSAPrivateKey:
    del number
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


@functools.cache
def ec_key() -> ec.EllipticCurvePrivateKey:
    """Return a key that is not for RSA."""
    return ec.generate_private_key(ec.SECP256R1())


@dataclass(frozen=True)
class KeyPair:
    """A self-signed certificate and its key."""

    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey = field(default_factory=rsa_key)
    not_before: dt.datetime = dt.datetime(2020, 1, 1, tzinfo=dt.timezone.utc)
    not_after: dt.datetime = field(default_factory=lambda: dt.datetime.now(dt.timezone.utc) + 365 * DAY)
    name: str = "splunk"
    comment: bytes = b""
    """Makes the certificate longer."""
    is_authority: bool = False
    """Says of itself that it may sign others."""

    @functools.cached_property
    def certificate(self) -> x509.Certificate:
        """The certificate."""
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self.name)])
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(self.not_before)
            .not_valid_after(self.not_after)
        )
        if self.comment:
            extension = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), self.comment)
            builder = builder.add_extension(extension, critical=False)
        if self.is_authority:
            builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        return builder.sign(self.key, hashes.SHA256())

    @property
    def der(self) -> bytes:
        """The certificate's bytes."""
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def pem(self) -> str:
        """The certificate's text."""
        return self.certificate.public_bytes(_PEM).decode()

    @property
    def key_pem(self) -> str:
        """The key's text, PKCS#8."""
        return self.key.private_bytes(_PEM, _PKCS8, _OPEN).decode()

    @property
    def pkcs1_pem(self) -> str:
        """The key's text in OpenSSL's older form."""
        return self.key.private_bytes(_PEM, _PKCS1, _OPEN).decode()

    def encrypted_key_pem(self, *, traditional: bool = False) -> str:
        """Return the key's text under a passphrase."""
        protection = serialization.BestAvailableEncryption(b"a passphrase")
        return self.key.private_bytes(_PEM, _PKCS1 if traditional else _PKCS8, protection).decode()

    @property
    def public_pem(self) -> str:
        """The public key's text."""
        info = serialization.PublicFormat.SubjectPublicKeyInfo
        return self.key.public_key().public_bytes(_PEM, info).decode()

    def key_lines(self) -> Sequence[str]:
        """Return the lines of the key's text that say something."""
        return [line for line in self.key_pem.splitlines() if line and not line.startswith("-----")]
