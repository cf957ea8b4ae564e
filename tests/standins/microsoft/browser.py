"""A browser, as far as a sign-in needs one: it opens Entra ID's page, fills it in and follows it to the last address."""

from __future__ import annotations

import html
import http.client
import re
import ssl
from urllib.parse import urlencode, urlsplit

from standins.microsoft.cloud import MicrosoftCloud

_SECONDS = 30


class RefusedPageError(Exception):
    """Entra ID shows a page that says why not, and sends the browser nowhere; ``code`` is its AADSTS code."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


def sign_in(cloud: MicrosoftCloud, url: str, name: str, *, consent: bool = True) -> str:
    """Sign a person in on the page behind ``url``; return what the address bar shows at the end.

    Args:
        cloud: Whose page it is, reached through its HTTP proxy.
        url: What the application asked the person to open.
        name: The user principal name.
        consent: Accept what the application asks for, or cancel.

    Raises:
        RefusedPageError: The page says why not.
    """
    status, _, page = _call(cloud, "GET", url)
    _refuse(status, page)
    action, handle = _found(r'action="([^"]+)"', page), _found(r'name="flow" value="([^"]+)"', page)
    form = {"flow": handle, "login": name, "consent": "accept" if consent else "decline"}
    status, location, page = _call(cloud, "POST", f"https://{urlsplit(url).hostname}{action}", urlencode(form))
    _refuse(status, page)
    return location


def _call(cloud: MicrosoftCloud, method: str, url: str, body: str | None = None) -> tuple[int, str, str]:
    parts = urlsplit(url)
    trust = ssl.create_default_context(cadata=cloud.ca_pem)
    connection = http.client.HTTPSConnection(cloud.proxy.host, cloud.proxy.port, timeout=_SECONDS, context=trust)
    connection.set_tunnel(f"{parts.hostname}", 443)
    headers = {"Content-Type": "application/x-www-form-urlencoded"} if body is not None else {}
    target = parts._replace(scheme="", netloc="").geturl()
    try:
        connection.request(method, target, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.headers.get("Location", ""), answer.read().decode()
    finally:
        connection.close()


def _refuse(status: int, page: str) -> None:
    if status < http.client.BAD_REQUEST:
        return
    text = html.unescape(re.sub(r"<[^>]+>", " ", page))
    code = re.search(r"AADSTS(\d+)", text)
    raise RefusedPageError(int(code[1]) if code else 0, text)


def _found(pattern: str, page: str) -> str:
    found = re.search(pattern, page)
    assert found is not None, page
    return html.unescape(found[1])
