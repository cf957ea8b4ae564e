"""The add-on's dashboards as plain HTML, searched anew at each request in what the stand-in's inputs have collected.

Where a panel lies, its title, its search and its tokens are the dashboard's own. How it is drawn is not: that is for
`build.sh pictures dashboards`, which takes Splunk's packages.
"""

from __future__ import annotations

import html
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote

from knowledge.studio import VIEWS, Dashboard, Runner
from standins.search import IndexedEvent, SearchKnowledge
from standins.search.refusal import NotModelledError
from standins.search.rows import Table

COLORS = ("#6aa2f7", "#f7a35c", "#7fd17f", "#d36fd3", "#e06666", "#999999")
LOOKS = {"light": ("#f2f4f5", "#ffffff", "#2c333b"), "dark": ("#0b0c0e", "#171d21", "#e4e6e9")}
STYLE = """
<style>
 .dashboard { color: %(text)s; background: %(page)s; padding: 8px; }
 .dashboard form { display: flex; flex-wrap: wrap; gap: 12px; align-items: end; margin: 8px 0; }
 .dashboard label { display: grid; font-size: 12px; }
 .panels { position: relative; }
 .panel { position: absolute; box-sizing: border-box; padding: 3px; }
 .panel > div { background: %(panel)s; height: 100%%; overflow: auto; padding: 8px; box-sizing: border-box; }
 .panel h2 { font-size: 14px; margin: 0 0 6px; }
 .panel b { font-size: 26px; }
 .panel table { border-collapse: collapse; font-size: 12px; color: inherit; }
 .panel td, .panel th { text-align: left; vertical-align: top; padding: 2px 10px 2px 0; }
 .panel a { color: inherit; }
 .panel svg { width: 100%%; height: calc(100%% - 44px); }
</style>
"""
_SERIES = re.compile(r'seriesByName\("([^"]+)"\)')
_ROW_TOKEN = re.compile(r"\$row\.([^$|]+)\.value(?:\|\w)?\$")
_APP = "/app/TA_defender_alerts/"


@dataclass(frozen=True)
class Dashboards:
    """Draws the views of the add-on.

    Attributes:
        events: all that there is to search, alerts and logs, newest first.
        root: before the addresses that a click leads to.
    """

    knowledge: SearchKnowledge
    events: Callable[[], Sequence[IndexedEvent]]
    root: str = "/en-US"
    _fields: dict[IndexedEvent, Mapping[str, str | list[str]]] = field(default_factory=dict)

    def draw(self, view: str, query: str, theme: str) -> str:
        """Give a view as HTML; ``query`` is what the address says of its inputs, as ``form.tenant=...``."""
        form = {name.removeprefix("form."): value for name, value in parse_qsl(query, keep_blank_values=True)}
        dashboard = Dashboard.read(Path(VIEWS / f"{view}.xml"))
        found = [self._read(event) for event in self.events()]
        tokens = {name: form.get(name, "") for name in dashboard.tokens_of_inputs() if name not in dashboard.defaults}
        shown = _Shown(dashboard, Runner(dashboard, self.knowledge, tokens | form), found, form, self.root)
        page, panel, text = LOOKS[theme]
        return f'{STYLE % {"page": page, "panel": panel, "text": text}}<div class="dashboard">{shown.page()}</div>'

    def _read(self, event: IndexedEvent) -> Mapping[str, str | list[str]]:
        """The fields of an event, which are always the same."""
        if event not in self._fields:
            self._fields[event] = self.knowledge.search_fields(event)
        return self._fields[event]


