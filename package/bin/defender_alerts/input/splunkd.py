"""Calls to splunkd, by ``splunklib``: as few as a run needs, each with a time-out, errors told apart."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from splunklib import binding, client

from .connections import Connections
from .names import APP

_TIMEOUT = 60
_BACKOFFS = (0.25, 0.5)


class SplunkdError(Exception):
    """splunkd refused a call (``status`` is HTTP's) or could not be reached (``status`` is 0)."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Splunkd:
    """splunkd as one run sees it: one session key, the add-on's own namespace.

    Args:
        server_uri: scheme, host and port, as splunkd gives them to a modular input or a REST handler.
        session_key: from the same place; it is good for as long as that process runs.
    """

    def __init__(self, server_uri: str, session_key: str) -> None:
        address = urlsplit(server_uri)
        self.scheme = address.scheme
        self.host = address.hostname or ""
        self.port = address.port or 8089
        self.session_key = session_key
        self._service = client.Service(
            scheme=self.scheme,
            host=self.host,
            port=self.port,
            token=session_key,
            owner="nobody",
            app=APP,
            handler=Connections(self.scheme, self.host, self.port, _TIMEOUT),
        )

    def get_again(self, path: str, **query: Any) -> Any:
        """The same as ``get``, but tried again where splunkd is in passing trouble: busy, or restarting.

        Raises:
            SplunkdError: it was refused, or splunkd could not be reached.
        """
        for wait in _BACKOFFS:
            try:
                return self.get(path, **query)
            except SplunkdError as error:  # noqa: PERF203 - a call across processes costs more
                if error.status not in {0, http.client.SERVICE_UNAVAILABLE}:
                    raise
                time.sleep(wait)
        return self.get(path, **query)

    def get(self, path: str, *, app: str | None = APP, **query: Any) -> Any:
        """The JSON that a GET answers; ``app`` None asks outside the add-on's namespace.

        Raises:
            SplunkdError: it was refused, or splunkd could not be reached.
        """
        where = {"owner": "nobody", "app": app} if app else {}
        return self._json(self._service.get, path, **where, output_mode="json", **query)

    def post_json(self, path: str, body: Any) -> Any:
        """The JSON that a POST of JSON answers.

        Raises:
            SplunkdError: it was refused, or splunkd could not be reached.
        """
        return self._json(
            self._service.post,
            path,
            owner="nobody",
            app=APP,
            headers=[("Content-Type", "application/json")],
            body=json.dumps(body).encode("utf-8"),
        )

    def delete(self, path: str, **query: Any) -> None:
        """DELETE.

        Raises:
            SplunkdError: it was refused, or splunkd could not be reached.
        """
        self._json(self._service.delete, path, owner="nobody", app=APP, **query)

    @staticmethod
    def _json(method: Any, path: str, **arguments: Any) -> Any:
        try:
            body = method(path, **arguments).body.read()
        except binding.AuthenticationError as error:
            raise SplunkdError(http.client.UNAUTHORIZED, "splunkd no longer accepts the session key") from error
        except binding.HTTPError as error:
            raise SplunkdError(error.status, f"HTTP {error.status}: {_message(error)}") from error
        except (OSError, http.client.HTTPException) as error:
            raise SplunkdError(0, f"{type(error).__name__}: {error}") from error
        if not body:
            return None
        try:
            return json.loads(body)
        except ValueError as error:
            raise SplunkdError(0, f"splunkd answered with something that is not JSON: {body[:80]!r}") from error

    def stanzas(self, conf: str) -> dict[str, Mapping[str, str]]:
        """All stanzas of one of the add-on's conf files, by name.

        Raises:
            SplunkdError: it was refused, or splunkd could not be reached.
        """
        answer = self.get_again(f"configs/conf-{conf}", count=0)
        return {entry["name"]: entry["content"] for entry in answer["entry"]}

    def stanza(self, conf: str, name: str) -> Mapping[str, str] | None:
        """One stanza of one of the add-on's conf files, None where there is none.

        Raises:
            SplunkdError: it was refused, or splunkd could not be reached.
        """
        try:
            answer = self.get_again(f"configs/conf-{conf}/{binding.UrlEncoded(name, encode_slash=True)}")
        except SplunkdError as error:
            if error.status == http.client.NOT_FOUND:
                return None
            raise
        content: Mapping[str, str] = answer["entry"][0]["content"]
        return content


def _message(error: binding.HTTPError) -> str:
    """What splunkd says: its Atom or JSON messages, or the reason of the status line."""
    try:
        messages = json.loads(error.body)["messages"]
        return " ".join(str(message["text"]) for message in messages)
    except (ValueError, KeyError, TypeError):
        return " ".join(str(error).split())[:200]
