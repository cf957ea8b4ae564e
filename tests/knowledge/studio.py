"""Dashboards of Dashboard Studio: a view's XML, the definition in it, and its searches with tokens filled in."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree as ET

from knowledge.scene import NOW_SECONDS
from standins.search import IndexedEvent, SearchKnowledge
from standins.search.conf import Conf
from standins.search.event_fields import fields_of_events
from standins.search.reports import Search, read_chain, read_search
from standins.search.rows import Row, Table, When

from tooling import paths

Events = list[Mapping[str, str | list[str]]]
"""Events as searches see them, newest first."""
VIEWS = paths.PACKAGE / "default" / "data" / "ui" / "views"
OVERVIEW = VIEWS / "defender_alerts_overview.xml"
DETAIL = VIEWS / "defender_alert_detail.xml"
ENTITY = VIEWS / "defender_entity.xml"
INCIDENTS = VIEWS / "defender_incidents.xml"
HEALTH = VIEWS / "defender_alerts_health.xml"
LOG_FIELDS = frozenset(
    {
        "account", "action", "calls", "certificate_expires_in_days", "exc_l", "lag_seconds", "log_level", "new", "outcome",
        "late_at_least_max", "late_at_least_p99", "late_at_most_max", "late_share", "overlap_seconds",
        "paced_seconds", "pid", "region", "seconds", "secret_expires_in_days", "sign_in_expires_in_days", "tenant",
        "throttled_seconds", "watermark",
    }
)  # fmt: skip
"""What searches may read of the inputs' log. That real lines have them is what ``test_health.py`` tests."""
TOKEN = re.compile(r"\$([A-Za-z_][\w.]*(?::[\w.]+)?)(?:\|([a-z]))?\$")
"""``$name$``, ``$name.part$``, ``$search:result.field$``, each perhaps with a filter."""


@dataclass(frozen=True)
class Dashboard:
    """One view."""

    path: Path
    attributes: Mapping[str, str]
    label: str
    description: str
    definition: Mapping[str, Any]

    @classmethod
    def read(cls, path: Path) -> Dashboard:
        """Read a view as Splunk does: XML whose definition element holds JSON."""
        root = ET.fromstring(path.read_text(encoding="utf-8"))
        return cls(
            path,
            root.attrib,
            root.findtext("label") or "",
            root.findtext("description") or "",
            json.loads(root.findtext("definition") or ""),
        )

    @property
    def sources(self) -> Mapping[str, Any]:
        """Its data sources by id."""
        return self.definition["dataSources"]  # type: ignore[no-any-return]

    @cached_property
    def defaults(self) -> dict[str, str]:
        """The tokens that its inputs set at first."""
        found: dict[str, str] = {}
        for each in self.definition["inputs"].values():
            options = each["options"]
            if each["type"] == "input.timerange":
                earliest, latest = options["defaultValue"].split(",")
                found |= {f"{options['token']}.earliest": earliest, f"{options['token']}.latest": latest}
            elif "defaultValue" in options:
                found[options["token"]] = options["defaultValue"]
        return found

    def tokens_of_inputs(self) -> Iterator[str]:
        """Every token that its inputs set."""
        for each in self.definition["inputs"].values():
            token = each["options"]["token"]
            yield from (f"{token}.earliest", f"{token}.latest") if each["type"] == "input.timerange" else (token,)

    def base(self, name: str) -> str:
        """The data source that a chain begins with; itself, if it is none."""
        source = self.sources[name]
        return self.base(source["options"]["extend"]) if source["type"] == "ds.chain" else name


def seen(knowledge: SearchKnowledge, found: Iterable[IndexedEvent]) -> Events:
    """Events as searches see them, newest first."""
    newest_first = sorted(found, key=lambda one: float(one.time or 0), reverse=True)
    return [knowledge.search_fields(one) for one in newest_first]


def run(
    path: Path,
    knowledge: SearchKnowledge,
    events: Events,
    *names: str,
    tokens: Mapping[str, str] | None = None,
    now: float = NOW_SECONDS,
) -> dict[str, Table]:
    """The results of a view's data sources, of these or of all, with these values of its inputs."""
    dashboard = Dashboard.read(path)
    runner = Runner(dashboard, knowledge, tokens or {})
    return {name: runner.run(name, events, now) for name in names or dashboard.sources}


