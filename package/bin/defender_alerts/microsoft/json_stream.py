"""Splits an answer into records while it is still arriving.

An answer of 200 MB is never held in memory, only the current record. Each record comes with its exact text beside the
parsed object; the C scanner of the standard library does both in one pass.

A broken record costs at most itself. One that can't be parsed (not JSON, or nested deeper than Python allows) is
delimited by its brackets. If those don't match either, reading resumes at the next recognisable record, unless the
answer may just have been truncated: a truncated answer is never taken for a shorter one.

``without_member`` and ``elements`` take the text of a single record apart.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, Callable, NamedTuple

from defender_alerts.errors import AddonError, ConnectionFailedError, UnexpectedAnswerError

# Integers stay text, since the text is delivered, and Python refuses to convert more than 4,300 digits (since 3.11).
_DECODER = json.JSONDecoder(parse_int=str)
# A control character inside a string, such as a raw line feed, is no reason to lose an alert.
_LENIENT = json.JSONDecoder(strict=False, parse_int=str)
_CONTROL = "Invalid control character"
_TOO_DEEP = "nested too deeply"
_NO_SPACE = re.compile(r"[^ \t\n\r]")
_STRUCTURE = re.compile(r'["{}\[\]]')
_STRING_STEP = re.compile(r'"|\\.', re.DOTALL)
_VALUE_END = re.compile(r"[,\]}]")
_COMMA = re.compile(",")
_SEPARATOR = re.compile(r"[ \t\n\r]*,[ \t\n\r]*")
# Bytes that are not UTF-8 are read as lone surrogates.
_NO_UTF8 = "[\ud800-\udfff]"
_OPENING = {"}": "{", "]": "["}
# The bracket that ends the array with what may follow, up to ``_LOOK`` characters: in an answer that is an array, and
# in an OData object.
_ENDS_ARRAY = frozenset({"]"})
_ENDS_VALUE = frozenset({"]}", '],"', "]", "],"})
_LOOK = 3

_SMALLEST_READ = 65_536
_EXCERPT = 80
# The largest alert in public samples has 60 KB. The limits keep a broken answer from filling the memory.
LARGEST_RECORD = 32 * 1024 * 1024
_DEEPEST = 1_000_000


class Record(NamedTuple):
    """One element of the answer's array.

    Attributes:
        raw: its exact text.
        value: parsed.
        has_controls: control characters may be in its strings, where JSON does not allow them.
    """

    raw: str
    value: Any
    has_controls: bool = True


class BrokenRecord(NamedTuple):
    """An element that can't be parsed.

    Attributes:
        reason: why not.
        excerpt: its beginning, for a message.
        raw: its text; empty if it is too long, and None if not even its end is certain.
        may_go_on: it may only have been truncated.
    """

    reason: str
    excerpt: str
    raw: str | None = None
    may_go_on: bool = False

    @property
    def record(self) -> Record | None:
        """Its text with the readable ones of its outermost members; None without its text."""
        return Record(self.raw, _outermost(self.raw)) if self.raw else None


def excerpt(text: str) -> str:
    """The beginning of a text for a message; bytes that were not UTF-8 become replacement characters."""
    return re.sub(_NO_UTF8, "\ufffd", text[:_EXCERPT])


def utf8(text: str) -> bytes:
    """The bytes of a text from an answer; those that were not UTF-8 become replacement characters."""
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        return re.sub(_NO_UTF8, "\ufffd", text).encode("utf-8")


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
        yield from _elements(text, is_record, _ENDS_ARRAY)
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
    has_value = False
    for name in _members(text):
        if name == "value" and text.peek() == "[":
            has_value = True
            text.position += 1
            yield from _elements(text, is_record, _ENDS_VALUE)
            continue
        member = _record(text)
        if isinstance(member, Record):
            around[name] = member.value
        elif member.reason == _TOO_DEEP and member.raw is not None:
            # It is valid JSON, and not needed here.
            around[name] = member.excerpt
        else:
            raise UnexpectedAnswerError(f"The answer's member {excerpt(name)!r} is broken ({member.reason})")
    if not has_value:
        raise UnexpectedAnswerError(f"The answer has no array of records; it begins with {beginning!r}")
    _end(text)


def without_member(raw: str, name: str) -> tuple[str, str]:
    """Remove a member and its comma from the text of an object.

    Args:
        raw: the text of an object.
        name: of the member.

    Returns:
        The object's text, otherwise unchanged, and the text of the member's value; empty if there is no such member.
    """
    last_end = 1
    for member, _, begin, end in _members_of(raw):
        if member == name:
            # The first member has its comma behind it, and white space behind that.
            comma = _SEPARATOR.match(raw, end) if last_end == 1 else None
            return raw[:last_end] + raw[comma.end() if comma else end :], raw[begin:end].lstrip()
        last_end = end
    return raw, ""


def elements(raw: str) -> Iterator[Record]:
    """The elements in the text of an array; none for another value, and none after an unreadable one."""
    text = _Text((), raw)
    if not raw.startswith("["):
        return
    text.position += 1
    try:
        for element in _elements(text, lambda _: False, _ENDS_ARRAY):
            record = element.record if isinstance(element, BrokenRecord) else element
            if record is not None:
                yield record
    except AddonError:
        # Nothing can be recognised any more.
        return


class _Text:
    """The answer's text from the reading position on; more is read when it is needed.

    Args:
        chunks: the body as it arrives.
        buffer: a text that is here already, in place of a body.

    Attributes:
        position: where reading goes on in ``buffer``.
        last_length: of the value that was parsed last.
    """

    def __init__(self, chunks: Iterable[bytes], buffer: str = "") -> None:
        # Invalid UTF-8 must not affect other records: the bytes become surrogates, which ``utf8`` replaces.
        self._arriving = codecs.iterdecode(chunks, "utf-8", "surrogateescape")
        self._held: int | None = None
        self.buffer = buffer
        self.position = 0
        self.last_length = 0

    def more(self) -> bool:
        """Read at least as much again as is waiting, so that a long record is scanned only a few times."""
        if self._held is not None and self.position - self._held > LARGEST_RECORD:
            self._held = None
        begin = self.position if self._held is None else self._held
        wanted = max(_SMALLEST_READ, len(self.buffer) - begin)
        parts: list[str] = []
        for part in self._arriving:
            parts.append(part)
            wanted -= len(part)
            if wanted <= 0:
                break
        if not parts:
            return False
        self.buffer = "".join((self.buffer[begin:], *parts))
        self.position -= begin
        self._held = None if self._held is None else 0
        return True

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

    def seek(self, pattern: re.Pattern[str]) -> str:
        """Go to the next match and return its first character; empty if the text ends before."""
        while True:
            match = pattern.search(self.buffer, self.position)
            if match is not None:
                self.position = match.start()
                return match.group()[0]
            # A backslash at the end needs the character that it escapes.
            waits = self.buffer.endswith("\\", self.position)
            self.position = len(self.buffer) - (1 if waits else 0)
            if not self.more():
                self.position = len(self.buffer)
                return ""

    def peek(self) -> str:
        """The next character that is not white space; empty at the end."""
        # Mostly it is at the reading position, and no pattern is needed to find it. JSON's white space ends with " ".
        try:
            here = self.buffer[self.position]
        except IndexError:
            return self.seek(_NO_SPACE)
        return here if here > " " else self.seek(_NO_SPACE)

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


def _members(text: _Text) -> Iterator[str]:
    """Yield the names of an object's members; each time the caller reads the value, at which the reading position is.

    Raises:
        UnexpectedAnswerError: the object is broken on its outermost level.
        ConnectionFailedError: the text ends before it does.
    """
    text.position += 1
    separator = _next(text)
    while separator != "}":
        name = _record(text)
        if isinstance(name, BrokenRecord) or not isinstance(name.value, str) or _next(text) != ":":
            raise _broken(text)
        text.position += 1
        yield name.value
        separator = _next(text)
        if separator not in {",", "}"}:
            raise _broken(text)
        text.position += separator == ","
    text.position += 1


def _broken(text: _Text) -> Exception:
    return UnexpectedAnswerError(f"The answer is broken at {text.excerpt()!r}")


def _members_of(raw: str) -> Iterator[tuple[str, Record | BrokenRecord, int, int]]:
    """Yield name and value of each member in an object's text, and where the value begins and ends.

    After a member that can't be read there are no more.
    """
    text = _Text((), raw)
    try:
        for name in _members(text):
            begin = text.position
            yield name, _record(text), begin, text.position
    except AddonError:
        # The object can't be read any further.
        return


def _outermost(raw: str) -> dict[str, Any] | None:
    """The readable ones of an object's outermost members; None for another value."""
    if not raw.startswith("{"):
        return None
    return {name: value.value if isinstance(value, Record) else None for name, value, *_ in _members_of(raw)}


