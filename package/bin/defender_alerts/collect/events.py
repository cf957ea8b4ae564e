"""Writes versions as events of a modular input's XML stream.

``splunklib``'s ``EventWriter`` builds an element tree and flushes for each event, and it writes characters that XML
forbids: U+FFFE in one alert would end the stream and lose every alert after it.

Source: Splunk, "Modular inputs: XML streaming mode"; W3C, "XML 1.0", 2.2 (characters) and 2.11 (line ends).
"""

from __future__ import annotations

import re
import select
import threading
from collections.abc import Iterable, Iterator
from re import Match
from typing import Any, BinaryIO, Callable, NamedTuple, Protocol

from defender_alerts.checkpoint.versions import Version
from defender_alerts.errors import StreamClosedError
from defender_alerts.times import epoch

# Between two checks whether the run has ended, at most this many bytes or one event are written: so a slow reader still
# gets whole events and the end of the stream. A Linux pipe holds 65,536 bytes.
_PIECE = 16_384
# A reader that takes longer than this many seconds for one piece is considered gone.
_LONGEST_PIECE = 1.0
# What XML 1.0 forbids: control characters, U+FFFE and U+FFFF. In JSON they can only occur inside a string, where the
# escape sequence means the same.
_FORBIDDEN = rb"[\x00-\x08\x0b\x0c\x0e-\x1f]|\xef\xbf[\xbe\xbf]"
_CONTROLS = (
    b"\x00\x01\x02\x03\x04\x05\x06\x07\x08\x0b\x0c\x0e\x0f"
    b"\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f"
)
# U+FFFE and U+FFFF begin with this byte of UTF-8, and few other characters do.
_BEGINS_FFFE = 0xEF
# An XML parser turns a carriage return into a line feed, unless it is written as a character reference.
_ESCAPES = tuple(
    (ord(character), character, escaped)
    for character, escaped in ((b"&", b"&amp;"), (b"<", b"&lt;"), (b">", b"&gt;"), (b"\r", b"&#13;"))
)
_TAIL = b"</data></event>\n"

_BROKEN = (
    "Splunk has closed the stream of events, as it does when it stops or the input is edited. The next run reads "
    "again what Splunk did not take."
)


def stream_closed() -> StreamClosedError:
    """The error for a pipe that Splunk has closed."""
    return StreamClosedError(_BROKEN)


class Origin(NamedTuple):
    """The metadata of events; ``split_sourcetype`` is that of records split off others."""

    stanza: str
    index: str  # type: ignore[assignment] # in place of a tuple's own
    source: str
    sourcetype: str
    host: str
    split_sourcetype: str = ""


class EventSink(Protocol):
    """Takes events; when ``write`` returns, they have been handed to Splunk."""

    def write(self, origin: Origin, versions: Iterable[Version]) -> int:
        """Write and flush a batch; return its bytes.

        Raises:
            StreamClosedError: Splunk no longer accepts events.
        """


class XmlStream:
    """The event stream on standard output, shared by all regions of a process.

    The first event opens it, and it is always closed, so that Splunk never gets half a document. While Splunk does not
    read, ``write`` and ``close`` block; a process that may have to end meanwhile calls them in threads of their own.
    """

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        # Held for a whole batch, so that batches don't mix. The other one is held for a piece, so that ``close`` can
        # come in between.
        self._turn = threading.Lock()
        self._lock = threading.Lock()
        self._opened = False
        self._closed = self._ended = self._broken = False

    def write(self, origin: Origin, versions: Iterable[Version]) -> int:
        """Write and flush a batch; return its bytes.

        Raises:
            StreamClosedError: Splunk no longer accepts events, or the stream was closed; the batch is incomplete.
        """
        with self._turn:
            written = sum(map(self._put, _pieces(origin, versions)))
            with self._lock:
                self._do(self._out.flush)
        return written

    def close(self) -> None:
        """End the stream after the event that is being written; nothing can be written afterwards.

        If Splunk does not read that event, the stream is left without its end.

        Raises:
            StreamClosedError: Splunk no longer accepts events.
        """
        # Set before the lock is acquired, so that a batch that is being written stops after its current piece.
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
        """Whether Splunk has closed the pipe before the end of the stream, even if nothing is being written.

        A pipe can't be polled on Windows: there only the next write notices.
        """
        if self._broken or self._ended or not hasattr(select, "poll"):
            return self._broken
        poll = select.poll()
        try:
            # poll reports errors and hang-ups even if no event is requested.
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


def event_data(raw: bytes, *, has_controls: bool = True) -> bytes:
    """The record's JSON as escaped XML text; characters that XML 1.0 forbids become JSON escapes."""
    # To look for one character after the other takes less than a fifth of a pattern's time (CPython 3.9 and 3.13).
    if _BEGINS_FFFE in raw or (has_controls and any(map(raw.__contains__, _CONTROLS))):
        raw = re.sub(_FORBIDDEN, _json_escape, raw)
    return _escape(raw)


def _escape(text: bytes) -> bytes:
    for code, character, escaped in _ESCAPES:
        # CPython finds a character many times faster than ``replace`` counts how often it is there. It finds it by its
        # number: asked for bytes, it first raises the TypeError that they are none (``_Py_bytes_contains``).
        if code in text:
            text = text.replace(character, escaped)
    return text


def _attribute(text: str) -> bytes:
    return _escape(re.sub(_FORBIDDEN, b"", text.encode("utf-8", "replace"))).replace(b'"', b"&quot;")


def _json_escape(match: Match[bytes]) -> bytes:
    return b"\\u%04x" % ord(match.group().decode())


def _pieces(origin: Origin, versions: Iterable[Version]) -> Iterator[bytes]:
    """The events, joined to pieces large enough to need few calls and small enough to need little memory."""
    head = b'<event stanza="%b"><time>' % _attribute(origin.stanza)
    whole, part = _metadata(origin, origin.sourcetype), _metadata(origin, origin.split_sourcetype)
    around = len(head) + max(len(whole), len(part)) + len(_TAIL)
    texts: list[bytes] = []
    size = 0
    for version in versions:
        data = event_data(version.raw, has_controls=version.has_controls)
        texts += (head, epoch(version.time).encode(), part if version.is_split else whole, data, _TAIL)
        size += around + len(data)
        if size >= _PIECE:
            yield b"".join(texts)
            texts, size = [], 0
    if texts:
        yield b"".join(texts)


def _metadata(origin: Origin, sourcetype: str) -> bytes:
    """What is between an event's time and its data."""
    return b"</time><source>%b</source><sourcetype>%b</sourcetype><host>%b</host><index>%b</index><data>" % tuple(
        map(_attribute, (origin.source, sourcetype, origin.host, origin.index))
    )
