"""One REST call once it is known who calls and in which namespace."""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass

from standins.splunkd.access import User
from standins.splunkd.answers import Answer, Entry, Refusal, feed
from standins.splunkd.https import Request

_FRAMEWORK = frozenset({"output_mode", "count", "offset", "search", "sort_key", "sort_dir", "f"})


@dataclass(frozen=True)
class Context:
    """The call, the caller, and the namespace /servicesNS/<owner>/<app>."""

    request: Request
    user: User
    owner: str
    app: str

    @property
    def mode(self) -> str:
        """What output_mode asks for."""
        return self.request.mode

    @property
    def arguments(self) -> dict[str, str]:
        """A POST's arguments, from the body and the query, without those of the REST framework itself."""
        fields = {**self.request.query, **(self.request.form if self.request.body else {})}
        return {name: values[-1] for name, values in fields.items() if name not in _FRAMEWORK}

    def one_app(self) -> str:
        """The namespace's app; a write to the wildcard is refused."""
        if self.app == "-":
            raise Refusal(400, "Cannot write to a wildcard namespace")
        return self.app

    def page(self, title: str, entries: list[Entry]) -> Answer:
        """A list as `search`, `count` (30 unless told; 0 and -1 are all) and `offset` cut it."""
        search = self.request.argument("search")
        name, equals, value = search.partition("=")
        if equals:
            wanted = value.strip('"')
            entries = [
                entry
                for entry in entries
                if fnmatch.fnmatchcase(
                    entry.name if name == "name" else str(entry.content.get(name)), wanted.replace("[", "[[]")
                )
            ]
        elif search:
            entries = [entry for entry in entries if search in entry.name or search in str(entry.content.values())]
        count = int(self.request.argument("count", "30"))
        offset = int(self.request.argument("offset", "0"))
        shown = entries[offset:] if count <= 0 else entries[offset : offset + count]
        return feed(title, shown, self.mode, total=len(entries), offset=offset)
