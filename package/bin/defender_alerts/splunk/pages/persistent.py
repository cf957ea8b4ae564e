"""The add-on's own REST endpoints: the persistent handlers that restmap.conf names.

Every user who may list the inputs may see their status. Most of them may not read the collection of checkpoints, so it
is read as Splunk's system user. A reset is made with the caller's permissions, and what the doctor reports is read with
them. Splunk Web gives up on a request after 30 seconds; if a host does not answer at all the doctor takes longer, and
the command has to be used instead.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from http import HTTPStatus
from typing import Any, Callable, ClassVar

from splunk.persistconn.application import PersistentServerConnectionApplication

from defender_alerts.audit.compare import SearchFailedError
from defender_alerts.diagnostics.report import as_object
from defender_alerts.errors import AddonError, CheckpointError, StoppedError
from defender_alerts.input_kinds import KINDS
from defender_alerts.settings import read_polling
from defender_alerts.splunk.cli.doctor import examined
from defender_alerts.splunk.inputs import KnownInput, find_input, saved_inputs
from defender_alerts.splunk.kvstore import KVStoreCheckpoints
from defender_alerts.splunk.log import Redaction
from defender_alerts.splunk.names import ACCOUNT_CONF
from defender_alerts.splunk.resetting import Effect, effects, parse_from, request_resets
from defender_alerts.splunk.rest_client import Splunkd, SplunkdError, content_of, explained_to_a_page
from defender_alerts.splunk.searching import SplunkIndex
from defender_alerts.times import iso, machine_time

from . import sign_in
from .input_checks import remarks
from .status_model import health, statuses

CAPABILITY = "admin_all_objects"
_RESERVED = f"Only users with the capability {CAPABILITY} may do this. Ask an administrator of this Splunk."

Answering = Callable[[Mapping[str, Any], Splunkd, Redaction], dict[str, Any]]
"""Answers a request: takes it as restmap.conf.spec describes it (``scripttype = persist``), a client for splunkd with
the caller's session, and the redaction for refusals; returns the JSON object to send."""


class PersistentHandler(PersistentServerConnectionApplication):  # type: ignore[misc] # it ships no types
    """Answers requests, in a process that splunkd keeps running.

    Attributes:
        methods: what answers each HTTP method.
        for_everybody: the methods that users without the capability may use as well.
    """

    methods: ClassVar[Mapping[str, Answering]]
    for_everybody: ClassVar[Collection[str]] = ()

    def __init__(self, _command_line: str, _command_arg: str) -> None:
        """Ignore splunkd's arguments."""
        super().__init__()

    def handle(self, in_string: str) -> dict[str, Any]:
        """Answer one request; turn errors into answers without secrets."""
        request = json.loads(in_string)
        caller = Splunkd(str(request["server"]["rest_uri"]), str(request["session"]["authtoken"]))
        redaction = Redaction()
        redaction.hide(caller.session_key)
        method = request["method"]
        code: int = HTTPStatus.SERVICE_UNAVAILABLE
        try:
            if method not in self.methods:
                code, sentence = (
                    HTTPStatus.METHOD_NOT_ALLOWED,
                    f"This endpoint knows {' and '.join(self.methods)} alone.",
                )
            elif method not in self.for_everybody and not _is_administrator(caller):
                code, sentence = HTTPStatus.FORBIDDEN, _RESERVED
            else:
                return _answer(HTTPStatus.OK, self.methods[method](request, caller, redaction))
        except SplunkdError as error:
            code, sentence = error.status or code, explained_to_a_page(error)
        except CheckpointError as error:
            sentence = str(error)
        except AddonError as error:
            code, sentence = HTTPStatus.BAD_REQUEST, str(error)
        except StoppedError:
            sentence = "splunkd is stopping. Try again once it is back."
        return _answer(code, {"messages": [{"type": "ERROR", "text": redaction.clean(sentence)}]})


def _all_inputs(request: Mapping[str, Any], caller: Splunkd, _: Redaction) -> dict[str, Any]:
    """The status of each input that the caller may list."""
    system = Splunkd(str(request["server"]["rest_uri"]), str(request["system_authtoken"]))
    inputs = saved_inputs(caller)
    accounts = system.stanzas(ACCOUNT_CONF)
    documents = KVStoreCheckpoints(system).status_documents()
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
    return {"now": iso(now), "inputs": shown}


def _start_again(request: Mapping[str, Any], caller: Splunkd, _: Redaction) -> dict[str, Any]:
    """Reset an input, or a region of it; with ``preview=1`` only say what that would do."""
    form = dict(request.get("form", ()))
    kind, name, region = (form.get(field, "").strip() for field in ("kind", "input", "region"))
    known = find_input(caller, name, kind)
    now = machine_time()
    if "from" in form:
        start = parse_from(form["from"], now, "The time")
    else:
        start = parse_from(read_polling(name, known.stanza).start_time, now, "start_time")
    store = KVStoreCheckpoints(caller)
    if form.get("preview") == "1":
        return _preview(caller, known, effects(store, known.kind, name, start, region))
    ordered = request_resets(store, known.kind, name, start, region)
    return {"start": iso(start), "regions": [reset.key.region for reset in ordered]}


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


def _doctors_report(request: Mapping[str, Any], caller: Splunkd, redaction: Redaction) -> dict[str, Any]:
    """The report of one input, or of all that the query names."""
    query = dict(request.get("query", ()))
    reports = examined(caller, redaction, query.get("input") or None, query.get("kind") or None)
    return as_object(reports, iso(machine_time()))


class StatusHandler(PersistentHandler):
    """The endpoint ``defender_alerts_status``."""

    methods: ClassVar[Mapping[str, Answering]] = {"GET": _all_inputs, "POST": _start_again}
    for_everybody = ("GET",)


class DoctorHandler(PersistentHandler):
    """The endpoint ``defender_alerts_doctor``."""

    methods: ClassVar[Mapping[str, Answering]] = {"GET": _doctors_report}


class SignInHandler(PersistentHandler):
    """The endpoint ``defender_alerts_sign_in``."""

    methods: ClassVar[Mapping[str, Answering]] = {"POST": sign_in.act}


def _is_administrator(caller: Splunkd) -> bool:
    context = content_of(caller.get("authentication/current-context"))
    return CAPABILITY in (context.get("capabilities") or ())


def _answer(code: int, content: Mapping[str, Any]) -> dict[str, Any]:
    """An answer as splunkd expects it."""
    return {
        "status": int(code),
        "payload": json.dumps(content),
        "headers": {"Content-Type": "application/json; charset=UTF-8"},
    }
