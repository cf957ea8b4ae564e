"""Reads one answer: which versions it shows of its window, and whether it may have been cut short."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any

from .apis import Api
from .errors import UnexpectedAnswerError
from .http.calls import Answer
from .place import Place
from .records import BrokenRecord, cut_array
from .times import iso
from .versions import Version, fingerprint
from .windows import Window


class CutShortError(Exception):
    """The answer holds as much as an answer may hold, so it may have been cut short."""


class WindowReading:
    """The reading of one window's answer.

    Args:
        api: which API answers.
        window: what was asked for.
        place: what has been delivered before.
        log: where records that can't be handled are reported.
        most_records: with so many, the answer counts as cut short; None takes it however large it is.

    Attributes:
        received: the records in the answer so far, new or not.
        broken: those among them that could not be handled.
    """

    def __init__(self, api: Api, window: Window, place: Place, log: logging.Logger, most_records: int | None) -> None:
        self._api = api
        self._window = window
        self._place = place
        self._log = log
        self._most_records = most_records
        self.received = 0
        self.broken = 0

    def new_versions(self, answer: Answer) -> Iterator[Version]:
        """Yield what is to be delivered now; what lies behind the window is asked for again with the next one.

        Raises:
            CutShortError: there are too many records.
            UnexpectedAnswerError: this is no answer of the API.
            ConnectionFailedError: the answer breaks off.
        """
        try:
            for element in cut_array(answer.pieces(), self._api.is_record):
                self.received += 1
                if self._most_records is not None and self.received >= self._most_records:
                    raise CutShortError
                if isinstance(element, BrokenRecord):
                    self._report(element.reason, element.excerpt)
                elif not isinstance(element.value, Mapping):
                    self._report("no JSON object", element.raw[:80])
                else:
                    version = self._version(element.raw, element.value)
                    if version.time < self._window.end and self._place.is_new(version.time, version.fingerprint):
                        yield version
        except UnexpectedAnswerError as error:
            raise UnexpectedAnswerError(
                f"{self._api.host}: {error}. Nothing of it was taken for alerts. Look for a proxy, portal or filter on "
                "the way that answers in Microsoft's place."
            ) from error

    def _version(self, raw: str, record: Mapping[str, Any]) -> Version:
        try:
            identity, time = self._api.identify(record)
        except ValueError as error:
            # It is an alert all the same. Its own text stands for its identity, and the end of the first window that
            # shows it for its time, so that it is remembered for as long as it can be shown again.
            time, mark = self._window.end - 1, fingerprint(raw, 0)
            if self._place.is_new(time, mark):
                self._log.warning(
                    "region=%s a record has no identity or version time (%s); it is indexed with the time %s",
                    self._api.region,
                    error,
                    iso(time),
                )
            return Version(time, mark, raw)
        return Version(time, fingerprint(identity, time), raw)

    def _report(self, reason: str, excerpt: str) -> None:
        self.broken += 1
        self._log.error(
            "region=%s host=%s a record can't be read (%s) and is left out; it begins with %r. The others are not "
            "held up. Report this to the maker of the add-on.",
            self._api.region,
            self._api.host,
            reason,
            excerpt,
        )
