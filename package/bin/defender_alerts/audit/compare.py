"""Compares what Microsoft's API shows of a range of time with what is indexed.

Read-only, but for the order to collect again what is missing (``orders``), which is written only if it is asked for and
nothing makes the comparison doubtful: an alert that is taken for missing and is not would come twice.

Memory is flat: of each version the identity and the time are kept, of so many versions as are compared at once.
"""

from __future__ import annotations

import logging
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
from defender_alerts.errors import AddonError, CheckpointError, ConfigurationError
from defender_alerts.input_kinds import Kind
from defender_alerts.microsoft import clouds
from defender_alerts.microsoft.account import Account
from defender_alerts.microsoft.apis.base import Api, OwnSettings, apis_of
from defender_alerts.microsoft.tokens import ResourceBearer, TokenSource
from defender_alerts.microsoft.transport.client import Callers, Stop
from defender_alerts.times import TICKS_PER_SECOND, iso, seconds

# So many versions of the API are compared with one search.
MOST_COMPARED = 10_000
# Splunk's time of an event may be rounded: it is asked for a little more, and the record's own time decides.
_ROUNDING = seconds(1)

MISSING, REPEATED = "missing", "repeated"


class SearchFailedError(AddonError):
    """Splunk did not answer the search, or not with what it was asked for."""

    exit_status = 3


class Index(Protocol):
    """What is indexed. Each method raises ``SearchFailedError``."""

    @property
    def warnings(self) -> Sequence[str]:
        """What Splunk has remarked so far that makes its answers doubtful."""

    def versions(self, source: str, start: int, end: int) -> Iterable[tuple[Mapping[str, Any], int]]:
        """The events of a source whose time lies between two times in ticks: members that identify one, and how often.

        Raises:
            CutShortError: there may be more than an answer holds.
        """

    def has_any(self, source: str) -> bool:
        """Whether there is an event of that source at all."""


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
    """What the audit found in one region.

    Attributes:
        start: the first time compared, in ticks.
        end: the time up to which was compared; earlier than asked for, where later alerts are not due yet.
        existing: versions that the API shows.
        indexed: versions that Splunk has.
        missing: existing ones that Splunk has not.
        repeated: versions that Splunk has more than once.
        gone: indexed ones that the API does not show, any more or with the input's filters of today.
        unidentified: records of the API that can't be compared.
        unreadable: events in Splunk that can't be compared.
        doubts: why the comparison may be wrong.
        ordered: how many missing ones have been ordered to be collected again.
        note: what is to be said of the order.
        failure: what ended the audit of this region early.
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
        """0 for a region that is complete, 1 for one that is not, a failure's own."""
        if self.failure is not None:
            return self.failure.exit_status
        return 1 if self.missing or self.repeated else 0


@dataclass(frozen=True)
class AuditRequest:
    """What is to be compared; ``start`` (inclusive) and ``end`` (exclusive) in ticks."""

    kind: Kind
    input: str
    own: OwnSettings
    account: Account
    start: int
    end: int
    collect: bool = False


@dataclass(frozen=True)
class AuditContext:
    """What an audit is given to work with.

    Attributes:
        caller: makes a caller for a host.
        store: of the input's checkpoints and orders.
        index: what to compare with.
        stop: ends every wait.
        found: is told each finding as soon as it is certain.
        grace: seconds that Splunk may take to index what it was given before the audit began.
    """

    caller: Callers
    store: CheckpointStore
    index: Index
    stop: Stop
    found: Callable[[Discrepancy], None]
    log: logging.Logger
    grace: float
    monotonic: Callable[[], float]


