"""Cuts the records out of an answer while it is still arriving.

An answer of 200 MB is never held: what is kept is the record at hand. Each record comes with its own text, as
Microsoft sent it, beside the parsed object; the C scanner of the standard library does both in one pass.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, Callable, NamedTuple

from .errors import ConnectionFailedError, UnexpectedAnswerError

# strict=False: a raw line feed inside a string is no reason to lose an alert.
_DECODER = json.JSONDecoder(strict=False)
_SPACE = re.compile(r"[ \t\n\r]*")
_STRUCTURE = re.compile(r'["{}\[\]]')
_STRING_STEP = re.compile(r'"|\\.', re.DOTALL)
_ELEMENT_END = re.compile(r"[,\]]")

_SMALLEST_READ = 65_536
_EXCERPT = 80
# The largest alert seen in public samples is 60 KB. The bound keeps a broken answer from filling the memory.
LARGEST_RECORD = 32 * 1024 * 1024


class Record(NamedTuple):
    """One element of the answer's array: its text as it arrived, and what it says."""

    raw: str
    value: Any


class BrokenRecord(NamedTuple):
    """An element that is no JSON; ``reason`` says why, ``excerpt`` is its beginning."""

    reason: str
    excerpt: str


class _Text:
    """The answer's text from the reading position on, read further when more is needed."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        # Invalid UTF-8 must not cost the other records: the bytes pass as surrogates and are replaced on writing.
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self._ended = False
        self.buffer = ""
        self.position = 0

    def more(self) -> bool:
        """Read at least as much again as is waiting, so that a long record is scanned a few times only."""
        if self._ended:
            return False
        waiting = self.buffer[self.position :]
        parts = [waiting]
        wanted = max(_SMALLEST_READ, len(waiting))
        while wanted > 0 and not self._ended:
            chunk = next(self._chunks, None)
            if chunk is None:
                self._ended = True
                parts.append(self._decoder.decode(b"", final=True))
            else:
                parts.append(self._decoder.decode(chunk))
                wanted -= len(chunk)
        self.buffer = "".join(parts)
        self.position = 0
        return len(self.buffer) > len(waiting)

    def peek(self) -> str:
        """The next character that is not white space; empty at the end."""
        while True:
            match = _SPACE.match(self.buffer, self.position)
            self.position = match.end() if match else self.position
            if self.position < len(self.buffer):
                return self.buffer[self.position]
            if not self.more():
                return ""

    def excerpt(self) -> str:
        """The text at the reading position, for a message."""
        return self.buffer[self.position : self.position + _EXCERPT]


def cut_array(chunks: Iterable[bytes], is_record: Callable[[Any], bool]) -> Iterator[Record | BrokenRecord]:
    """Yield the elements of an answer that is a JSON array, or the one record that stands in its place.

    Args:
        chunks: the body as it arrives.
        is_record: tells a record from another object, such as an error, where the array is missing.

    Raises:
        UnexpectedAnswerError: the answer is something else.
        ConnectionFailedError: the answer is empty, or ends before the array does.
    """
    text = _Text(chunks)
    first = text.peek()
    if first == "\ufeff":
        text.position += 1
        first = text.peek()
    if first == "{":
        alone = _record(text)
        if isinstance(alone, BrokenRecord) or not is_record(alone.value):
            raise UnexpectedAnswerError(f"The answer is no JSON array; it begins with {_beginning(alone)!r}")
        yield alone
    elif first == "[":
        text.position += 1
        yield from _elements(text)
    elif not first:
        # Not zero alerts, which is "[]": a compressed body that was cut off early comes out empty.
        raise ConnectionFailedError("The answer is empty")
    else:
        raise UnexpectedAnswerError(f"The answer is no JSON array; it begins with {text.excerpt()!r}")
    if text.peek():
        raise UnexpectedAnswerError(f"The answer goes on behind its end, with {text.excerpt()!r}")


def cut_envelope(chunks: Iterable[bytes], around: dict[str, Any]) -> Iterator[Record | BrokenRecord]:
    """Yield the elements of the array ``value`` in an answer that is an OData object.

    Args:
        chunks: the body as it arrives.
        around: takes up the other members of the object, such as ``@odata.nextLink``, wherever they stand.

    Raises:
        UnexpectedAnswerError: the answer is something else.
        ConnectionFailedError: the answer is empty, or ends before the object does.
    """
    text = _Text(chunks)
    first = text.peek()
    if first == "\ufeff":
        text.position += 1
        first = text.peek()
    if not first:
        raise ConnectionFailedError("The answer is empty")
    if first != "{":
        raise UnexpectedAnswerError(f"The answer is no OData object; it begins with {text.excerpt()!r}")
    beginning = text.excerpt()
    text.position += 1
    has_value = False
    while _goes_on(text, is_first=not around and not has_value):
        name = _name(text)
        if name == "value" and text.peek() == "[":
            has_value = True
            text.position += 1
            yield from _elements(text)
            continue
        member = _record(text)
        if isinstance(member, BrokenRecord):
            raise UnexpectedAnswerError(f"The answer's member {name[:_EXCERPT]!r} is broken ({member.reason})")
        around[name] = member.value
    if not has_value:
        raise UnexpectedAnswerError(f"The answer has no array of records; it begins with {beginning!r}")
    if text.peek():
        raise UnexpectedAnswerError(f"The answer goes on behind its end, with {text.excerpt()!r}")


def _goes_on(text: _Text, *, is_first: bool) -> bool:
    """Step over what stands before the next member of an object; False behind the last one."""
    separator = text.peek()
    if not separator:
        raise ConnectionFailedError("The answer was cut off")
    if separator == "}":
        text.position += 1
        return False
    if is_first:
        return True
    if separator != ",":
        raise _broken_envelope(text)
    text.position += 1
    if not text.peek():
        raise ConnectionFailedError("The answer was cut off")
    return True


def _name(text: _Text) -> str:
    """The name of the next member of an object, up to where its value begins."""
    name = _record(text)
    if isinstance(name, BrokenRecord) or not isinstance(name.value, str) or text.peek() != ":":
        raise _broken_envelope(text)
    text.position += 1
    if not text.peek():
        raise ConnectionFailedError("The answer was cut off")
    return name.value


def _broken_envelope(text: _Text) -> Exception:
    if not text.peek():
        return ConnectionFailedError("The answer was cut off")
    return UnexpectedAnswerError(f"The answer is broken at {text.excerpt()!r}")


def without_member(raw: str, name: str) -> tuple[str, str]:
    """Take a member out of the text of an object, with the comma that belongs to it.

    Args:
        raw: the text of an object that has been parsed before.
        name: of the member.

    Returns:
        The object's text without it, otherwise unchanged, and the text of its value; empty where there is no such one.
    """
    position = _skip(raw, raw.index("{") + 1)
    comma: int | None = None
    while raw[position] != "}":
        start = position
        key, position = _DECODER.raw_decode(raw, position)
        value_start = _skip(raw, _skip(raw, position) + 1)
        _, end = _DECODER.raw_decode(raw, value_start)
        behind = _skip(raw, end)
        if key == name:
            if raw[behind] == ",":
                return raw[:start] + raw[_skip(raw, behind + 1) :], raw[value_start:end]
            return raw[: start if comma is None else comma] + raw[end:], raw[value_start:end]
        if raw[behind] == "}":
            break
        comma, position = behind, _skip(raw, behind + 1)
    return raw, ""


def elements(raw: str) -> Iterator[Record]:
    """The elements of the text of an array that has been parsed before; none for another value."""
    if not raw.startswith("["):
        return
    position = _skip(raw, 1)
    while raw[position] != "]":
        value, end = _DECODER.raw_decode(raw, position)
        yield Record(raw[position:end], value)
        position = _skip(raw, end)
        if raw[position] == ",":
            position = _skip(raw, position + 1)


def _skip(raw: str, position: int) -> int:
    match = _SPACE.match(raw, position)
    return match.end() if match else position


def _beginning(element: Record | BrokenRecord) -> str:
    return element.excerpt if isinstance(element, BrokenRecord) else element.raw[:_EXCERPT]


def _elements(text: _Text) -> Iterator[Record | BrokenRecord]:
    if text.peek() == "]":
        text.position += 1
        return
    while True:
        if not text.peek():
            raise ConnectionFailedError("The answer was cut off")
        yield _record(text)
        separator = text.peek()
        text.position += 1
        if separator == "]":
            return
        if not separator:
            raise ConnectionFailedError("The answer was cut off")
        if separator != ",":
            text.position -= 1
            raise UnexpectedAnswerError(f"The answer's array is broken at {text.excerpt()!r}")


def _record(text: _Text) -> Record | BrokenRecord:
    while True:
        start = text.position
        try:
            value, end = _DECODER.raw_decode(text.buffer, start)
        except json.JSONDecodeError as error:
            if len(text.buffer) - start > LARGEST_RECORD:
                return _broken(text, f"longer than {LARGEST_RECORD} characters")
            if not (_may_be_incomplete(error, len(text.buffer)) and text.more()):
                return _broken(text, error.msg)
        except RecursionError:
            return _broken(text, "nested too deeply")
        else:
            # A number at the very end of what has arrived may go on.
            if end == len(text.buffer) and text.buffer[end - 1] not in '}]"' and text.more():
                continue
            text.position = end
            return Record(text.buffer[start:end], value)


def _may_be_incomplete(error: json.JSONDecodeError, arrived: int) -> bool:
    """Whether reading on can mend the error: it stands at the end of what arrived, or in an open string."""
    longest_partial_token = len('"\\uD83D\\uDE0')
    return error.msg.startswith("Unterminated string") or error.pos >= arrived - longest_partial_token


def _broken(text: _Text, reason: str) -> BrokenRecord:
    """Skip a broken element: up to where its brackets close, strings left out of the count."""
    excerpt = text.excerpt()
    if text.peek() not in '{["':
        _seek(text, _ELEMENT_END)
        return BrokenRecord(reason, excerpt)
    depth = 0
    while True:
        found = _seek(text, _STRUCTURE)
        text.position += 1
        if found == '"':
            while _seek(text, _STRING_STEP) != '"':
                text.position += 2
            text.position += 1
        else:
            depth += 1 if found in "{[" else -1
        if depth <= 0:
            return BrokenRecord(reason, excerpt)


def _seek(text: _Text, pattern: re.Pattern[str]) -> str:
    """Move on to the next match, dropping what is passed; return its first character."""
    while True:
        match = pattern.search(text.buffer, text.position)
        if match is not None:
            text.position = match.start()
            return match.group()[0]
        # A backslash at the end waits for the character that it escapes.
        waits = text.buffer.endswith("\\", text.position)
        text.position = len(text.buffer) - (1 if waits else 0)
        if not text.more():
            raise ConnectionFailedError("The answer was cut off")
