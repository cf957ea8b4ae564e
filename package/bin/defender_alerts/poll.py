"""One poll of one input: a token, the places, and then its regions side by side.

What it takes from outside is handed in: the way to Microsoft, the store of places, the sink of events, the clocks, and
the event that asks it to stop.
"""

from __future__ import annotations

import logging
import ssl
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Callable

from . import clouds
from .apis.siem import SiemSettings
from .auth import ResourceBearer, TokenSource
from .collector import RegionCollector, RegionJob
from .errors import AddonError, CheckpointError, ConfigurationError, StoppedError
from .events import EventSink, Origin
from .http.calls import Caller, Stop
from .http.clock import ServerClock
from .http.session import open_session, trust
from .keeper import PlaceKeeper
from .kinds import Kind
from .lease import LENGTH, Lease, new_owner
from .orders import StandingOrder
from .place import PlaceKey, PlaceStore, find_place
from .regions import RegionOutcome, collect_side_by_side
from .settings import Account, Network, Polling
from .times import iso, machine_time, parse_start, seconds
from .wording import key_values

_LEASE_POLL = 2.0


@dataclass(frozen=True)
class Plan:
    """What is polled, as the administrator has set it.

    Attributes:
        stanza: the input's whole name in Splunk, such as ``defender_siem_alerts://emea``.
    """

    kind: Kind
    stanza: str
    polling: Polling
    own: SiemSettings
    account: Account


@dataclass(frozen=True)
class Surroundings:
    """What a poll is given to work with.

    Attributes:
        owner: this process's name in a lease.
        begun: set when the regions begin: from then on there may be batches under way that should be finished.
        machine: this machine's clock, in ticks.
        monotonic: seconds that never jump.
    """

    network: Network
    store: PlaceStore
    sink: EventSink
    stop: Stop
    log: logging.Logger
    owner: str = field(default_factory=new_owner)
    begun: threading.Event = field(default_factory=threading.Event)
    machine: Callable[[], int] = machine_time
    monotonic: Callable[[], float] = time.monotonic
    trusted: ssl.SSLContext = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "trusted", trust(self.network.ca_pem))

    def caller(self, host: str) -> Caller:
        """A caller with a session of its own: sessions are not made for several threads."""
        return Caller(
            open_session(self.network, self.trusted, host),
            timeout=self.network.timeout,
            clock=ServerClock(self.machine, self.monotonic),
            stop=self.stop,
            log=self.log,
        )


@dataclass(frozen=True)
class PollResult:
    """How a poll ended: an outcome for each region that was begun, and what failed in a region before that."""

    outcomes: tuple[RegionOutcome, ...]
    beforehand: Mapping[str, AddonError]

    @property
    def failures(self) -> list[AddonError]:
        """All that failed."""
        return [*self.beforehand.values(), *(one.failure for one in self.outcomes if one.failure is not None)]


def poll(plan: Plan, given: Surroundings) -> PollResult:
    """Collect all regions of the plan up to now.

    Raises:
        AddonError: no region could be begun: no token, or no store to keep the place in.
        StoppedError: the process was asked to stop before the regions were begun.
    """
    cloud = clouds.cloud(plan.account.cloud)
    hint = plan.kind.resource_hint(plan.own.resource)
    token_caller = given.caller(cloud.authority_host)
    tokens = TokenSource(plan.account, cloud, token_caller)
    tenant = tokens.acquire(plan.own.resource, hint).tenant
    documents = _free_places(plan, given, token_caller.clock)
    _tell_other_places(documents, tenant, plan, given.log)
    start = parse_start(plan.polling.start_time, token_caller.clock.now())

    collectors: list[RegionCollector] = []
    beforehand: dict[str, AddonError] = {}
    for region in plan.own.regions:
        try:
            api = plan.kind.in_region(region, cloud.name, plan.own)
            key = PlaceKey(plan.kind.name, plan.polling.name, tenant, cloud.name, region)
            place = find_place(key, documents, start)
        except (ConfigurationError, CheckpointError) as error:
            beforehand[region] = error
            continue
        holder = _holder(key, documents, given.owner, token_caller.clock.now())
        if holder:
            given.log.warning("region=%s is left to another process, which is at work on it: %s", region, holder)
            continue
        order = None
        try:
            order = StandingOrder.find(place, documents, given.store, given.log)
        except CheckpointError as error:
            # What was missed once must not cost what is new.
            beforehand[region] = error
        caller = given.caller(api.host)
        caller.clock.follow(token_caller.clock)
        started = key_values(
            action="region_started",
            input=plan.polling.name,
            region=region,
            host=api.host,
            account=plan.account.name,
            tenant=tenant,
            read_from=iso(place.settled),
            watermark=iso(place.watermark),
        )
        given.log.info("%s", started)
        origin = Origin(
            stanza=plan.stanza,
            index=plan.polling.index,
            source=f"{plan.kind.name}:{tenant}:{region}:{plan.polling.name}",
            sourcetype=plan.kind.sourcetype,
            host=api.host,
        )
        collectors.append(
            RegionCollector(
                RegionJob(
                    api,
                    PlaceKeeper(place, given.store, given.owner, caller.clock.now),
                    origin,
                    seconds(plan.polling.overlap),
                    order,
                ),
                caller=caller,
                bearer=ResourceBearer(tokens, plan.own.resource, hint),
                sink=given.sink,
                log=given.log,
            )
        )
    given.begun.set()
    return PollResult(tuple(collect_side_by_side(collectors, given.stop, given.log)), beforehand)


def _holder(key: PlaceKey, documents: Iterable[Mapping[str, Any]], owner: str, now: int) -> str:
    """Who keeps ``owner`` out of a place; empty for nobody."""
    for document in documents:
        lease = Lease.of(document) if document.get("_key") == str(key) else None
        if lease is not None and lease.keeps_out(owner, now):
            return lease.owner
    return ""


def _free_places(plan: Plan, given: Surroundings, clock: ServerClock) -> Sequence[Mapping[str, Any]]:
    """The input's documents, as soon as no other process is at work on them, or has been seen to stay at work."""
    waited = 0.0
    while True:
        documents = given.store.places_of(plan.kind.name, plan.polling.name)
        leases = [lease for lease in map(Lease.of, documents) if lease is not None]
        held = [lease for lease in leases if lease.keeps_out(given.owner, clock.now())]
        if not held or seconds(waited) > LENGTH:
            return documents
        given.log.info("input=%s waits for another process, %s, to finish", plan.polling.name, held[0].owner)
        if given.stop.wait(_LEASE_POLL):
            raise StoppedError
        waited += _LEASE_POLL


def _tell_other_places(documents: Sequence[Mapping[str, Any]], tenant: str, plan: Plan, log: logging.Logger) -> None:
    """Another tenant or cloud is another place: that is said, once, when it is begun."""
    belongings = {(str(document.get("tenant")), str(document.get("cloud"))) for document in documents}
    if not belongings or (tenant, plan.account.cloud) in belongings:
        return
    log.warning(
        "input=%s collects the tenant %s in the cloud %s for the first time; it collected %s before. The new one is "
        "collected from start_time on, and the old one's place is kept.",
        plan.polling.name,
        tenant,
        plan.account.cloud,
        ", ".join(f"{other} ({cloud})" for other, cloud in sorted(belongings)),
    )
