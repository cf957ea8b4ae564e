"""The add-on's own REST handlers (restmap.conf's admin_external), run by the given Python as children.

Sources: restmap.conf.spec ([admin:<name>] match, members; [admin_external:<name>] handlerfile, handleractions).
Other than a real splunkd with handlerpersistentmode, every call has a process of its own.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from standins.splunkd.answers import Answer, Entry, Refusal, feed
from standins.splunkd.children import Children
from standins.splunkd.conf import ConfFiles
from standins.splunkd.context import Context

_SECONDS = 120


@dataclass(frozen=True)
class Handler:
    """One admin_external stanza that an [admin:...] stanza has as a member."""

    member: str
    app: str
    script: str
    actions: frozenset[str]


def _split(value: str) -> list[str]:
    return [part.strip() for part in value.split(",") if part.strip()]


class Handlers:
    """All apps' handlers."""

    def __init__(self, children: Children, conf: ConfFiles) -> None:
        self._children = children
        self._conf = conf

    def find(self, member: str) -> Handler | None:
        """The handler of a path's first segment."""
        for app in self._conf.apps():
            stanzas = self._conf.of_app("restmap", app)
            members = {
                name
                for stanza, settings in stanzas.items()
                if stanza.startswith("admin:") and settings.get("match") == "/"
                for name in _split(settings.get("members", ""))
            }
            settings = stanzas.get(f"admin_external:{member}")
            if settings and member in members:
                script = self._conf.directory(app) / "bin" / settings["handlerfile"]
                return Handler(member, app, str(script), frozenset(_split(settings["handleractions"])))
        return None

    def handle(self, handler: Handler, context: Context, path: list[str], session_key: str) -> Answer:
        """One call: path is what follows the member (a name, or nothing)."""
        action, name, arguments = self._action(context, path)
        if action not in handler.actions and action != "_reload":
            raise Refusal(405, f'The action "{action}" is not supported by this handler.')
        answer = self._run(
            handler,
            {
                "handler": handler.script,
                "session_key": session_key,
                "user": context.user.name,
                "app": handler.app,
                "action": action,
                "name": name,
                "arguments": arguments,
            },
        )
        if "message" in answer:
            raise Refusal(answer["status"], f"In handler '{handler.member}': {answer['message']}")
        base = f"/servicesNS/{context.owner}/{handler.app}/{handler.member}"
        entries = [
            Entry(
                found["name"],
                base,
                {
                    **found["content"],
                    **{key: value for key, value in found["metadata"].items() if key != "eai:acl"},
                },
                handler.app,
                context.owner,
                (found["metadata"].get("eai:acl") or {}).get("perms", {}),
            )
            for found in answer["entries"]
        ]
        if action == "list" and name is None:
            return context.page(base, entries)
        status = 201 if action == "create" else 200
        return feed(base, entries, context.mode, status=status, messages=answer["messages"])

    def _action(self, context: Context, path: list[str]) -> tuple[str, str | None, dict[str, list[str]]]:
        method, name = context.request.method, "/".join(path) or None
        if name == "_reload" or (path and path[-1] == "_reload"):
            return "_reload", None, {}
        if method == "GET":
            known = {"output_mode", "count", "offset", "search", "sort_key", "sort_dir", "f"}
            return (
                "list",
                name,
                {key: value for key, value in context.request.query.items() if key not in known},
            )
        if method == "DELETE":
            if name is None:
                raise Refusal(400, 'Cannot perform action "DELETE" without a target name to act on.')
            return "remove", name, {}
        arguments = {key: [value] for key, value in context.arguments.items()}
        if name is not None:
            return "edit", name, arguments
        names = arguments.pop("name", [""])
        if not names[0]:
            raise Refusal(400, 'Cannot perform action "POST" without a target name to act on.')
        return "create", names[0], arguments

    def _run(self, handler: Handler, request: dict[str, Any]) -> dict[str, Any]:
        done = self._children.run([str(self._children.home.run_script)], json.dumps(request).encode(), _SECONDS)
        for line in done.stderr.decode(errors="replace").splitlines():
            self._children.log("ERROR", "AdminManagerExternal", f"{handler.member}: {line}")
        try:
            answer: dict[str, Any] = json.loads(done.stdout)
        except ValueError:
            text = f"External handler failed with code '{done.returncode}' and output: ''."
            raise Refusal(500, f"{text} See splunkd.log for stderr output.") from None
        return answer
