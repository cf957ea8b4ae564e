"""What is polled: each kind of input with settings, the records that Microsoft shows, and how the floor reads them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlencode

from integration.installation import APP, input_fields
from standins.microsoft import hosts, ticks
from standins.microsoft.graph_samples import graph_alert
from standins.sources import ENDPOINT, GRAPH, INCIDENTS, SIEM, Source

from bench.scene import Reading, Scene

PARTS = 2
"""Alerts in each incident."""
_PREFER = {"Prefer": "include-unknown-enum-members"}
_GRAPH = "https://graph.microsoft.com"
_ENDPOINT = "https://api.securitycenter.microsoft.com"


@dataclass(frozen=True)
class Records:
    """Records of one subject.

    Attributes:
        raws: the records, oldest first.
        parts: of each record: the alerts of an incident.
        start: no version time is earlier.
    """

    raws: Sequence[bytes]
    parts: Sequence[Sequence[bytes]]
    start: int

    @property
    def megabytes(self) -> float:
        """Of JSON."""
        return (sum(map(len, self.raws)) + sum(len(part) for parts in self.parts for part in parts)) / 1e6


@dataclass(frozen=True)
class Subject:
    """A kind of input with settings.

    Attributes:
        name: on the command line.
        title: in the tables.
        source: of the records.
        reading: what the floor asks for, from a time on, given how many records there are.
        own: settings of the kind's own.
        paced: a backlog can be worked off without waiting for Microsoft's limits.
        splits: parts are events of their own.
    """

    name: str
    title: str
    source: Source
    reading: Callable[[int, int], Reading]
    own: Mapping[str, str] = field(default_factory=dict)
    paced: bool = True
    splits: bool = False

    def make(self, count: int, *, start: int, end: int) -> Records:
        """So many records, their version times spread evenly from ``start`` to ``end``, without it."""
        step = max(1, (end - start) // max(1, count))
        raws = [self.source.make(number, start + number * step) for number in range(count)]
        parts: list[list[bytes]] = [[] for _ in raws]
        if self.splits:
            parts = [
                [graph_alert(PARTS * number + part, start + number * step) for part in range(PARTS)]
                for number in range(count)
            ]
        return Records(raws, parts, start)

    def events(self, records: int) -> int:
        """How many events so many records make."""
        return records * (1 + PARTS) if self.splits else records

    def records(self, events: int) -> int:
        """How many records make about so many events."""
        return events // (1 + PARTS) if self.splits else events

    def publish(self, scene: Scene, records: Records) -> None:
        """Let Microsoft show these records, and no others."""
        tenant, shelf = scene.installation.tenant, self.source.shelf(scene.cloud)
        shelf.remove(tenant)
        if self.splits:
            for raw, parts in zip(records.raws, records.parts):
                shelf.put(tenant, raw, alerts=parts)
        elif self.source.moves:
            shelf.put_all(tenant, records.raws)
        else:
            shelf.add_all(tenant, records.raws)

    def withdraw(self, scene: Scene) -> None:
        """Let Microsoft show nothing."""
        self.source.shelf(scene.cloud).remove(scene.installation.tenant)

    def add_input(self, scene: Scene, name: str, **fields: str) -> None:
        """Write an input of this kind into inputs.conf."""
        settings = {**input_fields(name), **self.own, **fields}
        del settings["name"]
        for other in {"regions", "resource"} - self.own.keys():
            del settings[other]
        scene.splunkd.conf.write("inputs", APP, f"{self.source.kind}://{name}", settings)


def _siem(start: int, count: int) -> Reading:
    del count
    end = start + 30 * 86_400 * ticks.PER_SECOND
    query = urlencode({"sinceTimeUtc": ticks.text(start), "untilTimeUtc": ticks.text(end)})
    return Reading(hosts.SIEM_RESOURCES[0], [f"https://{SIEM.host}/api/alerts?{query}"])


def _endpoint(start: int, count: int) -> Reading:
    most = 10_000
    query = {"$filter": f"lastUpdateTime ge {ticks.text(start)}", "$expand": "evidence", "$top": str(most)}
    pages = [{**query, "$skip": str(skip)} for skip in range(0, max(1, count), most)]
    return Reading(_ENDPOINT, [f"{_ENDPOINT}/api/alerts?{urlencode(page)}" for page in pages])


def _graph(path: str, top: int, **more: str) -> Callable[[int, int], Reading]:
    def reading(start: int, count: int) -> Reading:
        del count
        query = {"$filter": f"lastUpdateDateTime ge {ticks.text(start)}", "$top": str(top), **more}
        return Reading(_GRAPH, [f"{_GRAPH}/v1.0/security/{path}?{urlencode(query)}"], _PREFER)

    return reading


_INCIDENTS = _graph("incidents", 50)
SUBJECTS = (
    Subject("siem", "SIEM", SIEM, _siem, {"regions": "eu", "resource": hosts.SIEM_RESOURCES[0]}),
    Subject("endpoint", "endpoint, with evidence", ENDPOINT, _endpoint, {"region": "global"}),
    Subject("graph", "Graph", GRAPH, _graph("alerts_v2", 1000)),
    Subject("incidents", "incidents", INCIDENTS, _INCIDENTS, {"alerts": "none"}, paced=False),
    Subject(
        "split",
        f"incidents, {PARTS} alerts split out of each",
        INCIDENTS,
        _graph("incidents", 50, **{"$expand": "alerts"}),
        {"alerts": "split"},
        paced=False,
        splits=True,
    ),
)
BY_NAME = {subject.name: subject for subject in SUBJECTS}
