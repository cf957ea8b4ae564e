"""The doctor's report behind a REST endpoint, for pages: ``GET defender_alerts_doctor?kind=...&input=...``.

Everything is read in the name of the caller. Splunk Web gives up on a request after 30 seconds; where a host swallows
everything it takes longer than that, and the command at a shell is the way.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from defender_alerts.doctor.report import as_object
from defender_alerts.errors import AddonError, ConfigurationError
from defender_alerts.kinds import KINDS
from defender_alerts.times import iso, machine_time

from .examining import Examiner, saved_inputs
from .log import Redaction
from .splunkd import Splunkd, SplunkdError, explained_to_a_page

CAPABILITY = "admin_all_objects"

Answer = tuple[int, dict[str, Any]]


def answer(request: Mapping[str, Any]) -> Answer:
    """Answer a request as splunkd hands it to a persistent handler (restmap.conf.spec, ``scripttype = persist``).

    Returns:
        HTTP's status, and what is to be sent as JSON.
    """
    redaction = Redaction()
    try:
        return _answer(request, redaction)
    except SplunkdError as error:
        status, sentence = error.status or HTTPStatus.SERVICE_UNAVAILABLE, explained_to_a_page(error)
    except AddonError as error:
        status, sentence = HTTPStatus.BAD_REQUEST, str(error)
    return _refusal(status, redaction.clean(sentence))


def _answer(request: Mapping[str, Any], redaction: Redaction) -> Answer:
    if request["method"] != "GET":
        return _refusal(HTTPStatus.METHOD_NOT_ALLOWED, "This endpoint knows GET alone.")
    splunkd = Splunkd(str(request["server"]["rest_uri"]), str(request["session"]["authtoken"]))
    redaction.hide(splunkd.session_key)
    if not _may_ask(splunkd):
        return _refusal(
            HTTPStatus.FORBIDDEN, f"Only users with the capability {CAPABILITY} may have an input examined."
        )
    query = {str(name): str(value) for name, value in request.get("query", ())}
    kind, name = query.get("kind", ""), query.get("input", "")
    if kind and kind not in KINDS:
        raise ConfigurationError(
            f"The kind {kind!r} is not one of the add-on's. Ask for one of {', '.join(sorted(KINDS))}."
        )
    examiner = Examiner(splunkd, threading.Event(), logging.getLogger(__name__), redaction)
    reports = [examiner.examine(one) for one in saved_inputs(splunkd, name, kind)]
    return HTTPStatus.OK, as_object(reports, iso(machine_time()))


def _may_ask(caller: Splunkd) -> bool:
    context = caller.get("authentication/current-context", app=None)
    return CAPABILITY in context["entry"][0]["content"]["capabilities"]


def _refusal(status: int, sentence: str) -> Answer:
    return status, {"messages": [{"type": "ERROR", "text": sentence}]}