@dataclass
class _Shown:
    """One dashboard, with what is chosen in its inputs."""

    dashboard: Dashboard
    runner: Runner
    events: list[Mapping[str, str | list[str]]]
    form: Mapping[str, str]
    root: str
    now: float = field(default_factory=time.time)

    def page(self) -> str:
        definition = self.dashboard.definition
        # The searches first whose results others have in theirs.
        smart = [name for name, source in self.dashboard.sources.items() if source["options"].get("enableSmartSources")]
        for name in smart:
            self._table(name)
        blocks = definition["layout"]["structure"]
        height = max(block["position"]["y"] + block["position"]["h"] for block in blocks)
        panels = "".join(self._panel(block["item"], block["position"]) for block in blocks)
        return (
            f"<h1>{html.escape(str(definition['title']))}</h1><p>{html.escape(str(definition['description']))}</p>"
            f'{self._inputs()}<div class="panels" style="height:{height}px">{panels}</div>'
        )

    def _table(self, name: str) -> Table | None:
        """What a search gives; None for one that waits for something to be chosen."""
        try:
            return self.runner.run(name, self.events, self.now)
        except (KeyError, NotModelledError):
            return None

    def _inputs(self) -> str:
        fields = "".join(self._input(each) for each in self.dashboard.definition["inputs"].values())
        return f'<form method="get">{fields}<button>Search</button></form>'

    def _input(self, each: Mapping[str, Any]) -> str:
        options, token = each["options"], each["options"]["token"]
        title, chosen = html.escape(each["title"]), self.form.get(token, options.get("defaultValue", ""))
        if each["type"] == "input.timerange":
            return f"<label>{title}<span>{html.escape(chosen)}</span></label>"
        if each["type"] == "input.text":
            return f'<label>{title}<input name="form.{token}" value="{html.escape(chosen)}"></label>'
        items = options["items"] if isinstance(options["items"], list) else self._items(each)
        entries = "".join(
            f'<option value="{html.escape(item["value"])}"{" selected" * (item["value"] == chosen)}>'
            f"{html.escape(item['label'])}</option>"
            for item in items
        )
        return f'<label>{title}<select name="form.{token}">{entries}</select></label>'

    def _items(self, each: Mapping[str, Any]) -> list[dict[str, str]]:
        """The choices of a list that a search fills."""
        context = each["context"]
        labels, values = (column for column in context["statics"])
        items = [{"label": label, "value": value} for label, value in zip(labels, values, strict=True)]
        name, label = (_SERIES.findall(context[key])[0] for key in ("value", "label"))
        table = self._table(each["dataSources"]["primary"])
        rows = table.rows if table else []
        return items + [{"label": _text(row, label), "value": _text(row, name)} for row in rows]

    def _panel(self, name: str, position: Mapping[str, int]) -> str:
        each = self.dashboard.definition["visualizations"][name]
        left, width = position["x"] / 12, position["w"] / 12
        style = f"left:{left:.3f}%;width:{width:.3f}%;top:{position['y']}px;height:{position['h']}px"
        title = f"<h2>{html.escape(each['title'])}</h2>" if "title" in each else ""
        return f'<div class="panel" style="{style}"><div>{title}{self._content(each)}</div></div>'

    def _content(self, each: Mapping[str, Any]) -> str:
        kind, options = each["type"].removeprefix("splunk."), each.get("options", {})
        if kind == "markdown":
            return f"<p>{html.escape(self.runner.filled(options['markdown']))}</p>"
        table = self._table(each["dataSources"]["primary"])
        if table is None or not table.rows:
            return "<p>No results.</p>"
        if kind == "singlevalue":
            named = _SERIES.search(options.get("majorValue", ""))
            column = named[1] if named else (table.columns or ())[-1]
            number = _text(table.rows[-1], column)
            return f"<b>{html.escape(number or '-')}</b> {html.escape(options.get('unit', '')) if number else ''}"
        if kind == "table":
            return self._rows(table, each)
        return _chart(kind, table, options.get("seriesColorsByField", {}))

    def _rows(self, table: Table, each: Mapping[str, Any]) -> str:
        columns = [name for name in table.columns or () if not name.startswith("_") or name == "_time"]
        head = "".join(f"<th>{html.escape(name)}</th>" for name in columns)
        rows = []
        for row in table.rows[: each["options"].get("count", 10)]:
            address = self._address(each.get("eventHandlers", ()), row)
            cells = [html.escape(_text(row, name)) for name in columns]
            if address:
                cells[0] = f'<a href="{html.escape(address)}">{cells[0] or "open"}</a>'
            rows.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
        return f"<table><tr>{head}</tr>{''.join(rows)}</table>"

    def _address(self, handlers: Iterable[Mapping[str, Any]], row: Mapping[str, list[str]]) -> str:
        """Where a click on a row leads; empty where the stand-in has no such page."""
        for handler in handlers:
            if handler["type"] == "drilldown.setToken":
                chosen = {each["token"]: _text(row, each["key"].split(".")[1]) for each in handler["options"]["tokens"]}
                return "?" + "&".join(f"form.{name}={quote(text)}" for name, text in {**self.form, **chosen}.items())
            url = _ROW_TOKEN.sub(lambda match: quote(_text(row, match[1])), handler["options"].get("url", ""))
            if url.startswith(_APP) and not url.startswith(f"{_APP}search") and "$" not in url:
                return self.root + url
        return ""


def _text(row: Mapping[str, list[str]], name: str) -> str:
    values = row.get(name, [])
    if name == "_time" and values:
        return time.strftime("%Y-%m-%d %H:%M", time.gmtime(float(values[0])))
    return ", ".join(values)


def _chart(kind: str, table: Table, colors: Mapping[str, str]) -> str:
    """Columns, bars or lines, as simple as they can be: a series is a colour, and a number is its tooltip."""
    label, *series = table.columns or ()
    series = [name for name in series if not name.startswith("_")]
    numbers = [[_number(_text(row, name)) for name in series] for row in table.rows]
    most = max(max(row, default=0) if kind == "line" else sum(row) for row in numbers) or 1
    painted = [colors.get(name, COLORS[index % len(COLORS)]) for index, name in enumerate(series)]
    width, drawn = 600 / len(numbers), []
    for place, row in enumerate(numbers):
        bottom = 200.0
        for name, number, color in zip(series, row, painted, strict=True):
            height = 190 * number / most
            told = html.escape(f"{_text(table.rows[place], label)}, {name}: {number:g}")
            top, tall = (200 - height, 3.0) if kind == "line" else (bottom - height, height)
            drawn.append(
                f'<rect x="{place * width:.1f}" y="{top:.1f}" width="{max(width - 2, 1):.1f}" height="{tall:.1f}" '
                f'fill="{color}"><title>{told}</title></rect>'
            )
            bottom -= height
    legend = "".join(
        f'<span style="border-left:10px solid {color};padding:0 10px 0 4px">{html.escape(name)}</span>'
        for name, color in zip(series, painted, strict=True)
    )
    return f'<svg viewBox="0 0 600 200" preserveAspectRatio="none">{"".join(drawn)}</svg><div>{legend}</div>'


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
