"""The body of an answer while it arrives: its end told by its length, gzip taken apart in bounded steps.

Both are done here and not by ``urllib3`` 1.26: it waits until as much has arrived as was asked for, takes a body that
ends early for whole (``requests`` leaves ``enforce_content_length`` off), and unpacks without a bound (CVE-2025-66471).
"""

from __future__ import annotations

import socket
import time
import zlib
from collections.abc import Iterator
from http.client import HTTPException, HTTPResponse
from typing import Callable

from urllib3.exceptions import TimeoutError as ReadTimeout
from urllib3.response import HTTPResponse as Urllib3Response

from defender_alerts.errors import ConnectionFailedError, UnexpectedAnswerError

# No step hands out more than this, however small the compressed bytes behind it were.
PIECE = 65_536
# The largest answer that the APIs can give is 5,000 alerts of 60 KB; this is three times as much.
LARGEST_BODY = 1_000_000_000
# An answer that drips in slower than this for its whole size will not become an answer.
LONGEST_ARRIVAL = 600.0

# What is asked for. Anything else that comes was not asked for, and is nothing that Microsoft sends.
ACCEPT_ENCODING = "gzip"
_GZIP = frozenset({"gzip", "x-gzip"})
_PLAIN = frozenset({"", "identity"})
_GZIP_WINDOW = 16 + zlib.MAX_WBITS


def arriving(raw: Urllib3Response, monotonic: Callable[[], float] = time.monotonic) -> Iterator[bytes]:
    """Yield the body as it arrives, unpacked, in pieces of at most ``PIECE`` bytes.

    Read to its end, it gives the connection back for the next call.

    Args:
        raw: of an answer that nobody has read from.
        monotonic: seconds that never jump. Only the time that is spent waiting for the service counts against
            ``LONGEST_ARRIVAL``: what the pieces' taker spends is not the service's.

    Raises:
        ConnectionFailedError: the body ends early, is damaged, or takes too long.
        UnexpectedAnswerError: it is packed in a way that was not asked for, or larger than ``LARGEST_BODY``.
        OSError, urllib3.exceptions.TimeoutError: the connection broke, or nothing came for as long as a read may take.
    """
    coding = str(raw.headers.get("Content-Encoding", "")).strip().lower()
    sent = _sent(raw, monotonic)
    if coding in _PLAIN:
        pieces = sent
    elif coding in _GZIP:
        pieces = _unpacked(sent)
    else:
        raise UnexpectedAnswerError(
            f"The answer is packed as {coding[:40]!r}, which nobody asked for. Look for a proxy or filter on the way "
            "that changes answers."
        )
    received = 0
    for piece in pieces:
        received += len(piece)
        if received > LARGEST_BODY:
            raise UnexpectedAnswerError(
                f"The answer is larger than {LARGEST_BODY:,} bytes, which no answer of Microsoft's is. Look for a "
                "proxy or filter on the way that changes answers."
            )
        yield piece


def _sent(raw: Urllib3Response, monotonic: Callable[[], float]) -> Iterator[bytes]:
    """Yield the body as it was sent."""
    # urllib3 1.26 has no read1, and its read waits for all that is asked for: a stop would go unnoticed as long.
    source: HTTPResponse = raw._original_response  # noqa: SLF001 - urllib3 documents it under `original_response`
    missing: int | None = raw.length_remaining
    waited = 0.0
    while missing is None or missing > 0:
        began = monotonic()
        try:
            # A length is ours to keep: http.client's own read1 does not count before Python 3.13.
            piece = source.read1(PIECE if missing is None else min(PIECE, missing))
        except HTTPException as error:
            raise ConnectionFailedError("The answer was cut off") from error
        except socket.timeout as error:
            # Its own name before Python 3.10 is not one that http/failures would know.
            raise ReadTimeout("The read timed out") from error
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
    """Yield what was packed by gzip; members may follow one another (RFC 1952, 2.2)."""
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
            # What fills a step may have left more inside zlib, although all that was sent is used up.
            may_hold_more = len(unpacked) == PIECE
            waiting = unpacker.unused_data if unpacker.eof else unpacker.unconsumed_tail
    if not unpacker.eof and not is_empty:
        raise ConnectionFailedError("The answer was cut off")
