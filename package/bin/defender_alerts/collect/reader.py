"""Reads a region window by window, each of them completely.

If an answer may have been cut short, its window is narrowed and requested again; only a single instant with too many
records is read page by page. Versions go to a recipient as they arrive, which keeps them until the window is known to
be complete. No order of the records is assumed.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from enum import Enum
from http import HTTPStatus
from typing import NamedTuple, Protocol

from defender_alerts.checkpoint.checkpoint import MARGIN
from defender_alerts.checkpoint.versions import Version
from defender_alerts.errors import (
    AccessDeniedError,
    AddonError,
    ConnectionFailedError,
    RefusedQueryError,
    StrainedError,
    StrangeLinkError,
    UnexpectedAnswerError,
    UnknownHostError,
)
from defender_alerts.microsoft.apis.base import Api, Query
from defender_alerts.microsoft.tokens import ResourceBearer
from defender_alerts.microsoft.transport.client import Answer, Caller, Refusal, Request
from defender_alerts.times import Window, seconds

from .page import CutShortError, PageReading, RecordVersion
from .windows import WindowWidth

# Graph returns links to pages without records: they are followed, but not forever.
MOST_PAGES = 1_000
# An instant whose records still move after this many readings is left to the next run.
MOST_READINGS = 3
# The most bytes of new versions that are kept until their answer is whole; a window with more is narrowed, however
# few its records. They make up most of the process's peak memory, and of what is read twice in a backlog.
LONGEST_ANSWER_KEPT = 6_000_000
# All times, in ticks.
_EVER = Window(0, seconds(253_402_214_400))
# Errors that expanding records may cause.
MAY_BE_THE_EXPANSION = (AccessDeniedError, ConnectionFailedError, StrainedError, UnexpectedAnswerError)


class DeliveryMode(Enum):
    """Whether versions may be delivered before their window is known to be complete."""

    AT_ONCE = "deliver on arrival: a single record, or an instant too full to be kept in memory"
    KEPT = "keep until the window is complete"


class Recipient(Protocol):
    """Takes the versions that a reader reads."""

    def receive(self, versions: Iterator[RecordVersion], mode: DeliveryMode) -> None:
        """Take one answer's versions as they arrive; any of them may come again, in this answer or a later one."""

    def window_complete(self) -> int:
        """Learn that the versions taken since the last call make up a complete window.

        Returns:
            how many bytes of them were kept.
        """


class Span(NamedTuple):
    """A span of time that was read, in ticks.

    Attributes:
        start: inclusive.
        end: exclusive; the span is complete up to here.
        is_last: the span reaches up to the server's present time.
        open: why it could not be read completely; empty if it was.
    """

    start: int
    end: int
    is_last: bool
    open: str = ""


class Asked:
    """What has been requested and received; ``start`` and ``end`` in ticks, the others are counts."""

    start = end = windows = received = broken = unidentified = 0

    def count(self, page: PageReading) -> None:
        """Add a complete answer."""
        self.received += page.received
        self.broken += page.broken
        self.unidentified += page.unidentified


