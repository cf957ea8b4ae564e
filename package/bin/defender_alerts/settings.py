"""What the administrator has set, checked once, as frozen values for the core.

The names of settings and their defaults are a contract with saved configurations: see ``docs/architecture.md``. A
test compares them with ``globalConfig.json``.
"""

from __future__ import annotations

import base64
import datetime as dt
import ipaddress
import math
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from . import clouds
from .errors import ConfigurationError
from .times import parse_start

SHORTEST_INTERVAL, LONGEST_INTERVAL = 60, 86_400
DEFAULT_INTERVAL = 300
DEFAULT_OVERLAP = 600
LONGEST_OVERLAP = 86_400
DEFAULT_START = "-7d"
DEFAULT_TIMEOUT = 60
SHORTEST_TIMEOUT, LONGEST_TIMEOUT = 5, 300
SECRET_WARNING_DAYS = 30
PROXY_KINDS = ("http", "https", "socks5")
AUTH_TYPES = CLIENT_SECRET, CERTIFICATE = ("client_secret", "certificate")

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")
_TENANT = re.compile(
    r"(?:[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,})\Z", re.ASCII
)
_GUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\Z", re.ASCII)
_PEM = "-----BEGIN "
# The bundles of operating systems have a fifth of a megabyte.
_LARGEST_CA_FILE = 16 * 1024 * 1024
_MOST_SHOWN = 300
# RFC 1929 has room for 255; PySocks 1.7.1 writes a length above this one as two bytes.
_LONGEST_SOCKS_LOGIN = 127
_TRUE = frozenset({"1", "true", "t", "yes", "y", "on"})


@dataclass(frozen=True)
class Account:
    """An application in Entra ID, and what it proves itself with.

    Attributes:
        tenant_id: a GUID, or one of the tenant's domains.
        client_secret: empty where it signs in with a certificate.
        secret_expires: the day on which the client secret expires, None where it was not noted.
        auth_type: ``client_secret`` or ``certificate``.
        certificate: the one that belongs to the private key, PEM.
        private_key: PEM, without a passphrase.
    """

    name: str
    cloud: str
    tenant_id: str
    client_id: str
    client_secret: str = field(repr=False)
    secret_expires: dt.date | None = None
    auth_type: str = CLIENT_SECRET
    certificate: str = field(default="", repr=False)
    private_key: str = field(default="", repr=False)

    @property
    def expires(self) -> dt.date | None:
        """The day (UTC) on which the certificate, or the client secret, expires; None where that was not noted."""
        if self.auth_type != CERTIFICATE:
            return self.secret_expires
        from .credentials.pair import not_after

        return not_after(self.certificate)

    @property
    def secrets(self) -> tuple[str, ...]:
        """The texts that must not be read anywhere: of a private key also each line, since a text can be cut."""
        if not self.private_key:
            return (self.client_secret,) if self.client_secret else ()
        from .credentials.pair import key_lines

        return tuple(
            secret for secret in (self.client_secret, self.private_key, *key_lines(self.private_key)) if secret
        )

    def lasts(self, today: dt.date) -> int | None:
        """For how many more days the account can sign in, as far as that is known."""
        return None if self.expires is None else (self.expires - today).days


@dataclass(frozen=True)
class Proxy:
    """The proxy of the settings; ``kind`` is ``http``, ``https`` or ``socks5``, ``remote_dns`` is for SOCKS."""

    kind: str
    host: str
    port: int
    username: str = ""
    password: str = field(default="", repr=False)
    remote_dns: bool = False

    @property
    def url(self) -> str:
        """The proxy as ``urllib3`` takes it, with what is special in a URL escaped in name and password."""
        scheme = "socks5h" if self.kind == "socks5" and self.remote_dns else self.kind
        host = f"[{self.host}]" if ":" in self.host else self.host
        login = f"{quote(self.username, safe='')}:{quote(self.password, safe='')}@" if self.username else ""
        return f"{scheme}://{login}{host}:{self.port}"

    @property
    def secrets(self) -> tuple[str, ...]:
        """The texts that must not be read anywhere: the password, alone and as HTTP's Basic scheme writes the login."""
        if not self.password:
            return ()
        pair = f"{self.username}:{self.password}"
        encodings = ("utf-8", "latin-1")
        return (
            self.password,
            *(base64.b64encode(pair.encode(encoding, "replace")).decode("ascii") for encoding in encodings),
        )


@dataclass(frozen=True)
class Network:
    """How Microsoft is reached.

    Attributes:
        proxy: None for a direct way (or what the process's environment says).
        ca_pem: certificates to trust beside the public roots, PEM.
        timeout: seconds to wait for a connection, and for each next piece of an answer.
    """

    proxy: Proxy | None = None
    ca_pem: str = ""
    timeout: float = 60.0


@dataclass(frozen=True)
class Polling:
    """What all kinds of input have in common; ``overlap`` in seconds, ``start_time`` as typed."""

    name: str
    account: str
    index: str
    interval: str
    start_time: str
    overlap: int

    @property
    def every(self) -> int:
        """Seconds from one run to the next; 0 where that is not known, as with a cron schedule."""
        try:
            given = float(self.interval)
        except ValueError:
            return 0
        return max(SHORTEST_INTERVAL, int(given)) if 0 <= given < math.inf else 0


