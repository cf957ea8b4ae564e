"""The stand-in Splunk Web: one port for a browser."""

from __future__ import annotations

import sys
import threading
import traceback
from contextlib import AbstractContextManager
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import unquote, urlsplit

from typing_extensions import Self

from standins.splunkd import Splunkd
from standins.splunkweb.passage import SAFE_METHODS, Exchange, Passage
from standins.splunkweb.reply import Reply, refusal
from standins.splunkweb.site import LOCALE, Draws, Site

_RAW = f"/{LOCALE}/splunkd/__raw"


class Web(AbstractContextManager["Web"]):
    """Splunk Web before a stand-in splunkd, from entering the context to leaving it.

    Leaving raises if the stand-in itself failed. `port` 0 takes a free one.
    """

    def __init__(self, splunkd: Splunkd, app: str, *, user: str = "admin", port: int = 0) -> None:
        self.user = user
        self._site = Site(splunkd.conf.directory(app))
        self._passage = Passage(splunkd, lambda: self.port)
        self._failures: list[str] = []
        self._server = _Server(("127.0.0.1", port), self)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, name="splunkweb"
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        self._passage.finish()
        if self._failures and error is None:
            raise AssertionError("the stand-in Splunk Web failed:\n" + "\n".join(self._failures))

    def start_over(self) -> None:
        """Forget users and calls, and look as after an installation, for the next test."""
        self._passage.start_over()
        self.user, self.theme = "admin", "light"

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    @property
    def journal(self) -> list[Exchange]:
        """Every call of a page to splunkd so far, the refused ones too."""
        return self._passage.journal

    @property
    def theme(self) -> str:
        """What the user has chosen under Preferences: "light" or "dark"."""
        return self._site.theme

    @theme.setter
    def theme(self, theme: str) -> None:
        self._site.theme = theme

    def show_dashboards(self, draw: Draws) -> None:
        """Have dashboards drawn."""
        self._site.draw = draw

    @property
    def patience(self) -> float:
        """How many seconds it waits for splunkd (web.conf: splunkdConnectionTimeout)."""
        return self._passage.patience

    @patience.setter
    def patience(self, seconds: float) -> None:
        self._passage.patience = seconds

    def page(self, view: str) -> str:
        """The address of one of the app's pages: "configuration", "inputs", "dashboard"."""
        return f"http://127.0.0.1:{self.port}{self._site.address(view)}"

    def log_everybody_out(self) -> None:
        """Forget every session, as after a restart of Splunk Web."""
        self._passage.log_everybody_out()

    def answer(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Reply:
        """Answer a browser; header names are in lower case."""
        try:
            return self._answer(method, target, headers, body)
        except Exception as error:  # noqa: BLE001 - raised when the context is left
            self._failures.append("".join(traceback.format_exception(error)))
            return refusal(500, "the stand-in Splunk Web failed")

    def _answer(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Reply:
        cookies = {name: morsel.value for name, morsel in SimpleCookie(headers.get("cookie", "")).items()}
        if target.startswith(f"{_RAW}/services"):
            return self._passage.answer(method, target.removeprefix(_RAW), headers, cookies, body)
        if method not in SAFE_METHODS:
            return refusal(405, "Method Not Allowed")
        address = urlsplit(target)
        reply = self._site.answer(unquote(address.path), address.query, self.port, self.user)
        if not reply.content_type.startswith("text/html") or self._passage.is_logged_in(cookies):
            return reply
        headers_too = (*reply.headers, *self._passage.log_in(self.user))
        return Reply(reply.status, reply.body, reply.content_type, headers_too)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], web: Web) -> None:
        self.web = web
        super().__init__(address, _Connection)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that goes away in the middle of something is no failure."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Connection(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "Splunkd"
    # An answer's head and body go out together, as those of the stand-in splunkd do.
    wbufsize = -1
    disable_nagle_algorithm = True
    sys_version = ""
    server: _Server

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        reply = self.server.web.answer(self.command, self.path, headers, body)
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.content_type)
        self.send_header("Content-Length", str(len(reply.body)))
        for name, value in reply.headers:
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.body)

    do_GET = do_POST = do_DELETE = do_PUT = do_HEAD = _answer

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Nothing: the journal is the access log."""
