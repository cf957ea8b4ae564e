"""What Splunk Web lets through from a page to splunkd: /<locale>/splunkd/__raw/services...

Sources: web.conf.spec ([expose:<name>]: what is registered is found below /splunkd/__raw; splunkdConnectionTimeout, 30 s;
enable CSRF protection), Splunk's developer documentation on CSRF (cookie splunkweb_csrf_token_<port>, header X-Splunk-Form-Key,
X-Requested-With: XMLHttpRequest). Assumed: status and words of a refusal.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.client import HTTPException
from urllib.parse import urlsplit

from standins.splunkd import Splunkd
from standins.splunkd.web import ask
from standins.splunkweb.reply import Reply, refusal
from standins.splunkweb.searches import Searches

SAFE_METHODS = frozenset({"GET", "HEAD"})
SPLUNKD_TIMEOUT = 30.0


@dataclass(frozen=True)
class Exchange:
    """One call of a page and its answer. `target` is path and query as splunkd gets them."""

    method: str
    target: str
    sent: bytes
    status: int
    received: bytes


@dataclass(frozen=True)
class Session:
    """A browser that is logged in: as whom, its CSRF token, its key to splunkd."""

    user: str
    token: str
    key: str


class Passage:
    """Carries calls to splunkd that hold what Splunk Web asks for, and writes them into the journal.

    `port` gives Splunk Web's own port, which is part of its cookies' names. It waits `patience` seconds for splunkd.
    """

    def __init__(self, splunkd: Splunkd, port: Callable[[], int]) -> None:
        self.journal: list[Exchange] = []
        self.patience = SPLUNKD_TIMEOUT
        self._splunkd = splunkd
        self._searches = Searches(splunkd.conf)
        self._port = port
        self._sessions: dict[str, Session] = {}
        self._names: set[str] = set()
        self._over: set[str] = set()
        self._under_way = 0
        self._changed = threading.Condition()

    def is_logged_in(self, cookies: Mapping[str, str]) -> bool:
        """Whether the browser has a session."""
        return self._session(cookies) is not None

    def log_in(self, user: str) -> tuple[tuple[str, str], ...]:
        """Open a session; gives the headers that set its cookies."""
        name, session = (
            secrets.token_urlsafe(48),
            Session(user, str(secrets.randbits(64)), self._splunkd.session_key(user)),
        )
        self._sessions[name] = session
        self._names.add(name)
        return (
            ("Set-Cookie", f"splunkd_{self._port()}={name}; Path=/; HttpOnly"),
            ("Set-Cookie", f"splunkweb_csrf_token_{self._port()}={session.token}; Path=/"),
        )

    def log_everybody_out(self) -> None:
        """Forget every session, as after a restart of Splunk Web."""
        self._sessions.clear()

    def start_over(self) -> None:
        """Forget sessions and calls, for the next test: pages that are closed call a last time, and count no more."""
        self.finish()
        self._over |= self._names
        self._sessions.clear()
        self.journal.clear()
        self.patience = SPLUNKD_TIMEOUT

    def _session(self, cookies: Mapping[str, str]) -> Session | None:
        return self._sessions.get(cookies.get(f"splunkd_{self._port()}", ""))

    def answer(
        self, method: str, target: str, headers: Mapping[str, str], cookies: Mapping[str, str], body: bytes
    ) -> Reply:
        """Carry out one call; `target` begins with /services or /servicesNS, `headers` are in lower case."""
        if cookies.get(f"splunkd_{self._port()}") in self._over:
            return refusal(401, "Unauthorized")
        with self._changed:
            self._under_way += 1
        try:
            reply = self._answer(method, target, headers, cookies, body)
        finally:
            with self._changed:
                self._under_way -= 1
                self._changed.notify_all()
        self.journal.append(Exchange(method, target, body, reply.status, reply.body))
        return reply

    def finish(self) -> None:
        """Wait for the calls under way: a page that is closed does not wait for what it has asked."""
        with self._changed:
            self._changed.wait_for(lambda: self._under_way == 0, SPLUNKD_TIMEOUT)

    def _answer(
        self, method: str, target: str, headers: Mapping[str, str], cookies: Mapping[str, str], body: bytes
    ) -> Reply:
        session = self._session(cookies)
        if session is None:
            return refusal(401, "Unauthorized")
        if method not in SAFE_METHODS:
            token = cookies.get(f"splunkweb_csrf_token_{self._port()}")
            if token != session.token or headers.get("x-splunk-form-key") != token:
                return refusal(401, "Splunk cannot authenticate the request. CSRF validation failed.")
            if headers.get("x-requested-with") != "XMLHttpRequest":
                return refusal(401, "Splunk cannot authenticate the request. It is no XMLHttpRequest.")
        path, query = urlsplit(target)[2:4]
        exposed_as = path.split("/", 4)[4] if path.startswith("/servicesNS/") else path.split("/", 2)[2]
        own = self._searches.answer(method, exposed_as, query, body, session.user)
        if own is not None:
            return own
        if not self._splunkd.web.exposed(method, exposed_as):
            return refusal(404, f"Not Found: {method} {exposed_as} is not exposed by any web.conf")
        try:
            kind, uri = headers.get("content-type", ""), self._splunkd.server_uri
            with ask(uri, method, target, session.key, body, kind, seconds=self.patience) as answer:
                return Reply(answer.status, answer.read(), answer.headers.get("Content-Type", ""))
        except TimeoutError:
            return refusal(504, f"The read operation timed out: splunkd did not answer within {self.patience:.0f} s")
        except (OSError, HTTPException) as error:
            return refusal(503, f"The splunkd daemon cannot be reached by splunkweb: {error}")
