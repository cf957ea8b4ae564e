"""Compares Microsoft's alerts of a time range with the indexed events.

It writes nothing, except on request a ``Recollection`` of what is missing, and only if nothing makes the comparison
doubtful: an alert that is not really missing would be indexed twice.

Memory is flat: only the identities and times of the versions that are compared at once are kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Callable, Protocol

from defender_alerts.checkpoint.checkpoint import (
    Checkpoint,
    CheckpointKey,
    CheckpointStore,
    find_checkpoint,
    latest_checkpoints,
)
from defender_alerts.checkpoint.versions import Seen, fingerprint
from defender_alerts.collect.page import CutShortError, RecordVersion
from defender_alerts.collect.reader import DeliveryMode, RegionReader
from defender_alerts.collect.recollection import MOST_ORDERED, Recollection, find_recollection
from defender_alerts.errors import AddonError, ConfigurationError
from defender_alerts.input_kinds import Kind
from defender_alerts.microsoft import clouds
from defender_alerts.microsoft.account import Account
from defender_alerts.microsoft.apis.base import Api, OwnSettings, apis_of
from defender_alerts.microsoft.tokens import ResourceBearer, TokenSource
from defender_alerts.microsoft.transport.client import Callers
from defender_alerts.times import TICKS_PER_SECOND, iso, seconds

# Most versions of the API that one search is compared with.
MOST_COMPARED = 10_000
# Splunk may round an event's time: the search covers a little more, and the record's own time decides.
_ROUNDING = seconds(1)

MISSING, REPEATED = "missing", "repeated"


class SearchFailedError(AddonError):
    """The search failed, or its answer can't be used."""

    exit_status = 3


class Index(Protocol):
    """The indexed events. Each method raises ``SearchFailedError``."""

    @property
    def warnings(self) -> Sequence[str]:
        """Splunk's warnings so far, which make its answers doubtful."""

    def versions(self, source: str, start: int, end: int) -> Iterable[tuple[Mapping[str, Any], int]]:
        """The versions of a source between two times in ticks: the identifying members, and the event count.

        Raises:
            CutShortError: there may be more than the answer holds.
        """

    def has_any(self, source: str) -> bool:
        """Whether there is any event of that source."""


@dataclass(frozen=True)
class Discrepancy:
    """A version that is not indexed, or more than once: ``what`` is ``MISSING`` or ``REPEATED``; ``time`` in ticks."""

    what: str
    region: str
    identity: str
    time: int
    count: int


@dataclass
class RegionReport:
    """The result of the audit in one region.

    Attributes:
        region: the region.
        start: the first time compared, in ticks.
        end: the last time compared, exclusive; earlier than requested if later alerts are not due yet.
        host: the API host.
        existing: versions that the API returns.
        indexed: versions that Splunk has.
        missing: existing versions that Splunk does not have.
        repeated: versions that Splunk has more than once.
        gone: indexed versions that the API no longer returns, or not with the input's current filters.
        unidentified: records of the API that can't be compared.
        unreadable: events in Splunk that can't be compared.
        doubts: why the comparison may be wrong.
        ordered: how many missing versions will be collected again.
        note: a remark about collecting again.
        failure: the error that ended the audit of this region early.
    """

    region: str
    start: int
    end: int
    host: str = ""
    existing: int = 0
    indexed: int = 0
    missing: int = 0
    repeated: int = 0
    gone: int = 0
    unidentified: int = 0
    unreadable: int = 0
    doubts: list[str] = field(default_factory=list)
    ordered: int = 0
    note: str = ""
    failure: AddonError | None = None

    @property
    def exit_status(self) -> int:
        """0 if the region is complete, 1 if not; after a failure, its exit status."""
        if self.failure is not None:
            return self.failure.exit_status
        return 1 if self.missing or self.repeated else 0


@dataclass(frozen=True)
class AuditRequest:
    """What to compare; ``start`` (inclusive) and ``end`` (exclusive) in ticks."""

    kind: Kind
    input: str
    own: OwnSettings
    account: Account
    start: int
    end: int
    collect: bool = False


