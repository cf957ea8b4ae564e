"""Samples of every source: every number, severity, status, product and piece of evidence, small and large."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from knowledge.current_events import ENDPOINT, GRAPH, INCIDENT, SIEM, SPLIT_ALERT, Kind
from knowledge.public_shapes import SHAPES, Shape
from knowledge.public_shapes import SIEM as PUBLISHED_BY_SIEM
from knowledge.siem_events import PROCESSED
from knowledge.siem_events import SHAPES as SIEM_SHAPES
from standins.microsoft import endpoint_samples, graph_schema
from standins.microsoft.graph_samples import evidence, graph_alert, incident_alerts
from standins.microsoft.samples import siem_alert
from standins.search import IndexedEvent, SearchKnowledge

from tooling import paths

NUMBERS = range(36)
"""Every detection, device, user and verdict of the samples is among these."""
WITH_EVERY_TYPE = range(4)
ENDPOINT_SEVERITIES = ("UnSpecified", "Informational", "Low", "Medium", "High")
LONG = "What happened, and how we know. " * 190

# What a piece of Graph's evidence names, itself or in the evidence inside it: a host or resource, an account, an address.
NAMES_A_HOST = {
    *("deviceEvidence", "ioTDeviceEvidence", "fileEvidence", "processEvidence", "registryValueEvidence"),
    *("cloudLogonSessionEvidence", "azureResourceEvidence", "amazonResourceEvidence", "googleCloudResourceEvidence"),
    *("blobContainerEvidence", "blobEvidence", "hostLogonSessionEvidence", "malwareEvidence", "sasTokenEvidence"),
    *("teamsMessageEvidence", "kubernetesNamespaceEvidence", "kubernetesClusterEvidence"),
}
NAMES_AN_ACCOUNT = {
    *("userEvidence", "mailboxEvidence", "mailboxConfigurationEvidence", "analyzedMessageEvidence"),
    *("deviceEvidence", "processEvidence", "cloudLogonSessionEvidence", "hostLogonSessionEvidence", "malwareEvidence"),
    *("submissionMailEvidence", "teamsMessageEvidence"),
}
NAMES_AN_ADDRESS = {
    "ipEvidence",
    "nicEvidence",
    "ioTDeviceEvidence",
    "analyzedMessageEvidence",
    "submissionMailEvidence",
    *(
        "containerEvidence",
        "kubernetesPodEvidence",
        "dnsEvidence",
        "kubernetesServiceEvidence",
        "networkConnectionEvidence",
    ),
}


@cache
def our_knowledge() -> SearchKnowledge:
    """What the add-on says about events: one for all tests, for it remembers what it has read."""
    return SearchKnowledge.load(paths.PACKAGE)


@dataclass(frozen=True)
class Sample:
    """An event, what is special about it, and the required fields for which its record has nothing."""

    name: str
    event: IndexedEvent
    lacks: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Source:
    """A sourcetype, the model that its events belong to, and its samples."""

    sourcetype: str
    model: str
    tags: tuple[str, ...]
    own_samples: Callable[[], Iterator[Sample]]
    published: tuple[str, ...] = ()
    """Where shapes are published that its own samples have."""

    def samples(self) -> Iterator[Sample]:
        """Those of the stand-ins, and one in each shape that is published."""
        yield from self.own_samples()
        for shape in self._shapes():
            yield Sample(f"{shape.name}, {shape.source}", shape.kind.event(shape.raw), shape.lacks)

    def shapes(self) -> tuple[str, ...]:
        """Where the shapes of its samples are published."""
        return tuple(dict.fromkeys([*self.published, *(shape.source for shape in self._shapes())]))

    def _shapes(self) -> list[Shape]:
        return [shape for shape in SHAPES if shape.kind.sourcetype == self.sourcetype]


def _without_anybody(raw: str) -> frozenset[str]:
    """The user, if a record of the SIEM API names no account but SYSTEM."""
    record = json.loads(raw)
    names = re.split(r"[;,]", f"{record.get('UserName') or ''};{record.get('LogOnUsers') or ''}")
    somebody = {name.strip().rpartition("\\")[2] for name in names} - {"", "SYSTEM"}
    return frozenset() if somebody else frozenset({"user"})


def _siem() -> Iterator[Sample]:
    for shape in SIEM_SHAPES:
        for number in NUMBERS:
            raw = siem_alert(number, PROCESSED, shape=shape).decode()
            yield Sample(f"{shape}, {number}", SIEM.event(raw), _without_anybody(raw))
        for severity in ENDPOINT_SEVERITIES:
            yield Sample(f"{shape}, {severity}", SIEM.event(SIEM.raw(shape=shape, Severity=severity)))
        yield Sample(f"{shape}, large", SIEM.event(SIEM.raw(shape=shape, first={"CommandLine": LONG})))
        raw = SIEM.raw(shape=shape, UserName=None, LogOnUsers=None)
        yield Sample(f"{shape}, without a user", SIEM.event(raw), frozenset({"user"}))


def _alerts(kind: Kind) -> Iterator[Sample]:
    for number in NUMBERS:
        yield Sample(f"{number}", kind.event(kind.raw(number)))
        if number in WITH_EVERY_TYPE:
            yield Sample(f"{number}, every type of evidence", kind.event(kind.raw(number, every_type=True)))
    raw = kind.raw(every_type=True, first={"description": LONG})
    yield Sample("large", kind.event(raw))


def _endpoint() -> Iterator[Sample]:
    yield from _alerts(ENDPOINT)
    for severity in ENDPOINT_SEVERITIES:
        yield Sample(severity, ENDPOINT.event(ENDPOINT.raw(severity=severity)))
    for status in ("Unknown", "New", "InProgress", "Resolved"):
        yield Sample(status, ENDPOINT.event(ENDPOINT.raw(status=status)))
    every = json.loads(ENDPOINT.raw(every_type=True))["evidence"]
    for kind in endpoint_samples.EVIDENCE_TYPES:
        raw = ENDPOINT.raw(evidence=[each for each in every if each["entityType"] == kind])
        yield Sample(f"{kind} alone", ENDPOINT.event(raw))
    raw = ENDPOINT.raw(relatedUser=None, loggedOnUsers=[], evidence=[])
    yield Sample("without a user", ENDPOINT.event(raw), frozenset({"user"}))


def _graph(kind: Kind) -> Iterator[Sample]:
    yield from _alerts(kind)
    members: tuple[tuple[str, str], ...] = (
        ("severity", "alertSeverity"),
        ("status", "alertStatus"),
        ("serviceSource", "serviceSource"),
        ("detectionSource", "detectionSource"),
    )
    for key, enum in members:
        for member in graph_schema.members(enum):
            values: dict[str, Any] = {key: member}
            yield Sample(f"{key} {member}", kind.event(kind.raw(**values)))
    yield Sample("what is yet to come", kind.event(kind.raw(every_type=True, future=True)))
    usual = json.loads(kind.raw())["evidence"]
    for name in graph_schema.evidence_types():
        piece = evidence(name, "2026-03-01T10:59:00Z")
        yield Sample(f"{name} beside the usual", kind.event(kind.raw(evidence=[*usual, piece])))
        yield Sample(f"{name} alone", kind.event(kind.raw(evidence=[piece])), _lacking(name))


def _lacking(name: str) -> frozenset[str]:
    lacks = set()
    if name not in NAMES_A_HOST:
        lacks |= {"dest"} if name in NAMES_AN_ADDRESS else {"dest", "src"}
    return frozenset(lacks if name in NAMES_AN_ACCOUNT else lacks | {"user"})


def _incidents() -> Iterator[Sample]:
    def inside(number: int, **values: Any) -> IndexedEvent:
        alerts = [graph_alert(each, PROCESSED) for each in incident_alerts(number)]
        return INCIDENT.event(INCIDENT.raw(number, alerts=alerts, **values))

    for number in NUMBERS[1:]:
        yield Sample(f"{number}, its alerts inside", inside(number))
        yield Sample(f"{number}, without its alerts", INCIDENT.event(INCIDENT.raw(number)), frozenset({"dest"}))
    for key, enum in (("severity", "alertSeverity"), ("status", "incidentStatus")):
        for member in graph_schema.members(enum):
            yield Sample(f"{key} {member}", inside(2, **{key: member}))
    yield Sample("large", inside(2, first={"description": LONG}))


SOURCES = (
    Source("wdatp:alerts", "Alerts", ("alert",), _siem, PUBLISHED_BY_SIEM),
    Source("ms:defender:atp:alerts", "Alerts", ("alert",), _endpoint),
    Source("ms:defender:graph:alerts", "Alerts", ("alert",), lambda: _graph(GRAPH)),
    Source("ms365:defender:incident:alerts", "Alerts", ("alert",), lambda: _graph(SPLIT_ALERT)),
    Source("ms365:defender:incident", "Ticket_Management", ("incident", "ticketing"), _incidents),
)
