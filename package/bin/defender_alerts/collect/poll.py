"""One poll of one input: get a token, read the checkpoints, collect the regions side by side.

Everything external is passed in: network settings, checkpoint store, event sink, clocks, and the stop event.
"""

from __future__ import annotations

import logging
import secrets
import ssl
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any, Callable, NamedTuple

from defender_alerts.checkpoint.checkpoint import (
    Checkpoint,
    CheckpointKey,
    CheckpointStore,
    find_checkpoint,
    has_older,
    latest_checkpoints,
    tenant_of,
    what_counts,
    who_saved,
)
from defender_alerts.checkpoint.split_alerts import DeliveredSplitAlerts
from defender_alerts.checkpoint.writer import CheckpointWriter
from defender_alerts.errors import AddonError, CheckpointError
from defender_alerts.input_kinds import Kind
from defender_alerts.logfmt import key_values
from defender_alerts.microsoft import clouds
from defender_alerts.microsoft.account import Account
from defender_alerts.microsoft.apis.base import Api, OwnSettings, apis_of
from defender_alerts.microsoft.network import Network
from defender_alerts.microsoft.tokens import ResourceBearer, TokenSource
from defender_alerts.microsoft.transport.client import Callers, Stop
from defender_alerts.microsoft.transport.connection import LONGEST_CONNECT
from defender_alerts.microsoft.transport.server_clock import ServerClock
from defender_alerts.microsoft.transport.session import trust
from defender_alerts.settings import Polling, seconds_between_runs
from defender_alerts.times import iso, machine_time, parse_start, seconds

from .events import EventSink, Origin
from .recollection import PendingRecollection, find_recollection
from .region import RegionCollector, RegionJob
from .regions import RegionOutcome, collect_side_by_side

# A process that is asked to stop, as when its input is edited, ends within five seconds. One that saves after that is
# still working: taking over from it would only make both repeat a batch.
LONGEST_HANDOVER = 10.0


class Plan(NamedTuple):
    """The settings of an input and its account.

    Attributes:
        stanza: the input's full name in Splunk, such as ``defender_siem_alerts://emea``.
    """

    kind: Kind
    stanza: str
    polling: Polling
    own: OwnSettings
    account: Account


class PollContext:
    """Everything that a poll needs from outside.

    Args:
        network: the settings.
        store: keeps the checkpoints.
        sink: takes the events.
        stop: ends every wait.
        log: of the run.
        writer: this run's id in the documents it saves; by default, a new one.
        begun: set when the regions start: from then on a batch may be in progress that should be finished.
        machine: this machine's clock, in ticks.
        monotonic: a monotonic clock, in seconds.
        trust: makes a TLS context from the certificates in the settings.

    Attributes:
        clock: the server's clock, learned from its answers.
        caller: makes the calls.
    """

    def __init__(
        self,
        network: Network,
        store: CheckpointStore,
        sink: EventSink,
        stop: Stop,
        log: logging.Logger,
        *,
        writer: str = "",
        begun: threading.Event | None = None,
        machine: Callable[[], int] = machine_time,
        monotonic: Callable[[], float] = time.monotonic,
        trust: Callable[[str], ssl.SSLContext] = trust,
    ) -> None:
        self.store, self.sink, self.stop, self.log = store, sink, stop, log
        self.writer = writer or secrets.token_hex(8)
        self.begun = begun or threading.Event()
        self.clock = ServerClock(machine, monotonic)
        self.caller = Callers(
            network,
            trust(network.ca_pem),
            stop,
            log,
            machine=machine,
            monotonic=monotonic,
            on_dead_addresses=self._warn_of_dead_addresses,
        )

    def _warn_of_dead_addresses(self, host: str, dead: Sequence[str], answering: str) -> None:
        self.log.warning(
            "%s has addresses that do not accept connections from this host: %s. Each new connection waits up to %d s "
            "for each of them, before %s answers. Allow connections to them, or, if they are IPv6 and this host has no "
            "IPv6 route, switch IPv6 off on this host.",
            host,
            ", ".join(dead),
            LONGEST_CONNECT,
            answering,
        )


class PollResult(NamedTuple):
    """The outcome of each region that was started, and by region what failed outside its run."""

    outcomes: tuple[RegionOutcome, ...]
    startup_failures: Mapping[str, AddonError]

    @property
    def failures(self) -> list[AddonError]:
        """All failures."""
        return [*self.startup_failures.values(), *(one.failure for one in self.outcomes if one.failure is not None)]