@dataclass(frozen=True)
class AuditContext:
    """Everything that an audit needs from outside.

    Attributes:
        caller: makes a caller for a host; its log, clock and stop event are those of the audit.
        store: holds the input's checkpoints.
        index: the indexed events.
        found: called with each finding as soon as it is certain.
        grace: seconds that Splunk may take to index what it received before the audit.
    """

    caller: Callers
    store: CheckpointStore
    index: Index
    found: Callable[[Discrepancy], None]
    grace: float


def audit(question: AuditRequest, context: AuditContext) -> Iterator[RegionReport]:
    """Yield the report of each region, as soon as it is done.

    Raises:
        AddonError: no region could be started: wrong range, no token, or no checkpoint store.
        StoppedError: the process was asked to stop.
    """
    if question.start >= question.end:
        raise ConfigurationError(
            f"The range from {iso(question.start)} to {iso(question.end)} is empty. Give an end later than the start."
        )
    cloud = clouds.cloud(question.account.cloud)
    apis, wrong = apis_of(question.own, cloud.name)
    for region, failure in wrong.items():
        yield RegionReport(region, question.start, question.end, failure=failure)
    if not apis:
        return
    tokens = TokenSource(question.account, cloud, context.caller(cloud.authority_host), context.caller)
    bearers = {region: ResourceBearer(tokens, api.audience, api.errors.resource_hint) for region, api in apis.items()}
    # Without a token the audit ends here.
    next(iter(bearers.values())).token()
    tenant = tokens.tenant()
    documents = context.store.checkpoints_of(question.kind.name, question.input)
    ready_at = context.caller.monotonic() + context.grace
    for region, api in apis.items():
        report = RegionReport(region, question.start, question.end, api.host)
        key = CheckpointKey(question.kind.name, question.input, tenant, cloud.name, region)
        try:
            checkpoint = _checkpoint(key, documents, question)
            report.end = min(question.end, checkpoint.settled)
            reader = RegionReader(api, context.caller(api.host, api.limits), bearers[region], context.caller.log)
            _RegionAudit(key, api, reader, context, ready_at, report).run(checkpoint, collect=question.collect)
        except AddonError as error:
            report.failure = error
        yield report


def _checkpoint(key: CheckpointKey, documents: Sequence[Mapping[str, Any]], question: AuditRequest) -> Checkpoint:
    """The checkpoint of a region: up to its ``settled``, everything should be indexed."""
    if key not in latest_checkpoints(documents):
        raise ConfigurationError(
            f"The input {key.input} has not collected the region {key.region} of the tenant {key.tenant} yet: there is "
            "nothing to compare. Enable it, let it run, and look into its log if it does not."
        )
    checkpoint = find_checkpoint(key, documents, 0)
    if checkpoint.settled <= question.start:
        raise ConfigurationError(
            f"The input has collected the region {checkpoint.key.region} for good only up to "
            f"{iso(checkpoint.settled)}; later alerts are not due yet. Give an earlier range, or let the input run "
            "first."
        )
    return checkpoint


