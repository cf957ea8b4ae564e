"""Reads a region, window after window, each of them whole.

Nothing is ever skipped through: an answer that may have been cut short is asked for again, narrower. What is read goes
to a recipient as it arrives, which keeps it until the window is known to be whole. No order of the records is assumed.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from http import HTTPStatus
from typing import NamedTuple, Protocol

from defender_alerts.checkpoint.checkpoint import MARGIN
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

# Graph hands out links to pages without a record: they are followed, but not for ever.
MOST_PAGES = 1_000
# An instant whose records go on moving for so many readings is left to the next run.
MOST_READINGS = 3
# A service that has failed over the records inside others is asked for them again after so many answers at most.
MOST_UNEXPANDED = 64
# Everything that ever was, in ticks.
_EVER = Window(0, seconds(253_402_214_400))
# What the records inside others may be the reason of.
MAY_BE_THE_EXPANSION = (AccessDeniedError, ConnectionFailedError, StrainedError, UnexpectedAnswerError)


class DeliveryMode(Enum):
    """How versions come: what may be done with them before their window is known to be whole."""

    AT_ONCE = "of an instant that is too full to be kept, or one record alone"
    KEPT = "to be kept until the window is whole"


class Recipient(Protocol):
    """Takes what is read."""

    def take(self, shown: Iterator[RecordVersion], coming: DeliveryMode) -> None:
        """Take one answer's versions while they arrive; the same ones may come again, with it or with a later one."""

    def whole(self) -> None:
        """What has come since the last time is all of a window."""


class Span(NamedTuple):
    """A stretch of time that was read whole, in ticks.

    Attributes:
        start: where it begins.
        end: up to which it is whole.
        is_last: the server's clock had not come further when it answered.
        open: why it could not be read whole after all, as far as it is known; empty for one that was.
    """

    start: int
    end: int
    is_last: bool
    open: str = ""


@dataclass
class Asked:
    """What has been asked for and got; ``start`` and ``end`` in ticks, the rest are numbers."""

    start: int = 0
    end: int = 0
    windows: int = 0
    received: int = 0
    broken: int = 0
    unidentified: int = 0

    def count(self, page: PageReading) -> None:
        """Count in an answer that was taken whole."""
        self.received += page.received
        self.broken += page.broken
        self.unidentified += page.unidentified


