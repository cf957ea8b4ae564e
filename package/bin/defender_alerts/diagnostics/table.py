"""The table of checks in their order; a check is skipped if one that it depends on has failed."""

from __future__ import annotations

from collections.abc import Iterable

from . import api_probe, network_path
from .checks import Check, Subject
from .context import Context


def _one(_: Context) -> Iterable[Subject]:
    return (Subject(),)


def _hosts(context: Context) -> Iterable[Subject]:
    return (Subject(host, frozenset({host})) for host in context.hosts)


def _resources(context: Context) -> Iterable[Subject]:
    rests_on = frozenset({context.cloud.authority_host})
    return (Subject(name, rests_on) for name in dict.fromkeys(api.audience for api in context.apis.values()))


def _apis(context: Context) -> Iterable[Subject]:
    return (Subject(api.host, frozenset({api.host, api.audience})) for api in context.apis.values())


_ON_THE_WAY = "Look for a proxy, firewall, portal or filter on the way that lets this host through only in part."
_LATER = "Run the doctor again in a few minutes. If it stays so, see Microsoft 365's service health, and report it."

CHECKS: tuple[Check[Context], ...] = (
    Check("proxy", (), _one, network_path.proxy, _ON_THE_WAY),
    Check("dns", ("proxy",), _hosts, network_path.names),
    Check("tls", ("proxy", "dns"), _hosts, network_path.certificate, _ON_THE_WAY),
    Check("credentials", (), _one, api_probe.credentials),
    Check("token", ("tls",), _resources, api_probe.token, f"{_ON_THE_WAY} {_LATER}"),
    Check("api", ("tls", "token"), _apis, api_probe.records, f"{_ON_THE_WAY} {_LATER}"),
    Check("clock", ("proxy",), _one, api_probe.clock),
)
