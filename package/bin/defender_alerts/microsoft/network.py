"""Network settings: the proxy, additional CA certificates and the time-out."""

from __future__ import annotations

import base64
import ipaddress
import ssl
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from defender_alerts.errors import ConfigurationError
from defender_alerts.settings import cleaned, is_true, unusual, whole_number, without_invisible

DEFAULT_TIMEOUT = 60
SHORTEST_TIMEOUT, LONGEST_TIMEOUT = 5, 300
PROXY_KINDS = ("http", "https", "socks5")
_PEM = "-----BEGIN "
# Operating systems' bundles have about 200 KB.
_LARGEST_CA_FILE = 16 * 1024 * 1024
_MOST_SHOWN = 300
# RFC 1929 allows 255, but PySocks 1.7.1 writes a length above this one as two bytes.
_LONGEST_SOCKS_LOGIN = 127


class Proxy(NamedTuple):
    """A proxy; ``kind`` is ``http``, ``https`` or ``socks5``, ``remote_dns`` only matters for SOCKS."""

    kind: str
    host: str
    port: int
    username: str = ""
    password: str = ""
    remote_dns: bool = False

    def __repr__(self) -> str:
        """Without the login."""
        return f"Proxy({self.kind}, {self.host}, {self.port})"

    @property
    def url(self) -> str:
        """The proxy's URL for ``urllib3``, with user name and password percent-encoded."""
        scheme = "socks5h" if self.kind == "socks5" and self.remote_dns else self.kind
        host = f"[{self.host}]" if ":" in self.host else self.host
        login = f"{quote(self.username, safe='')}:{quote(self.password, safe='')}@" if self.username else ""
        return f"{scheme}://{login}{host}:{self.port}"

    @property
    def secrets(self) -> tuple[str, ...]:
        """The texts to redact everywhere: the password, and the login in base64 as HTTP Basic sends it."""
        if not self.password:
            return ()
        pair = f"{self.username}:{self.password}"
        encodings = ("utf-8", "latin-1")
        return (
            self.password,
            *(base64.b64encode(pair.encode(encoding, "replace")).decode("ascii") for encoding in encodings),
        )


class IdentityServices(NamedTuple):
    """Where the identity services of this machine are: fixed, so that no name has to be resolved.

    Attributes:
        virtual_machine: address of the Azure Instance Metadata Service.
        arc: address of the Azure Arc agent.
    """

    virtual_machine: tuple[str, int] = ("169.254.169.254", 80)
    arc: tuple[str, int] = ("127.0.0.1", 40342)


class Network(NamedTuple):
    """Network settings for calls to Microsoft.

    Attributes:
        proxy: None for a direct connection, or for the environment's proxy.
        ca_pem: PEM certificates to trust in addition to the public roots.
        timeout: seconds to wait for a connection, and for each piece of an answer.
        identity_services: of this machine. No setting changes them.
    """

    proxy: Proxy | None = None
    ca_pem: str = ""
    timeout: float = 60.0
    identity_services: IdentityServices = IdentityServices()


def read_network(proxy: Mapping[str, str], proxy_secrets: Mapping[str, str], network: Mapping[str, str]) -> Network:
    """Read the proxy and network settings.

    Raises:
        ConfigurationError: a field is malformed, or the CA bundle's file can't be read.
    """
    return Network(
        proxy=read_proxy(proxy, proxy_secrets) if is_true(proxy.get("proxy_enabled")) else None,
        ca_pem=read_ca_bundle(network.get("ca_bundle") or ""),
        timeout=whole_number(
            network.get("request_timeout"),
            "request_timeout",
            "Correct it under Configuration > Network.",
            least=SHORTEST_TIMEOUT,
            most=LONGEST_TIMEOUT,
            default=DEFAULT_TIMEOUT,
        ),
    )


def read_proxy(stanza: Mapping[str, str], secrets: Mapping[str, str]) -> Proxy:
    """Read the proxy from its stanza.

    Raises:
        ConfigurationError: a field is missing or malformed.
    """
    where = "Correct it under Configuration > Proxy."
    kind = cleaned(stanza.get("proxy_type") or "http")
    if kind not in PROXY_KINDS:
        raise ConfigurationError(f"The proxy type {kind!r} is none of {', '.join(PROXY_KINDS)}. {where}")
    username = cleaned(stanza.get("proxy_username") or "")
    password = without_invisible(secrets.get("proxy_password") or "")
    if kind == "socks5" and max(len(username.encode()), len(password.encode())) > _LONGEST_SOCKS_LOGIN:
        raise ConfigurationError(
            f"The proxy's user name or password is longer than the {_LONGEST_SOCKS_LOGIN} bytes that the add-on can "
            f"send to a SOCKS proxy. Have the proxy's owner give you a shorter one, or use its HTTP side. {where}"
        )
    return Proxy(
        kind=kind,
        host=_host(cleaned(stanza.get("proxy_url") or "").strip("[]"), where),
        port=whole_number(stanza.get("proxy_port"), "proxy_port", where, least=1, most=65_535),
        username=username,
        password=password,
        remote_dns=is_true(stanza.get("proxy_rdns")),
    )


def _host(text: str, where: str) -> str:
    """A host name in ASCII (IDNA), or an address.

    Raises:
        ConfigurationError: it is neither.
    """
    strangers = "".join(character for character in text if not _may_be_in_a_name(character))
    try:
        if ":" in text:
            ipaddress.IPv6Address(text.partition("%")[0])
            return text
        if text and not strangers:
            # Python encodes names like this before it resolves them; urllib3 accepts only ASCII.
            return text.encode("idna").decode("ascii")
    except ValueError:
        # Raised below.
        pass
    raise ConfigurationError(
        f"The proxy's host {text[:_MOST_SHOWN]!r} is not a host name or address.{unusual(strangers)} {where}"
    )


def _may_be_in_a_name(character: str) -> bool:
    """Whether a host name can hold this character: letters of all scripts except four invisible ones."""
    return character in "-._" or (
        unicodedata.category(character)[0] in "LMN" and "FILLER" not in unicodedata.name(character, "")
    )


def read_ca_bundle(text: str) -> str:
    """Read the CA certificates of a setting: PEM text, or the path of a file with PEM text or a certificate in DER.

    Raises:
        ConfigurationError: the file holds no certificates. There is one message for all reasons, so that the page does
            not tell which files exist.
    """
    text = cleaned(text)
    if not text or _PEM in text:
        return text
    path = Path(text)
    try:
        # Reading a device or a pipe might never end.
        if not path.is_absolute() or not path.is_file() or path.stat().st_size > _LARGEST_CA_FILE:
            raise OSError  # noqa: TRY301 - one message for all
        content = path.read_bytes()
    except (OSError, ValueError) as error:
        raise unreadable_ca_file(text) from error
    # Comments may have any encoding, and Windows also writes UTF-16.
    for encoding in ("utf-8", "utf-16-le", "utf-16-be"):
        pem = content.decode(encoding, "replace")
        if _PEM in pem:
            return without_invisible(pem)
    from defender_alerts.microsoft.client_certificate.x509 import readable

    if readable(content) is None:
        raise unreadable_ca_file(text)
    return ssl.DER_cert_to_PEM_cert(content)


def unreadable_ca_file(path: str) -> ConfigurationError:
    """The error for a path without certificates, whatever the reason."""
    return ConfigurationError(
        f"No CA certificates can be read from {path[:_MOST_SHOWN]!r}. Paste the PEM text itself, or the absolute path "
        "of a file with such text that the user of splunkd may read, under Configuration > Network > Additional CA "
        "certificates."
    )
