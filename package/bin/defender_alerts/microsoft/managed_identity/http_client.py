"""The HTTP client that ``msal`` gets for managed identities.

``msal`` 1.39 finds out by itself whether it is on an Azure VM or an Arc server: the latter has the environment
variables ``IDENTITY_ENDPOINT`` and ``IMDS_ENDPOINT``, or the agent's program. Other addresses in them are refused here.
The Arc agent first asks the caller to prove that it may read a file; this client checks that file before ``msal`` reads
it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any, NamedTuple

from defender_alerts.errors import (
    AddonError,
    ConfigurationError,
    ConnectionFailedError,
    ServiceError,
    UnexpectedAnswerError,
)
from defender_alerts.microsoft.network import IdentityServices
from defender_alerts.microsoft.transport.client import Answer, Caller, Refusal, Request

from .session import ADDRESSES, is_arc

# Microsoft, "Retry guidance": while the service is updated it answers 404, and 410 for at most 70 s.
_UPDATING = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE})
_READ = frozenset({HTTPStatus.OK, HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
_CHALLENGE = re.compile(r"basic realm=(.+)", re.IGNORECASE)
_LARGEST_CHALLENGE = 4096
_NOT_AZURES = (
    "What answers at {host} is not the identity service of Azure. A managed identity works on an Azure VM and on a "
    "server with the Azure Arc agent alone; elsewhere let the account sign in with a certificate."
)


class Response(NamedTuple):
    """The parts of a response that ``msal`` uses."""

    status_code: int
    text: str
    headers: Mapping[str, str]


class IdentityHttp:
    """Calls the identity services of this machine, and nothing else.

    Args:
        caller: has a session of ``session.open_session``.
        services: where the Arc agent keeps its challenges.
    """

    def __init__(self, caller: Caller, services: IdentityServices) -> None:
        self._caller = caller
        self._services = services

    def get(
        self, url: str, params: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None, **_: Any
    ) -> Response:
        """Ask an identity service.

        Raises:
            ConfigurationError: the address is not one of the two, or the challenge can't be read.
            ConnectionFailedError: nothing answers.
            ServiceError: the service is throttled, is being updated or has failed.
            UnexpectedAnswerError: something else answers, or the challenge is not one.
            StoppedError: the process was asked to stop.
        """
        if url not in ADDRESSES:
            raise ConfigurationError(
                f"splunkd's environment names another identity service ({url[:100]}), and the add-on calls none but "
                "that of an Azure VM or of the Azure Arc agent. Remove IDENTITY_ENDPOINT, IMDS_ENDPOINT and "
                "AZURE_POD_IDENTITY_AUTHORITY_HOST from splunk-launch.conf and from the environment of splunkd."
            )
        sent = headers or {}
        request = Request(
            "GET", url, params=tuple((params or {}).items()), headers=sent, accepts=_READ, may_pass=_UPDATING
        )
        try:
            response = self._caller.call(request, _read, _explain)
        except ConnectionFailedError as error:
            raise (_no_agent(error) if is_arc(url) else _no_service(error)) from error
        except UnexpectedAnswerError as error:
            raise UnexpectedAnswerError(_NOT_AZURES.format(host=_host(url))) from error
        if is_arc(url) and response.status_code == HTTPStatus.UNAUTHORIZED and "Authorization" not in sent:
            self._check_challenge(response)
        return response

    def close(self) -> None:
        """Do nothing: the session belongs to the caller."""

    def _check_challenge(self, response: Response) -> None:
        given = next((value for name, value in response.headers.items() if name.lower() == "www-authenticate"), "")
        match = _CHALLENGE.fullmatch(given.strip())
        if match is None:
            raise UnexpectedAnswerError(_NOT_AZURES.format(host="localhost:40342"))
        path, folder = Path(match.group(1).strip('"')), self._services.challenges
        if path.parent != Path(folder) or path.suffix != ".key":
            raise UnexpectedAnswerError(
                f"What answers at localhost:40342 asks for the file {str(path)[:200]!r}, which is not one of the "
                f"Azure Arc agent's in {folder}; nothing was read. Find out which program listens on port 40342 of "
                "this machine."
            )
        try:
            with path.open("rb") as challenge:
                size = len(challenge.read(_LARGEST_CHALLENGE + 1))
        except PermissionError as error:
            raise ConfigurationError(
                f"The user of splunkd may not read the Azure Arc agent's files in {folder}, without which the agent "
                "gives no token. Add this user to the group himds (Linux: usermod -a -G himds splunk) or Hybrid agent "
                "extension applications (Windows), and restart Splunk."
            ) from error
        except OSError as error:
            raise UnexpectedAnswerError(
                f"The Azure Arc agent asks for the file {str(path)[:200]!r}, which can't be read ({error.strerror}). "
                "Restart the agent (Linux: systemctl restart himdsd), and check it with: azcmagent show"
            ) from error
        if size > _LARGEST_CHALLENGE:
            raise UnexpectedAnswerError(
                f"The file {str(path)[:200]!r}, for which what answers at localhost:40342 asks, is larger than a "
                f"challenge of the Azure Arc agent ({_LARGEST_CHALLENGE} bytes); nothing was sent. Find out which "
                "program listens on port 40342 of this machine."
            )


def _read(answer: Answer) -> Response:
    return Response(answer.status, answer.text(), dict(answer.headers))


def _host(url: str) -> str:
    return url.split("/")[2]


def _explain(refusal: Refusal) -> AddonError:
    where = f"The identity service of this machine ({refusal.host})"
    if refusal.status == HTTPStatus.TOO_MANY_REQUESTS:
        return ServiceError(
            f"{where} throttles: too many programs of this machine ask it. The next run tries again.{refusal.quoted()}"
        )
    if refusal.status == HTTPStatus.GONE:
        return ServiceError(f"{where} is being updated, for up to 70 s. The next run tries again.{refusal.quoted()}")
    if refusal.status == HTTPStatus.NOT_FOUND:
        return ServiceError(
            f"{where} is being updated, or this machine is not one of Azure. The next run tries again."
            f"{refusal.quoted()}"
        )
    return ServiceError(f"{where} gave an error of its own. The next run tries again.{refusal.quoted()}")


def _no_service(error: ConnectionFailedError) -> ConnectionFailedError:
    return type(error)(
        "No identity service answers on this machine: it is not an Azure VM (169.254.169.254), and has no Azure Arc "
        "agent. Install the agent, or let the account sign in with a certificate. On an Azure VM, let no firewall or "
        "route keep splunkd from 169.254.169.254."
    )


def _no_agent(error: ConnectionFailedError) -> ConnectionFailedError:
    return type(error)(
        "The Azure Arc agent of this machine does not answer (localhost:40342). Start its service (Linux: systemctl "
        "start himdsd; Windows: Azure Hybrid Instance Metadata Service), and check it with: azcmagent show"
    )
