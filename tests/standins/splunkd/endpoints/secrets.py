"""storage/passwords through REST.

Source: Splunk REST API Reference "storage/passwords". Reading takes list_storage_passwords, which of the users here
administrators alone have.
"""

from __future__ import annotations

from standins.splunkd.answers import Answer, Refusal, feed
from standins.splunkd.context import Context
from standins.splunkd.passwords import Passwords


def storage_passwords(passwords: Passwords, context: Context, path: list[str]) -> Answer:
    """storage/passwords[/<realm:user:>]; a name with "/" may come as one segment or as several."""
    context.user.require("list_storage_passwords")
    app = context.one_app()
    title = f"/servicesNS/{context.owner}/{app}/storage/passwords"
    name = "/".join(path).replace("%2F", "/")
    arguments = context.arguments if context.request.method == "POST" else {}
    unknown = set(arguments) - {"name", "realm", "password"}
    if unknown:
        raise Refusal(400, f'Argument "{min(unknown)}" is not supported by this handler.')
    if context.request.method == "POST":
        if not arguments.get("password") or not (name or arguments.get("name")):
            missing = "password" if not arguments.get("password") else "name"
            raise Refusal(400, f"The following required arguments are missing: {missing}.")
        if name:
            passwords.update(app, name, arguments["password"])
        else:
            realm = arguments.get("realm", "")
            created = passwords.create(app, realm, arguments["name"], arguments["password"])
            entries = [entry for entry in passwords.entries(app, title) if entry.name == created]
            return feed(title, entries, context.mode, status=201)
    if context.request.method == "DELETE":
        passwords.remove(app, name)
        name = ""
    entries = passwords.entries(app, title)
    if not name:
        return context.page(title, entries)
    entries = [entry for entry in entries if entry.name == name]
    if not entries:
        raise Refusal(404, f"Could not find object id={name}")
    return feed(title, entries, context.mode)
