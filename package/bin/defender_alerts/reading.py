"""Reads a region, window after window, each of them whole.

Nothing is ever skipped through: an answer that may have been cut short is asked for again, narrower. What is read goes
to a recipient, as it arrives or when the window is known to be whole, as far as the API's order allows.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from http import HTTPStatus
from typing import NamedTuple, Protocol

from .answers import CutShortError, OutOfOrderError, PageReading, Shown
from .apis import Api, Query
from .auth import ResourceBearer
from .errors import AddonError, RefusedQueryError, UnknownHostError
from .http.calls import Answer, Caller, Refusal, Request
from .place import MARGIN
from .times import iso, seconds
from .windows import Window, WindowWidth

# Graph hands out links to empty pages. So many of them in a row are believed to be the end.
_MOST_EMPTY_PAGES = 5
# An instant whose records go on moving for so many readings is read otherwise.
_MOST_READINGS = 3
# A service that has failed over much is asked for more again after so many answers.
_ANSWERS_BEFORE_RECOVERY = 5
_MOST_ANSWERS_WITHOUT = 64
# Everything that was ever created, in ticks.
_EVER = Window(0, seconds(253_402_214_400))


class Coming(Enum):
    """How versions come: what may be done with them before their window is known to be whole."""

    IN_TIME_ORDER = "the oldest first: everything before the last one has come"
    OF_ONE_INSTANT = "in no order, of an instant that is too full to be kept"
    UNSORTED = "in no order: to be kept until the window is whole"


class Recipient(Protocol):
    """Takes what is read."""

    def take(self, shown: Iterator[Shown], coming: Coming) -> None:
        """Take one answer's versions while they arrive; the same ones may come again, with it or with a later one."""

    def whole(self) -> None:
        """What has come since the last time is all of a window."""


