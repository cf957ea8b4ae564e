"""The persistent REST handlers, by the names that restmap.conf gives them."""

from __future__ import annotations

import json
from typing import Any

from splunk.persistconn.application import PersistentServerConnectionApplication

from . import doctor_endpoint, sign_in, status
from .endpoints import Answering, answered


class PersistentHandler(PersistentServerConnectionApplication):  # type: ignore[misc] # it ships no types
    """Answers requests by ``answer``, in a process that splunkd keeps running."""

    answer: Answering

    def __init__(self, _command_line: str, _command_arg: str) -> None:
        """Ignore splunkd's arguments."""
        super().__init__()

    def handle(self, in_string: str) -> dict[str, Any]:
        """Answer one request, JSON as restmap.conf.spec describes it."""
        code, content = answered(self.answer, json.loads(in_string))
        return {
            "status": int(code),
            "payload": json.dumps(content),
            "headers": {"Content-Type": "application/json; charset=UTF-8"},
        }


class StatusHandler(PersistentHandler):
    """The endpoint ``defender_alerts_status``."""

    answer = staticmethod(status.answer)


class DoctorHandler(PersistentHandler):
    """The endpoint ``defender_alerts_doctor``."""

    answer = staticmethod(doctor_endpoint.answer)


class SignInHandler(PersistentHandler):
    """The endpoint ``defender_alerts_sign_in``."""

    answer = staticmethod(sign_in.answer)
