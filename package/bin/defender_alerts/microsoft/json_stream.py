"""Splits an answer into records while it is still arriving.

An answer of 200 MB is never held in memory, only the current record. Each record comes with its exact text beside the
parsed object; the C scanner of the standard library does both in one pass.

A broken record costs at most itself. One that can't be parsed (not JSON, or nested deeper than Python allows) is
delimited by its brackets. If those don't match either, reading resumes at the next recognisable record, unless the
answer may just have been truncated: a truncated answer is never taken for a shorter one.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, Callable, NamedTuple

from defender_alerts.errors import ConnectionFailedError, UnexpectedAnswerError

# strict=False: a raw line feed inside a string is no reason to lose an alert. Integers stay text, since the text is
# delivered, and Python (3.11 and later) refuses to convert more than 4,300 digits.
_DECODER = json.JSONDecoder(strict=False, parse_int=str)
# The decoder's errors; json.JSONDecodeError is a ValueError.
_UNREADABLE = (ValueError, ArithmeticError, RecursionError)
_TOO_DEEP = "nested too deeply"
_SPACE = re.compile(r"[ \t\n\r]*")
_NO_SPACE = re.compile(r"[^ \t\n\r]")
_STRUCTURE = re.compile(r'["{}\[\]]')
_STRING_STEP = re.compile(r'"|\\.', re.DOTALL)
_VALUE_END = re.compile(r"[,\]}]")
_OBJECT = re.compile(r"\{")
_OPENING = {"}": "{", "]": "["}

_SMALLEST_READ = 65_536
_EXCERPT = 80
# The largest alert in public samples has 60 KB. The limits keep a broken answer from filling the memory.
LARGEST_RECORD = 32 * 1024 * 1024
_DEEPEST = 1_000_000


class Record(NamedTuple):
    """One element of the answer's array: its exact text and its parsed value."""

    raw: str
    value: Any


class BrokenRecord(NamedTuple):
    """An element that can't be parsed.

    Attributes:
        reason: why not.
        excerpt: its beginning, for a message.
        record: its text with the readable ones of its outermost members; None if not even its end is certain.
    """

    reason: str
    excerpt: str
    record: Record | None = None