@dataclass
class _RegionAudit:
    """The audit of one region, and the recipient of what is read for it.

    Attributes:
        ready_at: when Splunk should have indexed what it received before the audit, by the monotonic clock.
        noted: what was read of the current span: time and identity by fingerprint.
        missing: the missing versions that can be ordered.
    """

    key: CheckpointKey
    api: Api
    reader: RegionReader
    context: AuditContext
    ready_at: float
    report: RegionReport
    noted: dict[bytes, tuple[int, str]] = field(default_factory=dict)
    missing: Seen = field(default_factory=Seen)

    def receive(self, versions: Iterator[RecordVersion], mode: DeliveryMode) -> None:
        """Note the versions; any of them may come again, for instance after a window has been narrowed."""
        del mode
        self.noted.update(
            (one.version.fingerprint, (one.version.time, one.identity)) for one in versions if one.identity
        )

    def window_complete(self) -> int:
        """Do nothing: versions are noted on arrival."""
        return 0

    def run(self, checkpoint: Checkpoint, *, collect: bool) -> None:
        report = self.report
        existing: dict[bytes, tuple[int, str]] = {}
        begun = start = report.start
        self.context.caller.log.info("Region %s: asking Microsoft from %s on ...", report.region, iso(start))
        while start < report.end:
            self.noted.clear()
            span = self.reader.read(start, report.end, self)
            # Versions before or after the span belong to another one.
            existing.update(
                (mark, one) for mark, one in self.noted.items() if start <= one[0] < max(span.end, start + 1)
            )
            start = span.end
            if len(existing) >= MOST_COMPARED or start >= report.end or span.is_last:
                self._compare(existing, begun, start)
                existing.clear()
                begun = start
            if span.is_last:
                break
        report.unidentified = self.reader.asked.unidentified
        self._doubt()
        if collect and report.missing:
            self._order(checkpoint.generation)

    def _compare(self, existing: Mapping[bytes, tuple[int, str]], start: int, end: int) -> None:
        report = self.report
        indexed, unreadable = self._indexed(start, end)
        wait = self.ready_at - self.context.caller.monotonic()
        if existing.keys() - indexed.keys() and wait > 0:
            # Events that Splunk received just before the audit may not be searchable yet.
            self.context.caller.log.info("Waiting %.0f s for Splunk to index what it has just been given ...", wait)
            self.context.caller.stop.wait(wait)
            indexed, unreadable = self._indexed(start, end)
        missing = existing.keys() - indexed.keys()
        if missing and not (report.indexed or indexed or self.context.index.has_any(self.key.source)):
            # Everything would count as missing for a user who may not see the events.
            raise SearchFailedError(
                f"Splunk shows this user no event at all of the source {self.key.source}, so nothing can be "
                "compared. Search on a search head (--search-head), as a user whose role may search the input's index."
            )
        report.existing += len(existing)
        report.indexed += len(indexed)
        report.gone += len(indexed.keys() - existing.keys())
        report.unreadable += unreadable
        report.missing += len(missing)
        for mark, (time, identity) in existing.items():
            if mark in missing:
                self.context.found(Discrepancy(MISSING, report.region, identity, time, 0))
                if len(self.missing) < MOST_ORDERED:
                    self.missing.add(mark, time)
        for identity, time, count in indexed.values():
            if count > 1:
                report.repeated += 1
                self.context.found(Discrepancy(REPEATED, report.region, identity, time, count))

    def _indexed(self, start: int, end: int) -> tuple[dict[bytes, tuple[str, int, int]], int]:
        """The versions that Splunk has of a span, by fingerprint: identity, time, and how many events.

        Returns:
            them, and the number of events that don't tell which version they are.
        """
        indexed: dict[bytes, tuple[str, int, int]] = {}
        unreadable = 0
        spans = [(start, end)]
        while spans:
            start, end = spans.pop()
            try:
                rows = list(self.context.index.versions(self.key.source, start - _ROUNDING, end + _ROUNDING))
            except CutShortError:
                if end - start <= TICKS_PER_SECOND:
                    raise SearchFailedError(
                        f"Splunk has more different alerts of the region {self.report.region} at {iso(start)} than a "
                        "search returns. Audit the time before and the time after it."
                    ) from None
                middle = (start + end) // 2
                spans += [(middle, end), (start, middle)]
                continue
            for members, count in rows:
                try:
                    identity, time = self.api.identify(members)
                except ValueError:
                    unreadable += count
                    continue
                if start <= time < end:
                    mark = fingerprint(identity, time)
                    _, _, before = indexed.get(mark, (identity, time, 0))
                    indexed[mark] = (identity, time, before + count)
        return indexed, unreadable

    def _doubt(self) -> None:
        report = self.report
        if report.missing and report.unreadable:
            report.doubts.append(
                f"{report.unreadable} events of the range don't tell which alert they are: some of the missing alerts "
                "may be among them."
            )
        report.doubts += [f"Splunk remarks: {warning}" for warning in self.context.index.warnings]

    def _order(self, generation: int) -> None:
        report = self.report
        if report.doubts:
            report.note = "Nothing was ordered: what is not really missing would come twice."
            return
        earlier = find_recollection(self.key, self.context.store.checkpoints_of(self.key.kind, self.key.input))
        if earlier is not None and earlier.versions:
            report.note = (
                f"Nothing was ordered: {len(earlier.versions)} alerts of an earlier order have yet to be collected. "
                "Let the input run, and audit again."
            )
            return
        self.context.store.save(Recollection(self.key, generation, self.missing, ordered=len(self.missing)).document())
        report.ordered = len(self.missing)
        report.note = "The input collects them at the end of its next run."
        if report.missing > report.ordered:
            report.note += f" It takes {MOST_ORDERED} at a time: audit again then for the others."
