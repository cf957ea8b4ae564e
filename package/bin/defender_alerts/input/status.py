"""The REST endpoint behind the Inputs page's status: how each input is doing, and the order to start again.

Whoever may list the inputs may see how they are. The collection of checkpoints is closed to most of them, so it is read
in the name of Splunk's system user; what is ordered, is ordered in the name of the caller.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from defender_alerts.errors import AddonError, CheckpointError, ConfigurationError, StoppedError
from defender_alerts.kinds import KINDS
from defender_alerts.settings import read_polling
from defender_alerts.setup.status import KnownInput, statuses
from defender_alerts.times import iso, machine_time

from .inputs import find_input
from .kvstore import KVStorePlaces
from .resetting import order_resets, parse_from
from .splunkd import Splunkd, SplunkdError, explained_to_a_page

CAPABILITY = "admin_all_objects"

Answer = tuple[int, dict[str, Any]]


def answer(request: Mapping[str, Any]) -> Answer:
    """Answer a request as splunkd hands it to a persistent handler (restmap.conf.spec, ``scripttype = persist``).

    Returns:
        HTTP's status, and what is to be sent as JSON.
    """
    try:
        return _answer(request)
    except SplunkdError as error:
        return _refusal(error.status or HTTPStatus.SERVICE_UNAVAILABLE, explained_to_a_page(error))
    except CheckpointError as error:
        return _refusal(HTTPStatus.SERVICE_UNAVAILABLE, str(error))
    except AddonError as error:
        return _refusal(HTTPStatus.BAD_REQUEST, str(error))
    except StoppedError:
        return _refusal(HTTPStatus.SERVICE_UNAVAILABLE, "splunkd is stopping. Try again once it is back.")


def _answer(request: Mapping[str, Any]) -> Answer:
    uri = str(request["server"]["rest_uri"])
    caller = Splunkd(uri, str(request["session"]["authtoken"]))
    if request["method"] == "GET":
        return _all_inputs(caller, Splunkd(uri, str(request["system_authtoken"])))
    if request["method"] == "POST":
        return _start_again(caller, {str(name): str(value) for name, value in request.get("form", ())})
    return _refusal(HTTPStatus.METHOD_NOT_ALLOWED, "This endpoint knows GET and POST.")


def _all_inputs(caller: Splunkd, system: Splunkd) -> Answer:
    inputs = [
        KnownInput(
            kind,
            entry["name"],
            {key: str(value) for key, value in entry["content"].items() if value is not None},
        )
        for kind in KINDS
        for entry in caller.get(f"data/inputs/{kind}", count=0)["entry"]
    ]
    documents = _store(system).status_documents()
    now = machine_time()
    return HTTPStatus.OK, {"now": iso(now), "inputs": [one.shown(now) for one in statuses(inputs, documents)]}


def _start_again(caller: Splunkd, form: Mapping[str, str]) -> Answer:
    kind_name, name, region = (form.get(field, "").strip() for field in ("kind", "input", "region"))
    if not _may_order(caller):
        return _refusal(
            HTTPStatus.FORBIDDEN,
            f"Only users with the capability {CAPABILITY} may let an input start again. Ask an administrator of this "
            "Splunk.",
        )
    if kind_name not in KINDS or not name:
        raise ConfigurationError(f"There is no input {name!r} of the kind {kind_name!r}. Reload the page.")
    kind, stanza = find_input(caller, name, kind_name)
    now = machine_time()
    if "from" in form:
        start = parse_from(form["from"], now, "The time", "-2d")
    else:
        start = parse_from(read_polling(name, stanza).start_time, now, "start_time", "-7d")
    ordered = order_resets(_store(caller), kind.name, name, start, region)
    return HTTPStatus.OK, {"start": iso(start), "regions": [reset.key.region for reset in ordered]}


def _may_order(caller: Splunkd) -> bool:
    context = caller.get("authentication/current-context", app=None)
    return CAPABILITY in context["entry"][0]["content"]["capabilities"]


def _store(splunkd: Splunkd) -> KVStorePlaces:
    return KVStorePlaces(splunkd, threading.Event(), logging.getLogger(__name__))


def _refusal(status: int, sentence: str) -> Answer:
    return status, {"messages": [{"type": "ERROR", "text": sentence}]}