class RegionReader:
    """Reads one region of one API.

    Args:
        api: the API to read.
        caller: calls its host.
        bearer: its tokens.
        log: notes narrowed windows and what can't be read.

    Attributes:
        asked: what has been requested and received.
    """

    def __init__(self, api: Api, caller: Caller, bearer: ResourceBearer, log: logging.Logger) -> None:
        self._full = api
        self._api = api
        self._caller = caller
        self._bearer = bearer
        self._log = log
        self._width = WindowWidth()
        # Times before this were read by a window of their own and are excluded from the next margin.
        self._floor = 0
        self._unexpanded_left = 0
        self._unexpanded_next = 1
        self.asked = Asked()

    def read(self, start: int, until: int, recipient: Recipient) -> Span:
        """Read from ``start`` as far as one answer reaches, but not beyond ``until``.

        Args:
            start: in ticks, inclusive.
            until: in ticks, exclusive, later than ``start``.
            recipient: takes the versions.

        Raises:
            StoppedError: the process was asked to stop.
            AddonError: the region can't be read.
        """
        full_instant: Window | None = None
        while True:
            window = full_instant or self._width.window(start, until)
            try:
                span = self._instant(window, recipient) if full_instant else self._one_answer(window, recipient)
            except CutShortError as cut:
                self._log.debug("region=%s window=%s outcome=cut_short", self._api.region, window)
                if self._is_cut_by_its_margin(window, cut.times):
                    self._floor = window.start
                elif self._width.can_narrow(window):
                    self._width.narrow(window, cut.times)
                else:
                    full_instant = window
            except UnknownHostError as error:
                raise UnknownHostError(f"{error} {self._api.errors.retirement}".strip()) from error
            except StrangeLinkError:
                raise
            except MAY_BE_THE_EXPANSION as error:
                self._ask_unexpanded(window, error)
            else:
                self._ask_for_all_again()
                return span

    def read_single(self, single: Api, recipient: Recipient) -> None:
        """Read one record by its own request.

        Raises:
            StoppedError: the process was asked to stop.
            RecordGoneError: the service does not show it.
            AddonError: it can't be read.
        """
        query = Query(_EVER)
        self._page(single.request(query), query, recipient, api=single)

    def _ask_unexpanded(self, window: Window, error: AddonError) -> None:
        """Request records without their expansion from now on, if that succeeds.

        Raises:
            AddonError: the given error, if the request without expansion fails as well: this is an outage.
        """
        expansion = self._api.expansion
        if expansion is None or self._api is not self._full:
            raise error
        unexpanded, query = expansion.unexpanded(), self._query(window)
        request = unexpanded.request(query)._replace(failures=1)
        try:
            self._page(request, query, _Counted(), api=unexpanded)
        except AddonError:
            raise error from None
        self._log.info(
            "region=%s %s gives its records, and fails when it is asked for what is inside them as well; that is asked "
            "for one by one. (%s)",
            self._api.region,
            self._api.host,
            error,
        )
        self._api = unexpanded
        # This may concern one record or the whole tenant: back off exponentially before expanding again.
        self._unexpanded_left = self._unexpanded_next
        self._unexpanded_next *= 2

    def _ask_for_all_again(self) -> None:
        """Request records with their expansion again once enough windows have been read without it."""
        if self._api is self._full:
            self._unexpanded_next = 1
            return
        self._unexpanded_left -= 1
        if not self._unexpanded_left:
            self._api = self._full

    def _is_cut_by_its_margin(self, window: Window, times: list[int]) -> bool:
        """Whether most of the answer's records belong to the margin, which the previous window has read."""
        narrowest_margin = window.start - self._api.slack
        return self._since(window) < narrowest_margin and bool(times) and _median(times) < window.start

    def _since(self, window: Window) -> int:
        """The start of the request for a window: a margin earlier.

        The margin of a window is never wider than the window itself: otherwise a full second before it would come again
        with each half, and narrowing would never end. Times before the floor are left out.
        """
        slack = self._api.slack
        since = window.start - min(MARGIN, max(window.width, slack))
        return since if since >= self._floor else min(self._floor, window.start - slack)

    def _query(self, window: Window) -> Query:
        return Query(Window(self._since(window), window.end))

    def _one_answer(self, window: Window, recipient: Recipient) -> Span:
        """Read a window that fits into one answer: all its records are on one page, whichever that is.

        Raises:
            CutShortError: the answer may have been cut short.
            AddonError: it can't be read.
        """
        query = self._query(window)
        most = self._api.most_records
        self._asked_for(window)
        first = with_records = page = self._page(self._api.request(query), query, recipient, most=most)
        links = set[str]()
        while (request := self._further(page, links)) is not None:
            if not with_records.received:
                with_records = page = self._page(request, query, recipient, most=most)
                continue
            try:
                page = self._page(request, query, _Counted(), most=1)
            except (CutShortError, RefusedQueryError):
                raise CutShortError(with_records.times) from None
        size = recipient.window_complete()
        self.asked.count(with_records)
        # The margin is left out: it is read again with each window, however narrow.
        inside = [time for time in with_records.times if window.start <= time < window.end]
        received = with_records.received - len(with_records.times) + len(inside)
        self._width.fitted(window, max(received / most, size / LONGEST_ANSWER_KEPT), inside)
        reached = first.whole_up_to(window.end)
        return Span(window.start, reached, is_last=reached < window.end)

    def _further(self, page: PageReading, links: set[str]) -> Request | None:
        """The request for the page after ``page``; None after the last. ``links`` are those followed so far.

        Raises:
            StrangeLinkError: the chain of links has no end, or leaves the host.
        """
        link, pages = page.next_link, self._api.pages
        if pages is None or not link:
            return None
        if link in links or len(links) + 1 >= MOST_PAGES:
            raise StrangeLinkError(
                f"{self._api.host} returns an endless chain of links to further pages: "
                f"{'the same one again' if link in links else f'more than {MOST_PAGES:,}'}. This time range does not "
                "count as collected, and the next run reads it again. If this persists, report it."
            )
        links.add(link)
        return pages.follow(link)

    def _instant(self, window: Window, recipient: Recipient) -> Span:
        """Read a window that can't be narrowed although its answer is full.

        Raises:
            AddonError: it can't be read.
        """
        query = self._query(window)
        why_open = ""
        if self._api.pages is not None:
            reached, why_open = self._all_pages_twice(window, query, recipient)
        else:
            self._asked_for(window)
            page = self._page(self._api.request(query), query, recipient)
            self.asked.count(page)
            reached = page.whole_up_to(window.end)
            if page.received >= self._api.most_records:
                self._warn_of_full_instant(window, page.received)
        recipient.window_complete()
        self._width.passed_full_instant()
        self._floor = window.end
        return Span(window.start, reached, is_last=reached < window.end, open=why_open)

    def _all_pages_twice(self, window: Window, query: Query, recipient: Recipient) -> tuple[int, str]:
        """Read an instant page by page, until two readings in a row return the same versions.

        A record that is updated meanwhile leaves the instant, and those after it move up across a page boundary, where
        they may be missed. An instant on a single page, too long to be kept but not full, has no such boundary.

        Returns:
            The time up to which it was read, and why it is incomplete (empty if it is complete).
        """
        reached, before = window.end, None
        try:
            for _ in range(MOST_READINGS):
                counted = _Counted(recipient)
                page, is_single = self._all_pages(window, query, counted)
                reached = page.whole_up_to(window.end)
                if is_single or counted.marks == before:
                    return reached, ""
                before = counted.marks
        except RefusedQueryError as error:
            return reached, str(error)
        return reached, f"They move while they are read: {MOST_READINGS} readings differ."

    def _all_pages(self, window: Window, query: Query, recipient: Recipient) -> tuple[PageReading, bool]:
        """Read an instant page by page.

        Returns:
            the last page, and whether it is the only one.

        Raises:
            RefusedQueryError: the service refuses to page that far.
        """
        request = self._api.request(query)
        received, links = 0, set[str]()
        while True:
            self._asked_for(window)
            page = self._page(request, query, recipient)
            self.asked.count(page)
            received += page.received
            further = self._further(page, links)
            if further is None and page.received >= self._api.most_records and not links:
                further = self._api.request(query._replace(skip=received))
            if further is None:
                return page, received == page.received and not links
            request = further

    def _page(
        self,
        request: Request,
        query: Query,
        recipient: Recipient,
        *,
        most: int | None = None,
        api: Api | None = None,
    ) -> PageReading:
        """Read one answer.

        Raises:
            CutShortError: it holds ``most`` records or more.
            AddonError: it can't be read.
        """
        asked = api or self._api

        def read(answer: Answer) -> PageReading:
            page = PageReading(asked, query, self._log, most_records=most)
            recipient.receive(page.versions(answer), DeliveryMode.AT_ONCE if most is None else DeliveryMode.KEPT)
            return page

        def explain(refusal: Refusal) -> AddonError:
            error = asked.errors.explain(refusal, self._bearer.roles)
            # A link points into the middle of a list and may have expired.
            is_past = not request.params and refusal.status in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}
            return RefusedQueryError(str(error)) if is_past else error

        return self._caller.call(request, read, explain, self._bearer)

    def _asked_for(self, window: Window) -> None:
        self.asked.windows += 1
        self.asked.end = max(self.asked.end, window.end)

    def _warn_of_full_instant(self, window: Window, received: int) -> None:
        self._log.warning(
            "region=%s the instant %s holds %d records, as many as one answer should hold or more: if the API leaves "
            "some out, they can't be requested.",
            self._api.region,
            window,
            received,
        )


