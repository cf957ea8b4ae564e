"""storage/collections/config: the KV store's collections, which stand in collections.conf.

Sources: Splunk REST API Reference "KV store endpoint descriptions". Measured on a real 10.4.2 by the public project
mockdr: the user context must be nobody. That no collection is listed while the store isn't ready is what solnlib's
docstrings say of its checkpointer, which asks this endpoint first.
"""

from __future__ import annotations

from standins.splunkd.access import Metadata
from standins.splunkd.answers import Answer, Entry, Refusal, feed
from standins.splunkd.conf import ConfFiles
from standins.splunkd.context import Context
from standins.splunkd.kvstore import KVStore


class Collections:
    """Configuration of the collections, and who may use their data."""

    def __init__(self, conf: ConfFiles, metadata: Metadata, store: KVStore) -> None:
        self._conf = conf
        self._metadata = metadata
        self._store = store

    def config(self, context: Context, path: list[str]) -> Answer:
        """storage/collections/config[/<collection>]."""
        if context.owner != "nobody":
            raise Refusal(
                400,
                "Must use user context of 'nobody' when interacting with collection configurations "
                f"(used user='{context.owner}')",
            )
        self._store.require_ready()
        title = f"/servicesNS/nobody/{context.app}/storage/collections/config"
        apps = self._conf.apps() if context.app == "-" else [context.app]
        entries = [
            Entry(
                name,
                f"/servicesNS/nobody/{app}/storage/collections/config",
                {**settings, "eai:appName": app, "eai:userName": "nobody"},
                app,
                "nobody",
                self._metadata.permissions(app, "collections", name).as_acl(),
            )
            for app in apps
            for name, settings in self._conf.read("collections", app).items()
            if self._metadata.may(context.user, "read", app, "collections", name)
        ]
        name = "/".join(path)
        found = [entry for entry in entries if entry.name == name]
        if name and not found:
            raise Refusal(404, f"Could not find object id={name}")
        if context.request.method != "GET":
            raise Refusal(405, "The add-on's collections come with it: others are not modelled.")
        return feed(title, found, context.mode) if name else context.page(title, entries)

    def data(self, context: Context, path: list[str]) -> Answer:
        """storage/collections/data/<collection>..., as far as the caller may."""
        if not path:
            raise Refusal(404, "Not Found")
        app = context.one_app()
        reading = context.request.method == "GET" or path[1:] == ["batch_find"]
        if not reading:
            self._metadata.require_write(context.user, app, "collections", path[0])
        elif not self._metadata.may(context.user, "read", app, "collections", path[0]):
            raise Refusal(403, "You do not have permission to perform this operation")  # status assumed
        return self._store.handle(context.request, app, context.owner, path)
