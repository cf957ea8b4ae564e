"""What a browser loads from Splunk Web besides splunkd's answers: pages, static files, and Splunk's own scripts.

Sources: the page template that UCC 6.6 builds (which scripts a page loads, and from where) and its page bundle (which globals it
reads). Splunk's own scripts are replaced by what of them the bundle uses: i18n passes English through, the layout is a bar
with the app's views.
"""

from __future__ import annotations

import html
import json
import mimetypes
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from standins.splunkweb.reply import Reply

LOCALE = "en-US"
Draws = Callable[[str, str, str], str]
"""Gives the HTML of a dashboard: by its view, what the address says of its inputs, and the theme."""
# A cache buster after "static/" is no part of the path.
_STATIC = re.compile(r"static/(?:@[^/]+/)?(?P<path>.+)")

_I18N = """
window.i18n_register = function (catalog) { window.i18n_catalog = catalog.catalog; };
window._ = window._ || function (text) { return text; };
window.ungettext = function (one, many, count) { return count === 1 ? one : many; };
"""
_CATALOG = "i18n_register({plural: function (n) { return n === 1 ? 0 : 1; }, catalog: {}});"
_LAYOUT = """
(function () {
  var bar = %s;
  window.__splunk_layout__ = {
    create: function () {
      document.body.style.margin = "0";
      var header = document.createElement("header");
      header.innerHTML = bar;
      document.body.appendChild(header);
      var container = document.createElement("div");
      container.setAttribute("role", "main");
      document.body.appendChild(container);
      return { getContainerElement: function () { return container; } };
    }
  };
})();
"""
_BAR = (
    '<nav style="background:{background};font:14px sans-serif;padding:12px 20px;display:flex;gap:24px">{links}'
    '<b style="color:white;margin-left:auto">{label}</b></nav>'
)
_LINK = '<a style="color:{color};text-decoration:none" href="{href}">{label}</a>'


def script(text: str) -> Reply:
    """JavaScript."""
    return Reply(200, text.encode(), "application/javascript; charset=utf-8")


def not_found(what: str) -> Reply:
    """404 as a page."""
    return Reply(404, f"<!doctype html><title>404 Not Found</title><p>{html.escape(what)}".encode(), "text/html")


def redirect(to: str) -> Reply:
    """303 to another page."""
    return Reply(303, b"", "text/html", (("Location", to),))


