"""Asks an API for one record: what it answers says more than the permissions in a token."""

from __future__ import annotations

from defender_alerts.microsoft.apis.base import Api, Query
from defender_alerts.microsoft.tokens import ResourceBearer, TokenSource
from defender_alerts.microsoft.transport.client import Answer, Caller, Request
from defender_alerts.times import Window

_NO_CONTENT = 204


def has_record(api: Api, source: TokenSource, caller: Caller, times: Window) -> bool:
    """Whether an API has a record of these times.

    Raises:
        AddonError: it refuses, or could not be asked.
        StoppedError: the process was asked to stop.
    """
    bearer = ResourceBearer(source, api.audience, api.errors.resource_hint)
    return caller.call(
        _smallest(api, times),
        lambda answer: _first(api, answer),
        lambda refusal: api.errors.explain(refusal, bearer.roles),
        bearer,
    )


def _smallest(api: Api, times: Window) -> Request:
    """The API's request for a window, reduced to one record if it has ``$top``."""
    request = api.request(Query(times))
    params = tuple((name, "1" if name == "$top" else value) for name, value in request.params)
    return Request(request.method, request.url, params, headers=request.headers, accepts=request.accepts, failures=1)


def _first(api: Api, answer: Answer) -> bool:
    """Whether an answer contains a record; nothing after the first one is read."""
    return answer.status != _NO_CONTENT and next(api.cut(answer.pieces(), {}), None) is not None
