"""A modular input's stdout, read as splunkd reads it: one XML 1.0 document, strictly and as it comes.

Source: Splunk "Developing views and apps", "Modular inputs: streaming mode xml" (<stream><event stanza= unbroken=>
with time, data, host, source, sourcetype, index, done). What splunkd does after a broken document is assumed:
it keeps the events that were whole.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Callable
from xml.parsers import expat

_FIELDS = frozenset({"time", "data", "host", "source", "sourcetype", "index", "done"})


@dataclass(frozen=True, slots=True)
class IndexedEvent:
    """One event as it goes into the index; what the event didn't say comes from its stanza."""

    stanza: str
    time: str | None
    host: str
    source: str
    sourcetype: str
    index: str
    raw: str
    unbroken: bool = False
    done: bool = False


class StreamReader:
    """Feed it bytes; it hands out events. `error` says what XML 1.0 or the protocol forbade."""

    def __init__(self, defaults: Mapping[str, str], take: Callable[[IndexedEvent], None]) -> None:
        self.closed = False
        self.error: str | None = None
        self.bytes_read = 0
        self._defaults = defaults
        self._take = take
        self._path: list[str] = []
        self._event: dict[str, str] = {}
        self._attributes: dict[str, str] = {}
        self._text: list[str] = []
        self._parser = expat.ParserCreate()
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._characters
        self._parser.StartDoctypeDeclHandler = self._doctype

    def feed(self, chunk: bytes) -> None:
        """More of the stream. After an error the rest is thrown away."""
        self.bytes_read += len(chunk)
        if self.error is None:
            try:
                self._parser.Parse(chunk, False)  # noqa: FBT003 - pyexpat takes it by position
            except expat.ExpatError as error:
                self.error = f"not well-formed: {error}"

    def end(self) -> None:
        """The process has closed its stdout. No output at all is fine, an unterminated stream is not."""
        if self.error is None and self.bytes_read:
            try:
                self._parser.Parse(b"", True)  # noqa: FBT003 - pyexpat takes it by position
            except expat.ExpatError as error:
                self.error = f"unterminated: {error}"

    def _fail(self, text: str) -> None:
        self.error = self.error or text

    def _doctype(self, *_: object) -> None:
        self._fail("a document type declaration")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._path.append(name)
        depth = len(self._path)
        if depth == 1 and name != "stream":
            self._fail(f"<{name}> instead of <stream>")
        elif depth == 2:
            if name != "event":
                self._fail(f"<{name}> in <stream>")
            self._event, self._attributes = {}, attributes
        elif depth == 3:
            if name not in _FIELDS or name in self._event:
                self._fail(f"<{name}> in <event>")
            self._text = []
        elif depth > 3:
            self._fail(f"<{name}> in <{self._path[-2]}>")

    def _characters(self, text: str) -> None:
        if len(self._path) == 3:
            self._text.append(text)
        elif text.strip():
            self._fail(f"text outside of an event's fields: {text.strip()[:80]!r}")

    def _end(self, name: str) -> None:
        depth = len(self._path)
        self._path.pop()
        if self.error:
            return
        if depth == 3:
            self._event[name] = "".join(self._text)
        elif depth == 2:
            self._finish()
        elif depth == 1:
            self.closed = True

    def _finish(self) -> None:
        event, defaults = self._event, self._defaults
        if "data" not in event:
            self._fail("an event without <data>")
            return
        time = event.get("time")
        if time is not None:
            try:
                float(time)
            except ValueError:
                self._fail(f"<time> is not a number: {time!r}")
                return

        def said(name: str) -> str:
            return sys.intern(event.get(name) or defaults[name])

        self._take(
            IndexedEvent(
                stanza=sys.intern(self._attributes.get("stanza") or defaults["stanza"]),
                time=time,
                host=said("host"),
                source=said("source"),
                sourcetype=said("sourcetype"),
                index=said("index"),
                raw=event["data"],
                unbroken=self._attributes.get("unbroken") == "1",
                done="done" in event,
            )
        )