def audit(question: AuditRequest, context: AuditContext) -> Iterator[RegionReport]:
    """Yield the report of each region, as soon as it is done.

    Raises:
        AddonError: no region could be begun: wrong range, no token, or no store of checkpoints.
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
    tokens = TokenSource(question.account, cloud, context.caller(cloud.authority_host))
    bearers = {region: ResourceBearer(tokens, api.audience, api.errors.resource_hint) for region, api in apis.items()}
    # Where no token is to be had, that is what is said.
    next(iter(bearers.values())).token()
    tenant = tokens.tenant()
    documents = context.store.checkpoints_of(question.kind.name, question.input)
    ready_at = context.monotonic() + context.grace
    for region, api in apis.items():
        report = RegionReport(region, question.start, question.end, api.host)
        key = CheckpointKey(question.kind.name, question.input, tenant, cloud.name, region)
        try:
            checkpoint = _checkpoint(key, documents)
            report.end = _due(checkpoint, question)
            reader = RegionReader(api, context.caller(api.host, api.limits), bearers[region], context.log)
            region_audit = _RegionAudit(key, api, reader, context=context, ready_at=ready_at, report=report)
            region_audit.run(checkpoint, collect=question.collect)
        except AddonError as error:
            report.failure = error
        yield report


def _checkpoint(key: CheckpointKey, documents: Sequence[Mapping[str, Any]]) -> Checkpoint:
    if key not in latest_checkpoints(documents):
        raise ConfigurationError(
            f"The input {key.input} has not collected the region {key.region} of the tenant {key.tenant} yet: there is "
            "nothing to compare. Enable it, let it run, and look into its log if it does not."
        )
    return find_checkpoint(key, documents, 0)


def _due(checkpoint: Checkpoint, question: AuditRequest) -> int:
    """Up to when everything should be there: what was collected later than its overlap."""
    if checkpoint.settled <= question.start:
        raise ConfigurationError(
            f"The input has collected the region {checkpoint.key.region} for good only up to "
            f"{iso(checkpoint.settled)}; later alerts are not due yet. Give an earlier range, or let the input run "
            "first."
        )
    return min(question.end, checkpoint.settled)


@dataclass
class _Look:
    """What one look into Splunk has shown of a stretch of time."""

    found: set[bytes] = field(default_factory=set)
    repeated: list[tuple[str, int, int]] = field(default_factory=list)
    indexed: int = 0
    gone: int = 0
    unreadable: int = 0


class _Noted:
    """Notes which versions a region's reader reads: time and identity by fingerprint."""

    def __init__(self) -> None:
        self._noted: dict[bytes, tuple[int, str]] = {}

    def receive(self, versions: Iterator[RecordVersion], mode: DeliveryMode) -> None:
        # Any version may come again, for instance after a window has been narrowed.
        del mode
        self._noted.update(
            (one.version.fingerprint, (one.version.time, one.identity)) for one in versions if one.identity
        )

    def window_complete(self) -> None:
        """Do nothing: versions are noted on arrival."""

    def taken(self) -> dict[bytes, tuple[int, str]]:
        """What has been noted since the last time."""
        noted, self._noted = self._noted, {}
        return noted


