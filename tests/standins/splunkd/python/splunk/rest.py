"""splunk.rest.simpleRequest, as far as solnlib asks it, which finds splunkd through web.conf as Splunk's own does.

Assumed: a 401 raises, and no other status does.
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


def _management_port() -> tuple[str, int]:
    parser = configparser.RawConfigParser(strict=False)
    for layer in ("default", "local"):
        parser.read(os.path.join(os.environ["SPLUNK_HOME"], "etc", "system", layer, "web.conf"))  # noqa: PTH118
    host, _, port = parser["settings"]["mgmtHostPort"].rpartition(":")
    return host.strip("[]"), int(port)


def simpleRequest(path: str, sessionKey: str, getargs: dict[str, Any]) -> tuple[_Response, bytes]:
    """One call to splunkd: (response, body)."""
    headers = {"Authorization": f"Splunk {sessionKey}"}
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # splunkd's certificate is self-signed; so does Splunk's own
    host, port = _management_port()
    connection = http.client.HTTPSConnection(host, port, timeout=30, context=context)
    try:
        connection.request("GET", f"{path}?{urllib.parse.urlencode(getargs)}", headers=headers)
        answer = connection.getresponse()
        content = answer.read()
    except OSError as error:
        raise splunk.SplunkdConnectionException(str(error)) from error
    finally:
        connection.close()
    response = _Response(answer)
    if response.status == 401:
        raise splunk.AuthenticationFailed(401, "Client is not authenticated")
    return response, content