class Site:
    """The pages of one installed app. `theme` is what the user has chosen: "light" or "dark"; `draw`, if any, draws dashboards."""

    def __init__(self, app: Path) -> None:
        self._app = app
        self.theme = "light"
        self.draw: Draws | None = None

    def answer(self, path: str, query: str, port: int, user: str) -> Reply:
        """Give what stands under a path, which begins with a slash."""
        locale, _, rest = path.lstrip("/").partition("/")
        if path == "/favicon.ico":
            return self._file(self._app / "static" / "appIcon.png")
        if locale != LOCALE or not rest:
            return redirect(self.address(self._default_view()))
        static = _STATIC.fullmatch(rest)
        if static:
            return self._static(static["path"])
        if rest == "config":
            return script(f"window.$C = {json.dumps(self._config(port, user))};")
        if rest == "i18ncatalog":
            return script(_CATALOG)
        if rest.startswith("app/"):
            return self._page(rest.split("/")[1:], query)
        return not_found(path)

    def address(self, view: str) -> str:
        """The path of one of the app's pages."""
        return f"/{LOCALE}/app/{self._app.name}/{view}"

    def _config(self, port: int, user: str) -> dict[str, Any]:
        return {
            "MRSPARKLE_ROOT_PATH": "",
            "MRSPARKLE_PORT_NUMBER": port,
            "SPLUNKD_PATH": f"/{LOCALE}/splunkd/__raw",
            "LOCALE": LOCALE,
            "USERNAME": user,
            "BUILD_NUMBER": "237ebbd22314",
            "VERSION_LABEL": "9.4.3",
            "SERVER_ZONEINFO": "### SERIALIZED TIMEZONE FORMAT 1.0;Y0 N 55 54 43;",
        }

    def _static(self, path: str) -> Reply:
        own = {
            "js/i18n.js": _I18N,
            "build/api/layout.js": self._layout(),
            "build/api/layout-dark.js": self._layout(),
            "build/api/get_theme.js": (
                "window.__get_theme__ = {getTheme: function () { return Promise.resolve("
                f"{json.dumps('dark' if self.theme == 'dark' else 'enterprise')}); }}}};"
            ),
        }
        if path in own:
            return script(own[path])
        app, _, rest = path.removeprefix("app/").partition("/")
        if not path.startswith("app/") or app != self._app.name:
            return not_found(path)
        # Splunk Web looks into appserver/static, and for the icons into static.
        for root in (self._app / "appserver" / "static", self._app / "static"):
            file = (root / rest).resolve()
            if file.is_file() and root.resolve() in file.parents:
                return self._file(file)
        return not_found(path)

    def _file(self, file: Path) -> Reply:
        kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        cached = (("Cache-Control", "max-age=3600"),)
        return Reply(200, file.read_bytes(), kind, cached)

    def _page(self, path: list[str], query: str) -> Reply:
        if path[0] != self._app.name:
            return not_found(f"No app {path[0]}")
        if len(path) == 1 or not path[1]:
            return redirect(self.address(self._default_view()))
        if path[1] == "search":
            return Reply(200, b"<!doctype html><title>Search</title><p>The stand-in has no search.", "text/html")
        if path[1] == "alerts":
            return self._note("Alerts", "Splunk's own list of the app's saved searches. The stand-in has none.")
        view = self._app / "default" / "data" / "ui" / "views" / f"{path[1]}.xml"
        if not view.is_file():
            return not_found(f"No view {path[1]}")
        root = ET.parse(view).getroot()
        if "template" not in root.attrib:
            return self._dashboard(path[1], query)
        app, _, template = root.attrib["template"].partition(":")
        if app != self._app.name:
            return not_found(f"No template of app {app}")
        text = (self._app / "appserver" / template.lstrip("/")).read_bytes()
        return Reply(200, text, "text/html; charset=utf-8", (("Cache-Control", "no-store"),))

    def _dashboard(self, view: str, query: str) -> Reply:
        """A dashboard, by whoever draws it: the stand-in itself has nothing to search."""
        if self.draw is None:
            return self._note(self._label(view), "This stand-in has no events: ./build.sh ui shows the dashboards.")
        told = "Drawn as plain HTML from what the inputs here have collected; Splunk's own look is in the documents."
        return self._note(self._label(view), told, self.draw(view, query, "dark" if self.theme == "dark" else "light"))

    def _note(self, title: str, text: str, more: str = "") -> Reply:
        """A page with the app's bar and a sentence."""
        body = (
            f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title></head>'
            f'<body style="margin:0;font:14px sans-serif">{self._bar()}'
            f'<main style="padding:16px 20px"><p>{html.escape(text)}</p>{more}</main></body></html>'
        )
        return Reply(200, body.encode(), "text/html; charset=utf-8", (("Cache-Control", "no-store"),))

    def _views(self) -> list[ET.Element]:
        return list(ET.parse(self._app / "default" / "data" / "ui" / "nav" / "default.xml").getroot().iter("view"))

    def _default_view(self) -> str:
        return next(view.attrib["name"] for view in self._views() if view.get("default") == "true")

    def _layout(self) -> str:
        return _LAYOUT % json.dumps(self._bar())

    def _bar(self) -> str:
        links = [
            _LINK.format(color="white", href=self.address(view.attrib["name"]), label=self._label(view.attrib["name"]))
            for view in self._views()
        ]
        return _BAR.format(background="#171d21", links="".join(links), label=html.escape(self._app.name))

    def _label(self, view: str) -> str:
        file = self._app / "default" / "data" / "ui" / "views" / f"{view}.xml"
        label = ET.parse(file).findtext("label") if file.is_file() else None
        return html.escape(label or view.capitalize())
