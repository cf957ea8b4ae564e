"""An input whose runs and audits happen in this process, against both stand-ins: what it writes is indexed at once."""

from __future__ import annotations

import io
import json
import logging
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from defender_alerts.collect.events import XmlStream
from defender_alerts.collect.poll import Plan, PollContext, PollResult, poll
from defender_alerts.errors import CheckpointError
from defender_alerts.input_kinds import KINDS
from defender_alerts.microsoft.account import Account
from defender_alerts.microsoft.network import Network
from defender_alerts.settings import Polling
from defender_alerts.splunk.cli.audit import main
from defender_alerts.splunk.cli.shell import Shell
from defender_alerts.splunk.kvstore import KVStoreCheckpoints
from defender_alerts.splunk.names import CHECKPOINTS
from defender_alerts.splunk.rest_client import RetryBudget, Splunkd
from integration.installation import BROAD, DAY, KIND, REGIONS, Installation
from standins.microsoft import ticks
from standins.polling import NoWaiting, http_proxy, trust_once
from standins.search import IndexedEvent as Indexed
from standins.splunkd.stream import IndexedEvent, StreamReader

PASSWORD = "changed-already"
FAR_PAST, FAR_FUTURE = "-30d", "2100-01-01T00:00:00Z"


@dataclass(frozen=True)
class Audit:
    """How an audit ended."""

    status: int
    out: str
    err: str

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The objects that --json writes."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def regions(self) -> dict[str, dict[str, Any]]:
        """The region's objects by region."""
        return {line["region"]: line for line in self.lines if line["record"] == "region"}

    @property
    def findings(self) -> list[dict[str, Any]]:
        """The objects of findings."""
        return [line for line in self.lines if line["record"] == "finding"]


@dataclass
class Audited:
    """One installation with the input BROAD, which collects three regions."""

    installation: Installation
    stop: threading.Event = field(default_factory=NoWaiting)
    environment: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    @property
    def indexed(self) -> list[Indexed]:
        """What is in the indexes."""
        return self.installation.splunkd.searches.events

    def publish(self, counts: dict[str, int], *, ago: int = DAY) -> None:
        """Let regions show so many alerts, a second apart."""
        for number, (region, count) in enumerate(counts.items()):
            alerts = self.installation.alerts(count, first=1_000 * number, step=ticks.PER_SECOND, ago=ago)
            self.installation.publish(region, alerts)

    def collected(self, counts: dict[str, int], *, lost: Iterable[int] = (), ago: int = DAY) -> list[Indexed]:
        """Let the input collect so many alerts of each region; take some out of the index again, and return them."""
        self.publish(counts, ago=ago)
        assert self.run().failures == []
        return self.lose(lost)

    def ordered(self, lost: Iterable[int]) -> dict[str, Any]:
        """Let some of six alerts be missing and an audit order them; the order."""
        self.collected({"eu": 6}, lost=lost)
        self.audit("--collect")
        (order,) = self.orders()
        return order

    def lose(self, which: Iterable[int]) -> list[Indexed]:
        """Take some events, by their number in the order of arrival, out of the index; return them."""
        chosen = set(which)
        lost = [event for number, event in enumerate(self.indexed) if number in chosen]
        self.indexed[:] = [event for number, event in enumerate(self.indexed) if number not in chosen]
        return lost

    def orders(self) -> list[dict[str, Any]]:
        """The documents of orders in the KV store."""
        documents = self.installation.splunkd.kvstore.documents(CHECKPOINTS)
        return [document for document in documents if document["_key"].endswith(":collect")]

    # Runs of the input.

    def run(self, *, room: int | None = None) -> PollResult:
        """Run the input as the next poll does, orders and all; eu ends early at the save after ``room`` others."""
        out = io.BytesIO()
        sink = XmlStream(out)
        try:
            store = self.store()
            store.room = room
            log = logging.getLogger("tests.audit")
            given = PollContext(self._network(), store, sink, self.stop, log, writer="tests/audit", trust=trust_once)
            result = poll(self._plan(), given)
            assert room is None or store.room == 0
        finally:
            sink.close()
            self._index(out.getvalue())
        return result

    def _index(self, stream: bytes) -> None:
        events: list[IndexedEvent] = []
        reader = StreamReader(dict.fromkeys(("stanza", "host", "source", "sourcetype", "index"), "?"), events.append)
        reader.feed(stream)
        reader.end()
        assert reader.error is None
        self.installation.splunkd.searches.add(events)

    def _plan(self) -> Plan:
        kind, tenant = KINDS[KIND], self.installation.tenant
        own = kind.read(BROAD, {"regions": ",".join(REGIONS)})
        account = Account(
            "corp", tenant.cloud, tenant.guid, self.installation.application.client_id, self.installation.secret
        )
        return Plan(kind, f"{KIND}://{BROAD}", Polling(BROAD, "corp", "main", "300", "-7d", 600), own, account)

    def _network(self) -> Network:
        cloud = self.installation.cloud
        return Network(proxy=http_proxy(cloud.proxy), ca_pem=cloud.ca_pem, timeout=5.0)

    def store(self) -> _FailingPlaces:
        """The KV store, with a session of its own."""
        splunkd = self.installation.splunkd
        patience = RetryBudget(0.0, self.stop, logging.getLogger("tests.audit"))
        return _FailingPlaces(Splunkd(splunkd.server_uri, splunkd.session_key(), patience))

    # Audits.

    def audit(
        self, *options: str, name: str = BROAD, user: str = "admin", start: str = FAR_PAST, end: str = FAR_FUTURE
    ) -> Audit:
        """Audit an input as somebody at a shell does who knows their password."""
        passwords = {"admin": PASSWORD, "analyst": "analyst-password"}
        out, err = io.StringIO(), io.StringIO()

        def ask(prompt: str) -> str:
            self.asked.append(prompt)
            return passwords.get(user, "")

        shell = Shell(out, err, self.environment, ask, self.stop, ask)
        login = ["--username", user] if user else []
        port = self.installation.splunkd.server_uri.rpartition(":")[2]
        arguments = [name, f"--from={start}", f"--to={end}", "--port", port, *login, *options]
        return Audit(main(arguments, shell), out.getvalue(), err.getvalue())


class _FailingPlaces(KVStoreCheckpoints):
    """The KV store, which fails when something of eu is saved after ``room`` times: for the region that is the end."""

    room: int | None = None

    def save(self, document: Mapping[str, Any]) -> None:
        if self.room is not None and ":eu" in str(document["_key"]):
            if self.room == 0:
                raise CheckpointError("the store is gone")
            self.room -= 1
        super().save(document)
