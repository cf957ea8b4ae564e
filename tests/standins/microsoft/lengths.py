"""Answers whose length is the trouble: one that claims less than it sends, and one that no memory should hold."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

from standins.microsoft import ticks
from standins.microsoft.faults import RequestFault, send_chunk
from standins.microsoft.origin import Exchange
from standins.microsoft.samples import siem_alert
from standins.microsoft.wire import Answer


@dataclass(frozen=True)
class LengthTooShort(RequestFault):
    """Claim less than there is, send all there is, and leave the connection open."""

    missing: int = 100

    def play(self, exchange: Exchange) -> None:
        """Send everything under a false length."""
        answer = replace(exchange.genuine(), chunked=False)
        exchange.answer(answer, length=len(answer.body) - self.missing)


@dataclass(frozen=True)
class Backlog(RequestFault):
    """Answer each window of the SIEM API out of a backlog that nobody holds: its alerts are made as they are sent.

    Attributes:
        first: when the first of them was processed, in ticks.
        step: ticks from one to the next.
        count: how many there are.
        size: bytes of each, about.
    """

    first: int
    step: int
    count: int
    size: int

    def alerts(self, since: int = 0, until: int | None = None) -> Iterator[bytes]:
        """The alerts of a window, both bounds inclusive, oldest first."""
        padding = "certutil.exe -urlcache -split -f " * (self.size // 33)
        for number in range(self.count):
            at = self.first + number * self.step
            if since <= at and (until is None or at <= until):
                yield siem_alert(number, at, CommandLine=padding)

    def play(self, exchange: Exchange) -> None:
        """Send the window's alerts in gzip, by chunks."""
        query = dict(exchange.request.query)
        head = Answer(
            200,
            headers=(
                ("Content-Type", "application/json; charset=utf-8"),
                ("Content-Encoding", "gzip"),
                ("Date", ticks.http_date(exchange.now)),
            ),
            chunked=True,
        )
        exchange.connection.send(head.head())
        packer = zlib.compressobj(level=1, wbits=31)
        opening = b"["
        for alert in self.alerts(ticks.parse(query["sinceTimeUtc"]), ticks.parse(query["untilTimeUtc"])):
            send_chunk(exchange, packer.compress(opening + alert))
            opening = b","
        send_chunk(exchange, packer.compress(b"]" if opening == b"," else b"[]") + packer.flush())
        exchange.connection.send(b"0\r\n\r\n")