class Stretch(NamedTuple):
    """A stretch of time that was read whole, in ticks.

    Attributes:
        start: where it begins.
        end: up to which it is whole.
        is_last: the server's clock had not come further when it answered.
    """

    start: int
    end: int
    is_last: bool


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
        self._api = api
        self._caller = caller
        self._bearer = bearer
        self._log = log
        self._width = WindowWidth(api.narrowest)
        self._order_is_proven = False
        # Behind the last full answer, up to the end of its window: what is there was left out as the newest.
        self._left_out: Window | None = None
        # What lies before this was read by a window of its own, and need not come again as a margin.
        self._floor = 0
        self._answers_since_easing = 0
        self._answers_without = 0
        self.asked = Asked()

    def read(self, start: int, until: int, recipient: Recipient) -> Stretch:
        """Read on from ``start``, as far as one answer reaches and not beyond ``until``.

        Args:
            start: in ticks, inclusive.
            until: in ticks, exclusive, later than ``start``.
            recipient: takes what is read.

        Raises:
            StoppedError: the process was asked to stop.
            AddonError: the region can't be read; the sentence says what to do.
        """
        crowd: Window | None = None
        while True:
            window = crowd or self._width.window(start, until)
            try:
                stretch = self._instant(window, recipient) if crowd else self._one_answer(window, recipient)
            except CutShortError as cut:
                self._log.debug("region=%s window=%s outcome=cut_short", self._api.region, window)
                if self._margin_is_the_trouble(window, cut.times):
                    self._floor = window.start
                elif self._width.can_narrow(window):
                    self._width.narrow(window, cut.times)
                else:
                    crowd = window
            except OutOfOrderError:
                self._ease(RefusedQueryError("the records don't come in the order that was asked for"))
            except UnknownHostError as error:
                raise UnknownHostError(f"{error} {self._api.retirement}".strip()) from error
            except AddonError as error:
                self._ease(error)
            else:
                self._recover(stretch)
                return stretch

    def _ease(self, error: AddonError) -> None:
        """Ask for less from now on.

        Raises:
            AddonError: the given one, where nothing can be left out.
        """
        eased = self._api.eased(error)
        if eased is None:
            raise error
        self._log.info(
            "region=%s %s is asked for less (at most %d records, %s%s), because: %s",
            self._api.region,
            self._api.host,
            eased.most_records,
            "in order" if eased.in_order else "in no order",
            ", without what is inside them" if eased.shortfall else "",
            error,
        )
        self._api = eased
        self._answers_since_easing = 0
        if eased.shortfall:
            # It may be the one record alone, or the whole tenant: the more often, the longer is it done without.
            self._answers_without = min(_MOST_ANSWERS_WITHOUT, max(1, self._answers_without * 2))

    def _recover(self, stretch: Stretch) -> None:
        """Say what is lacking in what has been read, and ask for more again when that is worth a try."""
        self._answers_since_easing += 1
        if self._api.shortfall:
            self._log.log(
                # Once for each time that it is done without: it may be long.
                logging.WARNING if self._answers_since_easing == 1 else logging.INFO,
                "region=%s the records updated between %s and %s %s.",
                self._api.region,
                iso(stretch.start),
                iso(stretch.end),
                self._api.shortfall,
            )
            wanted = self._answers_without
        else:
            wanted, self._answers_without = _ANSWERS_BEFORE_RECOVERY, 0
        if self._answers_since_easing >= wanted:
            self._api = self._api.recovered()
            self._answers_since_easing = 0

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

    def _one_answer(self, window: Window, recipient: Recipient) -> Stretch:
        """Read a window that fits into one answer, or as much of it as does where answers come in order.

        Raises:
            CutShortError: the answer may have been cut short.
            OutOfOrderError: it came in another order than was asked for.
            AddonError: it can't be read.
        """
        in_order = self._api.in_order
        query = Query(Window(self._since(window), window.end))
        self._asked_for(window)
        coming = Coming.IN_TIME_ORDER if in_order else Coming.UNSORTED
        page = self._page(self._requested(query), query, recipient, coming)
        left_out, self._left_out = self._left_out, None
        if in_order and left_out and any(left_out.start <= time < left_out.end for time in page.times):
            self._order_is_proven = True
        end = window.end
        if page.received >= self._api.most_records or (page.next_link and self._leads_to_more(page.next_link)):
            if not in_order or not page.times or page.times[-1] <= window.start:
                raise CutShortError(page.times)
            self._prove_order(window, page)
            self._left_out = Window(page.times[-1] + 1, window.end)
            end = min(end, page.times[-1])
            if self._api.shortfall and end < window.end:
                end = self._past(end, recipient)
        recipient.whole()
        self.asked.count(page)
        self._width.fitted(page.received, self._api.most_records)
        reached = page.whole_up_to(end)
        return Stretch(window.start, reached, is_last=reached < end)

    def _past(self, last: int, recipient: Recipient) -> int:
        """Read the last instant of an answer by itself; return up to when all is read.

        What is asked for more again then begins behind the record that the service has failed over.
        """
        query = Query(Window(last, last + 1))
        page = self._page(self._requested(query), query, recipient, Coming.IN_TIME_ORDER)
        if page.received >= self._api.most_records:
            return last
        self._floor = last + 1
        return last + 1

    def _prove_order(self, window: Window, page: PageReading) -> None:
        """Make sure that a full answer holds the oldest: else it was sorted only after it had been cut short.

        One that is full by chance proves nothing for the next: that takes records which it has left out as the newest.

        Raises:
            OutOfOrderError: something lies before it, or more at its first instant.
        """
        first = page.times[0]
        if self._order_is_proven or first < window.start:
            return
        # Where all of it is one instant, that is read again; else its first instant has to be there whole.
        until = first if page.times[-1] == first else first + 1
        beginning = Query(Window(window.start, until))
        found = self._page(self._requested(beginning), beginning, _Counted(), Coming.IN_TIME_ORDER)
        if any(time < first for time in found.times) or found.times.count(first) > page.times.count(first):
            raise OutOfOrderError

    def _leads_to_more(self, link: str) -> bool:
        """Whether a link leads to further records."""
        anything = Query(_EVER)
        for _ in range(_MOST_EMPTY_PAGES):
            try:
                page = self._page(self._api.follow(link), anything, _Counted(), Coming.OF_ONE_INSTANT)
            except RefusedQueryError:
                return True
            if page.received or not page.next_link:
                return page.received > 0
            link = page.next_link
        return False

    def _instant(self, window: Window, recipient: Recipient) -> Stretch:
        """Read a window that can't be narrowed, and whose answer is full.

        Raises:
            AddonError: it can't be read.
        """
        query = Query(Window(self._since(window), window.end))
        if self._api.has_pages:
            page = self._all_pages_twice(window, query, recipient)
        else:
            self._asked_for(window)
            page = self._page(self._requested(query), query, recipient, Coming.OF_ONE_INSTANT)
            self.asked.count(page)
            if page.received >= self._api.most_records:
                self._tell_full(window, page.received)
        recipient.whole()
        self._width.passed_a_crowd()
        self._floor = window.end
        reached = page.whole_up_to(window.end)
        return Stretch(window.start, reached, is_last=reached < window.end)

    def _all_pages_twice(self, window: Window, query: Query, recipient: Recipient) -> PageReading:
        """Read an instant page by page, until two readings in a row bring the same.

        Records that are updated meanwhile leave the instant, and those behind them move up, over the border of two
        pages and out of sight. An instant that doesn't hold still, or can't be paged, is read in pieces, none of which
        has a second page.
        """
        before: set[bytes] | None = None
        try:
            for _ in range(_MOST_READINGS):
                counted = _Counted(recipient)
                page = self._all_pages(window, query, counted)
                if counted.marks == before:
                    return page
                before = counted.marks
            reason = "its records move while they are read"
        except RefusedQueryError as error:
            reason = str(error)
        self._log.info(
            "region=%s the instant %s can't be paged; it is read by times of creation. (%s)",
            self._api.region,
            window,
            reason,
        )
        return self._by_creation(query, recipient)

    def _all_pages(self, window: Window, query: Query, recipient: Recipient) -> PageReading:
        """Read an instant page by page.

        Raises:
            RefusedQueryError: the service does not let itself be paged so far.
        """
        request, received, empty, links = self._requested(query), 0, 0, set[str]()
        while True:
            self._asked_for(window)
            page = self._page(request, query, recipient, Coming.OF_ONE_INSTANT)
            self.asked.count(page)
            received += page.received
            empty = 0 if page.received else empty + 1
            link = page.next_link
            if link and empty < _MOST_EMPTY_PAGES:
                if link in links:
                    raise RefusedQueryError(f"{self._api.host} hands out the same link to a further page again")
                links.add(link)
                request = self._api.follow(link)
            elif page.received >= self._api.most_records:
                request = self._requested(query._replace(skip=received))
            else:
                return page

    def _by_creation(self, query: Query, recipient: Recipient) -> PageReading:
        """Read an instant in pieces: the records created then and then, each piece one answer."""
        pieces = [_EVER]
        while True:
            piece = pieces.pop()
            self._asked_for(query.times)
            request = self._requested(query._replace(created=piece))
            page = self._page(request, query._replace(created=piece), recipient, Coming.OF_ONE_INSTANT)
            self.asked.count(page)
            if page.received >= self._api.most_records or (page.next_link and self._leads_to_more(page.next_link)):
                if piece.width > 1:
                    middle = _median(page.times) if page.times else piece.start
                    if not piece.start <= middle < piece.end or not page.times:
                        # A service that rounds the bounds shows what lies outside.
                        middle = piece.start + piece.width // 2
                    middle = max(middle, piece.start + 1)
                    pieces += [Window(middle, piece.end), Window(piece.start, middle)]
                    continue
                self._tell_full(query.times, page.received)
            if not pieces:
                return page

    def _requested(self, query: Query) -> Request:
        request = self._api.request(query)
        if request is None:
            raise RefusedQueryError(f"{self._api.host} lets no more records be skipped than {query.skip}")
        return request

    def _page(self, request: Request, query: Query, recipient: Recipient, coming: Coming) -> PageReading:
        """Read one answer."""
        most = self._api.most_records if coming is Coming.UNSORTED else None

        def read(answer: Answer) -> PageReading:
            page = PageReading(self._api, query, self._log, most_records=most, in_order=coming is Coming.IN_TIME_ORDER)
            recipient.take(page.shown(answer), coming)
            return page

        def explain(refusal: Refusal) -> AddonError:
            error = self._api.explain(refusal, self._bearer.roles)
            # A link leads into the middle of a list, and may lead there no more.
            is_past = not request.params and refusal.status in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}
            return RefusedQueryError(str(error)) if is_past else error

        return self._caller.call(request, read, explain, self._bearer)

    def _asked_for(self, window: Window) -> None:
        self.asked.windows += 1
        self.asked.end = max(self.asked.end, window.end)

    def _tell_full(self, window: Window, received: int) -> None:
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

    def take(self, shown: Iterator[Shown], coming: Coming) -> None:
        noted = self._noted(shown)
        if self._recipient is not None:
            self._recipient.take(noted, coming)
        for _ in noted:
            pass

    def _noted(self, shown: Iterator[Shown]) -> Iterator[Shown]:
        for one in shown:
            self.marks.add(one.version.fingerprint)
            yield one

    def whole(self) -> None:
        """Nothing is kept."""


def _median(times: Sequence[int]) -> int:
    return sorted(times)[len(times) // 2]