def poll(plan: Plan, context: PollContext) -> PollResult:
    """Collect all regions of the plan up to now.

    Raises:
        AddonError: no region could be started: no token, or no checkpoint store.
        StoppedError: the process was asked to stop before the regions were started.
    """
    cloud = clouds.cloud(plan.account.cloud)
    apis, startup_failures = apis_of(plan.own, cloud.name)
    if not apis:
        return PollResult((), startup_failures)
    token_caller = context.caller(cloud.authority_host, clock=context.clock)
    tokens = TokenSource(plan.account, cloud, token_caller, context.caller)
    bearers = {region: ResourceBearer(tokens, api.audience, api.errors.resource_hint) for region, api in apis.items()}
    # Without a token nothing is read.
    next(iter(bearers.values())).token()
    documents = context.store.checkpoints_of(plan.kind.name, plan.polling.name)
    known = plan.account.tenant_guid or tenant_of(plan.account.tenant_id, cloud.name, documents)
    tenant = known or tokens.tenant()
    _warn_of_another_tenant(documents, tenant, plan, context.log)
    start = parse_start(plan.polling.start_time, token_caller.clock.now())
    generations: dict[str, int] = {}

    def collector(region: str, *, again: bool = False) -> RegionCollector | None:
        """The collector of a region; None if it can't start, or if the work is left to another process."""
        api, key = apis[region], CheckpointKey(plan.kind.name, plan.polling.name, tenant, cloud.name, region)
        try:
            found = context.store.checkpoints_of(plan.kind.name, plan.polling.name) if again else documents
            checkpoint = find_checkpoint(key, found, start)
        except CheckpointError as error:
            startup_failures[region] = error
            return None
        checkpoint.typed_tenant = plan.account.tenant_id
        if again and (not checkpoint.revision or checkpoint.generation != generations[region]):
            # The checkpoint was reset or its input deleted, and a new input of that name may have started, with another
            # index or account. Leave the work to it.
            return None
        generations[region] = checkpoint.generation
        _warn_of_future_start(plan, checkpoint, token_caller.clock.now(), context.log)
        recollection = None
        try:
            ordered = find_recollection(key, what_counts(found))
            if ordered is not None and ordered.versions:
                recollection = PendingRecollection(ordered, checkpoint, context.store, context.log)
        except CheckpointError as error:
            # Alerts that were missed once must not keep new ones from being collected.
            startup_failures[region] = error
        caller = context.caller(api.host, api.limits)
        caller.clock.follow(token_caller.clock)
        _log_start(plan, checkpoint, api, context.log)
        job = RegionJob(
            api,
            CheckpointWriter(
                checkpoint, context.store, context.writer, caller.clock.now, has_older=has_older(checkpoint, found)
            ),
            Origin(
                stanza=plan.stanza,
                index=plan.polling.index,
                source=key.source,
                sourcetype=plan.kind.sourcetype,
                host=api.host,
                split_sourcetype=plan.kind.split_sourcetype,
            ),
            caller=caller,
            bearer=bearers[region],
            sink=context.sink,
            log=context.log,
            overlap=seconds(plan.polling.overlap),
            interval=seconds(seconds_between_runs(plan.polling.interval)),
            recollection=recollection,
            split_alerts=DeliveredSplitAlerts(key, checkpoint.generation, context.store)
            if plan.kind.split_sourcetype
            else None,
        )
        return RegionCollector(job)

    collectors = [collector(region) for region in apis]
    context.begun.set()
    outcomes = collect_side_by_side([one for one in collectors if one], context.stop, context.log)
    taken = [one.collector.region for one in outcomes if one.outcome == "taken"]
    if taken and not context.stop.wait(LONGEST_HANDOVER / 2):
        before = _saved_by(plan, context, startup_failures, taken)
        if before and not context.stop.wait(LONGEST_HANDOVER / 2):
            after = _saved_by(plan, context, startup_failures, taken)
            left = [region for region in taken if region in after and after[region] == before.get(region)]
            going_on = [collector(region, again=True) for region in left]
            outcomes += collect_side_by_side([one for one in going_on if one], context.stop, context.log)
    return PollResult(tuple(outcomes), startup_failures)


def _saved_by(
    plan: Plan, context: PollContext, startup_failures: dict[str, AddonError], regions: Sequence[str]
) -> dict[str, set[tuple[str, int]]]:
    """The writer and revision of these regions' checkpoints; empty, and their failure, if it can't be read."""
    try:
        latest = latest_checkpoints(context.store.checkpoints_of(plan.kind.name, plan.polling.name))
    except CheckpointError as error:
        startup_failures.update(dict.fromkeys(regions, error))
        return {}
    return {
        region: {who_saved(document) for key, document in latest.items() if key.region == region} for region in regions
    }


def _log_start(plan: Plan, checkpoint: Checkpoint, api: Api, log: logging.Logger) -> None:
    started = key_values(
        action="region_started",
        input=checkpoint.key.input,
        region=checkpoint.key.region,
        api_host=api.host,
        account=plan.account.name,
        tenant=checkpoint.key.tenant,
        read_from=iso(checkpoint.settled),
        watermark=iso(checkpoint.watermark),
    )
    log.info("%s", started)


def _warn_of_future_start(plan: Plan, checkpoint: Checkpoint, now: int, log: logging.Logger) -> None:
    """Warn of a start time in the future: it is no error, since it may be intended."""
    if checkpoint.watermark <= now or checkpoint.watermark != parse_start(plan.polling.start_time, now):
        return
    log.warning(
        "input=%s region=%s start_time is %s, and it is %s now: nothing is collected before that time has come. "
        "Correct start_time under Inputs, unless that is meant.",
        plan.polling.name,
        checkpoint.key.region,
        plan.polling.start_time,
        iso(now),
    )


def _warn_of_another_tenant(
    documents: Sequence[Mapping[str, Any]], tenant: str, plan: Plan, log: logging.Logger
) -> None:
    """Warn, once, that another tenant or cloud has a checkpoint of its own."""
    belongings = {(key.tenant, key.cloud) for key in latest_checkpoints(documents)}
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
