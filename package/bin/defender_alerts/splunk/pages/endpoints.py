"""What the add-on's own REST endpoints share: permissions and error answers."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Callable

from defender_alerts.errors import AddonError, CheckpointError, StoppedError
from defender_alerts.splunk.rest_client import Splunkd, SplunkdError, content_of, explained_to_a_page

CAPABILITY = "admin_all_objects"

Request = Mapping[str, Any]
"""A request as splunkd passes it to a persistent handler (restmap.conf.spec, ``scripttype = persist``)."""
Answer = tuple[int, dict[str, Any]]
"""The HTTP status and the JSON object to send."""


def answered(answer: Callable[[Request], Answer], request: Request) -> Answer:
    """Call a function with a request; turn its errors into answers."""
    try:
        return answer(request)
    except SplunkdError as error:
        return refusal(error.status or HTTPStatus.SERVICE_UNAVAILABLE, explained_to_a_page(error))
    except CheckpointError as error:
        return refusal(HTTPStatus.SERVICE_UNAVAILABLE, str(error))
    except AddonError as error:
        return refusal(HTTPStatus.BAD_REQUEST, str(error))
    except StoppedError:
        return refusal(HTTPStatus.SERVICE_UNAVAILABLE, "splunkd is stopping. Try again once it is back.")


def refusal(status: int, sentence: str) -> Answer:
    """An answer with an error message."""
    return status, {"messages": [{"type": "ERROR", "text": sentence}]}


def caller_of(request: Request) -> Splunkd:
    """A client for splunkd with the caller's session."""
    return Splunkd(str(request["server"]["rest_uri"]), str(request["session"]["authtoken"]))


def is_administrator(caller: Splunkd) -> bool:
    """Whether the caller has the capability.

    Raises:
        SplunkdError: splunkd could not be reached or refused.
    """
    context = content_of(caller.get("authentication/current-context", app=None))
    return CAPABILITY in (context.get("capabilities") or ())