def kept(versions: Iterator[Version]) -> list[Version]:
    """Take versions that are kept until their answer is whole.

    Raises:
        CutShortError: they are too many.
    """
    taken: list[Version] = []
    size = 0
    for version in versions:
        size += len(version.raw)
        taken.append(version)
        if size > LONGEST_ANSWER_KEPT:
            # The window is split by these times: by its width alone, a crowded instant would be fetched twenty times.
            raise CutShortError([one.time for one in taken if not one.is_split])
    return taken


class _Counted:
    """Passes versions on to a recipient, if there is one, and remembers their fingerprints."""

    def __init__(self, recipient: Recipient | None = None) -> None:
        self._recipient = recipient
        self.marks: set[bytes] = set()

    def receive(self, versions: Iterator[RecordVersion], mode: DeliveryMode) -> None:
        noted = self._noted(versions)
        if self._recipient is not None:
            self._recipient.receive(noted, mode)
        for _ in noted:
            pass

    def _noted(self, versions: Iterator[RecordVersion]) -> Iterator[RecordVersion]:
        for one in versions:
            self.marks.add(one.version.fingerprint)
            yield one

    def window_complete(self) -> int:
        """Do nothing: no version is kept."""
        return 0


def _median(times: Sequence[int]) -> int:
    return sorted(times)[len(times) // 2]
