"""configs/conf-<file>: .conf files through REST.

Source: Splunk REST API Reference "configs/conf-{file}". A list of a file that nobody has is empty (UCC's pages rely on it
in a fresh installation).
"""

from __future__ import annotations

from standins.splunkd.access import Metadata
from standins.splunkd.answers import Answer, Entry, Refusal, feed
from standins.splunkd.conf import ConfFiles
from standins.splunkd.context import Context

_TRUE = frozenset({"1", "true", "yes", "y", "t"})


def boolean(value: str | None) -> bool:
    """A .conf file's truth."""
    return (value or "").strip().lower() in _TRUE


class Configs:
    """The endpoints for .conf files."""

    def __init__(self, conf: ConfFiles, metadata: Metadata) -> None:
        self._conf = conf
        self._metadata = metadata

    def _entries(self, context: Context, conf: str) -> list[Entry]:
        apps = self._conf.apps() if context.app == "-" else [context.app]
        return [
            Entry(
                name,
                f"/servicesNS/{context.owner}/{app}/configs/conf-{conf}",
                {
                    **settings,
                    "disabled": boolean(settings.get("disabled")),
                    "eai:appName": app,
                    "eai:userName": context.owner,
                },
                app,
                context.owner,
                self._metadata.permissions(app, conf, name).as_acl(),
                removable=not self._conf.is_default(conf, app, name),
            )
            for app in apps
            for name, settings in self._conf.read(conf, app).items()
            if self._metadata.may(context.user, "read", app, conf, name)
        ]

    def _one(self, context: Context, conf: str, name: str) -> Entry:
        for entry in self._entries(context, conf):
            if entry.name == name:
                return entry
        raise Refusal(404, f"Could not find object id={name}")

    def conf(self, context: Context, path: list[str]) -> Answer:
        """configs/conf-<file>[/<stanza>]."""
        conf, name = path[0][len("conf-") :], "/".join(path[1:])
        title = f"/servicesNS/{context.owner}/{context.app}/configs/conf-{conf}"
        method = context.request.method
        if name == "_reload":
            return feed(title, [], context.mode)
        if method == "GET":
            if not name:
                return context.page(title, self._entries(context, conf))
            return feed(title, [self._one(context, conf, name)], context.mode)
        app, arguments = context.one_app(), context.arguments
        if method == "DELETE":
            self._one(context, conf, name)
            self._metadata.require_write(context.user, app, conf, name)
            if self._conf.is_default(conf, app, name):
                raise Refusal(403, f"Cannot remove default object: {name}")
            self._conf.remove(conf, app, name)
            return feed(title, self._entries(context, conf), context.mode)
        if method != "POST":
            raise Refusal(405, "Method Not Allowed")
        if name:
            self._one(context, conf, name)
        stanza = name or arguments.pop("name", "")
        if not stanza or "\n" in stanza:
            raise Refusal(400, 'Cannot perform action "POST" without a target name to act on.')
        if not name and stanza in self._conf.read(conf, app):
            raise Refusal(409, f"An object with name={stanza} already exists")
        self._metadata.require_write(context.user, app, conf, stanza)
        self._conf.write(conf, app, stanza, arguments)
        return feed(title, [self._one(context, conf, stanza)], context.mode, status=200 if name else 201)
