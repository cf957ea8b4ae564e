"""Splunk Web's proxy to splunkd, as the add-on's pages use it.

Sources: web.conf.spec ([expose:<name>] pattern, methods: only what is exposed is passed on; "*" is one path element,
"**" any number, a trailing "*" a prefix). That what isn't exposed is answered 404 is assumed. How the message of a failed
handler is shortened is what the page bundle of UCC 6.6 does with it.
"""

from __future__ import annotations

import json
import re
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPResponse, HTTPSConnection
from pathlib import Path
from typing import Any, Callable
from urllib.parse import quote, urlencode, urlsplit

from standins.splunkd.conf import ConfFiles

_UCC_MESSAGE = re.compile(
    r"REST Error \[\d+\]:\s+.+\s+--\s+([\s\S]*)\"\.\s*See splunkd\.log(?:/python\.log)? for more details\."
)


class WebError(Exception):
    """An answer of 400 and more; `message` is what the page shows, `text` is splunkd's whole message."""

    def __init__(self, status: int, text: str) -> None:
        found = _UCC_MESSAGE.search(text)
        self.status = status
        self.text = text
        self.message = found[1] if found else text
        super().__init__(f"HTTP {status}: {self.message}")


def _pattern(exposed: str) -> re.Pattern[str]:
    parts = []
    for element in exposed.split("/"):
        if element == "**":
            parts.append(".+")
        elif element.endswith("*"):
            parts.append(re.escape(element[:-1]) + ("[^/]+" if element == "*" else "[^/]*"))
        else:
            parts.append(re.escape(element))
    return re.compile("/".join(parts))


class SplunkWeb:
    """The browser's way to splunkd: a path below /services or below the add-on's namespace, with form fields."""

    def __init__(
        self,
        conf: ConfFiles,
        server_uri: Callable[[], str],
        session_key: Callable[[str], str],
        app: str,
        certificate: Path,
    ) -> None:
        self._conf = conf
        self._server_uri = server_uri
        self._session_key = session_key
        self._app = app
        self._certificate = certificate

    def get(self, path: str, user: str = "admin", **query: str) -> dict[str, Any]:
        """A list or an object, as JSON."""
        return self._call("GET", path, user, query, None)

    def post(self, path: str, form: Mapping[str, str], user: str = "admin") -> dict[str, Any]:
        """Create or change an object."""
        return self._call("POST", path, user, {}, form)

    def delete(self, path: str, user: str = "admin") -> dict[str, Any]:
        """Delete an object."""
        return self._call("DELETE", path, user, {}, None)

    def exposed(self, method: str, path: str) -> bool:
        """Whether web.conf of any app lets this through; path is what follows /services or the namespace."""
        for app in self._conf.apps():
            for stanza, settings in self._conf.of_app("web", app).items():
                methods = {part.strip() for part in settings.get("methods", "GET").split(",")}
                if stanza.startswith("expose:") and method in methods and _pattern(settings["pattern"]).fullmatch(path):
                    return True
        return False

    def _call(
        self, method: str, path: str, user: str, query: Mapping[str, str], form: Mapping[str, str] | None
    ) -> dict[str, Any]:
        path = path.strip("/")
        if path.startswith("services/"):
            exposed_as = path.partition("/")[2]
        elif path.startswith("servicesNS/"):
            exposed_as = path.split("/", 3)[3]
        else:
            exposed_as = path
            path = f"servicesNS/nobody/{self._app}/{path}"
        if not self.exposed(method, exposed_as):
            raise WebError(404, f"{method} {exposed_as} is not exposed by any web.conf")
        target = f"/{quote(path, safe='/%')}?{urlencode({'output_mode': 'json', **query})}"
        body = urlencode(form or {}).encode() if method == "POST" else b""
        kind, key = "application/x-www-form-urlencoded", self._session_key(user)
        with ask(self._server_uri(), method, target, key, body, kind, certificate=self._certificate) as reply:
            status, body = reply.status, reply.read()
        if status >= 400:
            messages = json.loads(body).get("messages") or [{"text": ""}]
            raise WebError(status, str(messages[0]["text"]))
        answer: dict[str, Any] = json.loads(body)
        return answer


@contextmanager
def ask(  # noqa: PLR0917 - what a request consists of
    uri: str,
    method: str,
    target: str,
    key: str,
    body: bytes,
    content_type: str,
    *,
    certificate: Path | None = None,
    seconds: float = 180,
) -> Iterator[HTTPResponse]:
    """Splunk Web's own call to splunkd, whose certificate it does not verify.

    Assumed: where splunkd wants certificates of its callers, Splunk Web has one, by which the pages are reached.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if certificate is not None:
        context.load_cert_chain(certificate)
    address = urlsplit(uri)
    connection = HTTPSConnection(address.hostname or "", address.port, context=context, timeout=seconds)
    headers = {"Authorization": f"Splunk {key}", "Connection": "close"}
    if body:
        headers["Content-Type"] = content_type
    try:
        connection.request(method, target, body or None, headers)
        yield connection.getresponse()
    finally:
        connection.close()
