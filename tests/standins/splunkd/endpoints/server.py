"""server/info, server/control, authentication/current-context, apps/local, data/indexes.

Sources: Splunk REST API Reference "Introspection", "Applications", "Index". server/info's kvStoreStatus is attested for
"ready"; that it has the words of `splunk show kvstore-status` in other states is assumed.
"""

from __future__ import annotations

import re
import shutil
import tarfile
from pathlib import Path
from typing import Callable

from standins.splunkd.answers import BUILD, VERSION, Answer, Entry, Refusal, feed
from standins.splunkd.conf import ConfFiles
from standins.splunkd.context import Context
from standins.splunkd.endpoints.configs import boolean
from standins.splunkd.kvstore import KVStore

UNTIL_RESTART = ".until-restart"
"""The ending of a conf file that counts from the next restart on."""
GUID = "6F0B1C34-1D0B-4E43-9C0B-3F6B1D6C8A11"
_INDEX_NAME = re.compile(r"[a-z0-9_][a-z0-9_-]*")


class Server:
    """The instance about itself."""

    def __init__(self, conf: ConfFiles, store: KVStore, restart: Callable[[], None]) -> None:
        self._conf = conf
        self._store = store
        self._restart = restart
        self.startup_time = 1_774_000_000
        """Epoch seconds of splunkd's start, as server/info has it; each restart raises it."""
        self.clear()

    def clear(self) -> None:
        """Be as after an installation."""
        self.indexes = {"_audit", "_internal", "_introspection", "history", "main", "summary"}

    def info(self, context: Context, _: list[str]) -> Answer:
        """server/info."""
        content = {
            "version": VERSION,
            "build": BUILD,
            "serverName": "standin",
            "host": "standin",
            "guid": GUID,
            "startup_time": self.startup_time,
            "os_name": "Linux",
            "product_type": "enterprise",
            "server_roles": ["indexer", "kv_store"],
            "isFree": False,
            "isTrial": False,
            "mode": "normal",
            "kvStoreStatus": self._store.state.value,
        }
        return feed("/services/server/info", [Entry("server-info", "/services/server/info", content)], context.mode)

    def control(self, context: Context, path: list[str]) -> Answer:
        """server/control/restart (REST API Reference "System"): it is answered, and then splunkd goes down."""
        title = "/services/server/control"
        if path != ["restart"] or context.request.method != "POST":
            raise Refusal(404, "Not Found")
        context.user.require("restart_splunkd")
        self._restart()
        return feed(title, [], context.mode)

    def current_context(self, context: Context, _: list[str]) -> Answer:
        """authentication/current-context (REST API Reference "Access"): who calls, with which capabilities."""
        user = context.user
        content = {"username": user.name, "roles": sorted(user.roles), "capabilities": user.capabilities}
        return feed(
            "/services/authentication/current-context",
            [Entry("context", "/services/authentication/current-context", content)],
            context.mode,
        )

    def apps(self, context: Context, path: list[str]) -> Answer:
        """apps/local[/<app>]: read, install from a path, uninstall.

        Source: REST API Reference, "apps/local" (name, filename, update). Assumed: of an app that has just been installed,
        handlers and kinds of inputs are there from the next restart on.
        """
        title = "/servicesNS/nobody/system/apps/local"
        if context.request.method == "POST" and not path:
            context.user.require("install_apps")
            return self._installed(context, title)
        if context.request.method == "DELETE" and path and path[0] in self._conf.apps():
            context.user.require("install_apps")
            shutil.rmtree(self._conf.directory(path[0]))
            return feed(title, [], context.mode)
        entries = []
        for app in self._conf.apps():
            stanzas = self._conf.of_app("app", app)
            settings = {**stanzas.get("install", {}), **stanzas.get("launcher", {}), **stanzas.get("ui", {})}
            content = {
                "label": settings.get("label", app),
                "version": settings.get("version", ""),
                "configured": boolean(settings.get("is_configured")),
                "disabled": settings.get("state") == "disabled",
                "visible": boolean(settings.get("is_visible", "1")),
                "check_for_updates": True,
            }
            entries.append(Entry(app, title, content))
        if not path:
            return context.page(title, entries)
        found = [entry for entry in entries if entry.name == path[0]]
        if not found:
            raise Refusal(404, f"Could not find object id={path[0]}")
        return feed(title, found, context.mode)

    def _installed(self, context: Context, title: str) -> Answer:
        file = Path(context.arguments.get("name", ""))
        if not boolean(context.arguments.get("filename")):
            raise Refusal(400, "not modelled: an app that is made")
        if not file.is_file():
            raise Refusal(400, f"Unable to install app: '{file}' does not exist.")
        with tarfile.open(file) as tarball:
            (name,) = {member.name.partition("/")[0] for member in tarball.getmembers()}
            if name in self._conf.apps():
                raise Refusal(409, f"App '{name}' already exists. Use the 'update' argument.")
            tarball.extractall(self._conf.directory(name).parent)  # noqa: S202 - our own
        for hidden in ("restmap", "inputs"):
            path = self._conf.directory(name) / "default" / f"{hidden}.conf"
            path.rename(path.with_suffix(UNTIL_RESTART))
        return feed(title, [Entry(name, title, {})], context.mode, status=201)

    def data_indexes(self, context: Context, path: list[str]) -> Answer:
        """data/indexes, data/indexes/_validateName."""
        title = "/servicesNS/nobody/system/data/indexes"
        if path == ["_validateName"]:
            name = context.arguments.get("index_name", "")
            valid = _INDEX_NAME.fullmatch(name) is not None and "kvstore" not in name
            content = {"is_valid": str(valid).lower(), **({} if valid else {"reason": f"Invalid index name: {name}"})}
            return feed(title, [Entry("_validateName", title, content)], context.mode)
        if context.request.method == "POST":
            context.user.require("indexes_edit")
            if not _INDEX_NAME.fullmatch(context.arguments["name"]):
                raise Refusal(400, f"Invalid index name: {context.arguments['name']}")
            self.indexes.add(context.arguments["name"])
        if context.request.method == "DELETE":
            # REST API Reference, data/indexes/{name}: with its events, from Splunk 5 on.
            context.user.require("indexes_edit")
            if not path or path[0] not in self.indexes:
                raise Refusal(404, f"Could not find object id={path[0] if path else ''}")
            self.indexes.discard(path[0])
            return context.page(title, [])
        entries = [
            Entry(name, title, {"datatype": "event", "disabled": False, "isInternal": name.startswith("_")})
            for name in sorted(self.indexes)
            if not path or name == path[0]
        ]
        if path and not entries:
            raise Refusal(404, f"Could not find object id={path[0]}")
        return context.page(title, entries)
