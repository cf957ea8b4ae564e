"""The base class of persistent REST handlers."""

from __future__ import annotations

import json
from typing import Any, Callable

from splunk.persistconn.application import PersistentServerConnectionApplication

from .endpoints import Answer, Request


class PersistentHandler(PersistentServerConnectionApplication):  # type: ignore[misc] # it ships no types
    """Answers requests by ``answer``, in a process that splunkd keeps running."""

    answer: Callable[[Request], Answer]

    def __init__(self, _command_line: str, _command_arg: str) -> None:
        """Ignore splunkd's arguments."""
        super().__init__()

    def handle(self, in_string: str) -> dict[str, Any]:
        """Answer one request, JSON as restmap.conf.spec describes it."""
        status, content = self.answer(json.loads(in_string))
        return {
            "status": int(status),
            "payload": json.dumps(content),
            "headers": {"Content-Type": "application/json; charset=UTF-8"},
        }
