"""With whom the rows are played: the kinds of input, each with its host, its way of failing and its sentences.

A row is written once. What its sentences have in common stands in the row; what a kind says in its own way stands here
under a name, and in the row as ``{name}``. A sentence that a kind does not say is empty here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from standins.microsoft import ticks
from standins.microsoft.cloud import MicrosoftCloud
from standins.microsoft.directory import Tenant
from standins.microsoft.graph_samples import graph_alert
from standins.polling import PolledInput
from standins.sources import ENDPOINT, GRAPH, INCIDENTS, SIEM, Source, customer

_HOUR = 3_600 * ticks.PER_SECOND


@dataclass(frozen=True, eq=False)
class Subject:
    """An input of some kind with a certain setting.

    Attributes:
        name: in the matrix.
        source: of its records.
        sibling: another host of Microsoft's.
        permission: that reading takes, as a sentence names it; empty where a token is enough.
        path: of the API.
        words: its own sentences, or parts of them, by name.
        regions: of the input; the first one meets the fault.
        refusals: how often a request is made that the service does not want.
        breaks: how often one is made that the service fails over, or whose answer breaks off.
        splits: its records hold others, which become events of their own.
        many: so many records make several batches.
        answer: so many come in one answer, with the twenty that a stage begins with.
    """

    name: str
    source: Source
    sibling: str
    words: Mapping[str, str]
    permission: str = ""
    path: str = "/api/alerts"
    regions: tuple[str, ...] = ("global",)
    refusals: int = 1
    breaks: int = 5
    splits: bool = False
    many: int = 2_500
    answer: int = 900

    @property
    def host(self) -> str:
        """The API's host that meets the fault."""
        return self.source.host

    @property
    def region(self) -> str:
        """The region that meets the fault."""
        return self.regions[0]

    def says(self, sentences: Iterable[str], *, named: bool = True) -> tuple[str, ...]:
        """The sentences as this kind says them; not `named`, with HOST and the like in place of what differs."""
        where = {"host": self.host, "region": self.region, "permission": self.permission, "path": self.path}
        own = {**self.words, **{name: f"{{{name}}}" for name in where}}
        values = where if named else {name: name.upper() for name in where}
        told = (sentence.format_map(own).format_map(values) for sentence in sentences)
        return tuple(sentence for sentence in told if sentence)

    def input(self, cloud: MicrosoftCloud) -> PolledInput:
        """An input of a new tenant."""
        return replace(self.source.input(cloud, *customer(cloud)), regions=self.regions)

    def record(self, number: int, updated: int, **overrides: Any) -> bytes:
        """A record; the numbers of incidents begin with 1, and so do all."""
        return self.source.make(number + 1, updated, **overrides)

    def shelf(self, cloud: MicrosoftCloud, region: str) -> Any:
        """Where the stand-in keeps the records of a region."""
        return self.source.shelf(cloud) if self.source.moves else cloud.siem(region)

    def publish(self, cloud: MicrosoftCloud, tenant: Tenant, region: str, raws: Iterable[bytes], **more: Any) -> None:
        """Let a region show records; `more` is what the stand-in has to know of one that can't be read."""
        shelf = self.shelf(cloud, region)
        if not self.source.moves:
            shelf.add_all(tenant, raws, **{"processed": more["version"]} if more else {})
            return
        for raw in raws:
            inside = {"alerts": inner_alerts(raw)} if self.splits else {}
            shelf.put(tenant, raw, **{**inside, **more})

    def shown(self, cloud: MicrosoftCloud, tenant: Tenant, region: str) -> list[str]:
        """The texts of the events that a region's records have to become."""
        shelf = self.shelf(cloud, region)
        if not self.source.moves:
            return [one.raw.decode() for one in shelf.alerts(tenant)]
        records = shelf._shelf(tenant).ordered
        inside = dict.fromkeys(alert for record in records for alert in record.parts)
        return [raw.decode() for raw in (*(record.raw for record in records), *inside)]


def inner_alerts(raw: bytes) -> tuple[bytes, ...]:
    """An incident's alerts: two of its own, and one that the next incident shows as well."""
    return tuple(_inner_alerts(raw))


