"""splunkd's REST front: authentication, namespaces, routes, faults, and the journal of calls."""

from __future__ import annotations

import hashlib
import time
from typing import Callable

from standins.splunkd.access import Sessions
from standins.splunkd.answers import Answer, Refusal, as_json, refusal
from standins.splunkd.conf import ConfFiles
from standins.splunkd.context import Context
from standins.splunkd.faults import Call, Fault, Faults
from standins.splunkd.handlers import Handlers
from standins.splunkd.https import Dropped, Request
from standins.splunkd.scripts import Scripts

# Then whoever holds a call has forgotten it.
_LONGEST_HELD = 120
Endpoint = Callable[[Context, "list[str]"], Answer]


def session_mark(session_key: str) -> str:
    """Tells session keys apart in the journal without giving them away."""
    return hashlib.sha256(session_key.encode()).hexdigest()[:16]


def _authorization(request: Request) -> str:
    return request.headers.get("authorization", "")


class Rest:
    """Answers requests; `routes` maps a path's first segments to an endpoint, which gets the rest."""

    def __init__(
        self,
        routes: dict[tuple[str, ...], Endpoint],
        conf: ConfFiles,
        sessions: Sessions,
        handlers: Handlers,
        scripts: Scripts,
        *,
        faults: Faults,
    ) -> None:
        self.journal: list[Call] = []
        self._routes = routes
        self._conf = conf
        self._sessions = sessions
        self._handlers = handlers
        self._scripts = scripts
        self._faults = faults

    def handle(self, request: Request) -> Answer:
        """Carry out one request and write it into the journal."""
        began = time.monotonic()
        user, answer = "", None
        fault = self._faults.take(request.method, request.path, request.body)
        try:
            user, answer = self._faulty(fault, request) if fault else self._carried_out(request)
        finally:
            key = _authorization(request).partition(" ")[2]
            self.journal.append(
                Call(
                    request.method,
                    request.path,
                    user,
                    answer.status if answer else 0,
                    len(request.body),
                    time.monotonic() - began,
                    session_mark(key),
                )
            )
            if fault:
                self._faults.finish(fault)
        return answer

    def _faulty(self, fault: Fault, request: Request) -> tuple[str, Answer]:
        time.sleep(fault.delay)
        if fault.gate is not None:
            fault.gate.wait(_LONGEST_HELD)
        if not fault.dropped and fault.status is None:
            return self._carried_out(request)
        user = self._carried_out(request)[0] if fault.applied else ""
        if fault.dropped:
            raise Dropped
        assert fault.status is not None
        if fault.content is not None:
            return user, Answer(fault.status, fault.content, "application/json; charset=UTF-8")
        return user, refusal(Refusal(fault.status, fault.text), "json")

    def _carried_out(self, request: Request) -> tuple[str, Answer]:
        user = ""
        mode = "atom"
        try:
            try:
                mode = "json" if "/storage/collections/data/" in request.path else request.mode
            except ValueError as error:
                raise Refusal(400, "Malformed request body.") from error
            if request.segments == ["services", "auth", "login"]:
                return user, self._login(request)
            caller = self._sessions.user(_authorization(request))
            user = caller.name
            owner, app, path = self._namespace(request.segments)
            return user, self._route(Context(request, caller, owner, app), path)
        except Refusal as refused:
            return user, refusal(refused, mode)

    def _login(self, request: Request) -> Answer:
        form = {name: values[-1] for name, values in request.form.items()}
        key = self._sessions.log_in(form.get("username", ""), form.get("password", ""))
        if request.mode == "json":
            return as_json({"sessionKey": key})
        body = f"<response>\n  <sessionKey>{key}</sessionKey>\n</response>\n"
        return Answer(200, body.encode(), "text/xml; charset=UTF-8")

    def _namespace(self, segments: list[str]) -> tuple[str, str, list[str]]:
        if segments[:1] == ["services"]:
            return "nobody", "search", segments[1:]
        if segments[:1] != ["servicesNS"] or len(segments) < 4:
            raise Refusal(404, "Not Found")
        owner, app = segments[1:3]
        if app not in {"-", "system", *self._conf.apps()}:
            raise Refusal(404, f"Application does not exist: {app}")
        return owner, app, segments[3:]

    def _route(self, context: Context, path: list[str]) -> Answer:
        for depth in (3, 2, 1):
            endpoint = self._routes.get(tuple(path[:depth]))
            if endpoint and len(path) >= depth:
                return endpoint(context, path[depth:])
        if path[0] == "configs" and len(path) > 1 and path[1].startswith("conf-"):
            return self._routes["configs",](context, path[1:])
        key = _authorization(context.request).partition(" ")[2]
        script = self._scripts.find(path)
        if script is not None:
            return self._scripts.handle(script, context, path, key)
        handler = self._handlers.find(path[0])
        if handler is None:
            raise Refusal(404, "Not Found")
        return self._handlers.handle(handler, context, path[1:], key)
