"""One poll of one input: a token, the places, and then its regions side by side.

What it takes from outside is handed in: the way to Microsoft, the store of places, the sink of events, the clocks, and
the event that asks it to stop.
"""

from __future__ import annotations

import logging
import secrets
import ssl
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Callable, Protocol

from defender_alerts.checkpoint.checkpoint import (
    Place,
    PlaceKey,
    PlaceStore,
    find_place,
    has_older,
    latest_places,
    tenant_of,
    what_counts,
)
from defender_alerts.checkpoint.split_alerts import DeliveredParts, PartStore
from defender_alerts.checkpoint.versions import fingerprint
from defender_alerts.checkpoint.writer import PlaceKeeper
from defender_alerts.errors import AddonError, CheckpointError, ConfigurationError
from defender_alerts.input_kinds import Kind
from defender_alerts.logfmt import key_values
from defender_alerts.microsoft import clouds
from defender_alerts.microsoft.account import Account
from defender_alerts.microsoft.apis.base import Api, OwnSettings
from defender_alerts.microsoft.network import Network
from defender_alerts.microsoft.tokens import ResourceBearer, TokenSource
from defender_alerts.microsoft.transport.client import Caller, Stop
from defender_alerts.microsoft.transport.connection import LONGEST_CONNECT
from defender_alerts.microsoft.transport.rate_limit import Limit, Pace
from defender_alerts.microsoft.transport.server_clock import ServerClock
from defender_alerts.microsoft.transport.session import open_session, trust
from defender_alerts.settings import Polling
from defender_alerts.times import iso, machine_time, parse_start, seconds

from .events import EventSink, Origin
from .recollection import StandingOrder
from .region import RegionCollector, RegionJob
from .regions import RegionOutcome, collect_side_by_side

# A process that is asked to stop, as when its input is edited, has ended well before that.
LONGEST_HANDOVER = 10.0


@dataclass(frozen=True)
class Plan:
    """What is polled, as the administrator has set it.

    Attributes:
        stanza: the input's whole name in Splunk, such as ``defender_siem_alerts://emea``.
    """

    kind: Kind
    stanza: str
    polling: Polling
    own: OwnSettings
    account: Account


class Store(PlaceStore, PartStore, Protocol):
    """Where places are kept, and what was delivered of parts."""


