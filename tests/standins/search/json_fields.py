"""``KV_MODE = json``: the fields that Splunk extracts from an event by itself, within its limits."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from standins.search.limits import SearchLimits

_SPACE = re.compile(r"[ \t\r\n]*")
_STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_SCALAR = re.compile(r"[-+.0-9A-Za-z]+")


class _CutError(Exception):
    """The text ends inside a value, because it was cut."""


class _InvalidError(Exception):
    """The text isn't JSON."""


def json_fields(raw: str, limits: SearchLimits) -> dict[str, list[str]]:
    """Field name to values, in the order of the text.

    Names are spath's: ``a.b`` for members, ``a{}`` for elements. Values are as written, strings unescaped; JSON null is
    the text ``null`` (shared reference cim.md, section 2) and an empty string stays one. Assumed: a value that the cut
    goes through is no field, and a text that isn't JSON has none (props.conf.spec, KV_MODE).
    """
    cut = raw[: limits.maxchars] if limits.maxchars else raw
    encoded = cut.encode()
    if limits.extraction_cutoff and len(encoded) > limits.extraction_cutoff:
        cut = encoded[: limits.extraction_cutoff].decode(errors="ignore")
    fields: dict[str, list[str]] = {}
    most = limits.fields
    try:
        for name, value in _leaves(cut, is_cut=len(cut) < len(raw)):
            if name in fields or not most or len(fields) < most:
                fields.setdefault(name, []).append(value)
    except _CutError:
        pass
    except _InvalidError:
        return {}
    return fields


def _leaves(text: str, *, is_cut: bool) -> Iterator[tuple[str, str]]:
    scanner = _Scanner(text, is_cut=is_cut)
    if scanner.peek() not in {"{", "["}:
        raise _InvalidError
    yield from scanner.value("")


class _Scanner:
    """Reads JSON from the left and yields each value that ends before the text does."""

    def __init__(self, text: str, *, is_cut: bool) -> None:
        self._text = text
        self._at = 0
        self._end: type[Exception] = _CutError if is_cut else _InvalidError

    def peek(self) -> str:
        """The next character that isn't white space, which stays unread."""
        match = _SPACE.match(self._text, self._at)
        self._at = match.end() if match else self._at
        if self._at >= len(self._text):
            raise self._end
        return self._text[self._at]

    def value(self, name: str) -> Iterator[tuple[str, str]]:
        """The leaves of the next value, whose field would be called ``name``."""
        sign = self.peek()
        if sign == "{":
            yield from self._members(name)
        elif sign == "[":
            yield from self._elements(name)
        else:
            yield name, self._string() if sign == '"' else self._scalar()

    def _members(self, name: str) -> Iterator[tuple[str, str]]:
        self._take("{")
        while self.peek() != "}":
            if self.peek() != '"':
                raise _InvalidError
            key = self._string()
            self._take(":")
            yield from self.value(f"{name}.{key}" if name else key)
            if self.peek() != "}":
                self._take(",")
        self._take("}")

    def _elements(self, name: str) -> Iterator[tuple[str, str]]:
        self._take("[")
        while self.peek() != "]":
            yield from self.value(name + "{}")
            if self.peek() != "]":
                self._take(",")
        self._take("]")

    def _take(self, sign: str) -> None:
        if self.peek() != sign:
            raise _InvalidError
        self._at += 1

    def _string(self) -> str:
        match = _STRING.match(self._text, self._at)
        if match is None:
            raise self._end
        self._at = match.end()
        return self._decoded(match.group())

    def _scalar(self) -> str:
        match = _SCALAR.match(self._text, self._at)
        if match is None:
            raise _InvalidError
        if match.end() == len(self._text):  # what follows is cut off: it might be longer
            raise self._end
        self._decoded(match.group())
        self._at = match.end()
        return match.group()

    @staticmethod
    def _decoded(token: str) -> str:
        try:
            return str(json.loads(token))
        except json.JSONDecodeError as error:
            raise _InvalidError from error
