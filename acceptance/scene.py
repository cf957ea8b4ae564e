"""What the stand-in Microsoft cloud shows, and what a Splunk is to make of it.

The records are the samples of the search-time tests, each with an id and a version time of its own. What is expected of
their fields is what `tests/standins/search` makes of them with the add-on's settings, and what that makes of them is
what those tests pin: so a Splunk is held to the same expectations.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from knowledge.current_events import ENDPOINT, GRAPH, INCIDENT, SPLIT_ALERT
from knowledge.every_sample import SOURCES, our_knowledge
from standins.key_pairs import KeyPair
from standins.microsoft import ticks
from standins.microsoft.cloud import MicrosoftCloud
from standins.microsoft.current_samples import TENANT
from standins.microsoft.endpoint_samples import endpoint_alert
from standins.microsoft.graph_samples import graph_incident
from standins.microsoft.json_members import extended
from standins.search import Fields, IndexedEvent
from standins.sources import ROLES

SIEM_HOSTS = {region: f"wdatp-alertexporter-{region}.windows.com" for region in ("us", "eu")}
HUGE = 8_000_000
"""Bytes of the largest alert: of its description."""
_BEGAN = 6 * 3600
"""How many seconds ago the first record was updated; the others follow one a second."""
_OTHER_TENANT = "0d9e2c47-53b1-4f0e-8a61-b7c3d5e8f902"
_UPDATED = 3
_TOGETHER = 12
"""Alerts in an incident of the input that splits them."""


@dataclass(frozen=True)
class Input:
    """An input as its page saves it.

    Attributes:
        kind: of input.
        name: that it has in the Splunk.
        account: its name.
        own: the fields that only its kind has.
    """

    kind: str
    name: str
    account: str
    own: dict[str, str] = field(default_factory=dict, hash=False)

    @property
    def log(self) -> str:
        """The end of the name of its log."""
        return f"ta_defender_alerts_{self.kind}_{self.name}.log"


@dataclass(frozen=True)
class Shown:
    """A version that the cloud has shown, as it is to be in the index.

    Attributes:
        sample: what is special about it, safe to be shown to anybody.
        event: what it is to be.
    """

    sample: str
    event: IndexedEvent

    @property
    def fields(self) -> Fields:
        """Every field that a search is to see."""
        return our_knowledge().search_fields(self.event)


@dataclass
class Scene:
    """The cloud, two customers in it, and the inputs that read them.

    Attributes:
        shown: every version that the cloud has shown so far.
        every: only every so many samples are used.
        backlog: alerts that the input has to collect which is disabled in the middle.
    """

    cloud: MicrosoftCloud
    index: str
    tag: str = field(default_factory=lambda: f"accept_{secrets.token_hex(3)}")
    every: int = 1
    backlog: int = 6_000
    shown: list[Shown] = field(default_factory=list)

    def __post_init__(self) -> None:
        entra = self.cloud.entra
        self.tenant = entra.add_tenant(TENANT)
        self.application = self.tenant.add_application(secret=secrets.token_urlsafe(24), roles=ROLES)
        self.other = entra.add_tenant(_OTHER_TENANT, domain="fabrikam.onmicrosoft.com")
        self.certified = self.other.add_application(secret=None, roles=ROLES)
        self.pair = KeyPair()
        self.certified.add_certificate(self.pair.pem)
        self.by_secret, self.by_certificate = f"{self.tag}_secret", f"{self.tag}_certificate"
        self.graph = Input("defender_graph_alerts", f"{self.tag}_graph", self.by_secret)
        self.endpoint = Input("defender_endpoint_alerts", f"{self.tag}_endpoint", self.by_secret, {"region": "global"})
        self.siem = Input(
            "defender_siem_alerts",
            f"{self.tag}_siem",
            self.by_secret,
            {"regions": ",".join(SIEM_HOSTS), "resource": "https://graph.windows.net", "machine_groups": ""},
        )
        self.inside = Input("defender_incidents", f"{self.tag}_inside", self.by_secret, {"alerts": "inside"})
        self.split = Input("defender_incidents", f"{self.tag}_split", self.by_certificate, {"alerts": "split"})
        self.huge = Input("defender_graph_alerts", f"{self.tag}_huge", self.by_certificate)
        self.late = Input("defender_endpoint_alerts", f"{self.tag}_backlog", self.by_certificate, {"region": "eu"})
        self.lasting = Input("defender_endpoint_alerts", f"{self.tag}_lasting", self.by_certificate, {"region": "uk"})
        self.restarted = Input("defender_endpoint_alerts", f"{self.tag}_restart", self.by_certificate, {"region": "au"})
        self.default = Input("defender_incidents", f"{self.tag}_default", self.by_certificate, {"alerts": "none"})
        self.spoilt = Input("defender_incidents", f"{self.tag}_spoilt", f"{self.tag}_spoilt", {"alerts": "none"})
        self._now = self.cloud.clock.now()
        self._number = 0

    @property
    def inputs(self) -> Sequence[Input]:
        """One of each kind, and both ways of collecting incidents; what has an input of its own comes later."""
        return (self.graph, self.endpoint, self.siem, self.inside, self.split)

    def fill(self) -> None:
        """Show the samples, and of each of today's APIs a record with members that are null."""
        for source in SOURCES:
            for sample in [*source.samples()][:: self.every]:
                self._put(source.sourcetype, sample.name, sample.event.raw)
        for kind in (ENDPOINT, GRAPH, INCIDENT):
            nulls = kind.raw(status=None, severity=None, assignedTo=None, evidence=[])
            self._put(kind.sourcetype, "members that are null", nulls)
        self._show_split()

    def killed(self, number: int) -> Input:
        """The input that has the backlog to collect while the n-th thing is killed."""
        # A region each: answers are held back by host.
        region = ("swa", "ina")[number]
        return Input(self.late.kind, f"{self.tag}_killed_{number}", self.by_certificate, {"region": region})

    def update(self) -> list[Shown]:
        """Let the first three alerts of Graph be updated, and return their new versions."""
        versions = []
        olds = [one for one in self.shown if f":{self.graph.name}" in one.event.source][:_UPDATED]
        # Just now: further back than its overlap an input does not look again.
        for at, old in enumerate(olds, self.cloud.clock.now() - _UPDATED):
            members = json.loads(old.event.raw)
            members |= {"lastUpdateDateTime": ticks.text(at), "status": "resolved"}
            raw = _dumped(members)
            self.cloud.graph("commercial").alerts.put(self.tenant, raw.encode())
            versions.append(self._shown(f"{old.sample}, updated", GRAPH.sourcetype, self.graph, "global", at, raw))
        self.shown += versions
        return versions

    def show_huge(self) -> Shown:
        """Show an alert of 8 MB to the other customer, with its evidence behind that."""
        at = self._next_time()
        first = {"id": "dahuge_1", "lastUpdateDateTime": ticks.text(at), "description": "x" * HUGE}
        raw = GRAPH.raw(5, first=first)
        self.cloud.graph("commercial").alerts.put(self.other, raw.encode())
        return self._shown("an alert of 8 MB", GRAPH.sourcetype, self.huge, "global", at, raw)

    def show_backlog(self) -> list[Shown]:
        """Show the other customer's alerts of Defender for Endpoint, in pages so small that there are many."""
        api = self.cloud.endpoint("commercial")
        size = max(100, self.backlog // 6)
        api.behaviour = replace(api.behaviour, page_default=size, page_maximum=size, links="more")
        start = self._now - 5 * 86_400 * ticks.PER_SECOND
        step = 4 * 86_400 * ticks.PER_SECOND // self.backlog // ticks.PER_SECOND * ticks.PER_SECOND
        shown = []
        for number in range(self.backlog):
            at = start + number * step
            raw = endpoint_alert(number, at, id=f"dabacklog{number:06d}_1", evidence=[])
            api.put(self.other, raw)
            shown.append(self._shown("of the backlog", ENDPOINT.sourcetype, self.late, "eu", at, raw.decode()))
        return shown

    def backlog_of(self, this: Input, shown: Sequence[Shown]) -> list[Shown]:
        """The same alerts, as another input collects them."""
        region, before = this.own["region"], f":{self.late.own['region']}:{self.late.name}"
        after = f":{region}:{this.name}"
        return [replace(one, event=replace(one.event, source=one.event.source.replace(before, after))) for one in shown]

    def _put(self, sourcetype: str, name: str, raw: str) -> None:
        members = json.loads(raw)
        put = _PUT[sourcetype]
        if put.identity not in members or put.version not in members:
            return  # a shape of an API that no input reads
        self._number += 1
        at = self._next_time()
        members[put.identity] = f"accept{self._number}" if put is _INCIDENT else f"daaccept{self._number:06d}_1"
        members[put.version] = ticks.text(at)
        text = _dumped(members)
        if "\\/" in raw and "\\/" not in text:
            text = text.replace("/", "\\/")
        put.show(self, f"{sourcetype}: {name}", at, text)

    def _show_siem(self, name: str, at: int, raw: str) -> None:
        region = "us" if self._number % 2 else "eu"
        self.cloud.siem(region).add(self.tenant, raw.encode())
        self._add(name, "wdatp:alerts", self.siem, region, at, raw)

    def _show_endpoint(self, name: str, at: int, raw: str) -> None:
        self.cloud.endpoint("commercial").put(self.tenant, raw.encode())
        self._add(name, ENDPOINT.sourcetype, self.endpoint, "global", at, raw)

    def _show_graph(self, name: str, at: int, raw: str) -> None:
        self.cloud.graph("commercial").alerts.put(self.tenant, raw.encode())
        self._add(name, GRAPH.sourcetype, self.graph, "global", at, raw)

    def _show_incident(self, name: str, at: int, raw: str) -> None:
        members = json.loads(raw)
        alerts = [_dumped(alert).encode() for alert in members.pop("alerts", None) or ()]
        bare = _dumped(members)
        self.cloud.graph("commercial").incidents.put(self.tenant, bare.encode(), alerts=alerts)
        whole = extended(bare.encode(), "alerts", b"[" + b",".join(alerts) + b"]").decode()
        self._add(name, INCIDENT.sourcetype, self.inside, "global", at, whole)

    def _keep_for_split(self, name: str, at: int, raw: str) -> None:
        self._add(name, SPLIT_ALERT.sourcetype, self.split, "global", at, raw)

    def _show_split(self) -> None:
        """Put the alerts that are to be cut out into incidents."""
        alerts = [one.event.raw.encode() for one in self.shown if one.event.sourcetype == SPLIT_ALERT.sourcetype]
        incidents = self.cloud.graph("commercial").incidents
        for number, first in enumerate(range(0, len(alerts), _TOGETHER), 1):
            at = self._next_time()
            raw = graph_incident(number, at)
            incidents.put(self.other, raw, alerts=alerts[first : first + _TOGETHER])
            name = "ms365:defender:incident: its alerts cut out"
            self._add(name, INCIDENT.sourcetype, self.split, "global", at, raw.decode())

    def _next_time(self) -> int:
        self._now += ticks.PER_SECOND
        return self._now - _BEGAN * ticks.PER_SECOND

    def _add(  # noqa: PLR0917 - which one, whose, when, what
        self,
        name: str,
        sourcetype: str,
        by: Input,
        region: str,
        at: int,
        raw: str,
    ) -> None:
        self.shown.append(self._shown(name, sourcetype, by, region, at, raw))

    def _shown(  # noqa: PLR0917 - as above
        self, name: str, sourcetype: str, by: Input, region: str, at: int, raw: str
    ) -> Shown:
        tenant = self.other if by.account == self.by_certificate else self.tenant
        host = {"wdatp:alerts": SIEM_HOSTS.get(region, ""), ENDPOINT.sourcetype: ENDPOINT.host}
        event = IndexedEvent(
            raw=raw,
            time=f"{at // 10_000 / 1000:.3f}",
            source=f"{by.kind}:{tenant.guid}:{region}:{by.name}",
            sourcetype=sourcetype,
            host=host.get(sourcetype, GRAPH.host),
            index=self.index,
        )
        return Shown(name, event)


@dataclass(frozen=True)
class _Put:
    """How the records of a sourcetype are told apart, and shown."""

    identity: str
    version: str
    show: Callable[[Scene, str, int, str], None]


_INCIDENT = _Put("id", "lastUpdateDateTime", Scene._show_incident)  # noqa: SLF001 - of this module
_PUT = {
    "wdatp:alerts": _Put("FullId", "LastProcessedTimeUtc", Scene._show_siem),  # noqa: SLF001 - as above
    ENDPOINT.sourcetype: _Put("id", "lastUpdateTime", Scene._show_endpoint),  # noqa: SLF001 - as above
    GRAPH.sourcetype: _Put("id", "lastUpdateDateTime", Scene._show_graph),  # noqa: SLF001 - as above
    SPLIT_ALERT.sourcetype: _Put("id", "lastUpdateDateTime", Scene._keep_for_split),  # noqa: SLF001 - as above
    INCIDENT.sourcetype: _INCIDENT,
}


def _dumped(members: Any) -> str:
    return json.dumps(members, ensure_ascii=False, separators=(",", ":"))