class _RegionAudit:
    def __init__(
        self,
        key: CheckpointKey,
        api: Api,
        reader: RegionReader,
        *,
        context: AuditContext,
        ready_at: float,
        report: RegionReport,
    ) -> None:
        self._key = key
        self._api = api
        self._reader = reader
        self._context = context
        self._ready_at = ready_at
        self._report = report
        self._missing = Seen()

    def run(self, checkpoint: Checkpoint, *, collect: bool) -> None:
        report = self._report
        existing: dict[bytes, tuple[int, str]] = {}
        noted = _Noted()
        begun = start = report.start
        self._context.log.info("Region %s: asking Microsoft from %s on ...", report.region, iso(start))
        while start < report.end:
            span = self._reader.read(start, report.end, noted)
            # What lies before or behind is another stretch's.
            existing.update(
                (mark, one) for mark, one in noted.taken().items() if start <= one[0] < max(span.end, start + 1)
            )
            start = span.end
            if len(existing) >= MOST_COMPARED or start >= report.end or span.is_last:
                self._compare(existing, begun, start)
                existing.clear()
                begun = start
            if span.is_last:
                break
        report.unidentified = self._reader.asked.unidentified
        self._doubt()
        if collect and report.missing:
            self._order(checkpoint.generation)

    def _compare(self, existing: Mapping[bytes, tuple[int, str]], start: int, end: int) -> None:
        look = self._look(existing, start, end)
        if len(look.found) < len(existing):
            # What Splunk took just before the audit may be on its way into the index.
            wait = self._ready_at - self._context.monotonic()
            if wait > 0:
                self._context.log.info("Waiting %.0f s for Splunk to index what it has just been given ...", wait)
                self._context.stop.wait(wait)
                look = self._look(existing, start, end)
        report = self._report
        if len(look.found) < len(existing) and not (report.indexed or look.indexed):
            self._require_to_see()
        report.existing += len(existing)
        report.indexed += look.indexed
        report.gone += look.gone
        report.unreadable += look.unreadable
        report.repeated += len(look.repeated)
        report.missing += len(existing) - len(look.found)
        for mark, (time, identity) in existing.items():
            if mark not in look.found:
                self._context.found(Discrepancy(MISSING, report.region, identity, time, 0))
                if len(self._missing) < MOST_ORDERED:
                    self._missing.add(mark, time)
        for identity, time, count in look.repeated:
            self._context.found(Discrepancy(REPEATED, report.region, identity, time, count))

    def _require_to_see(self) -> None:
        """Make sure that Splunk shows any event of the source: else everything would be taken for missing."""
        if self._context.index.has_any(self._key.source):
            return
        raise SearchFailedError(
            f"Splunk shows this user no event at all of the source {self._key.source}, so nothing can be "
            "compared. Search on a search head (--search-head), as a user whose role may search the input's index."
        )

    def _look(self, existing: Mapping[bytes, Any], start: int, end: int) -> _Look:
        look = _Look()
        spans = [(start, end)]
        while spans:
            start, end = spans.pop()
            try:
                rows = list(self._context.index.versions(self._key.source, start - _ROUNDING, end + _ROUNDING))
            except CutShortError:
                if end - start <= TICKS_PER_SECOND:
                    raise SearchFailedError(
                        f"Splunk has more different alerts of the region {self._report.region} at {iso(start)} than a "
                        "search returns. Audit the time before and the time after it."
                    ) from None
                middle = (start + end) // 2
                spans += [(middle, end), (start, middle)]
                continue
            for row in rows:
                self._see(look, row, (start, end), existing)
        return look

    def _see(
        self, look: _Look, row: tuple[Mapping[str, Any], int], span: tuple[int, int], existing: Mapping[bytes, Any]
    ) -> None:
        members, count = row
        try:
            identity, time = self._api.identify(members)
        except ValueError:
            look.unreadable += count
            return
        if not span[0] <= time < span[1]:
            return
        mark = fingerprint(identity, time)
        look.indexed += 1
        if mark in existing:
            look.found.add(mark)
        else:
            look.gone += 1
        if count > 1:
            look.repeated.append((identity, time, count))

    def _doubt(self) -> None:
        report = self._report
        if report.missing and report.unreadable:
            report.doubts.append(
                f"{report.unreadable} events of the range don't tell which alert they are: some of the missing alerts "
                "may be among them."
            )
        report.doubts += [f"Splunk remarks: {warning}" for warning in self._context.index.warnings]

    def _order(self, generation: int) -> None:
        report = self._report
        if report.doubts:
            report.note = "Nothing was ordered: what is not really missing would come twice."
            return
        try:
            kept = self._context.store.checkpoints_of(self._key.kind, self._key.input)
            earlier = find_recollection(self._key, kept)
        except CheckpointError as error:
            report.failure = error
            return
        if earlier is not None and earlier.is_pending:
            report.note = (
                f"Nothing was ordered: {len(earlier.versions)} alerts of an earlier order have yet to be collected. "
                "Let the input run, and audit again."
            )
            return
        self._context.store.save(
            Recollection(self._key, generation, self._missing, ordered=len(self._missing)).document()
        )
        report.ordered = len(self._missing)
        report.note = "The input collects them at the end of its next run."
        if report.missing > report.ordered:
            report.note += f" It takes {MOST_ORDERED} at a time: audit again then for the others."
