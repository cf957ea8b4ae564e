"""Reads what an API shows of a range of time, whatever has been delivered of it: for the audit, and to collect again.

Nothing is sorted and nothing is kept: each version is handed on as it arrives. A window that turns out to be cut short
is asked for again at half its width, so a version may be handed on several times.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Callable

from .apis import Api
from .auth import ResourceBearer
from .errors import AddonError, UnexpectedAnswerError, UnknownHostError
from .http.calls import Answer, Caller, Refusal
from .reading import CutShortError
from .records import BrokenRecord, cut_array
from .versions import Version, fingerprint
from .windows import Window, WindowWidth


@dataclass(frozen=True)
class Shown:
    """A version that the API shows, with the identity of its record."""

    identity: str
    version: Version


Take = Callable[[Iterator[Shown]], None]


class RangeReader:
    """Reads one region, a window at a time.

    Args:
        api: which API answers.
        caller: for its host.
        bearer: its tokens.
        log: where the cutting of windows is noted.

    Attributes:
        unidentified: records without a readable identity and version time, in the windows read whole. They can be
            compared with nothing.
    """

    def __init__(self, api: Api, caller: Caller, bearer: ResourceBearer, log: logging.Logger) -> None:
        self._api = api
        self._caller = caller
        self._bearer = bearer
        self._log = log
        self._width = WindowWidth(api.most_records, api.narrowest)
        self.unidentified = 0

    def read_from(self, start: int, end: int, take: Take) -> Window:
        """Read one window whole: from ``start``, as wide as the volume lets it be, and not beyond ``end``.

        Args:
            start: in ticks, inclusive.
            end: in ticks, exclusive.
            take: is called with the versions of the window; again with all of them if the answer was cut short or
                broke off.

        Raises:
            StoppedError: the process was asked to stop.
            AddonError: the region can't be read; the sentence says what to do.
        """
        while True:
            window = self._width.window(start, end)
            can_halve = self._width.can_halve(window)
            try:
                received, unidentified = self._read(window, self._api.most_records if can_halve else None, take)
            except CutShortError:
                self._log.debug("region=%s window=%s outcome=cut_short", self._api.region, window)
                self._width.halve(window)
                continue
            self._width.fitted(received)
            self.unidentified += unidentified
            return window

    def _read(self, window: Window, most_records: int | None, take: Take) -> tuple[int, int]:
        """Read one answer; return how many records it held, and how many of them have no identity."""

        def read(answer: Answer) -> tuple[int, int]:
            if answer.status == HTTPStatus.NO_CONTENT:
                return 0, 0
            reading = _Reading(self._api, window, most_records)
            take(reading.shown(answer))
            return reading.received, reading.unidentified

        def explain(refusal: Refusal) -> AddonError:
            return self._api.explain(refusal, self._bearer.roles)

        try:
            return self._caller.call(self._api.request(window), read, explain, self._bearer)
        except UnknownHostError as error:
            raise UnknownHostError(f"{error} {self._api.retirement}".strip()) from error


class _Reading:
    """The reading of one answer."""

    def __init__(self, api: Api, window: Window, most_records: int | None) -> None:
        self._api = api
        self._window = window
        self._most_records = most_records
        self.received = 0
        self.unidentified = 0

    def shown(self, answer: Answer) -> Iterator[Shown]:
        try:
            for element in cut_array(answer.pieces(), self._api.is_record):
                self.received += 1
                if self._most_records is not None and self.received >= self._most_records:
                    raise CutShortError
                if isinstance(element, BrokenRecord) or not isinstance(element.value, Mapping):
                    self.unidentified += 1
                    continue
                try:
                    identity, time = self._api.identify(element.value)
                except ValueError:
                    self.unidentified += 1
                    continue
                if self._window.start <= time < self._window.end:
                    yield Shown(identity, Version(time, fingerprint(identity, time), element.raw))
        except UnexpectedAnswerError as error:
            raise UnexpectedAnswerError(
                f"{self._api.host}: {error}. Look for a proxy, portal or filter on the way that answers in Microsoft's "
                "place."
            ) from error
