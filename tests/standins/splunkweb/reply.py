"""What a browser gets."""

from __future__ import annotations

import json
from dataclasses import dataclass


@dataclass(frozen=True)
class Reply:
    """One answer; `headers` are beside those of the body."""

    status: int
    body: bytes
    content_type: str
    headers: tuple[tuple[str, str], ...] = ()


def refusal(status: int, text: str) -> Reply:
    """A refusal in the form in which splunkd gives its own."""
    return as_json({"messages": [{"type": "ERROR", "text": text}]}, status)


def as_json(value: object, status: int = 200) -> Reply:
    """A JSON answer."""
    return Reply(status, json.dumps(value).encode(), "application/json; charset=UTF-8")
