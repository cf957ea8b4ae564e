"""The environment variables of a process: their proxies are for Microsoft, never for calls to splunkd.

solnlib and splunktaucclib call splunkd through ``requests``, which uses any proxy that the environment names, and they
do not verify TLS: such a proxy could read the session key. UCC's generated handlers delete only one spelling of two of
the variables, which is too little for those libraries and too much for our own calls to Microsoft. So each entry point
calls ``PROCESS.prepare()`` before it makes any call.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Iterator, Mapping, MutableMapping
from urllib.parse import unquote

_PROXY = "_proxy"
_BIND_IP = "SPLUNK_BINDIP"


class Environment:
    """The proxy variables of a process.

    Args:
        variables: the process's environment; ``prepare`` changes it.
    """

    def __init__(self, variables: MutableMapping[str, str]) -> None:
        self._variables = variables
        self._kept: dict[str, str] | None = None

    def prepare(self) -> None:
        """Remove the variables that would redirect calls to splunkd; remember the proxies for calls to Microsoft."""
        if self._kept is not None:
            return
        names = [name for name in self._variables if name.lower().endswith(_PROXY)]
        self._kept = {name: self._variables.pop(name) for name in names}
        # Without any proxy variable, Python on Windows uses the proxy in the registry.
        self._variables["no_proxy"] = "*"
        # ``requests`` would replace the session key with a login from that file.
        self._variables["NETRC"] = os.devnull
        if self._variables.get(_BIND_IP):
            self._variables[_BIND_IP] = _as_solnlib_reads_it(self._variables[_BIND_IP])

    def proxies_for(self, host: str) -> dict[str, str]:
        """The proxies for a Microsoft host by scheme, as ``requests`` takes them; empty for a direct connection."""
        named = self._named()
        if any(_covers(exception, host) for exception in named.get("no", "").split(",")):
            return {}
        return {
            scheme: url if "://" in url else f"http://{url}"
            for scheme, url in named.items()
            if scheme in {"https", "all"}
        }

    def proxy_secrets(self) -> Iterator[str]:
        """The proxies' logins and passwords, for redaction."""
        for scheme, url in self._named().items():
            login, at, _ = url.rpartition("://")[2].rpartition("@")
            password = login.partition(":")[2]
            if scheme != "no" and at and password:
                yield from (login, password, unquote(password))

    def _named(self) -> dict[str, str]:
        """The values by scheme, as urllib reads them: lower-case variables win over upper-case ones."""
        variables: Mapping[str, str] = self._variables if self._kept is None else self._kept
        proxies = [name for name in sorted(variables, key=str.islower) if name.lower().endswith(_PROXY)]
        named = {name.lower()[: -len(_PROXY)]: variables[name].strip() for name in proxies}
        return {scheme: value for scheme, value in named.items() if value}


def _as_solnlib_reads_it(bind_ip: str) -> str:
    """Write an IPv6 address with brackets and a port: solnlib 8.2 cuts at the last colon in any case."""
    try:
        return f"[{ipaddress.IPv6Address(bind_ip.strip().strip('[]'))}]:0"
    except ValueError:
        return bind_ip


def _covers(exception: str, host: str) -> bool:
    """Whether a no_proxy entry covers a host: it is the host, with or without port, or a parent domain."""
    domain = exception.strip().lower().lstrip(".").removesuffix(":443")
    return domain == "*" or (bool(domain) and f".{host.lower()}".endswith(f".{domain}"))


PROCESS = Environment(os.environ)
"""The environment of this process."""
