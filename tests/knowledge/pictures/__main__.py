"""Pictures of the dashboards, drawn by Splunk's own dashboard packages in Chromium from what the stand-in's searches give.

Run it by hand when a dashboard has changed (docs/architecture.md says how); it takes a minute, and half a gigabyte of npm packages in
.toolchain/. It fails where the packages find fault with a definition, where a search was asked for that isn't the dashboard's, or
never asked for, and where a drill-down leads elsewhere than it should.
"""

from __future__ import annotations

import datetime as dt
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from knowledge import health_scene, scene, studio
from playwright.sync_api import Browser, ConsoleMessage, Page, Route, sync_playwright
from standins.search import IndexedEvent, SearchKnowledge
from standins.search.rows import Table

from tooling import browser, paths, steps
from tooling.splunk_pythons import SPLUNK_PYTHONS

HERE = Path(__file__).parent
WORK = paths.TOOLCHAIN / "dashboards"
IMAGES = paths.ROOT / "docs" / "images"
PAGE = "http://splunk.example/page"
EMPTY = "<!doctype html><html><body style='margin:0'><div id='root'></div></body></html>"
CONTEXT = '{"entry":[{"content":{"username":"analyst","capabilities":[]}}]}'
ESBUILD = (
    "page.jsx",
    "--bundle",
    "--format=iife",
    "--minify",
    "--outfile=page.js",
    '--define:process.env.NODE_ENV="production"',
    "--define:global=window",
    *(f"--loader:.{kind}=dataurl" for kind in ("svg", "png", "woff", "woff2")),
)
BROKEN_HEADS = """
() => [...document.querySelectorAll('th')].filter((head) => {
    const texts = document.createTreeWalker(head, NodeFilter.SHOW_TEXT);
    for (let text = texts.nextNode(); text; text = texts.nextNode()) {
        const range = document.createRange();
        range.selectNodeContents(text);
        const [whole, shown] = [range.getBoundingClientRect(), text.parentElement.getBoundingClientRect()];
        if (range.getClientRects().length > 1 || whole.width > shown.width + 1) return true;
    }
    return false;
}).map((head) => head.innerText)
"""
"""The texts of columns' heads that take two lines, or are wider than what shows them."""
SHOWN_HOST = "srv-dc-01.contoso.example"
SHOWN_ALERT = 136  # it came through two inputs, and its host and user have others


@dataclass(frozen=True)
class Drilldown:
    """A click, and where it has to lead."""

    selector: str
    number: int
    address: str
    parameters: frozenset[str]


@dataclass(frozen=True)
class Scene:
    """What there is to search, newest first, and when."""

    events: Sequence[IndexedEvent]
    now: float


def alerts() -> Scene:
    """Two tenants' alerts."""
    return Scene(scene.events(), scene.NOW_SECONDS)


def log() -> Scene:
    """A day of the inputs' log, as the built add-on writes it, and the alerts of that time."""
    python = next(python for python in SPLUNK_PYTHONS if python.version == "3.9")
    with tempfile.TemporaryDirectory() as folder:
        summary = health_scene.record(paths.BUILT_APP, python.program, Path(folder) / "splunk")
    moved = summary.now - scene.NOW_SECONDS
    received = [later(event, moved) for event in scene.events()]
    events = [*health_scene.with_a_day_before(summary), *received]
    return Scene(health_scene.newest_first(events), summary.now)


def later(event: IndexedEvent, seconds: float) -> IndexedEvent:
    """The same event, come later."""
    time, indexed = float(event.time or 0) + seconds, float(event.index_time or 0) + seconds
    return replace(event, time=f"{time:.3f}", index_time=f"{indexed:.0f}")


@dataclass(frozen=True)
class Picture:
    """What to draw."""

    name: str
    view: Path
    tokens: Mapping[str, str]
    drilldowns: tuple[Drilldown, ...]
    scene: Callable[[], Scene] = alerts
    height: int = 1500


