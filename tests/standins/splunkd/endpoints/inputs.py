"""data/inputs/<kind>.

Sources: Splunk REST API Reference "data/inputs"; Splunk "Modular inputs overview". A
parameter that the scheme doesn't declare is refused, whatever inputs.conf.spec says.
"""

from __future__ import annotations

from typing import Callable

from standins.splunkd.access import Metadata
from standins.splunkd.answers import Answer, Entry, Refusal, feed
from standins.splunkd.conf import ConfFiles
from standins.splunkd.context import Context
from standins.splunkd.endpoints.configs import boolean
from standins.splunkd.modular import ModularInputs, Scheme


class DataInputs:
    """Modular inputs as objects of REST."""

    def __init__(
        self,
        conf: ConfFiles,
        metadata: Metadata,
        modular: ModularInputs,
        validate: Callable[[Scheme, str, dict[str, str]], None],
    ) -> None:
        self._conf = conf
        self._metadata = metadata
        self._modular = modular
        self._validate = validate

    def settings(self, scheme: Scheme, name: str) -> dict[str, str]:
        """An input's parameters: its stanza over its kind's stanza; 404 where there is no stanza."""
        stanzas = self._conf.read("inputs", scheme.app)
        stanza = stanzas.get(f"{scheme.kind}://{name}")
        if stanza is None:
            raise Refusal(404, f"Could not find object id={name}")
        own = self._conf.of_app("inputs", scheme.app)[f"{scheme.kind}://{name}"]
        return {**stanza, **stanzas.get(scheme.kind, {}), **own}

    def _entry(self, context: Context, scheme: Scheme, name: str) -> Entry:
        settings = self.settings(scheme, name)
        return Entry(
            name,
            f"/servicesNS/{context.owner}/{scheme.app}/data/inputs/{scheme.kind}",
            {
                **settings,
                "disabled": boolean(settings.get("disabled")),
                "eai:appName": scheme.app,
                "eai:userName": context.owner,
            },
            scheme.app,
            context.owner,
            self._metadata.permissions(scheme.app, "inputs", f"{scheme.kind}://{name}").as_acl(),
        )

    def handle(self, context: Context, path: list[str]) -> Answer:
        """data/inputs/<kind>[/<name>[/enable|disable]]."""
        if not path:
            title = "/services/data/inputs"
            return context.page(title, [Entry(kind, title, {}) for kind in self._modular.schemes])
        scheme, rest = self._modular.scheme(path[0]), path[1:]
        title = f"/servicesNS/{context.owner}/{scheme.app}/data/inputs/{scheme.kind}"
        action = rest.pop() if len(rest) > 1 and rest[-1] in {"enable", "disable"} else ""
        name = "/".join(rest)
        if name == "_reload":
            return feed(title, [], context.mode)
        if context.request.method == "GET":
            prefix = f"{scheme.kind}://"
            names = [
                stanza[len(prefix) :] for stanza in self._conf.of_app("inputs", scheme.app) if stanza.startswith(prefix)
            ]
            if not name:
                entries = [self._entry(context, scheme, found) for found in names]
                return context.page(title, entries)
            return feed(title, [self._entry(context, scheme, name)], context.mode)
        stanza = f"{scheme.kind}://{name}"
        self._metadata.require_write(context.user, scheme.app, "inputs", stanza)
        if context.request.method == "DELETE":
            self._entry(context, scheme, name)
            self._conf.remove("inputs", scheme.app, stanza)
            return feed(title, [], context.mode)
        if action:
            self._entry(context, scheme, name)
            self._conf.write("inputs", scheme.app, stanza, {"disabled": str(int(action == "disable"))})
            return feed(title, [self._entry(context, scheme, name)], context.mode)
        return self._save(context, scheme, title, name)

    def _save(self, context: Context, scheme: Scheme, title: str, name: str) -> Answer:
        arguments = context.arguments
        existing = self.settings(scheme, name) if name else {}
        scheme.check(arguments, create=not name)
        created = arguments.pop("name", "")
        target = name or created
        if not target or not target.strip() or "\n" in target:
            raise Refusal(400, "The following required arguments are missing: name.")
        stanza = f"{scheme.kind}://{target}"
        if not name and stanza in self._conf.of_app("inputs", scheme.app):
            raise Refusal(409, f"An object with name={target} already exists")
        defaults = self._conf.read("inputs", scheme.app).get(scheme.kind, {})
        self._validate(scheme, target, {**defaults, **existing, **arguments})
        self._conf.write("inputs", scheme.app, stanza, arguments)
        entry = self._entry(context, scheme, target)
        return feed(title, [entry], context.mode, status=200 if name else 201)
