"""The REST endpoint for the status of inputs and for their reset.

Every user who may list the inputs may see their status. Most of them may not read the collection of checkpoints, so it
is read as Splunk's system user. A reset is made with the caller's permissions.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from http import HTTPStatus
from typing import Any

from defender_alerts.audit.compare import SearchFailedError
from defender_alerts.errors import ConfigurationError
from defender_alerts.input_kinds import KINDS
from defender_alerts.settings import read_polling
from defender_alerts.splunk.inputs import KnownInput, find_input, saved_inputs
from defender_alerts.splunk.kvstore import KVStoreCheckpoints
from defender_alerts.splunk.log import Redaction
from defender_alerts.splunk.names import ACCOUNT_CONF
from defender_alerts.splunk.resetting import Effect, effects, parse_from, request_resets
from defender_alerts.splunk.rest_client import Splunkd
from defender_alerts.splunk.searching import SplunkIndex
from defender_alerts.times import iso, machine_time

from .endpoints import CAPABILITY, Answer, Request, is_administrator, refusal
from .health import health
from .input_checks import remarks
from .status_model import statuses


def answer(request: Request, caller: Splunkd, _: Redaction) -> Answer:
    """Answer a request."""
    if request["method"] == "GET":
        system = Splunkd(str(request["server"]["rest_uri"]), str(request["system_authtoken"]))
        return _all_inputs(caller, system)
    if request["method"] == "POST":
        return _start_again(caller, {str(name): str(value) for name, value in request.get("form", ())})
    return refusal(HTTPStatus.METHOD_NOT_ALLOWED, "This endpoint knows GET and POST.")


def _all_inputs(caller: Splunkd, system: Splunkd) -> Answer:
    inputs = saved_inputs(caller)
    accounts = system.stanzas(ACCOUNT_CONF)
    documents = _store(system).status_documents()
    now = machine_time()
    shown = [
        {
            **status.shown(now),
            "enabled": known.is_enabled,
            "health": health(known, status, has_account=known.account in accounts, now=now).shown(),
            "remarks": [asdict(remark) for remark in remarks(known, inputs, accounts)],
        }
        for known, status in zip(inputs, statuses(inputs, documents))
    ]
    return HTTPStatus.OK, {"now": iso(now), "inputs": shown}


def _start_again(caller: Splunkd, form: Mapping[str, str]) -> Answer:
    kind_name, name, region = (form.get(field, "").strip() for field in ("kind", "input", "region"))
    if not is_administrator(caller):
        return refusal(
            HTTPStatus.FORBIDDEN,
            f"Only users with the capability {CAPABILITY} may let an input start again. Ask an administrator of this "
            "Splunk.",
        )
    if kind_name not in KINDS or not name:
        raise ConfigurationError(f"There is no input {name!r} of the kind {kind_name!r}. Reload the page.")
    known = find_input(caller, name, kind_name)
    now = machine_time()
    if "from" in form:
        start = parse_from(form["from"], now, "The time", "-2d")
    else:
        start = parse_from(read_polling(name, known.stanza).start_time, now, "start_time", "-7d")
    store = _store(caller)
    if form.get("preview") == "1":
        return HTTPStatus.OK, _preview(caller, known, effects(store, known.kind, name, start, region))
    ordered = request_resets(store, known.kind, name, start, region)
    return HTTPStatus.OK, {"start": iso(start), "regions": [reset.key.region for reset in ordered]}


def _preview(caller: Splunkd, known: KnownInput, would_be: Sequence[Effect]) -> dict[str, Any]:
    """The effect of a reset; ``twice`` is None if the caller's search fails."""
    twice: int | None = None
    again = {effect.region: effect.start for effect in would_be if not effect.skips}
    # Without it the page says that the number is unknown.
    with contextlib.suppress(SearchFailedError):
        twice = SplunkIndex(caller.service, KINDS[known.kind]).count(known.name, again)
    regions = [
        {
            "region": effect.region,
            "start": iso(effect.start),
            "checkpoint": None if effect.checkpoint is None else iso(effect.checkpoint),
            "skips": effect.skips,
        }
        for effect in would_be
    ]
    return {"regions": regions, "twice": twice}


def _store(splunkd: Splunkd) -> KVStoreCheckpoints:
    return KVStoreCheckpoints(splunkd, threading.Event(), logging.getLogger(__name__))
