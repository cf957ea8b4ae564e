"""One poll of one input: a token, the places, and then its regions side by side.

What it takes from outside is handed in: the way to Microsoft, the store of places, the sink of events, the clocks, and
the event that asks it to stop.
"""

from __future__ import annotations

import logging
import ssl
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Callable

from . import clouds
from .apis.siem import SiemSettings
from .auth import ResourceBearer, TokenSource
from .collector import RegionCollector, RegionJob
from .errors import AddonError, CheckpointError, ConfigurationError
from .events import EventSink, Origin
from .http.calls import Caller, Stop
from .http.clock import ServerClock
from .http.session import open_session, trust
from .kinds import Kind
from .place import Place, PlaceKey, PlaceStore
from .regions import RegionOutcome, collect_side_by_side
from .settings import Account, Network, Polling
from .times import iso, machine_time, parse_start, seconds
from .wording import key_values


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
        machine: this machine's clock, in ticks.
        monotonic: seconds that never jump.
    """

    network: Network
    store: PlaceStore
    sink: EventSink
    stop: Stop
    log: logging.Logger
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
    """How a poll ended: an outcome for each region that was begun, a failure for each that could not be."""

    outcomes: tuple[RegionOutcome, ...]
    not_begun: Mapping[str, AddonError]

    @property
    def failures(self) -> list[AddonError]:
        """All that failed."""
        return [*self.not_begun.values(), *(one.failure for one in self.outcomes if one.failure is not None)]


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
    documents = given.store.places_of(plan.kind.name, plan.polling.name)
    _tell_other_places(documents, tenant, plan, given.log)
    start = parse_start(plan.polling.start_time, token_caller.clock.now())

    collectors: list[RegionCollector] = []
    not_begun: dict[str, AddonError] = {}
    for region in plan.own.regions:
        try:
            api = plan.kind.in_region(region, cloud.name, plan.own)
            place = _place(PlaceKey(plan.kind.name, plan.polling.name, tenant, cloud.name, region), documents, start)
        except (ConfigurationError, CheckpointError) as error:
            not_begun[region] = error
            continue
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
                RegionJob(api, place, origin, seconds(plan.polling.overlap)),
                caller=caller,
                bearer=ResourceBearer(tokens, plan.own.resource, hint),
                store=given.store,
                sink=given.sink,
                log=given.log,
            )
        )
    return PollResult(tuple(collect_side_by_side(collectors, given.stop, given.log)), not_begun)


def _place(key: PlaceKey, documents: Sequence[Mapping[str, Any]], start: int) -> Place:
    document = next((document for document in documents if document.get("_key") == str(key)), None)
    return Place.first(key, start) if document is None else Place.from_document(key, document)


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
