"""Finding and changing one member of a JSON object without touching the bytes around it."""

from __future__ import annotations

import json
import re

_SPACE = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder(strict=False)


def replaced(raw: bytes, name: str, value: bytes) -> bytes:
    """Return an object with one member's value replaced; unchanged if it has no such member.

    Raises:
        ValueError: The bytes aren't one JSON object.
    """
    text = raw.decode("latin-1")  # byte for byte: JSON's own characters are ASCII
    span = _value(text, name)
    return raw if span is None else raw[: span[0]] + value + raw[span[1] :]


def has(raw: bytes, name: str) -> bool:
    """Whether the bytes are an object that has a member."""
    try:
        return _value(raw.decode("latin-1"), name) is not None
    except ValueError:
        return False


def extended(raw: bytes, name: str, value: bytes) -> bytes:
    """Return an object with one member more, at its end.

    Raises:
        ValueError: The bytes don't end like an object.
    """
    body = raw.rstrip(b" \t\r\n")
    if not body.endswith(b"}"):
        raise ValueError("not a JSON object")
    end = len(body) - 1
    comma = b"" if body[:end].rstrip(b" \t\r\n").endswith(b"{") else b","
    return raw[:end] + comma + json.dumps(name).encode() + b":" + value + raw[end:]


def _value(text: str, name: str) -> tuple[int, int] | None:
    position = _skip(text, 0)
    if text[position : position + 1] != "{":
        raise ValueError("not a JSON object")
    position = _skip(text, position + 1)
    while text[position : position + 1] not in ("}", ""):
        key, position = _DECODER.raw_decode(text, position)
        position = _skip(text, position)
        start = _skip(text, position + 1)  # behind the colon
        _, position = _DECODER.raw_decode(text, start)
        if key == name:
            return start, position
        position = _skip(text, position)
        if text[position : position + 1] == ",":
            position = _skip(text, position + 1)
    return None


def _skip(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    return position if match is None else match.end()
