"""Polls in this process: the core with a store and a sink of its own, against the stand-in Microsoft cloud.

What Splunk does with them is the business of ``standins.splunkd``; here a test sees each poll's outcome as an object.
"""

from __future__ import annotations

import copy
import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from defender_alerts.checkpoint.checkpoint import CheckpointKey, Deletion
from defender_alerts.checkpoint.versions import Version
from defender_alerts.collect.events import Origin, event_data
from defender_alerts.collect.poll import Plan, PollContext, PollResult, poll
from defender_alerts.errors import CheckpointError, StreamClosedError
from defender_alerts.input_kinds import KINDS
from defender_alerts.microsoft.account import Account
from defender_alerts.microsoft.apis.base import Alerts, Api, OwnSettings
from defender_alerts.microsoft.apis.odata import ODataApi
from defender_alerts.microsoft.apis.siem_alerts import RESOURCES, SiemApi
from defender_alerts.microsoft.network import IdentityServices, Network, Proxy
from defender_alerts.microsoft.transport.session import trust
from defender_alerts.settings import Polling
from defender_alerts.times import seconds

from standins.microsoft.cloud import MicrosoftCloud
from standins.microsoft.directory import Application, Tenant
from standins.microsoft.proxy import ProxyAddress
from standins.microsoft.samples import siem_alert

SECRET = "nobody's~secret.0123456789"
MOST_DOCUMENT_BYTES = 16 * 1024 * 1024

trust_once = cache(trust)
"""What polls in this process trust: to load the public roots takes longer than most polls."""


class MemoryPlaces:
    """A store of places as strict as the KV store: JSON documents by key, at most 16 MB each."""

    def __init__(self) -> None:
        self.documents: dict[str, dict[str, Any]] = {}
        self.history: list[dict[str, Any]] = []
        self.fail_save: Callable[[int], bool] = lambda _: False
        self.unreadable = False
        self._lock = threading.Lock()

    def checkpoints_of(self, kind: str, input_name: str) -> list[Mapping[str, Any]]:
        return [copy.deepcopy(document) for document in self._documents_of(kind, input_name)]

    def revisions_of(self, kind: str, input_name: str) -> list[Mapping[str, Any]]:
        names = ("_key", "generation", "revision", "writer")
        return [
            {name: document[name] for name in names if name in document}
            for document in self._documents_of(kind, input_name)
        ]

    def _documents_of(self, kind: str, input_name: str) -> list[Mapping[str, Any]]:
        """Its own method: a test that lets something happen at each call of the store would count two for a look."""
        if self.unreadable:
            raise CheckpointError("the stand-in's store can't be read")
        with self._lock:
            return [
                document
                for document in self.documents.values()
                if (document.get("kind"), document.get("input")) == (kind, input_name)
            ]

    def read(self, *keys: str) -> list[Mapping[str, Any]]:
        if self.unreadable:
            raise CheckpointError("the stand-in's store can't be read")
        with self._lock:
            return [copy.deepcopy(self.documents[key]) for key in keys if key in self.documents]

    def save(self, document: Mapping[str, Any]) -> None:
        with self._lock:
            if self.fail_save(len(self.history)):
                raise CheckpointError("the stand-in's store can't be written")
            assert len(str(document)) < MOST_DOCUMENT_BYTES
            kept = dict(document)
            self.documents[kept["_key"]] = kept
            self.history.append(kept)

    def delete_older(self, key: CheckpointKey, generation: int) -> None:
        with self._lock:
            for name, document in list(self.documents.items()):
                of_place = all(document.get(field) == value for field, value in key._asdict().items())
                if (of_place or document.get("split_alerts_of") == str(key)) and document["generation"] < generation:
                    del self.documents[name]

    def delete_before(self, deletion: Deletion) -> None:
        names = (deletion.kind, deletion.input)
        with self._lock:
            for name, document in list(self.documents.items()):
                belongs = (document.get("kind", document.get("split_alerts_kind")), document.get("input"))
                if names not in {belongs, (belongs[0], document.get("split_alerts_input"))}:
                    continue
                if document.get("generation", -1) < deletion.generation:
                    del self.documents[name]

    def delete_split_alerts(self, checkpoint: str, before: str) -> None:
        with self._lock:
            for key, document in list(self.documents.items()):
                if document.get("split_alerts_of") == checkpoint and document["day"] < before:
                    del self.documents[key]


@dataclass(frozen=True)
class Taken:
    """One event as the sink took it."""

    origin: Origin
    version: Version


class MemorySink:
    """Takes events, as long as ``room`` lasts: then the pipe is closed."""

    def __init__(self) -> None:
        self.taken: list[Taken] = []
        self.batches: list[int] = []
        self.room: int | None = None
        self._lock = threading.Lock()

    def write(self, origin: Origin, versions: Iterable[Version]) -> int:
        batch = [Taken(origin, version) for version in versions]
        with self._lock:
            if self.room is not None and len(self.taken) + len(batch) > self.room:
                raise StreamClosedError("the stand-in's pipe is closed")
            self.taken += batch
            self.batches.append(len(batch))
        return sum(len(event_data(one.version.raw)) for one in batch)

    def raws(self, region: str | None = None) -> list[str]:
        """The texts taken, in their order, of one region or of all."""
        return [one.version.raw.decode() for one in self.taken if region is None or f":{region}:" in one.origin.source]


