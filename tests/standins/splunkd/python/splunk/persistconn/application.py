"""splunk.persistconn.application: the base class of persistent REST handlers. Names are Splunk's."""

from __future__ import annotations

from typing import Any


class PersistentServerConnectionApplication:
    """Base class; `handle` gets a request as JSON and gives a mapping with status, payload and headers."""

    def handle(self, in_string: str) -> Any:
        raise NotImplementedError

    def done(self) -> None:
        """Nothing to be told at the end."""
