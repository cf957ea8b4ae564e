"""Reads one answer: its versions, which of them are incomplete, and whether there may be more."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, NamedTuple

from defender_alerts.checkpoint.versions import Version, fingerprint, preliminary
from defender_alerts.errors import UnexpectedAnswerError
from defender_alerts.logfmt import key_values
from defender_alerts.microsoft.apis.base import Api, Query
from defender_alerts.microsoft.json_stream import BrokenRecord, Record, excerpt, utf8
from defender_alerts.microsoft.transport.client import Answer

NEXT_LINK = "@odata.nextLink"


class CutShortError(Exception):
    """The answer is full, so it may have been cut short.

    Args:
        times: of its records, in ticks.
    """

    def __init__(self, times: list[int] | None = None) -> None:
        super().__init__()
        self.times = times or []


class RecordVersion(NamedTuple):
    """A record's version in an answer.

    Attributes:
        identity: of the record; empty if it has none.
        version: the version with its version time.
        split_alerts: the versions of alerts inside it that become events of their own.
        is_incomplete: something that was requested is not in it.
        remark: why it has no identity or version time.
        unreadable: why it could not be parsed; it is still delivered as text.
    """

    identity: str
    version: Version
    split_alerts: tuple[Version, ...] = ()
    is_incomplete: bool = False
    remark: str = ""
    unreadable: str = ""


class PageReading:
    """Reads one answer.

    Args:
        api: the API that answers.
        query: what was requested.
        log: names records that can't be handled.
        most_records: an answer with this many records counts as cut short; None accepts any number.

    Attributes:
        received: the number of records so far.
        broken: those that could not be handled.
        unidentified: those without an identity or version time.
        times: of the records, in ticks.
        around: the members of the answer beside the records.
        date: the server's time in the answer, in ticks; None if it names none.
    """

    def __init__(self, api: Api, query: Query, log: logging.Logger, *, most_records: int | None) -> None:
        self._api = api
        self._expansion = api.expansion
        self._query = query
        self._log = log
        self._most_records = most_records
        self.received = 0
        self.broken = 0
        self.unidentified = 0
        self.times: list[int] = []
        self.around: dict[str, Any] = {}
        self.date: int | None = None

    @property
    def next_link(self) -> str:
        """The link to the next page; empty for the last page."""
        link = self.around.get(NEXT_LINK) or ""
        # A link that is not text is refused later, as one to another host would be.
        return link if isinstance(link, str) else type(link).__name__

    def versions(self, answer: Answer) -> Iterator[RecordVersion]:
        """Yield the answer's versions inside the window; later ones are requested again with the next window.

        Raises:
            CutShortError: there are too many records.
            UnexpectedAnswerError: this is not an answer of the API.
            ConnectionFailedError: the answer breaks off.
        """
        self.date, end, most = answer.date, self._query.times.end, self._most_records
        if answer.status == HTTPStatus.NO_CONTENT:
            return
        try:
            for element in self._api.cut(answer.pieces(), self.around):
                self.received += 1
                one = self._as_text(element) if isinstance(element, BrokenRecord) else self._version(element)
                if one is not None and one.version.time < end:
                    yield one
                if most is not None and self.received >= most:
                    raise CutShortError(self.times)
        except UnexpectedAnswerError as error:
            raise UnexpectedAnswerError(
                f"{self._api.host}: {error}. None of it was treated as alerts. Look for a proxy, portal or filter in "
                "between that answers in Microsoft's place."
            ) from error

    def whole_up_to(self, end: int) -> int:
        """The time up to which the answer is complete: ``end``, or the server's time if that is earlier."""
        return end if self.date is None else min(end, self.date)

    def _as_text(self, broken: BrokenRecord) -> RecordVersion | None:
        """A record that can't be parsed, if its identity and version time can be read; None if it is left out."""
        record = broken.record
        if record is not None and isinstance(record.value, dict):
            try:
                self._api.identify(record.value)
            except ValueError:
                # It is reported below.
                pass
            else:
                one = self._version(record)
                # Whether something is missing in it can't be seen, and it would not come again any better.
                return one and one._replace(unreadable=broken.reason, is_incomplete=False)
        self._report(broken.reason, broken.excerpt)
        return None

    def _version(self, record: Record) -> RecordVersion | None:
        value = record.value
        if not isinstance(value, dict):
            self._report("no JSON object", excerpt(record.raw))
            return None
        expansion = self._expansion
        raw, inside = expansion.take_apart(record) if expansion else (record.raw, ())
        try:
            identity, time = self._api.identify(value)
        except ValueError as error:
            # It is an alert all the same. Its own text stands for its identity, and the end of the first window that
            # shows it for its time, so that it is remembered for as long as it can be returned again.
            self.unidentified += 1
            time = self._query.times.end - 1
            split_alerts = tuple(self._part(one, time) for one in inside)
            version = Version(time, fingerprint(record.raw, 0), utf8(raw), record.has_controls)
            return RecordVersion("", version, split_alerts, remark=str(error))
        self.times.append(time)
        split_alerts = tuple([self._part(one, time) for one in inside]) if inside else ()
        is_incomplete = expansion is not None and expansion.is_incomplete(value)
        # If it will be indexed again once it is complete, as another text, that is another version.
        is_preliminary = expansion is not None and is_incomplete and not expansion.splits
        mark = preliminary(identity, time) if is_preliminary else fingerprint(identity, time)
        version = Version(time, mark, utf8(raw), record.has_controls)
        return RecordVersion(identity, version, split_alerts, is_incomplete)

    def _part(self, record: Record, time: int) -> Version:
        """A record inside another one; without a version time of its own it gets the other one's."""
        identity = record.raw
        if isinstance(record.value, dict):
            try:
                identity, time = self._api.identify(record.value)
            except ValueError:
                self.unidentified += 1
        mark = fingerprint(identity, time)
        return Version(time, mark, utf8(record.raw), record.has_controls, is_split=True)

    def _report(self, reason: str, excerpt: str) -> None:
        self.broken += 1
        self.unidentified += 1
        self._log.error(
            "%s a record can't be read (%s) and is left out; it begins with %r. Other records are not affected. Report "
            "this to the developers of the add-on.",
            # UCC's dashboard and Health count errors by this label.
            key_values(exc_l="Server Error", region=self._api.region, api_host=self._api.host),
            reason,
            excerpt,
        )
