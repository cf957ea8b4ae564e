"""Asks this host's splunkd as a user who is logged in, with the standard library alone and without a proxy."""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode, urljoin

from defender_alerts.diagnostics.report import Outcome, Result
from defender_alerts.splunk.cli.shell import is_authentication_token

_SECONDS = 60
_NAMESPACE = "/servicesNS/nobody/TA_defender_alerts/"
_MOST_SAID = 300

_LOG_IN = "Give the name and password of a user with the role admin or sc_admin, and this splunkd's management port."
_SEE_BELOW = "What splunkd.log says below is the reason. After it has been mended, restart Splunk."
_AS_ADMINISTRATOR = "Run this as a user with the role admin or sc_admin; inputs run as splunk-system-user."
_KV_STORE = (
    "Inputs keep their checkpoints in it. See mongod.log, [kvstore] in server.conf and splunk show kvstore-status."
)
# What is asked for, relative to the add-on's namespace, and what to do where it is refused.
_QUESTIONS = (
    ("accounts, by the add-on's own handler", "TA_defender_alerts_account", _SEE_BELOW),
    ("settings, by the add-on's own handler", "TA_defender_alerts_settings/logging", _SEE_BELOW),
    ("status of the inputs, by the add-on's own endpoint", "defender_alerts_status", _SEE_BELOW),
    ("stored secrets", "storage/passwords", _AS_ADMINISTRATOR),
    ("collection of checkpoints", "storage/collections/config/ta_defender_alerts_checkpoints", _AS_ADMINISTRATOR),
)


class RefusedError(Exception):
    """splunkd has not done what it was asked for; the message says what it said."""


class LocalSplunkd:
    """splunkd on the loopback. Its certificate there is its own, made at installation: nothing could verify it.

    Args:
        port: its management port.
        token: a session key or an authentication token; empty before ``log_in``.
    """

    def __init__(self, port: int, token: str) -> None:
        self._port = port
        self.token = token.rsplit(" ", maxsplit=1)[-1]

    def log_in(self, username: str, password: str) -> None:
        """Get a session key.

        Raises:
            RefusedError: splunkd refuses, or can't be reached.
        """
        self.token = ""
        login = {"username": username, "password": password}
        self.token = str(self.ask("/services/auth/login", login).get("sessionKey", ""))

    def ask(self, path: str, form: Mapping[str, str] | None = None) -> dict[str, Any]:
        """GET, or POST where there is a form; the JSON of the answer.

        Raises:
            RefusedError: splunkd refuses, can't be reached, or answers something else.
        """
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        connection = http.client.HTTPSConnection("127.0.0.1", self._port, timeout=_SECONDS, context=context)
        address = urljoin(_NAMESPACE, path) + "?count=0&output_mode=json"
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        if self.token:
            scheme = "Bearer" if is_authentication_token(self.token) else "Splunk"
            headers["Authorization"] = f"{scheme} {self.token}"
        try:
            connection.request("POST" if form else "GET", address, urlencode(form) if form else None, headers)
            answer = connection.getresponse()
            found: Any = json.loads(answer.read())
        except (OSError, http.client.HTTPException) as error:
            raise RefusedError(f"https://127.0.0.1:{self._port} does not answer: {error}") from None
        except ValueError:
            found = None
        finally:
            connection.close()
        if answer.status >= http.client.MULTIPLE_CHOICES or not isinstance(found, dict):
            raise RefusedError(f"HTTP {answer.status}{_said(found)}")
        return found


def look(splunkd: LocalSplunkd) -> Iterator[Result]:
    """Ask for the version, the state of the KV store, and what the add-on needs of splunkd."""
    try:
        info = splunkd.ask("/services/server/info")["entry"][0]["content"]
    except (RefusedError, LookupError, TypeError) as error:
        yield Result("splunkd", "", Outcome.FAILED, f"It does not say how it is ({error}).", _LOG_IN)
        return
    yield Result("splunkd", "", Outcome.OK, f"Splunk {info.get('version')} on {info.get('os_name')}.", "")
    status = str(info.get("kvStoreStatus") or "there").lower()
    outcome, advice = (Outcome.OK, "") if status in {"ready", "there"} else (Outcome.FAILED, _KV_STORE)
    yield Result("kvstore", "", outcome, f"The KV store is {status}.", advice)
    for subject, path, advice in _QUESTIONS:
        try:
            entries = splunkd.ask(path).get("entry")
        except RefusedError as error:
            yield Result("rest", subject, Outcome.FAILED, f"splunkd does not give it ({error}).", advice)
            continue
        count = f", {len(entries)} in all" if isinstance(entries, list) else ""
        yield Result("rest", subject, Outcome.OK, f"splunkd gives it{count}.", "")


def _said(answer: Any) -> str:
    try:
        words = " ".join(str(message["text"]) for message in answer["messages"])
    except (KeyError, TypeError):
        return ", no JSON"
    return f": {' '.join(words.split())[:_MOST_SAID]}"
