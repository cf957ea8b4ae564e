"""splunk.rest.simpleRequest, which finds splunkd through web.conf as Splunk's own does.

Signature and the exceptions raised with raiseAllErrors: as public add-ons use them; that a 401 always raises and
other errors only with raiseAllErrors is assumed.
"""

from __future__ import annotations

import configparser
import http.client
import os
import ssl
import urllib.parse
from typing import Any

import splunk


class _Response:
    """What add-ons look at: `.status`."""

    def __init__(self, answer: http.client.HTTPResponse) -> None:
        self.status = answer.status
        self.reason = answer.reason
        self.headers = dict(answer.getheaders())


_ERRORS = {400: splunk.BadRequest, 403: splunk.AuthorizationFailed, 404: splunk.ResourceNotFound}


def _management_port() -> tuple[str, int]:
    parser = configparser.RawConfigParser(strict=False)
    for layer in ("default", "local"):
        parser.read(os.path.join(os.environ["SPLUNK_HOME"], "etc", "system", layer, "web.conf"))  # noqa: PTH118
    host, _, port = parser["settings"]["mgmtHostPort"].rpartition(":")
    return host.strip("[]"), int(port)


def makeSplunkdUri() -> str:
    """Address of splunkd with a slash at its end."""
    host, port = _management_port()
    return f"https://{host}:{port}/"


def simpleRequest(  # noqa: PLR0917 - Splunk's signature
    path: str,
    sessionKey: str | None = None,
    getargs: dict[str, Any] | None = None,
    postargs: dict[str, Any] | None = None,
    method: str = "GET",
    raiseAllErrors: bool = False,  # noqa: FBT001, FBT002
    rawResult: bool = False,  # noqa: FBT001, FBT002
    timeout: float = 30,
    jsonargs: str | None = None,
) -> tuple[_Response, bytes]:
    """One call to splunkd: (response, body)."""
    del rawResult
    if not path.startswith("/"):
        path = "/services/" + path
    if getargs:
        path += "?" + urllib.parse.urlencode(getargs, doseq=True)
    headers = {"Authorization": f"Splunk {sessionKey or splunk.getSessionKey() or ''}"}
    body: str | None = None
    if postargs is not None or jsonargs is not None:
        method = "POST" if method == "GET" else method
        body = jsonargs if jsonargs is not None else urllib.parse.urlencode(postargs or {}, doseq=True)
        headers["Content-Type"] = "application/json" if jsonargs is not None else "application/x-www-form-urlencoded"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # splunkd's certificate is self-signed; so does Splunk's own
    host, port = _management_port()
    connection = http.client.HTTPSConnection(host, port, timeout=timeout, context=context)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        content = answer.read()
    except OSError as error:
        raise splunk.SplunkdConnectionException(str(error)) from error
    finally:
        connection.close()
    response = _Response(answer)
    if response.status == 401:
        raise splunk.AuthenticationFailed(401, "Client is not authenticated")
    if raiseAllErrors and response.status >= 400:
        raise _ERRORS.get(response.status, splunk.InternalServerError)(response.status, content)
    return response, content