def _beginning(element: Record | BrokenRecord) -> str:
    return element.excerpt if isinstance(element, BrokenRecord) else excerpt(element.raw)


def _elements(text: _Text, is_record: Callable[[Any], bool], ends: frozenset[str]) -> Iterator[Record | BrokenRecord]:
    """Yield the elements of an array, from after its opening bracket to after the closing one.

    A closing bracket is the array's own if it and the next characters are among ``ends``.
    """
    if _ends_here(text, ends):
        text.position += 1
        return
    separator = ","
    while separator == ",":
        first = _next(text)
        element = _read(text)
        # An array is not a record, and a broken one may have swallowed the records after it.
        is_certain = isinstance(element, Record) or (element.raw is not None and first != "[")
        separator = text.peek()
        if not is_certain or not (separator == "," or _ends_here(text, ends)):
            element = _go_on_at_next(text, element, is_record)
            separator = text.peek()
        yield element
        text.position += 1


def _ends_here(text: _Text, ends: frozenset[str]) -> bool:
    return text.peek() == "]" and text.ahead(_LOOK) in ends


def _go_on_at_next(
    text: _Text, element: Record | BrokenRecord, is_record: Callable[[Any], bool]
) -> Record | BrokenRecord:
    """Go to the separator before the next record, from an element without a separator after it.

    Raises:
        ConnectionFailedError: the answer may only have been truncated.
        UnexpectedAnswerError: there is no next record.
    """
    separator, distance = text.peek(), text.held
    is_object = isinstance(element, Record) and isinstance(element.value, Mapping)
    error: AddonError = UnexpectedAnswerError(f"The answer's array is broken at {text.excerpt()!r}")
    if not separator:
        error = ConnectionFailedError("The answer was cut off")
    if distance is None or (not separator and (isinstance(element, Record) or element.may_go_on)):
        raise error
    if not is_object:
        # Its quotes or brackets may have swallowed the beginning of the next record.
        text.go_to(0)
    if _find_record(text, is_record):
        if isinstance(element, Record) and is_object and is_record(element.value):
            return element
        return BrokenRecord("its end can't be told", _beginning(element))
    if element.raw is not None and separator in {",", "]"} and text.held is not None:
        # Its end was right after all; the caller judges what follows the end of the array.
        text.go_to(distance)
        return element
    raise error


