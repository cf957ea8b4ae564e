"""One run of one input, from what splunkd hands over on standard input to the exit status."""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

from defender_alerts import clouds
from defender_alerts.auth import ResourceBearer, TokenSource
from defender_alerts.collector import RegionCollector, RegionJob
from defender_alerts.errors import (
    AddonError,
    CheckpointError,
    ConfigurationError,
    StoppedError,
    StreamClosedError,
    exit_status,
)
from defender_alerts.events import Origin, XmlStream
from defender_alerts.http.calls import Caller, Stop
from defender_alerts.http.clock import ServerClock
from defender_alerts.http.session import open_session, trust
from defender_alerts.place import Place, PlaceKey
from defender_alerts.regions import RegionOutcome, collect_side_by_side
from defender_alerts.settings import Account, Network, Polling, read_polling, too_short
from defender_alerts.times import iso, machine_time, parse_start, seconds

from .kinds import KINDS, Kind
from .kvstore import KVStorePlaces
from .log import LEVELS, Redaction, key_values, open_log, report
from .saved import load_account, load_settings
from .splunkd import Splunkd, SplunkdError


def validate(kind_name: str, definition: Any) -> None:
    """Check an input's fields as splunkd asks it to when one is created or edited.

    Raises:
        ConfigurationError: a field is wrong; splunkd shows the sentence.
    """
    stanza = dict(definition.parameters)
    name = str(definition.metadata.get("name") or "")
    read_polling(name, stanza)
    KINDS[kind_name].read(name, stanza)


def run(kind_name: str, definition: Any, out: BinaryIO) -> int:
    """Run the input that ``definition`` (``splunklib``'s ``InputDefinition``) describes; return the exit status."""
    status = 0
    for stanza_name, stanza in definition.inputs.items():
        input_run = _InputRun(KINDS[kind_name], stanza_name, stanza, definition.metadata, out)
        status = max(status, input_run.run())
    return status


@dataclass(frozen=True)
class _Connection:
    """What the regions of a run share on their way to Microsoft."""

    network: Network
    trusted: Any
    stop: Stop
    log: logging.Logger

    def caller(self, host: str) -> Caller:
        return Caller(
            open_session(self.network, self.trusted, host),
            timeout=self.network.timeout,
            clock=ServerClock(machine_time, time.monotonic),
            stop=self.stop,
            log=self.log,
        )