def without_invisible(text: str) -> str:
    """A text without the characters that can't be seen, as a copied page puts them in: U+200B, a byte order mark ...

    They are those of Unicode's category Cf. In none of the settings do they mean anything. Nor do halves of characters
    (Cs), which JSON can hold and no encoding can write.
    """
    if text.isascii():
        return text
    return "".join(character for character in text if unicodedata.category(character) not in {"Cf", "Cs"})


def cleaned(text: str) -> str:
    """A pasted value without what can't be seen in it, and without blanks of whatever kind around it."""
    return without_invisible(text).strip()


def unusual(text: str) -> str:
    """The first character of a text that is not printable ASCII, as a sentence, since it may look like another one."""
    for character in text:
        if not (character.isascii() and character.isprintable()):
            return f" It holds the character U+{ord(character):04X} ({unicodedata.name(character, 'without a name')})."
    return ""


def is_guid(text: str) -> bool:
    """Whether the text has the form of a tenant id or application id."""
    return _GUID.match(text) is not None


def is_true(text: str | None) -> bool:
    """Whether a checkbox or a hand-written conf says yes."""
    return cleaned(text or "").lower() in _TRUE


def split_list(text: str | None) -> tuple[str, ...]:
    """The members of a comma-separated setting, without empty ones and repetitions, in their order."""
    members = (cleaned(member) for member in (text or "").split(","))
    return tuple(dict.fromkeys(member for member in members if member))


def read_account(
    name: str, stanza: Mapping[str, str], secrets: Mapping[str, str], now: dt.datetime | None = None
) -> Account:
    """The account out of its stanza and its decrypted secrets.

    Args:
        name: of the stanza.
        stanza: its fields.
        secrets: its encrypted fields.
        now: when the certificate has to be valid; by default, now by this host's clock.

    Raises:
        ConfigurationError: a field is missing or malformed, or the certificate is not valid now.
    """
    where = f"Correct the account {name} under Configuration > Accounts."
    cloud = cleaned(stanza.get("cloud") or "")
    clouds.cloud(cloud)
    tenant_id = cleaned(stanza.get("tenant_id") or "")
    if not _TENANT.match(tenant_id):
        raise ConfigurationError(
            f"The tenant id {tenant_id!r} is neither a GUID nor a domain name.{unusual(tenant_id)} {where}"
        )
    client_id = cleaned(stanza.get("client_id") or "")
    if not is_guid(client_id):
        raise ConfigurationError(f"The client id {client_id!r} is not a GUID.{unusual(client_id)} {where}")
    # Accounts of the first versions have no such field.
    auth_type = cleaned(stanza.get("auth_type") or CLIENT_SECRET)
    if auth_type not in AUTH_TYPES:
        raise ConfigurationError(f"auth_type is {auth_type!r} and should be one of {', '.join(AUTH_TYPES)}. {where}")
    if auth_type == CERTIFICATE:
        # Most accounts have a client secret, and their polls do without the modules that read keys.
        from .credentials.pair import read_pair

        pair = read_pair(cleaned(stanza.get("certificate") or ""), cleaned(secrets.get("private_key") or ""), where)
        pair.must_be_valid(now or dt.datetime.now(dt.timezone.utc), where)
        return Account(
            name,
            cloud,
            tenant_id,
            client_id,
            client_secret="",
            auth_type=auth_type,
            certificate=pair.certificate.pem,
            private_key=pair.key_pem,
        )
    client_secret = cleaned(secrets.get("client_secret") or "")
    if not client_secret:
        raise ConfigurationError(f"The account {name} has no client secret. {where}")
    return Account(name, cloud, tenant_id, client_id, client_secret, _read_date(stanza.get("secret_expires"), where))


def _read_date(text: str | None, where: str) -> dt.date | None:
    given = cleaned(text or "")
    try:
        return dt.date.fromisoformat(given) if given else None
    except ValueError as error:
        raise ConfigurationError(f"The date {given!r} is not a year-month-day, such as 2027-06-30. {where}") from error


def read_network(proxy: Mapping[str, str], proxy_secrets: Mapping[str, str], network: Mapping[str, str]) -> Network:
    """Proxy and network settings.

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
    """The proxy out of its stanza.

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
    """A name as DNS knows it, in ASCII, or an address.

    Raises:
        ConfigurationError: it is neither.
    """
    strangers = "".join(character for character in text if not _may_be_in_a_name(character))
    try:
        if ":" in text:
            ipaddress.IPv6Address(text.partition("%")[0])
            return text
        if text and not strangers:
            # As Python itself writes a name before it asks for it; urllib3 knows no others.
            return text.encode("idna").decode("ascii")
    except ValueError:
        # It is said below.
        pass
    raise ConfigurationError(
        f"The proxy's host {text[:_MOST_SHOWN]!r} is not a host name or address.{unusual(strangers)} {where}"
    )