def listed(path: Path, panel: str, knowledge: SearchKnowledge, events: Events, **tokens: str) -> list[Row]:
    """What a click on a panel lists, with these values of the inputs."""
    dashboard = Dashboard.read(path)
    (handler,) = dashboard.definition["visualizations"][panel]["eventHandlers"]
    values = dashboard.defaults | tokens
    address = TOKEN.sub(lambda match: values[match[1]], unquote(handler["options"]["url"]))
    query, _, times = address.partition("?q=")[2].partition("&earliest=")
    when = When.of(times.partition("&")[0], "now", NOW_SECONDS)
    return read_search(query, knowledge.macros, event_fields(knowledge), knowledge.tables()).run(events, when).rows


def texts(part: Any) -> Iterator[str]:
    """Every text in a part of a definition."""
    if isinstance(part, str):
        yield part
    for each in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        yield from texts(each)


def only(table: Table, column: str) -> str:
    """The value of a table with one row."""
    (row,) = table.rows
    return row[column][0]


def filled(text: str, tokens: Mapping[str, str]) -> str:
    """A text with its tokens replaced, through their filters (``@splunk/dashboard-utils``: s is JSON's quotes, n nothing).

    Raises:
        KeyError: a token that isn't there.
    """

    def value(match: re.Match[str]) -> str:
        text = tokens[match[1]]
        if match[2] == "s":
            return json.dumps(text, ensure_ascii=False)
        assert match[2] in {None, "n"}, match.group()
        return text

    return TOKEN.sub(value, text)


def event_fields(knowledge: SearchKnowledge) -> frozenset[str]:
    """Every field that the add-on gives events."""
    columns = {}
    for path in (paths.PACKAGE / "lookups").glob("*.csv"):
        with path.open(encoding="utf-8", newline="") as file:
            columns[path.name] = next(csv.reader(file))
    return fields_of_events(knowledge.props, knowledge.transforms, columns)


def readable_fields(dashboard: Dashboard, knowledge: SearchKnowledge) -> frozenset[str]:
    """The fields that a dashboard's searches may read of their events."""
    return LOG_FIELDS | {"app"} if dashboard.path == HEALTH else event_fields(knowledge)


class Runner:
    """A dashboard's data sources, read and run on events."""

    def __init__(
        self,
        dashboard: Dashboard,
        knowledge: SearchKnowledge,
        tokens: Mapping[str, str],
        macros: Conf | None = None,
        tenants: Sequence[Mapping[str, str]] = (),
    ) -> None:
        self._dashboard = dashboard
        self._macros = macros or knowledge.macros
        self._tokens = dashboard.defaults | dict(tokens)
        self._fields = readable_fields(dashboard, knowledge)
        self._lookups = knowledge.tables(defender_tenants=tenants)
        self._done: dict[str, Table] = {}

    def query(self, name: str) -> str:
        """A data source's own search, with the tokens as they are by now."""
        return filled(self._dashboard.sources[name]["options"]["query"], self._tokens)

    def filled(self, text: str) -> str:
        """A text with the tokens as they are by now; what nothing has been found for is left out."""
        return TOKEN.sub(lambda match: self._tokens.get(match[1], ""), text)

    def read(self, name: str) -> Search:
        """A data source as read, with its base."""
        source = self._dashboard.sources[name]
        query = self.query(name)
        if source["type"] == "ds.chain":
            return read_chain(query, self.read(source["options"]["extend"]), self._macros, self._lookups)
        return read_search(query, self._macros, self._fields, self._lookups)

    def run(self, name: str, events: Events, now: float) -> Table:
        """What a data source gives of events' fields, newest first, once and for all; tokens that it makes for others are kept."""
        if name not in self._done:
            self._done[name] = self._run(name, events, now)
        return self._done[name]

    def _run(self, name: str, events: Events, now: float) -> Table:
        when = self.times(name, now)
        source = self._dashboard.sources[name]
        if source["type"] == "ds.chain":
            table = self.read(name).continued(self.run(source["options"]["extend"], events, now), when)
        else:
            table = self.read(name).run(events, when)
        if source["options"].get("enableSmartSources") and table.rows:
            for field, values in table.rows[0].items():
                self._tokens[f"{source['name']}:result.{field}"] = values[0]
        return table

    def times(self, name: str, now: float) -> When:
        """The range of a data source's search."""
        parameters = self._dashboard.sources[self._dashboard.base(name)]["options"]["queryParameters"]
        earliest, latest = (filled(parameters[key], self._tokens) for key in ("earliest", "latest"))
        return When.of(earliest, latest, now)
