"""What the add-on's own REST endpoints share: who may ask, and what an error is as an answer."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Callable

from defender_alerts.errors import AddonError, CheckpointError, StoppedError
from defender_alerts.splunk.rest_client import Splunkd, SplunkdError, content_of, explained_to_a_page

CAPABILITY = "admin_all_objects"

Request = Mapping[str, Any]
"""A request as splunkd hands it to a persistent handler (restmap.conf.spec, ``scripttype = persist``)."""
Answer = tuple[int, dict[str, Any]]
"""HTTP's status, and what is to be sent as JSON."""


def answered(answer: Callable[[Request], Answer], request: Request) -> Answer:
    """What a function answers to a request; where it raises, the refusal that says so."""
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
    """An answer that says why there is no other."""
    return status, {"messages": [{"type": "ERROR", "text": sentence}]}


def caller_of(request: Request) -> Splunkd:
    """Splunkd in the name of whoever asks."""
    return Splunkd(str(request["server"]["rest_uri"]), str(request["session"]["authtoken"]))


def is_administrator(caller: Splunkd) -> bool:
    """Whether whoever asks has the capability.

    Raises:
        SplunkdError: splunkd could not be reached or refused.
    """
    context = content_of(caller.get("authentication/current-context", app=None))
    return CAPABILITY in (context.get("capabilities") or ())
