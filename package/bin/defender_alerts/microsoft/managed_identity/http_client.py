"""The HTTP client that ``msal`` gets for managed identities.

``msal`` 1.39 finds out by itself whether it is on an Azure VM or an Arc server: the latter has the environment
variables ``IDENTITY_ENDPOINT`` and ``IMDS_ENDPOINT``, or the agent's program. Other addresses in them are refused here.
The Arc agent first asks the caller to prove that it may read a file; ``msal`` reads it in the agent's own folder alone,
whatever is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from defender_alerts.errors import (
    AddonError,
    ConfigurationError,
    ConnectionFailedError,
    ServiceError,
    UnexpectedAnswerError,
)
from defender_alerts.microsoft.entra_http import Response
from defender_alerts.microsoft.transport.client import Answer, Caller, Refusal, Request

from .session import ADDRESSES, is_arc

# Microsoft, "Retry guidance": while the service is updated it answers 404, and 410 for at most 70 s.
_UPDATING = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE})
_READ = frozenset({HTTPStatus.OK, HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
NOT_AZURES = (
    "What answers at {host} is not the identity service of Azure. A managed identity works on an Azure VM and on a "
    "server with the Azure Arc agent alone; elsewhere let the account sign in with a certificate."
)
_NO_SERVICE = (
    "No identity service answers on this machine: it is not an Azure VM (169.254.169.254), and has no Azure Arc agent. "
    "Install the agent, or let the account sign in with a certificate. On an Azure VM, let no firewall or route keep "
    "splunkd from 169.254.169.254."
)
_NO_AGENT = (
    "The Azure Arc agent of this machine does not answer (localhost:40342). Start its service (Linux: systemctl start "
    "himdsd; Windows: Azure Hybrid Instance Metadata Service), and check it with: azcmagent show"
)


class IdentityHttp:
    """Calls the identity services of this machine, and nothing else.

    Args:
        caller: has a session of ``session.open_session``.
    """

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def get(
        self, url: str, params: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None, **_: Any
    ) -> Response:
        """Ask an identity service.

        Raises:
            ConfigurationError: the address is not one of the two.
            ConnectionFailedError: nothing answers.
            ServiceError: the service is throttled, is being updated or has failed.
            UnexpectedAnswerError: something else answers.
            StoppedError: the process was asked to stop.
        """
        if url not in ADDRESSES:
            raise ConfigurationError(
                f"splunkd's environment names another identity service ({url[:100]}), and the add-on calls none but "
                "that of an Azure VM or of the Azure Arc agent. Remove IDENTITY_ENDPOINT, IMDS_ENDPOINT and "
                "AZURE_POD_IDENTITY_AUTHORITY_HOST from splunk-launch.conf and from the environment of splunkd."
            )
        parameters = tuple((params or {}).items())
        request = Request("GET", url, parameters, headers=headers or {}, accepts=_READ, may_pass=_UPDATING)
        try:
            return self._caller.call(request, _read, _explain)
        except ConnectionFailedError as error:
            raise ConnectionFailedError(_NO_AGENT if is_arc(url) else _NO_SERVICE) from error
        except UnexpectedAnswerError as error:
            raise UnexpectedAnswerError(NOT_AZURES.format(host=url.split("/")[2])) from error


def _read(answer: Answer) -> Response:
    return Response(answer.status, answer.text(), dict(answer.headers))


def _explain(refusal: Refusal) -> AddonError:
    where = f"The identity service of this machine ({refusal.host})"
    if refusal.status == HTTPStatus.TOO_MANY_REQUESTS:
        return ServiceError(
            f"{where} throttles: too many programs of this machine ask it. The next run tries again.{refusal.quoted()}"
        )
    if refusal.status in _UPDATING:
        return ServiceError(
            f"{where} is being updated, for up to 70 s, or this machine is not one of Azure. The next run tries again."
            f"{refusal.quoted()}"
        )
    return ServiceError(f"{where} gave an error of its own. The next run tries again.{refusal.quoted()}")
