"""The kinds of input as sources of records, so that one test can run over all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from defender_alerts.input_kinds import KINDS

from standins.microsoft import hosts
from standins.microsoft.call_limits import CallMeter
from standins.microsoft.cloud import MicrosoftCloud
from standins.microsoft.directory import Application, Tenant
from standins.microsoft.endpoint_samples import endpoint_alert
from standins.microsoft.graph_samples import graph_alert, graph_incident
from standins.microsoft.samples import siem_alert
from standins.polling import SECRET, PolledInput


def permissions(cloud: str = "commercial", *, of_person: bool = False) -> dict[str, tuple[str, ...]]:
    """The least permission that each kind of input needs, by audience: an application's, or those of a person."""
    found: dict[str, tuple[str, ...]] = {}
    for kind in KINDS.values():
        least = (kind.access.for_persons if of_person else kind.access.roles)[:1]
        for audience in kind.audiences(cloud):
            found[audience] = (*found.get(audience, ()), *(least or (("user_impersonation",) if of_person else ())))
    return {audience: names for audience, names in found.items() if names}


ROLES, DELEGATED = permissions(), permissions(of_person=True)
"""What a tenant's administrator has to consent to for every kind of input, and where a person signs in."""


@dataclass(frozen=True)
class Source:
    """One kind of input, and how a test makes its records and lets Microsoft show them.

    Attributes:
        kind: of the input.
        region: that is collected.
        host: of the API in the commercial cloud.
        make: a record, from its number and version time in ticks; the same number is the same record.
        shelf: where the stand-in keeps them, in the commercial cloud unless another is named.
        own: settings of the kind's own.
        form: what the page sends beside the fields that every kind has.
        moves: a record is updated in place, so that its former version is no longer shown.
        meter: of the API's calls; None where the stand-in knows no limit.
    """

    kind: str
    region: str
    host: str
    make: Callable[..., bytes]
    shelf: Callable[..., Any]
    own: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, str] = field(default_factory=dict)
    moves: bool = True
    meter: Callable[[MicrosoftCloud], CallMeter] | None = None

    def input(self, cloud: MicrosoftCloud, tenant: Tenant, application: Application, **how: Any) -> PolledInput:
        """An input of this kind."""
        return PolledInput(cloud, tenant, application, kind=self.kind, regions=(self.region,), own=self.own, **how)

    def publish(self, cloud: MicrosoftCloud, tenant: Tenant, raws: Iterable[bytes], **how: Any) -> None:
        """Let Microsoft show these records, or these versions of them."""
        shelf = self.shelf(cloud)
        for raw in raws:
            (shelf.put if self.moves else shelf.add)(tenant, raw, **how)

    def shown(self, cloud: MicrosoftCloud, tenant: Tenant) -> list[bytes]:
        """What Microsoft shows now, visible or not yet."""
        shelf = self.shelf(cloud)
        return list(shelf.records(tenant)) if self.moves else [alert.raw for alert in shelf.alerts(tenant)]


def _same(make: Callable[..., bytes]) -> Callable[..., bytes]:
    """Records whose number alone says which one they are, whatever their version time."""

    def made(number: int, updated: int, **overrides: Any) -> bytes:
        return make(number, updated, id=f"da{number:08d}_1", **overrides)

    return made


SIEM = Source(
    "defender_siem_alerts",
    "eu",
    "wdatp-alertexporter-eu.windows.com",
    siem_alert,
    lambda cloud: cloud.siem("eu"),
    form={"regions": "eu", "resource": hosts.SIEM_RESOURCES[0]},
    moves=False,
)
ENDPOINT = Source(
    "defender_endpoint_alerts",
    "global",
    "api.securitycenter.microsoft.com",
    _same(endpoint_alert),
    lambda cloud, name="commercial": cloud.endpoint(name),
    form={"region": "global"},
    meter=lambda cloud: cloud.endpoint("commercial").meter,
)
GRAPH = Source(
    "defender_graph_alerts",
    "global",
    "graph.microsoft.com",
    _same(graph_alert),
    lambda cloud, name="commercial": cloud.graph(name).alerts,
    meter=lambda cloud: cloud.graph("commercial").meter,
)
INCIDENTS = Source(
    "defender_incidents",
    "global",
    "graph.microsoft.com",
    graph_incident,
    lambda cloud, name="commercial": cloud.graph(name).incidents,
    form={"alerts": "split"},
    meter=lambda cloud: cloud.graph("commercial").meter,
)
SOURCES = (SIEM, ENDPOINT, GRAPH, INCIDENTS)
CURRENT = tuple(source for source in SOURCES if source.moves)


def customer(cloud: MicrosoftCloud) -> tuple[Tenant, Application]:
    """A tenant whose application may read everything."""
    tenant = cloud.entra.add_tenant(domain="contoso.onmicrosoft.com", cloud="commercial")
    return tenant, tenant.add_application(secret=SECRET, roles=ROLES)
