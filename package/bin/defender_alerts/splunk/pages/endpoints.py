"""What the add-on's own REST endpoints share: permissions and error answers."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Callable

from defender_alerts.errors import AddonError, CheckpointError, StoppedError
from defender_alerts.splunk.log import Redaction
from defender_alerts.splunk.rest_client import Splunkd, SplunkdError, content_of, explained_to_a_page

CAPABILITY = "admin_all_objects"

Request = Mapping[str, Any]
"""A request as splunkd passes it to a persistent handler (restmap.conf.spec, ``scripttype = persist``)."""
Answer = tuple[int, dict[str, Any]]
"""The HTTP status and the JSON object to send."""


Answering = Callable[[Request, Splunkd, Redaction], Answer]
"""What answers: with a client for splunkd that has the caller's session, and with what redacts secrets in refusals."""


def answered(answer: Answering, request: Request) -> Answer:
    """Call a function with a request; turn its errors into answers without secrets."""
    caller = Splunkd(str(request["server"]["rest_uri"]), str(request["session"]["authtoken"]))
    redaction = Redaction()
    redaction.hide(caller.session_key)
    try:
        return answer(request, caller, redaction)
    except SplunkdError as error:
        status, sentence = error.status or HTTPStatus.SERVICE_UNAVAILABLE, explained_to_a_page(error)
    except CheckpointError as error:
        status, sentence = HTTPStatus.SERVICE_UNAVAILABLE, str(error)
    except AddonError as error:
        status, sentence = HTTPStatus.BAD_REQUEST, str(error)
    except StoppedError:
        status, sentence = HTTPStatus.SERVICE_UNAVAILABLE, "splunkd is stopping. Try again once it is back."
    return refusal(status, redaction.clean(sentence))


def refusal(status: int, sentence: str) -> Answer:
    """An answer with an error message."""
    return status, {"messages": [{"type": "ERROR", "text": sentence}]}


def is_administrator(caller: Splunkd) -> bool:
    """Whether the caller has the capability.

    Raises:
        SplunkdError: splunkd could not be reached or refused.
    """
    context = content_of(caller.get("authentication/current-context", app=None))
    return CAPABILITY in (context.get("capabilities") or ())
