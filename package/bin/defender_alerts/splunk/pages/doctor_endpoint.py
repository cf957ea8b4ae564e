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
from defender_alerts.splunk.rest_client import Splunkd
from defender_alerts.times import iso, machine_time

from .endpoints import CAPABILITY, Answer, Request, is_administrator, refusal


def answer(request: Request, caller: Splunkd, redaction: Redaction) -> Answer:
    """Answer a request."""
    if request["method"] != "GET":
        return refusal(HTTPStatus.METHOD_NOT_ALLOWED, "This endpoint knows GET alone.")
    if not is_administrator(caller):
        return refusal(HTTPStatus.FORBIDDEN, f"Only users with the capability {CAPABILITY} may have an input examined.")
    query = {str(name): str(value) for name, value in request.get("query", ())}
    kind, name = query.get("kind", ""), query.get("input", "")
    if kind and kind not in KINDS:
        raise ConfigurationError(
            f"The kind {kind!r} is not one of the add-on's. Ask for one of {', '.join(sorted(KINDS))}."
        )
    examiner = Examiner(caller, threading.Event(), logging.getLogger(__name__), redaction)
    reports = [examiner.examine(one) for one in find_inputs(caller, name, kind)]
    return HTTPStatus.OK, as_object(reports, iso(machine_time()))