DETAIL = "/app/TA_defender_alerts/defender_alert_detail"
PICTURES = (
    Picture(
        "dashboard-overview",
        studio.OVERVIEW,
        {},
        (
            Drilldown("td", -1, DETAIL, frozenset({"form.tenant", "form.alert"})),
            Drilldown(
                ".highcharts-point", 40, "/app/TA_defender_alerts/search", frozenset({"q", "earliest", "latest"})
            ),
        ),
        height=2300,
    ),
    Picture(
        "dashboard-incidents",
        studio.INCIDENTS,
        {},
        (
            Drilldown("td", 3, "/incident2/32/overview", frozenset({"tid"})),
            Drilldown("td", -1, DETAIL, frozenset({"form.tenant", "form.alert"})),
        ),
        height=1780,
    ),
    Picture("dashboard-alert", studio.DETAIL, {"alert": scene.alert_id(SHOWN_ALERT)}, (), height=2030),
    Picture("dashboard-entity", studio.ENTITY, {"entity": SHOWN_HOST}, (), height=1340),
    Picture("dashboard-health", studio.HEALTH, {}, (), scene=log, height=2810),
)


def main(names: Sequence[str]) -> int:
    """Draw the dashboards of these names, or all, in both themes, and give the exit status."""
    chosen = [picture for picture in PICTURES if not names or picture.name in names]
    try:
        browser.make()
        bundle()
    except (steps.StepError, steps.NotAvailableError) as error:
        steps.complain(error)
        return 1
    knowledge = SearchKnowledge.load(paths.PACKAGE)
    faults = against_schemas(chosen)
    IMAGES.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=str(browser.CHROMIUM), args=["--no-sandbox"])
        for picture in chosen:
            given = picture.scene()
            events: list[Mapping[str, str | list[str]]] = [knowledge.search_fields(event) for event in given.events]
            dashboard = studio.Dashboard.read(picture.view)
            runner = studio.Runner(dashboard, knowledge, picture.tokens)
            results = {}
            for name in dashboard.sources:
                table = runner.run(name, events, given.now)
                results[runner.query(name)] = columns(table)
            for theme in ("dark", "light"):
                faults += draw(chromium, picture, dashboard.definition, results, theme)
        chromium.close()
    for fault in faults:
        sys.stderr.write(f"{fault}\n")
    return 1 if faults else 0


def bundle() -> None:
    """Make page.js of the page and the packages that the lock names.

    Raises:
        NotAvailableError: npm isn't here.
        StepError: it failed.
    """
    npm = shutil.which("npm")
    if npm is None:
        raise steps.NotAvailableError("The pictures of the dashboards need npm, which comes with node 20.")
    WORK.mkdir(parents=True, exist_ok=True)
    lock = WORK / "package-lock.json"
    is_there = (
        (WORK / "node_modules").exists() and lock.exists() and lock.read_bytes() == (HERE / lock.name).read_bytes()
    )
    for name in ("package.json", "package-lock.json", "page.jsx"):
        shutil.copy(HERE / name, WORK / name)
    if not is_there:
        options = ("--ignore-scripts", "--legacy-peer-deps", "--no-audit", "--no-fund")
        with steps.announced("npm packages"):
            steps.run("npm", (npm, "ci", "--prefix", WORK, *options))
    with steps.announced("bundle"):
        steps.run("esbuild", (WORK / "node_modules" / ".bin" / "esbuild", *ESBUILD), cwd=WORK)


def against_schemas(pictures: Sequence[Picture]) -> list[str]:
    """What Splunk's own schemas say against the options of the dashboards' panels."""
    files = []
    for picture in pictures:
        file = WORK / f"{picture.name}.json"
        file.write_text(json.dumps(studio.Dashboard.read(picture.view).definition), encoding="utf-8")
        files.append(file)
    command: list[str | Path] = ["node", HERE / "schema.cjs", WORK / "node_modules", *files]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    return [*found.stdout.splitlines(), *([found.stderr] if found.returncode else [])]