class _InputRun:
    def __init__(
        self,
        kind: Kind,
        stanza_name: str,
        stanza: Mapping[str, str],
        metadata: Mapping[str, str],
        out: BinaryIO,
    ) -> None:
        self._kind = kind
        self._stanza_name = stanza_name
        self._name = stanza_name.partition("://")[2]
        self._stanza = stanza
        self._stop = threading.Event()
        self._redaction = Redaction()
        self._redaction.hide([metadata["session_key"]])
        self._log = open_log(f"ta_defender_alerts_{kind.name}_{self._name}", self._redaction)
        self._splunkd = Splunkd(metadata["server_uri"], metadata["session_key"])
        self._store = KVStorePlaces(self._splunkd, self._stop)
        self._stream = XmlStream(out)
        self._began = time.monotonic()

    def run(self) -> int:
        """Run to the end, whatever happens; the stream is closed and the sentence logged."""
        try:
            failures = self._run()
        except StoppedError:
            failures = []
        except AddonError as error:
            self._fail(error)
            failures = [error]
        except SplunkdError as error:
            failure = ConfigurationError(f"splunkd does not give the settings ({error}). See splunkd.log.")
            self._fail(failure)
            failures = [failure]
        finally:
            try:
                self._stream.close()
            except StreamClosedError as error:
                self._log.debug("%s", error)
        status = exit_status(failures)
        self._log.info(
            "%s",
            key_values(
                action="run_done",
                input=self._name,
                outcome="stopped" if self._stop.is_set() else "failed" if failures else "done",
                exit_status=status,
                seconds=time.monotonic() - self._began,
            ),
        )
        return status

    def _run(self) -> list[AddonError]:
        self._listen_for_stop()
        polling = read_polling(self._name, self._stanza)
        own = self._kind.read(self._name, self._stanza)
        self._mind_the_interval(polling)
        saved = load_settings(self._splunkd)
        if saved.loglevel in LEVELS:
            self._log.setLevel(saved.loglevel)
        account = load_account(self._splunkd, polling.account)
        self._redaction.hide([self._splunkd.session_key, account.client_secret, *_proxy_secrets(saved.network)])

        connection = _Connection(saved.network, trust(saved.network.ca_pem), self._stop, self._log)
        cloud = clouds.cloud(account.cloud)
        token_caller = connection.caller(cloud.authority_host)
        tokens = TokenSource(account, cloud, token_caller)
        tenant = tokens.acquire(own.resource, self._kind.resource_hint(own.resource)).tenant

        documents = self._store.places_of(self._kind.name, self._name)
        self._tell_other_places(documents, tenant, account)
        start = parse_start(polling.start_time, token_caller.clock.now())
        collectors: list[RegionCollector] = []
        failures: list[AddonError] = []
        for region in own.regions:
            try:
                api = self._kind.in_region(region, account.cloud, own)
                key = PlaceKey(self._kind.name, self._name, tenant, account.cloud, region)
                place = _place(key, documents, start)
            except (ConfigurationError, CheckpointError) as error:
                self._fail(error, region=region)
                failures.append(error)
                continue
            caller = connection.caller(api.host)
            caller.clock.follow(token_caller.clock)
            self._log.info(
                "%s",
                key_values(
                    action="region_started",
                    input=self._name,
                    region=region,
                    host=api.host,
                    account=account.name,
                    tenant=tenant,
                    read_from=iso(place.settled),
                    watermark=iso(place.watermark),
                ),
            )
            collectors.append(
                RegionCollector(
                    RegionJob(api, place, self._origin(polling, tenant, region, api.host), seconds(polling.overlap)),
                    caller=caller,
                    bearer=ResourceBearer(tokens, own.resource, self._kind.resource_hint(own.resource)),
                    store=self._store,
                    sink=self._stream,
                    log=self._log,
                )
            )
        outcomes = collect_side_by_side(collectors, self._stop, self._log)
        for outcome in outcomes:
            self._tell(outcome, polling, account)
        return failures + [outcome.failure for outcome in outcomes if outcome.failure is not None]

    def _listen_for_stop(self) -> None:
        from solnlib.orphan_process_monitor import OrphanProcessMonitor
        from solnlib.utils import handle_teardown_signals

        handle_teardown_signals(lambda *_: self._stop.set())
        OrphanProcessMonitor(self._stop.set).start()

    def _mind_the_interval(self, polling: Polling) -> None:
        wait = too_short(polling.interval)
        if not wait:
            return
        self._log.warning(
            "input=%s the interval %s is shorter than 60 s and counts as 60: this run waits %d s. Correct interval in "
            "inputs.conf.",
            self._name,
            polling.interval,
            wait,
        )
        if self._stop.wait(wait):
            raise StoppedError

    def _tell_other_places(self, documents: Sequence[Mapping[str, Any]], tenant: str, account: Account) -> None:
        others = {
            (str(document.get("tenant")), str(document.get("cloud")))
            for document in documents
            if (document.get("tenant"), document.get("cloud")) != (tenant, account.cloud)
        }
        mine = any((document.get("tenant"), document.get("cloud")) == (tenant, account.cloud) for document in documents)
        if others and not mine:
            self._log.warning(
                "input=%s collects the tenant %s in the cloud %s for the first time; it collected %s before. The new "
                "tenant is collected from start_time on, and the old one's place is kept.",
                self._name,
                tenant,
                account.cloud,
                ", ".join(f"{other} ({cloud})" for other, cloud in sorted(others)),
            )

    def _origin(self, polling: Polling, tenant: str, region: str, host: str) -> Origin:
        return Origin(
            stanza=self._stanza_name,
            index=polling.index,
            source=f"{self._kind.name}:{tenant}:{region}:{self._name}",
            sourcetype=self._kind.sourcetype,
            host=host,
        )

    def _tell(self, outcome: RegionOutcome, polling: Polling, account: Account) -> None:
        collector = outcome.collector
        if outcome.failure is not None:
            self._fail(outcome.failure, region=collector.region)
        self._log.info(
            "%s",
            key_values(
                action="region_done",
                input=self._name,
                outcome=outcome.outcome,
                **collector.story(outcome.seconds),
            ),
        )
        if collector.tally.new:
            from solnlib.log import events_ingested

            events_ingested(
                self._log,
                self._stanza_name,
                self._kind.sourcetype,
                collector.tally.new,
                polling.index,
                account=account.name,
                host=collector.host,
            )

    def _fail(self, failure: AddonError, **where: str) -> None:
        report(self._log, failure, input=self._name, **where)
        # splunkd files what comes on standard error in splunkd.log, where it is found without knowing our log.
        sentence = self._redaction.clean(str(failure))
        sys.stderr.write(f"ERROR {self._stanza_name} {sentence}\n")


def _proxy_secrets(network: Network) -> Sequence[str]:
    return [network.proxy.password, network.proxy.url] if network.proxy and network.proxy.password else []


def _place(key: PlaceKey, documents: Sequence[Mapping[str, Any]], start: int) -> Place:
    document: Mapping[str, Any] | None = next(
        (document for document in documents if document.get("_key") == str(key)), None
    )
    return Place.first(key, start) if document is None else Place.from_document(key, document)