class NoWaiting(threading.Event):
    """A stop whose waits are over at once, and are written down."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.waits.append(timeout or 0.0)
        return self.is_set()


class PassingTime(NoWaiting):
    """The same, but time passes meanwhile, for whoever is told of it."""

    def __init__(self, tell: Callable[[float], None]) -> None:
        super().__init__()
        self._tell = tell

    def wait(self, timeout: float | None = None) -> bool:
        self._tell(timeout or 0.0)
        return super().wait(timeout)


@dataclass(frozen=True)
class ChangedSettings:
    """An input's own settings, whose APIs a test has changed."""

    own: OwnSettings
    change: Callable[[Api], Api]

    @property
    def regions(self) -> tuple[str, ...]:
        """Those of the settings."""
        return self.own.regions

    @property
    def brings(self) -> Alerts | None:
        """Those of the settings."""
        return self.own.brings

    def in_region(self, region: str, cloud: str) -> Api:
        """The changed API of a region."""
        return self.change(self.own.in_region(region, cloud))


@dataclass
class PolledInput:
    """One input of one tenant, polled as often as a test likes; its store and sink last."""

    cloud: MicrosoftCloud
    tenant: Tenant
    application: Application
    kind: str = "defender_siem_alerts"
    regions: tuple[str, ...] = ("eu",)
    start_time: str = "-7d"
    overlap: int = 600
    resource: str = RESOURCES[0]
    machine_groups: tuple[str, ...] = ()
    own: Mapping[str, str] = field(default_factory=dict)
    """Further settings of the kind's own."""
    most_records: int | None = None
    """With so many records an answer counts as cut short, instead of the API's number: small histories hold crowds."""
    secret: str = SECRET
    proxy: Proxy | None = None
    store: MemoryPlaces = field(default_factory=MemoryPlaces)
    sink: MemorySink = field(default_factory=MemorySink)
    stop: NoWaiting = field(default_factory=NoWaiting)
    log: logging.Logger = field(default_factory=lambda: logging.getLogger("standins.polling"))
    timeout: float = 5.0
    writer: str = "this process"
    name: str = "test"
    home: Tenant | None = None
    """The account's own tenant, where the input names the one that it collects."""
    identity_services: IdentityServices = field(default_factory=IdentityServices)
    jumped: float = 0.0
    """Seconds that the process believes to have passed more than have."""

    def plan(self) -> Plan:
        """What the administrator would have set."""
        kind = KINDS[self.kind]
        own: OwnSettings = kind.read(self.name, self.stanza())
        if self.most_records is not None:
            own = ChangedSettings(own, self._with_small_answers)
        home = self.home or self.tenant
        account = Account("corp", home.cloud, home.guid, self.application.client_id, self.secret)
        return Plan(
            kind=kind,
            stanza=f"{self.kind}://{self.name}",
            polling=Polling(self.name, "corp", "main", "300", self.start_time, self.overlap),
            own=own,
            account=account.in_tenant_of(self.name, self.tenant.guid if self.home else ""),
        )

    def stanza(self) -> dict[str, str]:
        """The settings of the kind's own, as they stand in the input's stanza."""
        regions = ",".join(self.regions)
        siem = {"regions": regions, "resource": self.resource, "machine_groups": ",".join(self.machine_groups)}
        return {**siem, "region": self.regions[0], **self.own}

    def _with_small_answers(self, api: Api) -> Api:
        assert self.most_records is not None
        if isinstance(api, ODataApi):
            return api._replace(most_records=self.most_records)
        assert isinstance(api, SiemApi)
        return api._replace(most_records=self.most_records)

    def network(self) -> Network:
        """The way to the stand-in cloud: its proxy and its CA."""
        proxy = self.proxy or http_proxy(self.cloud.proxy)
        return Network(proxy, self.cloud.ca_pem, self.timeout, self.identity_services)

    def publish(self, number: int = 1, *, ago: int = 60, region: str = "eu") -> str:
        """Let a region of the SIEM API show an alert that is so many seconds old; its text."""
        alert = siem_alert(number, self.cloud.clock.now() - seconds(ago))
        self.cloud.siem(region).add(self.tenant, alert)
        return alert.decode()

    def let_time_pass(self) -> None:
        """Let the cloud and the process believe in each wait, which is over at once all the same."""

        def passes(waited: float) -> None:
            self.jumped += waited
            self.cloud.clock.advance(waited)

        self.stop = PassingTime(passes)

    def poll(self, **account: Any) -> PollResult:
        """Poll once; ``account`` replaces fields of the account."""
        plan = self.plan()
        plan = plan._replace(account=plan.account._replace(**account))
        given = PollContext(
            self.network(),
            self.store,
            self.sink,
            self.stop,
            self.log,
            writer=self.writer,
            monotonic=lambda: time.monotonic() + self.jumped,
            trust=trust_once,
        )
        return poll(plan, given)


def http_proxy(address: ProxyAddress) -> Proxy:
    """A stand-in proxy as the settings name it."""
    return Proxy(kind=address.scheme, host=address.host, port=address.port)
