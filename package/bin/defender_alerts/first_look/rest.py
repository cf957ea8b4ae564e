"""What this host's splunkd says, to a user who is logged in: by the standard library, straight, and to no other host.

splunkd's certificate on the loopback is its own, made at installation: nothing could verify it, and splunklib does not.
"""

from __future__ import annotations

import http.client
import json
import ssl
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from defender_alerts.doctor.report import Outcome, Result

from . import logs
from .app import App

_SECONDS = 60
_NAMESPACE = "/servicesNS/nobody/TA_defender_alerts/"
_MOST_SAID = 300
_MOST_EVENTS = 200
_DAY = 86_400
# An authentication token is a JSON Web Token (Splunk, "Set up authentication with tokens"), a session key is not.
_JWT_BEGINS, _JWT_DOTS = "eyJ", 2
_SESSION_PREFIX = "Splunk "

_LOG_IN = "Give the name and password of a user with the role admin or sc_admin, and this splunkd's management port."
_SEE_BELOW = "What splunkd.log says below is the reason. After it has been mended, restart Splunk."
_AS_ADMINISTRATOR = "Run this as a user with the role admin or sc_admin; inputs run as splunk-system-user."


class RefusedError(Exception):
    """splunkd has not done what it was asked for; the message says what it said."""


@dataclass(frozen=True)
class Question:
    """Something that a first look asks splunkd for.

    Attributes:
        subject: what it is about.
        path: relative to the add-on's namespace, or from the root.
        advice: what to do where it is refused.
    """

    subject: str
    path: str
    advice: str


QUESTIONS = (
    Question("accounts, by the add-on's own handler", "TA_defender_alerts_account", _SEE_BELOW),
    Question("settings, by the add-on's own handler", "TA_defender_alerts_settings/logging", _SEE_BELOW),
    Question("status of the inputs, by the add-on's own endpoint", "defender_alerts_status", _SEE_BELOW),
    Question("stored secrets", "storage/passwords", _AS_ADMINISTRATOR),
    Question(
        "collection of checkpoints", "storage/collections/config/ta_defender_alerts_checkpoints", _AS_ADMINISTRATOR
    ),
)


