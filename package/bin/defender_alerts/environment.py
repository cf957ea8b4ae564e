"""What the environment of splunkd says, and to whom: its proxies are for Microsoft, never for calls to splunkd.

solnlib and splunktaucclib call splunkd by ``requests``, which takes each call to a proxy that the environment names,
and they do not verify TLS: that proxy could read the session key. UCC's generated handlers delete one spelling of two
of the variables, which is not enough there, and too much for our own calls. So each entry point of ours calls
``PROCESS.prepare()`` before any call is made.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Iterator, Mapping, MutableMapping
from urllib.parse import unquote

_PROXY = "_proxy"
_BIND_IP = "SPLUNK_BINDIP"


class Environment:
    """The variables of a process that matter here.

    Args:
        variables: those of the process; ``prepare`` changes them.
    """

    def __init__(self, variables: MutableMapping[str, str]) -> None:
        self._variables = variables
        self._kept: dict[str, str] | None = None

    def prepare(self) -> None:
        """Take out what would lead calls to splunkd astray, and keep the proxies for Microsoft; once is enough."""
        if self._kept is not None:
            return
        names = [name for name in self._variables if name.lower().endswith(_PROXY)]
        self._kept = {name: self._variables.pop(name) for name in names}
        # Where no variable is left, Python on Windows goes on to the proxy of the registry.
        self._variables["no_proxy"] = "*"
        # ``requests`` would put a login of that file in the place of the session.
        self._variables["NETRC"] = os.devnull
        if self._variables.get(_BIND_IP):
            self._variables[_BIND_IP] = _as_solnlib_reads_it(self._variables[_BIND_IP])

    def proxies_for(self, host: str) -> dict[str, str]:
        """The proxies to a host of Microsoft's by scheme, as ``requests`` takes them; none for a direct way."""
        named = self._named()
        if any(_covers(exception, host) for exception in named.get("no", "").split(",")):
            return {}
        return {scheme: _with_scheme(url) for scheme, url in named.items() if scheme in {"https", "all"}}

    def proxy_secrets(self) -> Iterator[str]:
        """The logins of the proxies, and their passwords."""
        for scheme, url in self._named().items():
            login, at, _ = url.rpartition("://")[2].rpartition("@")
            password = login.partition(":")[2]
            if scheme != "no" and at and password:
                yield from (login, password, unquote(password))

    def _named(self) -> dict[str, str]:
        """The values by scheme, as urllib reads them: a variable in small letters counts before one in capitals."""
        variables: Mapping[str, str] = self._variables if self._kept is None else self._kept
        named = {}
        for name in sorted(variables, key=str.islower):
            if name.lower().endswith(_PROXY):
                named[name.lower()[: -len(_PROXY)]] = variables[name].strip()
        return {scheme: value for scheme, value in named.items() if value}


def _as_solnlib_reads_it(bind_ip: str) -> str:
    """An IPv6 address in brackets and with a port behind it: solnlib 8.2 cuts at the last colon, whatever it is."""
    try:
        return f"[{ipaddress.IPv6Address(bind_ip.strip().strip('[]'))}]:0"
    except ValueError:
        return bind_ip


def _covers(exception: str, host: str) -> bool:
    """Whether an exception of no_proxy is for a host: it is the host, with or without port, or a domain above it."""
    domain = exception.strip().lower().lstrip(".").removesuffix(":443")
    return domain == "*" or (bool(domain) and f".{host.lower()}".endswith(f".{domain}"))


def _with_scheme(url: str) -> str:
    return url if "://" in url else f"http://{url}"


PROCESS = Environment(os.environ)
"""The environment of this process."""