class _UnreadableError(Exception):
    """The value at the reading position can't be parsed; ``may_go_on`` if it may only have been truncated."""

    def __init__(self, reason: str, *, may_go_on: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.may_go_on = may_go_on


class _Text:
    """The answer's text from the reading position on; more is read when it is needed."""

    def __init__(self, chunks: Iterable[bytes], buffer: str = "") -> None:
        self._chunks = iter(chunks)
        # Invalid UTF-8 must not affect other records: the bytes become surrogates and are replaced on writing.
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self._ended = False
        self._held: int | None = None
        self.buffer = buffer
        self.position = 0

    def more(self) -> bool:
        """Read at least as much again as is waiting, so that a long record is scanned only a few times."""
        if self._ended:
            return False
        if self._held is not None and self.position - self._held > LARGEST_RECORD:
            self._held = None
        begin = self.position if self._held is None else self._held
        waiting = self.buffer[begin:]
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
        self.position -= begin
        self._held = None if self._held is None else 0
        return len(self.buffer) > len(waiting)

    def hold(self) -> None:
        """Keep the text from here on, up to a limit."""
        self._held = self.position

    @property
    def held(self) -> int | None:
        """The length of the held text up to the reading position; None if it is no longer held."""
        return None if self._held is None else self.position - self._held

    def go_to(self, distance: int) -> None:
        """Move the reading position to this distance from the start of the held text."""
        self.position = (self._held or 0) + distance

    def peek(self) -> str:
        """The next character that is not white space; empty at the end."""
        while True:
            match = _SPACE.match(self.buffer, self.position)
            self.position = match.end() if match else self.position
            if self.position < len(self.buffer):
                return self.buffer[self.position]
            if not self.more():
                return ""

    def ahead(self, count: int) -> str:
        """The next characters that are not white space, fewer at the end; the reading position stays."""
        while True:
            found = islice(_NO_SPACE.finditer(self.buffer, self.position), count)
            characters = "".join(match.group() for match in found)
            if len(characters) == count or not self.more():
                return characters

    def excerpt(self) -> str:
        """The text at the reading position, for a message."""
        return excerpt(self.buffer[self.position : self.position + _EXCERPT])


def excerpt(text: str) -> str:
    """The beginning of a text for a message; bytes that were not UTF-8 become replacement characters."""
    return re.sub("[\ud800-\udfff]", "\ufffd", text[:_EXCERPT])


def cut_array(chunks: Iterable[bytes], is_record: Callable[[Any], bool]) -> Iterator[Record | BrokenRecord]:
    """Yield the elements of an answer that is a JSON array, or the single record that is there instead.

    Args:
        chunks: the body as it arrives.
        is_record: tells a record from another object, such as an error, if there is no array.

    Raises:
        UnexpectedAnswerError: the answer is something else.
        ConnectionFailedError: the answer is empty, or ends before the array does.
    """
    text, first = _begin(chunks)
    if first == "{":
        alone = _record(text)
        record = alone.record if isinstance(alone, BrokenRecord) else alone
        if record is None or not is_record(record.value):
            raise UnexpectedAnswerError(f"The answer is not a JSON array; it begins with {_beginning(alone)!r}")
        yield alone
    elif first == "[":
        text.position += 1
        yield from _elements(text, is_record, _ends_array)
    else:
        raise UnexpectedAnswerError(f"The answer is not a JSON array; it begins with {text.excerpt()!r}")
    _end(text)


def cut_envelope(
    chunks: Iterable[bytes], around: dict[str, Any], is_record: Callable[[Any], bool] = lambda _: True
) -> Iterator[Record | BrokenRecord]:
    """Yield the elements of the array ``value`` in an answer that is an OData object.

    Args:
        chunks: the body as it arrives.
        around: receives the other members of the object, such as ``@odata.nextLink``, wherever they are.
        is_record: tells a record from an object inside one.

    Raises:
        UnexpectedAnswerError: the answer is something else.
        ConnectionFailedError: the answer is empty, or ends before the object does.
    """
    text, first = _begin(chunks)
    if first != "{":
        raise UnexpectedAnswerError(f"The answer is not an OData object; it begins with {text.excerpt()!r}")
    beginning = text.excerpt()
    text.position += 1
    has_value = False
    while _goes_on(text, is_first=not around and not has_value):
        name = _name(text)
        if name == "value" and text.peek() == "[":
            has_value = True
            text.position += 1
            yield from _elements(text, is_record, _ends_value)
            continue
        member = _record(text)
        if isinstance(member, Record):
            around[name] = member.value
        elif member.reason == _TOO_DEEP and member.record is not None:
            # It is valid JSON, and not needed here.
            around[name] = member.excerpt
        else:
            raise UnexpectedAnswerError(f"The answer's member {excerpt(name)!r} is broken ({member.reason})")
    if not has_value:
        raise UnexpectedAnswerError(f"The answer has no array of records; it begins with {beginning!r}")
    _end(text)


def _begin(chunks: Iterable[bytes]) -> tuple[_Text, str]:
    """The text of an answer, and its first character."""
    text = _Text(chunks)
    if text.peek() == "\ufeff":
        text.position += 1
    first = text.peek()
    if not first:
        # Not "no alerts", which is "[]": a compressed body that was truncated early comes out empty.
        raise ConnectionFailedError("The answer is empty")
    return text, first


def _end(text: _Text) -> None:
    """Make sure that nothing stands behind the end of an answer."""
    if text.peek():
        raise UnexpectedAnswerError(f"The answer continues after its end with {text.excerpt()!r}")


def _next(text: _Text) -> str:
    """The next character of an answer that can't end here."""
    character = text.peek()
    if not character:
        raise ConnectionFailedError("The answer was cut off")
    return character


def _goes_on(text: _Text, *, is_first: bool) -> bool:
    """Skip the separator before the next member of an object; False after the last one."""
    separator = _next(text)
    if separator == "}":
        text.position += 1
        return False
    if is_first:
        return True
    if separator != ",":
        raise _broken_envelope(text)
    text.position += 1
    _next(text)
    return True


def _name(text: _Text) -> str:
    """The name of the next member of an object, up to where its value begins."""
    name = _record(text)
    if isinstance(name, BrokenRecord) or not isinstance(name.value, str) or text.peek() != ":":
        raise _broken_envelope(text)
    text.position += 1
    _next(text)
    return name.value


def _broken_envelope(text: _Text) -> Exception:
    _next(text)
    return UnexpectedAnswerError(f"The answer is broken at {text.excerpt()!r}")


class _Member(NamedTuple):
    """A member of an object with its positions in the object's text: its begin, its value's begin, and its end."""

    name: Any
    begin: int
    value_begin: int
    end: int
    value: Any


def _members(raw: str) -> Iterator[_Member]:
    """The members in the text of an object. Only its outermost level has to be JSON.

    Raises:
        ValueError, ArithmeticError, RecursionError: not even that is JSON.
    """
    position = _skip(raw, 1) if raw.startswith("{") else len(raw)
    while raw[position : position + 1] not in {"}", ""}:
        name, name_end = _DECODER.raw_decode(raw, position)
        colon = _skip(raw, name_end)
        if raw[colon : colon + 1] != ":":
            raise ValueError("a member has no value")
        value_begin = _skip(raw, colon + 1)
        value, end = _value(raw, value_begin)
        yield _Member(name, position, value_begin, end, value)
        position = _skip(raw, end)
        if raw[position : position + 1] == ",":
            position = _skip(raw, position + 1)


def _value(raw: str, begin: int) -> tuple[Any, int]:
    """The value at a position of a text, and its end; None for a value that is only delimited by its brackets.

    Raises:
        ValueError: the brackets don't match.
    """
    try:
        return _DECODER.raw_decode(raw, begin)
    except _UNREADABLE:
        rest = _Text((), raw[begin:])
        if not _pass_over(rest):
            raise ValueError("brackets don't match") from None
        return None, begin + rest.position


def without_member(raw: str, name: str) -> tuple[str, str]:
    """Remove a member and its comma from the text of an object.

    Args:
        raw: the text of an object.
        name: of the member.

    Returns:
        The object's text, otherwise unchanged, and the text of the member's value; empty if there is no such member.
    """
    end_before: int | None = None
    try:
        for member in _members(raw):
            if member.name == name:
                behind = _skip(raw, member.end)
                if raw[behind : behind + 1] == ",":
                    return raw[: member.begin] + raw[_skip(raw, behind + 1) :], raw[member.value_begin : member.end]
                begin = member.begin if end_before is None else _skip(raw, end_before)
                return raw[:begin] + raw[member.end :], raw[member.value_begin : member.end]
            end_before = member.end
    except _UNREADABLE:
        # The object can't be read, so nothing can be removed.
        pass
    return raw, ""


def elements(raw: str) -> Iterator[Record]:
    """The elements in the text of an array; none for another value."""
    if not raw.startswith("["):
        return
    position = _skip(raw, 1)
    while raw[position : position + 1] not in {"]", ""}:
        try:
            value, end = _value(raw, position)
        except _UNREADABLE:
            # After an unreadable element, nothing can be recognised.
            return
        element = raw[position:end]
        yield Record(element, _outermost(element) if value is None else value)
        position = _skip(raw, end)
        if raw[position : position + 1] == ",":
            position = _skip(raw, position + 1)


def _outermost(raw: str) -> dict[Any, Any] | None:
    """The readable ones of an object's outermost members; None for another value."""
    if not raw.startswith("{"):
        return None
    found: dict[Any, Any] = {}
    try:
        for member in _members(raw):
            found[member.name] = member.value
    except _UNREADABLE:
        # Keep the members before the error.
        pass
    return found


def _skip(raw: str, position: int) -> int:
    match = _SPACE.match(raw, position)
    return match.end() if match else position


def _beginning(element: Record | BrokenRecord) -> str:
    return element.excerpt if isinstance(element, BrokenRecord) else excerpt(element.raw)


def _ends_array(ahead: str) -> bool:
    """Whether this bracket, with what follows it, can be the end of an answer that is an array."""
    return ahead == "]"


def _ends_value(ahead: str) -> bool:
    """Whether this bracket, with what follows it, can be the end of the array in an OData object."""
    return ahead in {"]}", '],"', "]", "],"}


_LOOK = 3


class _Found(NamedTuple):
    """A value that was read: whether its end is certain, and if not, whether it may only have been truncated."""

    element: Record | BrokenRecord
    is_closed: bool = True
    may_go_on: bool = False


def _elements(
    text: _Text, is_record: Callable[[Any], bool], ends: Callable[[str], bool]
) -> Iterator[Record | BrokenRecord]:
    """Yield the elements of an array, from after its opening bracket to after the closing one.

    ``ends`` tells by the text ahead whether a closing bracket is the array's own.
    """
    separator = "" if text.peek() == "]" and ends(text.ahead(_LOOK)) else ","
    while separator:
        first = _next(text)
        text.hold()
        found = _read(text)
        # An array is not a record, and a broken one may have swallowed the records after it.
        is_doubtful = first == "[" and isinstance(found.element, BrokenRecord)
        separator = text.peek()
        is_separated = separator == "," or (separator == "]" and ends(text.ahead(_LOOK)))
        if found.is_closed and not is_doubtful and is_separated:
            yield found.element
        else:
            yield _go_on_at_next(text, found, is_record)
            separator = text.peek()
        separator = "," if separator == "," else ""
        text.position += len(separator)
    text.position += 1


def _go_on_at_next(text: _Text, found: _Found, is_record: Callable[[Any], bool]) -> Record | BrokenRecord:
    """Go to the separator before the next record, from an element without a separator after it.

    Raises:
        ConnectionFailedError: the answer may only have been truncated.
        UnexpectedAnswerError: there is no next record.
    """
    element, separator, distance = found.element, text.peek(), text.held
    is_object = isinstance(element, Record) and isinstance(element.value, Mapping)
    if not separator and (is_object or found.may_go_on):
        raise ConnectionFailedError("The answer was cut off")
    error = UnexpectedAnswerError(f"The answer's array is broken at {text.excerpt()!r}")
    if distance is None:
        raise error
    if not is_object:
        # Its quotes or brackets may have swallowed the beginning of the next record.
        text.go_to(0)
    if _find_record(text, is_record):
        if isinstance(element, Record) and is_object and is_record(element.value):
            return element
        return BrokenRecord("its end can't be told", _beginning(element))
    if found.is_closed and separator in {",", "]"} and text.held is not None:
        # Its end was right after all; the caller judges what follows the end of the array.
        text.go_to(distance)
        return element
    raise error if separator else ConnectionFailedError("The answer was cut off")


def _find_record(text: _Text, is_record: Callable[[Any], bool]) -> bool:
    """Go to the comma before the next record; False if there is none in the held text."""
    while _seek(text, _OBJECT):
        here = text.held
        if here is None:
            return False
        comma = text.buffer.rfind(",", text.position - here, text.position)
        if comma >= 0 and _skip(text.buffer, comma + 1) == text.position:
            distance = here - (text.position - comma)
            try:
                value, _ = _decoded(text)
            except _UnreadableError:
                value = None
            if value is not None and is_record(value) and text.ahead(1) in {",", "]"} and text.held is not None:
                text.go_to(distance)
                return True
            if text.held is None:
                return False
        text.go_to(here + 1)
    return False


def _record(text: _Text) -> Record | BrokenRecord:
    """Read a value that is not an element of the array.

    Raises:
        ConnectionFailedError: the answer ends inside it.
    """
    text.peek()
    text.hold()
    found = _read(text)
    if not found.is_closed and not text.peek():
        raise ConnectionFailedError("The answer was cut off")
    return found.element


def _read(text: _Text) -> _Found:
    """Read a value and go to its end, if that can be recognised."""
    try:
        value, raw = _decoded(text)
    except _UnreadableError as error:
        beginning, record = text.excerpt(), None
        is_closed = _pass_over(text)
        if is_closed and text.held is not None:
            raw = text.buffer[text.position - text.held : text.position]
            record = Record(raw, _outermost(raw))
        return _Found(BrokenRecord(error.reason, beginning, record), is_closed, error.may_go_on)
    return _Found(Record(raw, value))


def _decoded(text: _Text) -> tuple[Any, str]:
    """Parse the value at the reading position and go to its end.

    Returns:
        The value and its text.

    Raises:
        _UnreadableError: it can't be parsed; the reading position is unchanged.
    """
    while True:
        start, arrived = text.position, len(text.buffer)
        try:
            value, end = _DECODER.raw_decode(text.buffer, start)
        except json.JSONDecodeError as error:
            if arrived - start > LARGEST_RECORD:
                raise _UnreadableError(f"longer than {LARGEST_RECORD} characters") from None
            may_go_on = _may_be_incomplete(error, arrived)
            if not (may_go_on and text.more()):
                raise _UnreadableError(error.msg, may_go_on=may_go_on) from None
        except RecursionError:
            raise _UnreadableError(_TOO_DEEP, may_go_on=True) from None
        except _UNREADABLE as error:
            raise _UnreadableError(f"{type(error).__name__}: {error}"[:_EXCERPT]) from None
        else:
            # A number at the very end of what has arrived may continue.
            if end == arrived and text.buffer[end - 1] not in '}]"' and text.more():
                continue
            text.position = end
            return value, text.buffer[start:end]


def _may_be_incomplete(error: json.JSONDecodeError, arrived: int) -> bool:
    """Whether more text may resolve the error: it is at the end of what arrived, or in an open string."""
    longest_partial_token = len('"\\uD83D\\uDE0')
    return error.msg.startswith("Unterminated string") or error.pos >= arrived - longest_partial_token


def _pass_over(text: _Text) -> bool:
    """Skip a value that can't be parsed by its brackets; False if they don't match or the text ends."""
    if text.peek() not in set('{["'):
        return bool(_seek(text, _VALUE_END))
    opened: list[str] = []
    while len(opened) < _DEEPEST:
        found = _seek(text, _STRUCTURE)
        text.position += len(found)
        if found == '"':
            step = _seek(text, _STRING_STEP)
            while step == "\\":
                text.position += 2
                step = _seek(text, _STRING_STEP)
            text.position += len(step)
            if not step:
                return False
        elif found in _OPENING.values():
            opened.append(found)
        elif not opened or opened.pop() != _OPENING.get(found):
            return False
        if not opened:
            return True
    return False


def _seek(text: _Text, pattern: re.Pattern[str]) -> str:
    """Go to the next match and return its first character; empty if the text ends before."""
    while True:
        match = pattern.search(text.buffer, text.position)
        if match is not None:
            text.position = match.start()
            return match.group()[0]
        # A backslash at the end needs the character that it escapes.
        waits = text.buffer.endswith("\\", text.position)
        text.position = len(text.buffer) - (1 if waits else 0)
        if not text.more():
            text.position = len(text.buffer)
            return ""