def _find_record(text: _Text, is_record: Callable[[Any], bool]) -> bool:
    """Go to the comma before the next record; False if there is none in the held text."""
    while text.seek(_COMMA):
        comma = text.held or 0
        text.position += 1
        read = _decoded(text) if text.peek() == "{" else None
        is_one = isinstance(read, Record) and is_record(read.value) and text.peek() in {",", "]"}
        if text.held is None:
            return False
        text.go_to(comma if is_one else comma + 1)
        if is_one:
            return True
    return False


def _record(text: _Text) -> Record | BrokenRecord:
    """Read a value that is not an element of the array.

    Raises:
        ConnectionFailedError: the answer ends inside it.
    """
    text.peek()
    element = _read(text)
    if element.raw is None:
        _next(text)
    return element


def _read(text: _Text) -> Record | BrokenRecord:
    """Read the value at the reading position and go to its end, if that can be recognised."""
    text.hold()
    read = _decoded(text)
    if isinstance(read, Record) or not _pass_over(text):
        return read
    return read._replace(raw="" if text.held is None else text.buffer[text.position - text.held : text.position])


def _decoded(text: _Text) -> Record | BrokenRecord:
    """Parse the value at the reading position and go to its end; if it can't be parsed, stay."""
    decoder = _DECODER
    while True:
        # Where a value breaks off, Python counts the lines of the whole buffer for its error. Mostly wait for the rest.
        waiting = len(text.buffer) - text.position
        if waiting < _SMALLEST_READ and waiting < 2 * text.last_length:
            text.more()
        start, arrived = text.position, len(text.buffer)
        try:
            value, end = decoder.raw_decode(text.buffer, start)
        except json.JSONDecodeError as error:
            if decoder is _DECODER and error.msg.startswith(_CONTROL):
                decoder = _LENIENT
                continue
            if arrived - start > LARGEST_RECORD:
                return BrokenRecord(f"longer than {LARGEST_RECORD} characters", text.excerpt())
            may_go_on = _may_be_incomplete(error, arrived)
            if not (may_go_on and text.more()):
                return BrokenRecord(error.msg, text.excerpt(), may_go_on=may_go_on)
        except RecursionError:
            return BrokenRecord(_TOO_DEEP, text.excerpt(), may_go_on=True)
        else:
            # A number at the very end of what has arrived may continue.
            if end < arrived or text.buffer[end - 1] in '}]"' or not text.more():
                text.position, text.last_length = end, end - start
                return Record(text.buffer[start:end], value, decoder is _LENIENT)


def _may_be_incomplete(error: json.JSONDecodeError, arrived: int) -> bool:
    """Whether more text may resolve the error: it is at the end of what arrived, or in an open string."""
    longest_partial_token = len('"\\uD83D\\uDE0')
    return error.msg.startswith("Unterminated string") or error.pos >= arrived - longest_partial_token


def _pass_over(text: _Text) -> bool:
    """Skip a value that can't be parsed by its brackets; False if they don't match or the text ends."""
    if text.peek() not in set('{["'):
        return bool(text.seek(_VALUE_END))
    opened: list[str] = []
    while len(opened) < _DEEPEST:
        found = text.seek(_STRUCTURE)
        text.position += len(found)
        if found == '"':
            step = text.seek(_STRING_STEP)
            while step == "\\":
                text.position += 2
                step = text.seek(_STRING_STEP)
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