def columns(table: Table) -> dict[str, Any]:
    """Results as the packages take them: by column, times in ISO 8601, no value as null."""
    names = table.columns or ()

    def value(row: Mapping[str, list[str]], name: str) -> Any:
        values = row.get(name, [])
        if name == "_time" and values:
            time = dt.datetime.fromtimestamp(float(values[0]), dt.timezone.utc)
            return time.isoformat(timespec="milliseconds")
        return values if len(values) > 1 else values[0] if values else None

    return {
        "fields": [{"name": name} for name in names],
        "columns": [[value(row, name) for row in table.rows] for name in names],
    }


def draw(
    chromium: Browser, picture: Picture, definition: Mapping[str, Any], results: Mapping[str, Any], theme: str
) -> list[str]:
    """Draw a dashboard in one theme.

    Returns:
        What was wrong.
    """
    faults: list[str] = []
    page = chromium.new_page(viewport={"width": 1280, "height": picture.height})

    def heard(message: ConsoleMessage) -> None:
        if message.type == "error":
            faults.append(f"{picture.name}: {message.text}")

    def answer(route: Route) -> None:
        address = urlsplit(route.request.url)
        if address.path == "/page":
            route.fulfill(content_type="text/html", body=EMPTY)
        elif address.path.endswith("/authentication/current-context"):
            route.fulfill(content_type="application/json", body=CONTEXT)
        else:
            faults.append(f"{picture.name}: asks for {route.request.url}")
            route.abort()

    page.on("console", heard)
    page.on("pageerror", lambda error: faults.append(f"{picture.name}: {error}"))
    page.route("**/*", answer)
    page.goto(f"{PAGE}?" + "&".join(f"form.{name}={value}" for name, value in picture.tokens.items()))
    page.evaluate(
        "([definition, results, theme]) => Object.assign(window, {definition, results, theme})",
        [definition, results, theme],
    )
    page.add_style_tag(path=WORK / "page.css")
    page.add_script_tag(path=WORK / "page.js")
    wait_until_still(page)
    asked = set(page.evaluate("window.asked"))
    faults += [f"{picture.name}: not the dashboard's search: {query}" for query in asked - results.keys()]
    faults += [f"{picture.name}: never asked for: {query}" for query in results.keys() - asked]
    faults += [f"{picture.name}: the head of a column is broken or cut: {head}" for head in page.evaluate(BROKEN_HEADS)]
    page.screenshot(path=IMAGES / f"{picture.name}-{theme}.png", full_page=True)
    for drilldown in picture.drilldowns:
        faults += follow(page, drilldown)
    page.close()
    return faults


def wait_until_still(page: Page) -> None:
    """Charts move into place, and nothing says when they have: wait until two looks in a row show the same.

    On a slow machine some are measured before their panel has its size: a window that changes its own has them look again.
    """
    before = b""
    size = page.viewport_size or {"width": 1280, "height": 1500}
    for _ in range(30):
        page.set_viewport_size({"width": size["width"] - 8, "height": size["height"]})
        page.wait_for_timeout(1_000)
        page.set_viewport_size({"width": size["width"], "height": size["height"]})
        page.wait_for_timeout(4_000)
        now = page.screenshot(full_page=True)
        if now == before:
            return
        before = now


def follow(page: Page, drilldown: Drilldown) -> list[str]:
    """Click, and say what is wrong with where that leads."""
    page.evaluate("window.opened = []; window.open = (address) => { if (address) window.opened.push(address); }")
    page.locator(drilldown.selector).nth(drilldown.number).click(force=True)
    page.wait_for_timeout(1_000)
    opened = page.evaluate("window.opened")
    address = urlsplit(opened[0]) if opened else urlsplit("")
    parameters = parse_qs(address.query)
    is_right = address.path == drilldown.address and parameters.keys() == drilldown.parameters
    return [] if is_right and "$" not in address.query else [f"a click leads to {opened}, not to {drilldown.address}"]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