class RegionReader:
    """Reads one region of one API.

    Args:
        api: which API answers.
        caller: for its host.
        bearer: its tokens.
        log: where the cutting of windows, and what can't be had, is noted.

    Attributes:
        asked: what has been asked for and got.
    """

    def __init__(self, api: Api, caller: Caller, bearer: ResourceBearer, log: logging.Logger) -> None:
        self._full = api
        self._api = api
        self._caller = caller
        self._bearer = bearer
        self._log = log
        self._width = WindowWidth(api.narrowest)
        # What lies before this was read by a window of its own, and need not come again as a margin.
        self._floor = 0
        self._unexpanded_left = 0
        self._unexpanded_next = 1
        self.asked = Asked()

    def read(self, start: int, until: int, recipient: Recipient) -> Span:
        """Read on from ``start``, as far as one answer reaches and not beyond ``until``.

        Args:
            start: in ticks, inclusive.
            until: in ticks, exclusive, later than ``start``.
            recipient: takes what is read.

        Raises:
            StoppedError: the process was asked to stop.
            AddonError: the region can't be read; the sentence says what to do.
        """
        full_instant: Window | None = None
        while True:
            window = full_instant or self._width.window(start, until)
            try:
                span = self._instant(window, recipient) if full_instant else self._one_answer(window, recipient)
            except CutShortError as cut:
                self._log.debug("region=%s window=%s outcome=cut_short", self._api.region, window)
                if self._margin_is_the_trouble(window, cut.times):
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
        """Read one record, as the API is asked for it alone.

        Raises:
            StoppedError: the process was asked to stop.
            RecordGoneError: the service does not show it.
            AddonError: it can't be read.
        """
        query = Query(_EVER)
        self._page(single.request(query), query, recipient, api=single)

    def _ask_unexpanded(self, window: Window, error: AddonError) -> None:
        """Ask for the records alone from now on, if that is what the service is able to give.

        Raises:
            AddonError: the given one, where the records alone meet one as well: an outage is waited out.
        """
        expansion = self._api.expansion
        if expansion is None or self._api is not self._full:
            raise error
        unexpanded, query = expansion.unexpanded(), self._query(window)
        request = replace(unexpanded.request(query), failures=1)
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
        # It may be one record alone, or the whole tenant: the more often, the longer is it done without.
        self._unexpanded_left = self._unexpanded_next
        self._unexpanded_next = min(MOST_UNEXPANDED, 2 * self._unexpanded_next)

    def _ask_for_all_again(self) -> None:
        if self._api is self._full:
            self._unexpanded_next = 1
            return
        self._unexpanded_left -= 1
        if not self._unexpanded_left:
            self._api = self._full

    def _margin_is_the_trouble(self, window: Window, times: list[int]) -> bool:
        """Whether the answer was full of what the window before this one has brought."""
        narrowest_margin = window.start - self._api.slack
        return self._since(window) < narrowest_margin and bool(times) and _median(times) < window.start

    def _since(self, window: Window) -> int:
        """From when to ask for a window: a margin earlier.

        A window narrower than the margin has its own width as margin: else the second before a full instant would come
        again with each half, and narrowing would not end. What an earlier window has read for good is left out.
        """
        slack = self._api.slack
        since = window.start - min(MARGIN, max(window.width, slack))
        return since if since >= self._floor else min(self._floor, window.start - slack)

    def _query(self, window: Window) -> Query:
        return Query(Window(self._since(window), window.end))

    def _one_answer(self, window: Window, recipient: Recipient) -> Span:
        """Read a window that fits into one answer: all its records stand on one page, whichever that is.

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
        recipient.whole()
        self.asked.count(with_records)
        self._width.fitted(with_records.received, most)
        reached = first.whole_up_to(window.end)
        return Span(window.start, reached, is_last=reached < window.end)

    def _further(self, page: PageReading, links: set[str]) -> Request | None:
        """The request for the page behind ``page``; None behind the last. ``links`` are those followed so far.

        Raises:
            StrangeLinkError: the chain of links has no end, or leads elsewhere.
        """
        link, pages = page.next_link, self._api.pages
        if pages is None or not link:
            return None
        if link in links or len(links) + 1 >= MOST_PAGES:
            raise StrangeLinkError(
                f"{self._api.host} hands out links to further pages without end: "
                f"{'the same one again' if link in links else f'more than {MOST_PAGES:,}'}. Nothing of this stretch "
                "counts as collected, and the next run asks again. If it stays so, report it."
            )
        links.add(link)
        return pages.follow(link)

    def _instant(self, window: Window, recipient: Recipient) -> Span:
        """Read a window that can't be narrowed, and whose answer is full.

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
        recipient.whole()
        self._width.passed_full_instant()
        self._floor = window.end
        return Span(window.start, reached, is_last=reached < window.end, open=why_open)

    def _all_pages_twice(self, window: Window, query: Query, recipient: Recipient) -> tuple[int, str]:
        """Read an instant page by page, until two readings in a row bring the same.

        Returns:
            Up to when it was read, and why not whole; empty where it was.

        Records that are updated meanwhile leave the instant, and those behind them move up, over the border of two
        pages and out of sight.
        """
        reached, before = window.end, None
        try:
            for _ in range(MOST_READINGS):
                counted = _Counted(recipient)
                reached = self._all_pages(window, query, counted).whole_up_to(window.end)
                if counted.marks == before:
                    return reached, ""
                before = counted.marks
        except RefusedQueryError as error:
            return reached, str(error)
        return reached, f"They move while they are read: {MOST_READINGS} readings differ."

    def _all_pages(self, window: Window, query: Query, recipient: Recipient) -> PageReading:
        """Read an instant page by page.

        Raises:
            RefusedQueryError: the service does not let itself be paged so far.
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
                return page
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
            recipient.take(page.shown(answer), DeliveryMode.AT_ONCE if most is None else DeliveryMode.KEPT)
            return page

        def explain(refusal: Refusal) -> AddonError:
            error = asked.errors.explain(refusal, self._bearer.roles)
            # A link leads into the middle of a list, and may lead there no more.
            is_past = not request.params and refusal.status in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}
            return RefusedQueryError(str(error)) if is_past else error

        return self._caller.call(request, read, explain, self._bearer)

    def _asked_for(self, window: Window) -> None:
        self.asked.windows += 1
        self.asked.end = max(self.asked.end, window.end)

    def _warn_of_full_instant(self, window: Window, received: int) -> None:
        self._log.warning(
            "region=%s the instant %s holds %d records, as many as one answer should hold or more: if the API keeps "
            "some back, they can't be asked for.",
            self._api.region,
            window,
            received,
        )


class _Counted:
    """Hands on to a recipient, or to nobody, and remembers which versions came."""

    def __init__(self, recipient: Recipient | None = None) -> None:
        self._recipient = recipient
        self.marks: set[bytes] = set()

    def take(self, shown: Iterator[RecordVersion], coming: DeliveryMode) -> None:
        noted = self._noted(shown)
        if self._recipient is not None:
            self._recipient.take(noted, coming)
        for _ in noted:
            pass

    def _noted(self, shown: Iterator[RecordVersion]) -> Iterator[RecordVersion]:
        for one in shown:
            self.marks.add(one.version.fingerprint)
            yield one

    def whole(self) -> None:
        """Nothing is kept."""


def _median(times: Sequence[int]) -> int:
    return sorted(times)[len(times) // 2]