@dataclass(frozen=True)
class Surroundings:
    """What a poll is given to work with.

    Attributes:
        writer: this run's id in what it saves.
        begun: set when the regions begin: from then on there may be batches under way that should be finished.
        machine: this machine's clock, in ticks.
        monotonic: seconds that never jump.
        trust: makes a TLS context of the certificates in the settings.
        clock: the server's time, as far as it has been learned.
    """

    network: Network
    store: Store
    sink: EventSink
    stop: Stop
    log: logging.Logger
    writer: str = field(default_factory=lambda: secrets.token_hex(8))
    begun: threading.Event = field(default_factory=threading.Event)
    machine: Callable[[], int] = machine_time
    monotonic: Callable[[], float] = time.monotonic
    trust: Callable[[str], ssl.SSLContext] = trust
    trusted: ssl.SSLContext = field(init=False)
    clock: ServerClock = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "trusted", self.trust(self.network.ca_pem))
        object.__setattr__(self, "clock", ServerClock(self.machine, self.monotonic))

    def caller(self, host: str, limits: Sequence[Limit] = (), clock: ServerClock | None = None) -> Caller:
        """A caller with a session of its own, that keeps to limits of calls; sessions are not for several threads.

        Its clock is its own, unless one is given.
        """
        return Caller(
            open_session(self.network, self.trusted, host, self._tell_dead_addresses),
            timeout=self.network.timeout,
            clock=clock or ServerClock(self.machine, self.monotonic),
            stop=self.stop,
            log=self.log,
            pace=Pace(limits, self.monotonic) if limits else None,
        )

    def _tell_dead_addresses(self, host: str, dead: Sequence[str], answering: str) -> None:
        self.log.warning(
            "%s has addresses that take no connection from here: %s. Each new connection waits up to %d s for each of "
            "them, before %s answers. Open the way to them, or, if they are IPv6 and it leads nowhere here, switch "
            "IPv6 off on this host.",
            host,
            ", ".join(dead),
            LONGEST_CONNECT,
            answering,
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
    # Where this is not allowed, it is said before anything is read.
    fingerprint("", 0)
    cloud = clouds.cloud(plan.account.cloud)
    apis, beforehand = _apis(plan)
    if not apis:
        return PollResult((), beforehand)
    token_caller = given.caller(cloud.authority_host, clock=given.clock)
    tokens = TokenSource(plan.account, cloud, token_caller)
    bearers = {region: ResourceBearer(tokens, api.audience, api.errors.resource_hint) for region, api in apis.items()}
    # Where no token is to be had, nothing is read.
    next(iter(bearers.values())).token()
    documents = given.store.places_of(plan.kind.name, plan.polling.name)
    tenant = tenant_of(plan.account.tenant_id, cloud.name, documents) or tokens.tenant()
    _tell_other_places(documents, tenant, plan, given.log)
    start = parse_start(plan.polling.start_time, token_caller.clock.now())

    def collector(region: str, *, again: bool = False) -> RegionCollector | None:
        api, key = apis[region], PlaceKey(plan.kind.name, plan.polling.name, tenant, cloud.name, region)
        try:
            found = given.store.places_of(plan.kind.name, plan.polling.name) if again else documents
            place = find_place(key, found, start)
        except CheckpointError as error:
            beforehand[region] = error
            return None
        place.typed_tenant = plan.account.tenant_id
        if again and not place.revision:
            # It was not another process: the place was reset or deleted.
            return None
        _tell_future(plan, place, token_caller.clock.now(), given.log)
        order = None
        try:
            order = StandingOrder.find(place, what_counts(found), given.store, given.log)
        except CheckpointError as error:
            # What was missed once must not cost what is new.
            beforehand[region] = error
        caller = given.caller(api.host, api.limits)
        caller.clock.follow(token_caller.clock)
        _tell_start(plan, place, api, given.log)
        job = RegionJob(
            api,
            PlaceKeeper(place, given.store, given.writer, caller.clock.now, has_older=has_older(place, found)),
            _origin(plan, key, api),
            seconds(plan.polling.overlap),
            order,
            DeliveredParts(key, place.generation, given.store) if plan.kind.part_sourcetype else None,
            interval=seconds(plan.polling.every),
        )
        return RegionCollector(job, caller=caller, bearer=bearers[region], sink=given.sink, log=given.log)

    collectors = [collector(region) for region in apis]
    given.begun.set()
    outcomes = collect_side_by_side([one for one in collectors if one], given.stop, given.log)
    taken = [one.collector.region for one in outcomes if one.outcome == "taken"]
    if taken and not given.stop.wait(LONGEST_HANDOVER):
        collectors = [collector(region, again=True) for region in taken]
        outcomes += collect_side_by_side([one for one in collectors if one], given.stop, given.log)
    return PollResult(tuple(outcomes), beforehand)


def _apis(plan: Plan) -> tuple[dict[str, Api], dict[str, AddonError]]:
    """The API of each region, and what is wrong with the others."""
    apis: dict[str, Api] = {}
    wrong: dict[str, AddonError] = {}
    for region in plan.own.regions:
        try:
            apis[region] = plan.own.in_region(region, plan.account.cloud)
        except ConfigurationError as error:  # noqa: PERF203 - a region that is wrong leaves the others
            wrong[region] = error
    return apis, wrong


def _origin(plan: Plan, key: PlaceKey, api: Api) -> Origin:
    return Origin(
        stanza=plan.stanza,
        index=plan.polling.index,
        source=key.source,
        sourcetype=plan.kind.sourcetype,
        host=api.host,
        part_sourcetype=plan.kind.part_sourcetype,
    )


def _tell_start(plan: Plan, place: Place, api: Api, log: logging.Logger) -> None:
    started = key_values(
        action="region_started",
        input=place.key.input,
        region=place.key.region,
        api_host=api.host,
        account=plan.account.name,
        tenant=place.key.tenant,
        read_from=iso(place.settled),
        watermark=iso(place.watermark),
    )
    log.info("%s", started)


def _tell_future(plan: Plan, place: Place, now: int, log: logging.Logger) -> None:
    """A start in the future, from a conf written by hand, is no error: it may be meant."""
    if place.watermark <= now or place.watermark != parse_start(plan.polling.start_time, now):
        return
    log.warning(
        "input=%s region=%s start_time is %s, and it is %s now: nothing is collected before that time has come. "
        "Correct start_time under Inputs, unless that is meant.",
        plan.polling.name,
        place.key.region,
        plan.polling.start_time,
        iso(now),
    )


def _tell_other_places(documents: Sequence[Mapping[str, Any]], tenant: str, plan: Plan, log: logging.Logger) -> None:
    """Another tenant or cloud is another place: that is said, once, when it is begun."""
    belongings = {(key.tenant, key.cloud) for key in latest_places(documents)}
    if not belongings or (tenant, plan.account.cloud) in belongings:
        return
    log.warning(
        "input=%s collects the tenant %s in the cloud %s for the first time; it collected %s before. The new one is "
        "collected from start_time on, and the old one's checkpoint is kept.",
        plan.polling.name,
        tenant,
        plan.account.cloud,
        ", ".join(f"{other} ({cloud})" for other, cloud in sorted(belongings)),
    )
