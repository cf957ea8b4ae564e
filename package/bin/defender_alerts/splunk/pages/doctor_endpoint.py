"""The REST endpoint of the doctor, for the pages: ``GET defender_alerts_doctor?kind=...&input=...``.

Everything is read with the caller's permissions. Splunk Web gives up on a request after 30 seconds; if a host does not
answer at all the doctor takes longer, and the command has to be used instead.
"""

from __future__ import annotations

import logging
import threading
from http import HTTPStatus

from defender_alerts.diagnostics.report import as_object
from defender_alerts.errors import ConfigurationError
from defender_alerts.input_kinds import KINDS
from defender_alerts.splunk.cli.examining import Examiner
from defender_alerts.splunk.inputs import find_inputs
from defender_alerts.splunk.log import Redaction
from defender_alerts.times import iso, machine_time

from .endpoints import CAPABILITY, Answer, Request, answered, caller_of, is_administrator, refusal


def answer(request: Request) -> Answer:
    """Answer a request; secrets are redacted."""
    redaction = Redaction()
    status, content = answered(lambda asked: _answer(asked, redaction), request)
    for message in content.get("messages", ()):
        message["text"] = redaction.clean(message["text"])
    return status, content


def _answer(request: Request, redaction: Redaction) -> Answer:
    if request["method"] != "GET":
        return refusal(HTTPStatus.METHOD_NOT_ALLOWED, "This endpoint knows GET alone.")
    splunkd = caller_of(request)
    redaction.hide(splunkd.session_key)
    if not is_administrator(splunkd):
        return refusal(HTTPStatus.FORBIDDEN, f"Only users with the capability {CAPABILITY} may have an input examined.")
    query = {str(name): str(value) for name, value in request.get("query", ())}
    kind, name = query.get("kind", ""), query.get("input", "")
    if kind and kind not in KINDS:
        raise ConfigurationError(
            f"The kind {kind!r} is not one of the add-on's. Ask for one of {', '.join(sorted(KINDS))}."
        )
    examiner = Examiner(splunkd, threading.Event(), logging.getLogger(__name__), redaction)
    reports = [examiner.examine(one) for one in find_inputs(splunkd, name, kind)]
    return HTTPStatus.OK, as_object(reports, iso(machine_time()))