class Splunkd:
    """splunkd on the loopback.

    Args:
        port: its management port.
    """

    def __init__(self, port: int) -> None:
        self._root = f"https://127.0.0.1:{port}"
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context), _NoRedirect()
        )
        self._authorization = ""

    def use(self, token: str) -> None:
        """Speak as the holder of a session key or an authentication token."""
        key = token[len(_SESSION_PREFIX) :] if token.startswith(_SESSION_PREFIX) else token
        scheme = "Bearer" if key.startswith(_JWT_BEGINS) and key.count(".") == _JWT_DOTS else "Splunk"
        self._authorization = f"{scheme} {key}"

    def log_in(self, username: str, password: str) -> str:
        """Log in, and give the session key.

        Raises:
            RefusedError: splunkd refuses, or can't be reached.
        """
        key = str(self.ask("/services/auth/login", {"username": username, "password": password}).get("sessionKey", ""))
        self.use(key)
        return key

    def ask(self, path: str, form: Mapping[str, str] | None = None, **query: str) -> dict[str, Any]:
        """GET, or POST where there is a form; the JSON of the answer.

        Raises:
            RefusedError: splunkd refuses, can't be reached, or answers something else.
        """
        address = path if path.startswith("/") else _NAMESPACE + path
        data = None
        if form is None:
            query["output_mode"] = "json"
        else:
            data = urllib.parse.urlencode({**form, "output_mode": "json"}).encode()
        address = self._root + address + (f"?{urllib.parse.urlencode(query)}" if query else "")
        request = urllib.request.Request(address, data)  # noqa: S310 - https and the loopback
        if self._authorization:
            request.add_header("Authorization", self._authorization)
        try:
            with self._opener.open(request, timeout=_SECONDS) as answer:
                found = json.loads(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                raise RefusedError(f"HTTP {error.code}{_said(error.read())}") from None
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", error)
            raise RefusedError(f"{self._root} does not answer: {reason}") from None
        except ValueError:
            raise RefusedError("the answer is no JSON") from None
        return found if isinstance(found, dict) else {}


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would take the session key elsewhere."""

    def redirect_request(self, *_: object, **__: object) -> None:
        """Follow none: it becomes an HTTPError."""


def look(splunkd: Splunkd, app: App, now: float) -> Iterator[Result]:
    """Ask what there is to ask; ``now`` in seconds since 1970."""
    try:
        info = _content(splunkd.ask("/services/server/info"))
    except RefusedError as error:
        yield Result("splunkd", "", Outcome.FAILED, f"It does not say how it is ({error}).", _LOG_IN)
        return
    yield Result("splunkd", "", Outcome.OK, f"Splunk {info.get('version')} on {info.get('os_name')}.", "")
    yield _kvstore(str(info.get("kvStoreStatus", "")).lower())
    yield _user(splunkd)
    yield _kinds(splunkd, app)
    for question in QUESTIONS:
        yield _answered(splunkd, question)
    yield from _internal(splunkd, now)


def _answered(splunkd: Splunkd, question: Question) -> Result:
    try:
        found = splunkd.ask(question.path, count="0")
    except RefusedError as error:
        said = f"splunkd does not give it ({error})."
        return Result("rest", question.subject, Outcome.FAILED, said, question.advice)
    entries = found.get("entry")
    count = f", {len(entries)} in all" if isinstance(entries, list) else ""
    return Result("rest", question.subject, Outcome.OK, f"splunkd gives it{count}.", "")


def _kvstore(status: str) -> Result:
    if status in {"ready", ""}:
        return Result("kvstore", "", Outcome.OK, f"The KV store is {status or 'there'}.", "")
    advice = (
        "Inputs keep their checkpoints in it. See mongod.log, [kvstore] in server.conf and splunk show kvstore-status."
    )
    return Result("kvstore", "", Outcome.FAILED, f"The KV store is {status}.", advice)


def _user(splunkd: Splunkd) -> Result:
    try:
        context = _content(splunkd.ask("/services/authentication/current-context"))
    except RefusedError as error:
        return Result("user", "", Outcome.WARNING, f"splunkd does not say who this is ({error}).", _LOG_IN)
    roles = ", ".join(str(role) for role in context.get("roles", ()))
    found = f"Logged in as {context.get('username')}, with the roles {roles}."
    if "admin_all_objects" in context.get("capabilities", ()):
        return Result("user", "", Outcome.OK, found, "")
    return Result("user", "", Outcome.WARNING, f"{found} The user lacks admin_all_objects.", _AS_ADMINISTRATOR)


def _kinds(splunkd: Splunkd, app: App) -> Result:
    """Whether splunkd has taken up the kinds of input: it asks their scripts for a scheme when it starts."""
    wanted = app.kinds()
    try:
        found = splunkd.ask("/services/data/modular-inputs", count="0")
    except RefusedError as error:
        return Result(
            "kinds", "", Outcome.FAILED, f"splunkd does not list its kinds of input ({error}).", _AS_ADMINISTRATOR
        )
    known = {str(entry.get("name")) for entry in found.get("entry", ())}
    missing = [kind for kind in wanted if kind not in known]
    if missing:
        said = f"splunkd does not know {', '.join(missing)}: their scripts have not answered when it started."
        return Result("kinds", "", Outcome.FAILED, said, _SEE_BELOW)
    return Result("kinds", "", Outcome.OK, f"splunkd knows the kinds of input {', '.join(wanted)}.", "")


def _internal(splunkd: Splunkd, now: float) -> Iterator[Result]:
    """The same as splunkd.log, of all hosts that send theirs: calculated fields fail on search heads."""
    components = " OR ".join(f"component={name}" for name in logs.COMPONENTS)
    search = (
        "search index=_internal sourcetype=splunkd (log_level=ERROR OR log_level=WARN OR log_level=FATAL) "
        f'({components}) | where match(_raw,"{logs.OURS.pattern}")'
    )
    form = {"search": search, "exec_mode": "oneshot", "count": str(_MOST_EVENTS), "max_count": str(_MOST_EVENTS)}
    try:
        found = splunkd.ask(
            "/services/search/jobs", {**form, "earliest_time": str(int(now) - _DAY), "latest_time": "now"}
        )
    except RefusedError as error:
        advice = "It takes a role that may search _internal."
        yield Result("_internal", "", Outcome.WARNING, f"It can't be searched ({error}).", advice)
        return
    newest_first = [row for row in found.get("results", ()) if isinstance(row, dict)]
    said = [(str(row.get("component", "")), _without_head(str(row.get("_raw", "")))) for row in reversed(newest_first)]
    yield from logs.complaints("_internal", said)


def _without_head(raw: str) -> str:
    return raw.partition(" - ")[2] or raw


def _content(feed: Mapping[str, Any]) -> Mapping[str, Any]:
    entries = feed.get("entry") or [{}]
    content = entries[0].get("content") if isinstance(entries[0], dict) else None
    return content if isinstance(content, dict) else {}


def _said(body: bytes) -> str:
    try:
        words = " ".join(str(message["text"]) for message in json.loads(body)["messages"])
    except (ValueError, KeyError, TypeError):
        return ""
    return f": {' '.join(words.split())[:_MOST_SAID]}"