def _may_be_in_a_name(character: str) -> bool:
    """Whether a name of a host can hold it: letters of all scripts, but for the four that look like nothing."""
    return character in "-._" or (
        unicodedata.category(character)[0] in "LMN" and "FILLER" not in unicodedata.name(character, "")
    )


def read_ca_bundle(text: str) -> str:
    """The PEM of the setting: the text itself, or what stands in the file that it names, whatever is around it.

    Raises:
        ConfigurationError: the path leads to no PEM text (one message whatever the reason, so that the page does not
            tell which files exist), but to certificates in a form that can be converted.
    """
    text = cleaned(text)
    if not text or _PEM in text:
        return text
    path = Path(text)
    try:
        # A device or a pipe may have no end.
        if not path.is_absolute() or not path.is_file() or path.stat().st_size > _LARGEST_CA_FILE:
            raise OSError  # noqa: TRY301 - one message for all
        content = path.read_bytes()
    except (OSError, ValueError) as error:
        raise unreadable_ca_file(text) from error
    # Comments may be in any encoding.
    if _PEM.encode() in content:
        return without_invisible(content.decode("utf-8", "replace"))
    raise _other_form(path, content)


def _other_form(path: Path, content: bytes) -> ConfigurationError:
    """What is said of a file without PEM text."""
    from .credentials.certificate import read_certificate

    if any(_PEM.encode(encoding) in content for encoding in ("utf-16-le", "utf-16-be")):
        return ConfigurationError(
            f"The CA certificates in {str(path)!r} are in UTF-16. Convert the file, and set the path of the new one "
            "under Configuration > Network > Additional CA certificates: iconv -f UTF-16 -t UTF-8 OLD > NEW"
        )
    try:
        read_certificate(content)
    except ValueError:
        return unreadable_ca_file(str(path))
    return ConfigurationError(
        f"The CA certificate in {str(path)!r} is in DER form. Convert the file, and set the path of the new one under "
        "Configuration > Network > Additional CA certificates: openssl x509 -inform DER -in OLD -out NEW"
    )


def unreadable_ca_file(path: str) -> ConfigurationError:
    """What is said of a path that leads to no certificates, whatever the reason."""
    return ConfigurationError(
        f"No CA certificates can be read from {path[:_MOST_SHOWN]!r}. Paste the PEM text itself, or the absolute path "
        "of a file with such text that the user of splunkd may read, under Configuration > Network > Additional CA "
        "certificates."
    )


def check_input_name(name: str) -> None:
    """Make sure that files, checkpoints and events can be named after an input.

    Raises:
        ConfigurationError: they can't.
    """
    if not _NAME.match(name):
        raise ConfigurationError(
            f"The input name {name!r} is not allowed: it begins with a letter (A to Z), followed by letters, "
            "digits and underscores. Make the input again with another name."
        )


def check_account_name(name: str) -> None:
    """Make sure that a new account has a name that inputs and conf files can hold as it is.

    Raises:
        ConfigurationError: it has not.
    """
    if not _NAME.match(name):
        raise ConfigurationError(
            f"The account name {name!r} is not allowed: it begins with a letter (A to Z), followed by letters, "
            "digits and underscores. Choose another name."
        )


def read_polling(name: str, stanza: Mapping[str, str]) -> Polling:
    """The settings that all kinds of input share.

    Raises:
        ConfigurationError: a field is missing or malformed.
    """
    where = f"Correct the input {name} under Inputs."
    check_input_name(name)
    account = cleaned(stanza.get("account") or "")
    if not account:
        raise ConfigurationError(f"The input {name} names no account. {where}")
    start_time = cleaned(stanza.get("start_time") or DEFAULT_START)
    try:
        parse_start(start_time, 0)
    except ValueError as error:
        raise ConfigurationError(
            f"The start time {start_time!r} is neither ISO 8601 in UTC (2026-01-31T00:00:00Z) nor relative (-7d, "
            f"-12h). {where}"
        ) from error
    return Polling(
        name=name,
        account=account,
        index=cleaned(stanza.get("index") or "default"),
        interval=cleaned(stanza.get("interval") or str(DEFAULT_INTERVAL)),
        start_time=start_time,
        overlap=whole_number(
            stanza.get("overlap"), "overlap", where, least=0, most=LONGEST_OVERLAP, default=DEFAULT_OVERLAP
        ),
    )


def too_short(interval: str) -> int:
    """By how many seconds an interval of a hand-written conf falls short; 0 for a cron schedule."""
    try:
        given = float(interval)
    except ValueError:
        return 0
    # -1 runs once, when splunkd starts.
    return max(0, int(SHORTEST_INTERVAL - given)) if given >= 0 else 0


def whole_number(text: str | None, name: str, where: str, *, least: int, most: int, default: int | None = None) -> int:
    """A setting that is a whole number in a range.

    Raises:
        ConfigurationError: it is not.
    """
    given = cleaned(text or "")
    if not given and default is not None:
        return default
    if not re.fullmatch(r"\d{1,9}", given) or not least <= int(given) <= most:
        raise ConfigurationError(f"{name} is {given!r} and should be a whole number from {least} to {most}. {where}")
    return int(given)
