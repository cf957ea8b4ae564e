"""Writes versions as events of a modular input's XML stream.

Written here and not by ``splunklib``'s ``EventWriter``, which builds an element tree and flushes for each event, and
writes what XML forbids: U+FFFE in an alert would end the stream, and with it every alert behind it.

Source: Splunk, "Modular inputs: XML streaming mode"; W3C, "XML 1.0", 2.2 (characters) and 2.11 (line ends).
"""

from __future__ import annotations

import re
import select
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from re import Match
from typing import Any, BinaryIO, Callable, Protocol

from defender_alerts.checkpoint.versions import Version
from defender_alerts.errors import StreamClosedError
from defender_alerts.times import epoch

# At most so many characters, or one event, are written between two looks at whether the run has ended: a reader who is
# slow, and not gone, gets whole events and the end of the stream. A pipe of Linux holds 65,536 bytes.
_PIECE = 16_384
# A reader who takes longer than so many seconds for that is none. When a run ends by itself, nothing is being written.
_LONGEST_PIECE = 1.0
# Inside JSON these can only stand in a string, where the escape means the same.
_FORBIDDEN_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
# Bytes that were no UTF-8 arrive as lone surrogates (see ``records``).
_NO_UTF8 = re.compile("[\ud800-\udfff]")

_BROKEN = (
    "Splunk has closed the stream of events, as it does when it stops or the input is edited. What was not taken is "
    "read again by the next run."
)


def stream_closed() -> StreamClosedError:
    """The error that Splunk no longer takes events."""
    return StreamClosedError(_BROKEN)


@dataclass(frozen=True)
class Origin:
    """Where events come from: what stands beside ``time`` and ``data`` in each of them.

    ``split_sourcetype`` is that of records that were cut out of others.
    """

    stanza: str
    index: str
    source: str
    sourcetype: str
    host: str
    split_sourcetype: str = ""


class EventSink(Protocol):
    """Takes events; what it has taken is on its way to Splunk when ``write`` returns."""

    def write(self, origin: Origin, versions: Iterable[Version]) -> int:
        """Write and flush a batch; return its bytes.

        Raises:
            StreamClosedError: Splunk no longer takes events.
        """


def _escape(text: str) -> str:
    # A reader makes a line feed of a carriage return, unless it is written as a reference.
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#13;")


def _attribute(text: str) -> str:
    return _escape(_FORBIDDEN_IN_XML.sub("", text)).replace('"', "&quot;")


def _json_escape(match: Match[str]) -> str:
    return f"\\u{ord(match.group()):04x}"


def event_data(raw: str) -> str:
    """The record's JSON as XML text: the same characters, escaped; what XML 1.0 forbids as a JSON escape."""
    # What is printable holds nothing forbidden, and that is told in half the time (CPython 3.9 and 3.13).
    return _escape(raw if raw.isprintable() else _FORBIDDEN_IN_XML.sub(_json_escape, raw))


def _encode(text: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        return _NO_UTF8.sub("\ufffd", text).encode("utf-8")


def _pieces(events: Iterable[str]) -> Iterator[str]:
    """Join events to pieces of a size that costs few calls and little memory."""
    piece: list[str] = []
    size = 0
    for event in events:
        piece.append(event)
        size += len(event)
        if size >= _PIECE:
            yield "".join(piece)
            piece, size = [], 0
    if piece:
        yield "".join(piece)


def _beside(origin: Origin, sourcetype: str) -> str:
    """What stands between an event's time and its data."""
    return "".join(
        f"<{name}>{_attribute(value)}</{name}>"
        for name, value in (
            ("source", origin.source),
            ("sourcetype", sourcetype),
            ("host", origin.host),
            ("index", origin.index),
        )
    )


class XmlStream:
    """The stream on standard output, shared by all regions of a process.

    Opened by the first event and always closed, so that Splunk never sees half a document. While Splunk does not read,
    ``write`` blocks, and so may ``close``: a process that has to end meanwhile calls both in threads of their own.
    """

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        # A batch has its turn, behind all of the one before. The other lock is held for a piece of it, for ``close``.
        self._turn = threading.Lock()
        self._lock = threading.Lock()
        self._opened = False
        self._closed = self._ended = self._broken = False

    def write(self, origin: Origin, versions: Iterable[Version]) -> int:
        """Write and flush a batch; return its bytes.

        Raises:
            StreamClosedError: Splunk no longer takes events, or the stream was closed; the batch is not whole.
        """
        head = f'<event stanza="{_attribute(origin.stanza)}"><time>'
        whole, part = _beside(origin, origin.sourcetype), _beside(origin, origin.split_sourcetype)
        events = (
            f"{head}{epoch(version.time)}</time>{part if version.is_split else whole}<data>"
            f"{event_data(version.raw)}</data></event>\n"
            for version in versions
        )
        with self._turn:
            written = sum(self._put(_encode(piece)) for piece in _pieces(events))
            with self._lock:
                self._do(self._out.flush)
        return written

    def close(self) -> None:
        """End the stream behind the event that is being written; nothing can be written afterwards.

        Where that event finds no reader, the stream stays without its end.

        Raises:
            StreamClosedError: Splunk no longer takes events.
        """
        # Said before the lock is there: a batch that is under way goes no further.
        was_closed, self._closed = self._closed, True
        if not self._lock.acquire(timeout=_LONGEST_PIECE):
            return
        try:
            if self._opened and not was_closed:
                self._do(self._out.write, b"</stream>")
                self._do(self._out.flush)
                self._ended = True
        finally:
            self._lock.release()

    def is_abandoned(self) -> bool:
        """Whether Splunk has closed the pipe before the stream's end, whether or not there is something to write.

        On Windows a pipe can't be polled: there the next write finds it out.
        """
        if self._broken or self._ended or not hasattr(select, "poll"):
            return self._broken
        poll = select.poll()
        try:
            # Whoever waits for nothing is told of an error and a hang-up all the same.
            poll.register(self._out.fileno(), 0)
        except (OSError, ValueError):
            return False
        return bool(poll.poll(0))

    def _put(self, data: bytes) -> int:
        with self._lock:
            if self._broken:
                raise stream_closed()
            if self._closed:
                raise StreamClosedError("The run has ended; this batch is read again by the next one.")
            if not self._opened:
                self._opened = True
                data = b"<stream>" + data
            self._do(self._out.write, data)
        return len(data)

    def _do(self, call: Callable[..., Any], *arguments: bytes) -> None:
        try:
            call(*arguments)
        except (OSError, ValueError) as error:
            self._closed = self._broken = True
            raise stream_closed() from error
