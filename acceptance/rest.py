"""splunkd's management port, as this program talks to it: one session, TLS verified, no proxy of the environment."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any
from urllib.parse import quote

import requests
import requests.adapters
import urllib3
from defender_alerts.splunk.names import APP

OURS = f"servicesNS/nobody/{APP}"
"""The add-on's namespace, where its macros are known."""
_SECONDS = (10, 600)
_INFO = "services/server/info"
_MOST_ROWS = 50_000
"""limits.conf.spec, [restapi] maxresultrows."""


class SplunkError(Exception):
    """Splunk did not do what it was asked; the sentence says why.

    Attributes:
        status: of its answer; 0 where there was none.
    """

    def __init__(self, sentence: str, status: int = 0) -> None:
        super().__init__(sentence)
        self.status = status


class _NameOfCertificate(requests.adapters.HTTPAdapter):
    """Verifies a certificate against another name than the host's: splunkd's own names none."""

    def __init__(self, name: str) -> None:
        self._name = name
        super().__init__()

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, assert_hostname=self._name, **options)


class Splunk:
    """A Splunk instance and a user who is logged in to it.

    Args:
        uri: scheme, host and management port.
        ca: a file of CA certificates; None for the public ones.
        certificate_name: the name that its certificate has, if not the host's; "" for the host's.
    """

    def __init__(self, uri: str, *, ca: str | None = None, certificate_name: str = "") -> None:
        self.uri = uri.rstrip("/")
        self._again: Callable[[], None] = lambda: None
        self._session = requests.Session()
        # Neither a proxy, nor a CA bundle, nor a .netrc of the environment.
        self._session.trust_env = False
        self._session.verify = ca or True
        # Splunk's own certificate has a common name alone, and that is no news.
        urllib3.disable_warnings(urllib3.exceptions.SubjectAltNameWarning)
        if certificate_name:
            self._session.mount("https://", _NameOfCertificate(certificate_name))

    def log_in(self, user: str, password: str) -> None:
        """Log in by name and password.

        Raises:
            SplunkError: they are wrong, or splunkd can't be reached.
        """
        self._session.headers.pop("Authorization", None)
        answer = self._call("POST", "services/auth/login", {}, {"username": user, "password": password})
        self._session.headers["Authorization"] = f"Splunk {answer['sessionKey']}"
        self._again = lambda: self.log_in(user, password)

    def log_in_again(self) -> None:
        """Log in as before: a restart ends all sessions.

        Raises:
            SplunkError: splunkd can't be reached.
        """
        self._again()

    def use_token(self, token: str) -> None:
        """Use an authentication token, or a session key."""
        # A token is a JWT and wants Bearer (REST API User Manual, "Use Splunk authentication tokens").
        scheme = "Bearer" if token.startswith("eyJ") else "Splunk"
        self._session.headers["Authorization"] = f"{scheme} {token}"

    def get(self, path: str, **query: str) -> dict[str, Any]:
        """Read an object or a list, as JSON.

        Raises:
            SplunkError: it can't be read.
        """
        answer: dict[str, Any] = self._call("GET", path, query, None)
        return answer

    def post(self, path: str, form: Mapping[str, str]) -> dict[str, Any]:
        """Make or change something.

        Raises:
            SplunkError: Splunk refuses it.
        """
        answer: dict[str, Any] = self._call("POST", path, {}, form)
        return answer

    def delete(self, path: str) -> None:
        """Delete something; that it is gone already is fine.

        Raises:
            SplunkError: Splunk refuses it.
        """
        try:
            self._call("DELETE", path, {}, None)
        except SplunkError as error:
            if not is_gone(error):
                raise

    def has(self, path: str) -> bool:
        """Whether there is an object.

        Raises:
            SplunkError: Splunk doesn't say.
        """
        try:
            self.get(path)
        except SplunkError as error:
            if is_gone(error):
                return False
            raise
        return True

    def names(self, path: str) -> list[str]:
        """The names of the objects of a list; none where there is no such list.

        Raises:
            SplunkError: the list can't be read.
        """
        try:
            return [str(entry["name"]) for entry in self.get(path, count="0")["entry"]]
        except SplunkError as error:
            if is_gone(error):
                return []
            raise

    def content(self, path: str) -> dict[str, Any]:
        """The settings of one object.

        Raises:
            SplunkError: it can't be read.
        """
        content: dict[str, Any] = self.get(path)["entry"][0]["content"]
        return content

    def restart(self, wait: Callable[[], bool]) -> None:
        """Restart Splunk, and log in again.

        Args:
            wait: waits a while between two looks; False gives up.

        Raises:
            SplunkError: Splunk refuses it, or is not back in time.
        """
        before, was_away = self.content(_INFO).get("startup_time"), False
        self._call("POST", "services/server/control/restart", {}, {})
        while wait():
            try:
                self._again()
                after = self.content(_INFO).get("startup_time")
            except SplunkError:
                # While it restarts it does not answer, and then not everybody yet.
                was_away = True
                continue
            if after != before or (after is None and was_away):
                return
        raise SplunkError("Splunk was restarted, and is not back.")

    def search(self, search: str) -> list[dict[str, Any]]:
        """Run a search over all time and return its results.

        It is a oneshot search: one JSON document, which can't be cut short unnoticed.

        Raises:
            SplunkError: Splunk refuses it, or it fails, or there are more results than Splunk gives out.
        """
        text = search if search.lstrip().startswith("|") else f"search {search}"
        rows = str(_MOST_ROWS)
        form = {"search": text, "exec_mode": "oneshot", "earliest_time": "0", "latest_time": "now"}
        path = f"servicesNS/{element(self._user)}/{APP}/search/v2/jobs"
        answer = self._call("POST", path, {}, {**form, "count": rows, "max_count": rows})
        failed = [str(one["text"]) for one in answer.get("messages", ()) if one["type"] in {"FATAL", "ERROR"}]
        if failed:
            raise SplunkError(f"A search failed in Splunk: {' '.join(failed)}")
        results: list[dict[str, Any]] = answer["results"]
        if len(results) >= _MOST_ROWS:
            raise SplunkError(f"A search gave {_MOST_ROWS} results or more.")
        return results

    @cached_property
    def _user(self) -> str:
        """Who is logged in."""
        return str(self.content("services/authentication/current-context")["username"])

    def documents(self, collection: str, fields: str) -> list[dict[str, Any]]:
        """Documents of a collection of the add-on's, with these fields alone.

        Raises:
            SplunkError: they can't be read.
        """
        found: Any = self._call("GET", f"{OURS}/storage/collections/data/{collection}", {"fields": fields}, None)
        documents: list[dict[str, Any]] = found
        return documents

    def _call(self, method: str, path: str, query: Mapping[str, str], form: Mapping[str, str] | None) -> Any:
        in_form = {"output_mode": "json", **form} if form is not None else None
        try:
            answer = self._session.request(
                method,
                f"{self.uri}/{path}",
                params=dict(query) if form is not None else {"output_mode": "json", **query},
                data=in_form,
                timeout=_SECONDS,
                allow_redirects=False,
            )
        except requests.exceptions.SSLError as error:
            raise SplunkError(
                "The certificate of splunkd is not trusted: give the file of its authority as --ca, and where it does "
                f"not name the host, the name that it has as --certificate-name. ({_brief(error)})"
            ) from error
        except requests.exceptions.RequestException as error:
            raise SplunkError(f"splunkd does not answer: {_brief(error)}") from error
        if not answer.ok:
            raise SplunkError(_refusal(method, path, answer), answer.status_code)
        try:
            return json.loads(answer.content)
        except ValueError:
            # Deletions in the KV store are answered by nothing.
            return {}


def is_gone(error: SplunkError) -> bool:
    """Whether what was asked for is not there."""
    # A handler of UCC's answers 500 with the 404 of the object behind it.
    return error.status == requests.codes.not_found or "Could not find object" in str(error) or " [404]" in str(error)


def element(name: str) -> str:
    """A name as one element of a path."""
    return quote(name, safe="")


def _brief(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]


def _refusal(method: str, path: str, answer: requests.Response) -> str:
    try:
        text = " ".join(str(one["text"]) for one in answer.json()["messages"])
    except (ValueError, KeyError, TypeError):
        text = answer.reason
    return f"Splunk answers {method} {path.partition('?')[0]} with {answer.status_code}: {' '.join(text.split())[:500]}"
