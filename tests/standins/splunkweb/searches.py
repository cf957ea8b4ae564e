"""The parts of splunkd's REST that pages use and the stand-in splunkd lacks: search jobs, time presets, who is logged in.

No search is carried out. `| rest` on this instance's apps is answered from app.conf, since every page asks it for the build;
any other search ends at once without results, as in an instance that has indexed nothing yet.

Sources: Splunk REST API Reference "search/jobs", "search/v2/jobs/{search_id}/results", "authentication/current-context". Which of
these paths Splunk's own web.conf exposes is assumed from what Splunk's page libraries call.
"""

from __future__ import annotations

import itertools
import re
from typing import Any
from urllib.parse import parse_qs

from standins.splunkd.conf import ConfFiles
from standins.splunkweb.reply import Reply, as_json

_APP_FIELD = re.compile(
    r"\|\s*rest\s+/?services/apps/local/(?P<app>\S+)\s+splunk_server=local\s*\|\s*fields\s+(?P<field>\w+)"
)


class Searches:
    """Answers what it knows; everything else is splunkd's."""

    def __init__(self, conf: ConfFiles) -> None:
        self._conf = conf
        self._numbers = itertools.count(1)
        self._jobs: dict[str, str] = {}

    def answer(self, method: str, path: str, query: str, body: bytes, user: str) -> Reply | None:
        """Answer one call, path being what follows /services or the namespace; None if it is splunkd's."""
        if path == "data/ui/times":
            return as_json({"entry": []})
        if path == "authentication/current-context":
            return as_json({"entry": [{"name": "context", "content": {"username": user, "capabilities": ["search"]}}]})
        parts = path.removeprefix("search/v2/").removeprefix("search/").split("/")
        if not path.startswith("search/") or parts[0] != "jobs":
            return None
        if len(parts) == 1 and method == "POST":
            sid = f"1700000000.{next(self._numbers)}"
            self._jobs[sid] = parse_qs(body.decode())["search"][-1]
            return as_json({"sid": sid}, 201)
        if len(parts) == 1:
            asked = [sid for sid in parse_qs(query).get("id", list(self._jobs)) if sid in self._jobs]
            return as_json({"entry": [self._entry(sid) for sid in asked]})
        if parts[1] not in self._jobs:
            return as_json({"messages": [{"type": "FATAL", "text": "Unknown sid."}]}, 404)
        if parts[2:] == ["control"]:
            return as_json({"messages": [{"type": "INFO", "text": "Done."}]})
        if parts[2:]:
            return as_json(self._results(self._jobs[parts[1]]))
        return as_json({"entry": [self._entry(parts[1])]})

    def _entry(self, sid: str) -> dict[str, Any]:
        count = len(self._results(self._jobs[sid])["results"])
        content = {
            "sid": sid,
            "dispatchState": "DONE",
            "isDone": True,
            "isFailed": False,
            "doneProgress": 1.0,
            "resultCount": count,
            "resultPreviewCount": count,
            "eventCount": 0,
            "scanCount": 0,
            "messages": [],
        }
        return {"name": self._jobs[sid], "content": content}

    def _results(self, search: str) -> dict[str, Any]:
        asked = _APP_FIELD.fullmatch(search.strip())
        if asked is None:
            return {"preview": False, "init_offset": 0, "messages": [], "fields": [], "results": []}
        value = self._conf.of_app("app", asked["app"]).get("install", {}).get(asked["field"], "")
        row = {asked["field"]: value}
        fields = [{"name": asked["field"]}]
        return {"preview": False, "init_offset": 0, "messages": [], "fields": fields, "results": [row]}
