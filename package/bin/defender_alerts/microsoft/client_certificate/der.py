"""Reads DER (ITU-T X.690), the encoding of certificates and keys, as far as they use it.

Only public numbers, names and dates are taken from it. No arithmetic is done with keys.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

INTEGER, BIT_STRING, OCTET_STRING, OBJECT_IDENTIFIER = 0x02, 0x03, 0x04, 0x06
UTC_TIME, GENERALIZED_TIME, SEQUENCE, SET = 0x17, 0x18, 0x30, 0x31

_LONG_FORM = 0x80
_LONG_TAG = 0x1F
# Four bytes of length are 4 GB.
_MOST_LENGTH_BYTES = 4


class Value(NamedTuple):
    """One value.

    Attributes:
        content: its bytes.
        encoded: the same with type and length before them.
    """

    tag: int
    content: bytes
    encoded: bytes

    def members(self, tag: int = SEQUENCE) -> tuple[Value, ...]:
        """The values in a SEQUENCE or SET.

        Raises:
            ValueError: the value has another type or is broken.
        """
        return tuple(values(self.of(tag)))

    def of(self, tag: int) -> bytes:
        """The content of a value that must have this type.

        Raises:
            ValueError: it has another type.
        """
        if self.tag != tag:
            raise ValueError(f"a value of type {self.tag:#x} stands where {tag:#x} should")
        return self.content


def read(encoded: bytes) -> Value:
    """Read a single value.

    Raises:
        ValueError: there is none, or more than one.
    """
    found = tuple(values(encoded))
    if len(found) != 1:
        raise ValueError(f"{len(found)} values stand where one should")
    return found[0]


def values(encoded: bytes) -> Iterator[Value]:
    """Read consecutive values.

    Raises:
        ValueError: the bytes are not DER.
    """
    position = 0
    while position < len(encoded):
        tag = encoded[position]
        if tag & _LONG_TAG == _LONG_TAG:
            raise ValueError("a type has more than one byte")
        begin, length = _length(encoded, position + 1)
        end = begin + length
        if end > len(encoded):
            raise ValueError("a value is cut off")
        yield Value(tag, encoded[begin:end], encoded[position:end])
        position = end


def _length(encoded: bytes, position: int) -> tuple[int, int]:
    """The position and length of the content."""
    first = encoded[position] if position < len(encoded) else 0
    if first < _LONG_FORM:
        return position + 1, first
    count = first - _LONG_FORM
    begin = position + 1 + count
    if not 1 <= count <= _MOST_LENGTH_BYTES:
        raise ValueError("a length is not definite")
    return begin, int.from_bytes(encoded[position + 1 : begin], "big")
