"""A small, strict stand-in for the `splunk` package that Splunk's own Python carries.

Only what solnlib and splunktaucclib ask for. Runs on CPython 3.9 and 3.13.
"""

from __future__ import annotations

import sys


class SplunkdException(Exception):  # noqa: N818 - Splunk's name
    """Base of what splunk.rest raises."""


class RESTException(SplunkdException):
    """An answer of 400 and more."""

    def __init__(self, statusCode: int, messages: object = None) -> None:
        super().__init__(f"[HTTP {statusCode}] {messages}")
        self.statusCode = statusCode
        self.msg = messages


class AuthenticationFailed(RESTException):
    """401."""


class SplunkdConnectionException(SplunkdException):
    """splunkd can't be reached."""


def getSessionKey() -> str | None:
    """The session key of the process, where there is one."""
    return getattr(sys.modules["__main__"], "___sessionKey", None)