def _inner_alerts(raw: bytes) -> Iterator[bytes]:
    try:
        incident = json.loads(raw)
        number = int(incident["id"] or incident["priorityScore"])
        updated = ticks.parse(incident["lastUpdateDateTime"])
    except (ValueError, TypeError, KeyError):
        return
    for inside in range(2 * number, 2 * number + 3):
        # By the hour and its number alone, so that both incidents show the same version.
        yield graph_alert(inside, updated - updated % _HOUR - _HOUR // 2 + inside, id=f"da{inside:08d}_1")


_REPLACE = (
    "Microsoft has deprecated the SIEM API and may have switched it off: replace this input with defender_graph_alerts "
    "(Microsoft Graph) or defender_endpoint_alerts."
)
_SIEM_WORDS = {
    "not_understood": (
        "{host} rejects the request as invalid. Check the input's machine groups; if they are right, report this with "
        "the line's correlation id."
    ),
    "unauthorized": (
        "{host} refuses a fresh token. … Check that the SIEM integration is enabled in the Defender portal (Settings > "
        f"SIEM) and that the input's resource is the one shown there. {_REPLACE}"
    ),
    "forbidden": (
        "{host} denies this application the alerts of the region {region}. The token carries … Check that the tenant's "
        "data is stored in this region (Defender portal, Settings > Microsoft Defender XDR > Account) and the "
        "application's permissions."
    ),
    "gone": f"{{host}} no longer serves alerts. {_REPLACE}",
    "no_list": "{host}: The answer is not a JSON array; it begins with ….",
    "no_records": "{host}: The answer is not a JSON array; it begins with ….",
    "retirement": f" {_REPLACE}",
    "identity": "FullId",
}
_TODAYS_WORDS = {
    "not_understood": "{host} rejects the request as invalid. Report this with the line's correlation id.",
    "unauthorized": (
        "{host} refuses a fresh token. … Check the account's cloud and tenant, and that its application has the "
        "permission {permission} in Entra ID, with an administrator's consent."
    ),
    "forbidden": (
        "{host} denies this application what the input asks for, although it has the permission. Check that the tenant has a "
        "licence for Microsoft Defender and that it is set up in the Defender portal. The token carries the "
        "permissions …"
    ),
    "not_permitted": (
        "{host} denies this application what the input asks for. Give it the permission {permission} in Entra ID > App "
        "registrations > API permissions, and let an administrator consent."
    ),
    "gone": (
        "{host} does not know {path}. Check the account's cloud; if it is right, report this with the line's "
        "correlation id."
    ),
    "no_list": "{host}: The answer is not an OData object; it begins with ….",
    "no_records": "{host}: The answer has no array of records; it begins with ….",
    "retirement": "",
    "identity": "id",
}

SIEM_ALERTS = Subject(
    "SIEM",
    SIEM,
    sibling="wdatp-alertexporter-us.windows.com",
    words=_SIEM_WORDS,
    regions=("eu", "us"),
)
ENDPOINT_ALERTS = Subject(
    "endpoint",
    ENDPOINT,
    sibling="us.api.security.microsoft.com",
    words=_TODAYS_WORDS,
    permission="WindowsDefenderATP > Application permissions > Alert.Read.All",
)
GRAPH_ALERTS = Subject(
    "Graph",
    GRAPH,
    sibling="graph.microsoft.us",
    words=_TODAYS_WORDS,
    permission="Microsoft Graph > Application permissions > SecurityAlert.Read.All",
    path="/v1.0/security/alerts_v2",
)
PLAIN_INCIDENTS = Subject(
    "incidents",
    INCIDENTS,
    sibling="graph.microsoft.us",
    words=_TODAYS_WORDS,
    permission="Microsoft Graph > Application permissions > SecurityIncident.Read.All",
    path="/v1.0/security/incidents",
)
SPLIT_INCIDENTS = Subject(
    "split incidents",
    replace(INCIDENTS, own={"alerts": "split"}),
    sibling="graph.microsoft.us",
    words=_TODAYS_WORDS,
    permission=PLAIN_INCIDENTS.permission,
    path=PLAIN_INCIDENTS.path,
    # Once more without the alerts, to know whether it is these that the service fails over.
    refusals=2,
    breaks=6,
    splits=True,
    many=200,
    answer=25,
)
TODAYS = (ENDPOINT_ALERTS, GRAPH_ALERTS, PLAIN_INCIDENTS, SPLIT_INCIDENTS)
EVERY_KIND = (SIEM_ALERTS, *TODAYS)
CODE_PATHS = (SIEM_ALERTS, GRAPH_ALERTS, SPLIT_INCIDENTS)
"""Where it only matters how an answer is read: one API without pages, one with, and one asked for less when it fails."""
ONE_OF_EACH = (SIEM_ALERTS, ENDPOINT_ALERTS, GRAPH_ALERTS, PLAIN_INCIDENTS)
"""Where it can't matter what incidents hold."""
