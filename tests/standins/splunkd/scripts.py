"""The add-on's persistent REST handlers (restmap.conf's script stanzas), run by the given Python as children.

Sources: restmap.conf.spec ([script:<uniqueName>] match, script, scripttype, handler, requireAuthentication,
passSystemAuth), Splunk developer documentation "Custom REST endpoints" (the members of the request and the answer).
Other than a real splunkd, every call has a process of its own.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Callable

from standins.splunkd.access import SYSTEM_USER
from standins.splunkd.answers import Answer, Refusal
from standins.splunkd.children import Children
from standins.splunkd.conf import ConfFiles
from standins.splunkd.context import Context

_SECONDS = 120


@dataclass(frozen=True)
class Script:
    """One script stanza."""

    name: str
    file: str
    module: str
    handler: str
    passes_system_auth: bool


class Scripts:
    """All apps' persistent handlers; `session_key` gives a new key for a user."""

    def __init__(
        self, children: Children, conf: ConfFiles, server_uri: Callable[[], str], session_key: Callable[[str], str]
    ) -> None:
        self._children = children
        self._conf = conf
        self._server_uri = server_uri
        self._session_key = session_key

    def find(self, path: list[str]) -> Script | None:
        """The handler whose `match` is this path."""
        for app in self._conf.apps():
            for stanza, settings in self._conf.of_app("restmap", app).items():
                if not stanza.startswith("script:") or settings.get("match", "").strip("/") != "/".join(path):
                    continue
                if settings.get("scripttype") != "persist" or settings.get("requireAuthentication") != "true":
                    raise Refusal(500, f"The stand-in knows no handler like [{stanza}].")
                module, _, handler = settings["handler"].rpartition(".")
                file = self._conf.directory(app) / "bin" / settings["script"]
                return Script(stanza, str(file), module, handler, settings.get("passSystemAuth") == "true")
        return None

    def handle(self, script: Script, context: Context, path: list[str], session_key: str) -> Answer:
        """One call."""
        request = {
            "output_mode": context.mode,
            "output_mode_explicit": True,
            "server": {"rest_uri": self._server_uri(), "hostname": "standin", "servername": "standin"},
            "restmap": {"name": script.name, "conf": {}},
            "query": _pairs(context.request.query),
            "connection": {"src_ip": "127.0.0.1", "ssl": True},
            "session": {"user": context.user.name, "authtoken": session_key},
            "rest_path": "/" + "/".join(path),
            "method": context.request.method,
            "ns": {"app": context.app, "user": context.owner},
            "form": _pairs(context.request.form) if context.request.body else [],
        }
        if script.passes_system_auth:
            request["system_authtoken"] = self._session_key(SYSTEM_USER)
        answer = self._run(script, request)
        payload = answer.get("payload", "")
        body = payload if isinstance(payload, str) else json.dumps(payload)
        headers = answer.get("headers", {})
        return Answer(int(answer.get("status", 200)), body.encode(), headers.get("Content-Type", "text/plain"))

    def _run(self, script: Script, request: dict[str, Any]) -> dict[str, Any]:
        arguments = [str(self._children.home.run_persistent), script.file, script.module, script.handler]
        done = self._children.run(arguments, json.dumps(request).encode(), _SECONDS)
        for line in done.stderr.decode(errors="replace").splitlines():
            self._children.log("ERROR", "PersistentScript", f"From {{{script.file}}}: {line}")
        try:
            answer: dict[str, Any] = json.loads(done.stdout)
        except ValueError:
            raise Refusal(500, "Internal Server Error: see splunkd.log for the handler's stderr output.") from None
        return answer


def _pairs(fields: dict[str, list[str]]) -> list[list[str]]:
    return [[name, value] for name, values in fields.items() for value in values]
