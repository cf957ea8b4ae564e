"""Reads DER, the encoding of certificates and keys, as far as they use it (ITU-T X.690).

Public numbers and dates are all that is taken from it. Nothing is computed with what it reads.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

INTEGER, BIT_STRING, OCTET_STRING, OBJECT_IDENTIFIER = 0x02, 0x03, 0x04, 0x06
UTC_TIME, GENERALIZED_TIME, SEQUENCE, SET = 0x17, 0x18, 0x30, 0x31

_LONG_FORM = 0x80
_LONG_TAG = 0x1F
# Four bytes of length are 4 GB.
_MOST_LENGTH_BYTES = 4


class MalformedError(ValueError):
    """The bytes are not what they should be."""


@dataclass(frozen=True)
class Value:
    """One value; ``content`` may belong to a private key, so it is not shown."""

    tag: int
    content: bytes = field(repr=False)

    def members(self, tag: int = SEQUENCE) -> tuple[Value, ...]:
        """What a SEQUENCE, or a SET, holds.

        Raises:
            MalformedError: it is none, or broken.
        """
        return tuple(values(self.of(tag)))

    def of(self, tag: int) -> bytes:
        """The content of a value that has to be of this type.

        Raises:
            MalformedError: it is of another.
        """
        if self.tag != tag:
            raise MalformedError(f"a value of type {self.tag:#x} stands where {tag:#x} should")
        return self.content

    def positive(self) -> int:
        """A positive INTEGER.

        Raises:
            MalformedError: it is none.
        """
        number = int.from_bytes(self.of(INTEGER), "big", signed=True)
        if number <= 0:
            raise MalformedError("a number is not positive")
        return number

    def bits(self) -> bytes:
        """A BIT STRING of whole bytes.

        Raises:
            MalformedError: it is none.
        """
        content = self.of(BIT_STRING)
        if content[:1] != b"\0":
            raise MalformedError("a bit string does not end with a whole byte")
        return content[1:]


def read(encoded: bytes) -> Value:
    """The one value that these bytes are.

    Raises:
        MalformedError: they are none, or more than one.
    """
    found = tuple(values(encoded))
    if len(found) != 1:
        raise MalformedError(f"{len(found)} values stand where one should")
    return found[0]


def split(encoded: bytes) -> tuple[bytes, bytes]:
    """The bytes of the first value, and what stands behind it.

    Raises:
        MalformedError: they begin with none.
    """
    begin, length = _length(encoded, 1)
    if begin + length > len(encoded):
        raise MalformedError("a value is cut off")
    return encoded[: begin + length], encoded[begin + length :]


def values(encoded: bytes) -> Iterator[Value]:
    """The values that stand one behind the other.

    Raises:
        MalformedError: they are none.
    """
    position = 0
    while position < len(encoded):
        tag = encoded[position]
        if tag & _LONG_TAG == _LONG_TAG:
            raise MalformedError("a type has more than one byte")
        begin, length = _length(encoded, position + 1)
        if begin + length > len(encoded):
            raise MalformedError("a value is cut off")
        yield Value(tag, encoded[begin : begin + length])
        position = begin + length


def _length(encoded: bytes, position: int) -> tuple[int, int]:
    """Where the content begins, and how long it is."""
    if position >= len(encoded):
        raise MalformedError("a value is cut off")
    first = encoded[position]
    if first < _LONG_FORM:
        return position + 1, first
    count = first - _LONG_FORM
    begin = position + 1 + count
    if not 1 <= count <= _MOST_LENGTH_BYTES or begin > len(encoded):
        raise MalformedError("a length is not definite")
    return begin, int.from_bytes(encoded[position + 1 : begin], "big")
