"""The kinds of input: which API each one reads and which sourcetype its events have."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Callable, NamedTuple

from defender_alerts.microsoft import clouds
from defender_alerts.microsoft.apis import endpoint_alerts, graph_alerts, incidents, siem_alerts
from defender_alerts.microsoft.apis.base import Access, OwnSettings


class Kind(NamedTuple):
    """One kind of input.

    Attributes:
        name: of the modular input and the UCC service; part of ``source``.
        title: on the pages.
        sourcetype: of its events.
        identified_by: the members of a record that identify its version, as ``Api.identify`` reads them.
        read: validates the settings that only this kind has; raises ``ConfigurationError``.
        access: the permissions that an application needs to read the API.
        audiences: the token audiences that the API accepts in a cloud; empty if the cloud does not offer the API.
        split_sourcetype: of events that are split off others; empty if there are none.
    """

    name: str
    title: str
    sourcetype: str
    identified_by: tuple[str, ...]
    read: Callable[[str, Mapping[str, str]], OwnSettings]
    access: Access
    audiences: Callable[[str], tuple[str, ...]]
    split_sourcetype: str = ""


KINDS = {
    kind.name: kind
    for kind in (
        Kind(
            name="defender_graph_alerts",
            title="Defender alerts (Microsoft Graph)",
            sourcetype="ms:defender:graph:alerts",
            identified_by=("id", "lastUpdateDateTime"),
            read=graph_alerts.read_settings,
            access=graph_alerts.ACCESS,
            audiences=partial(clouds.audiences, graph_alerts.API),
        ),
        Kind(
            name="defender_incidents",
            title="Defender incidents (Microsoft Graph)",
            sourcetype="ms365:defender:incident",
            split_sourcetype="ms365:defender:incident:alerts",
            identified_by=("id", "lastUpdateDateTime"),
            read=incidents.read_settings,
            access=incidents.ACCESS,
            audiences=partial(clouds.audiences, graph_alerts.API),
        ),
        Kind(
            name="defender_endpoint_alerts",
            title="Defender for Endpoint alerts",
            sourcetype="ms:defender:atp:alerts",
            identified_by=("id", "lastUpdateTime"),
            read=endpoint_alerts.read_settings,
            access=endpoint_alerts.ACCESS,
            audiences=partial(clouds.audiences, endpoint_alerts.API),
        ),
        Kind(
            name="defender_siem_alerts",
            title="Defender SIEM alerts",
            sourcetype="wdatp:alerts",
            identified_by=("FullId", "AlertPart", "LastProcessedTimeUtc"),
            read=siem_alerts.read_settings,
            access=siem_alerts.ACCESS,
            audiences=siem_alerts.audiences,
        ),
    )
}
