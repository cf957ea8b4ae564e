"""Reads an answer's body as it arrives: checks its length, and unpacks gzip in bounded steps.

``urllib3`` 1.26 is not used for this: it waits until all requested bytes have arrived, accepts a body that ends early
(``requests`` leaves ``enforce_content_length`` off), and unpacks without a limit (CVE-2025-66471).
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterator
from http.client import HTTPException, HTTPResponse
from typing import Callable

from urllib3.response import HTTPResponse as Urllib3Response

from defender_alerts.errors import ConnectionFailedError, UnexpectedAnswerError

# No step yields more than this, however small the compressed bytes were.
PIECE = 65_536
# The largest answer to expect is 5,000 alerts of 60 KB; this is three times as much.
LARGEST_BODY = 1_000_000_000
# An answer that takes longer than this is given up.
LONGEST_ARRIVAL = 600.0

# The only encoding that is requested; Microsoft sends no other unasked.
ACCEPT_ENCODING = "gzip"
_GZIP_WINDOW = 16 + zlib.MAX_WBITS


def arriving(raw: Urllib3Response, monotonic: Callable[[], float] = time.monotonic) -> Iterator[bytes]:
    """Yield the body as it arrives, unpacked, in pieces of at most ``PIECE`` bytes.

    At its end the connection is free for the next call.

    Args:
        raw: of an answer that has not been read from yet.
        monotonic: a monotonic clock, in seconds. Only the time spent waiting for the service counts against
            ``LONGEST_ARRIVAL``, not the time that the consumer takes.

    Raises:
        ConnectionFailedError: the body ends early, is damaged, or takes too long.
        UnexpectedAnswerError: it has an encoding that was not requested, or is larger than ``LARGEST_BODY``.
        OSError: the connection broke, or a read timed out.
    """
    coding = str(raw.headers.get("Content-Encoding", "")).strip().lower()
    sent = _sent(raw, monotonic)
    if coding in {"", "identity"}:
        pieces = sent
    elif coding in {"gzip", "x-gzip"}:
        pieces = _unpacked(sent)
    else:
        raise UnexpectedAnswerError(
            f"The answer has the encoding {coding[:40]!r}, which was not requested. Look for a proxy or filter in "
            "between that changes answers."
        )
    received = 0
    for piece in pieces:
        received += len(piece)
        if received > LARGEST_BODY:
            raise UnexpectedAnswerError(
                f"The answer is larger than {LARGEST_BODY:,} bytes, which no answer of Microsoft's ever is. Look for a "
                "proxy or filter in between that changes answers."
            )
        yield piece


def _sent(raw: Urllib3Response, monotonic: Callable[[], float]) -> Iterator[bytes]:
    """Yield the body as it was sent."""
    # urllib3 1.26 has no read1, and its read waits for all requested bytes: a stop would go unnoticed meanwhile.
    source: HTTPResponse = raw._original_response  # noqa: SLF001 - urllib3 documents it under `original_response`
    missing: int | None = raw.length_remaining
    waited = 0.0
    while missing is None or missing > 0:
        began = monotonic()
        try:
            # The length is counted here: http.client's own read1 does not count before Python 3.13.
            piece = source.read1(PIECE if missing is None else min(PIECE, missing))
        except HTTPException as error:
            raise ConnectionFailedError("The answer was cut off") from error
        waited += monotonic() - began
        if not piece:
            break
        if missing is not None:
            missing -= len(piece)
        yield piece
        if waited > LONGEST_ARRIVAL:
            raise ConnectionFailedError(f"The answer did not arrive whole within {LONGEST_ARRIVAL:.0f} s")
    if missing:
        raise ConnectionFailedError("The answer was cut off")
    source.close()
    raw.release_conn()


def _unpacked(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Unpack gzip; several members may follow one another (RFC 1952, 2.2)."""
    unpacker = zlib.decompressobj(_GZIP_WINDOW)
    is_empty = True
    for piece in pieces:
        is_empty = False
        waiting, may_hold_more = piece, False
        while waiting or may_hold_more:
            if unpacker.eof and waiting:
                unpacker = zlib.decompressobj(_GZIP_WINDOW)
            try:
                unpacked = unpacker.decompress(waiting, PIECE)
            except zlib.error as error:
                raise ConnectionFailedError(f"The answer's compression is damaged ({error})") from error
            if unpacked:
                yield unpacked
            # A full step may have left more inside zlib, even if all input is used up.
            may_hold_more = len(unpacked) == PIECE
            waiting = unpacker.unused_data if unpacker.eof else unpacker.unconsumed_tail
    if not unpacker.eof and not is_empty:
        raise ConnectionFailedError("The answer was cut off")
