"""The identity of this machine that an account names: its tokens, and why there are none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msal.managed_identity import (
    AZURE_ARC,
    DEFAULT_TO_VM,
    ArcPlatformNotSupportedError,
    ManagedIdentityClient,
    ManagedIdentityError,
    SystemAssignedManagedIdentity,
    UserAssignedManagedIdentity,
    get_managed_identity_source,
)
from msal.token_cache import TokenCache

from defender_alerts.errors import AddonError, AuthenticationError, ConfigurationError, UnexpectedAnswerError
from defender_alerts.microsoft.account import Account
from defender_alerts.microsoft.clouds import Cloud
from defender_alerts.microsoft.entra_http import forget
from defender_alerts.microsoft.entra_refusals import quoted
from defender_alerts.microsoft.transport.client import Caller, Callers
from defender_alerts.microsoft.transport.server_clock import ServerClock

from .http_client import NOT_AZURES, IdentityHttp
from .session import LONGEST_CONNECT, open_session


class MachineIdentity:
    """The managed identity that an account names; the machine's own (system-assigned) where it names none.

    Not for several threads at once: ``TokenSource`` asks for one token at a time.

    Args:
        account: whose tokens are wanted.
        cloud: of the account.
        callers: how this process makes calls.
    """

    def __init__(self, account: Account, cloud: Cloud, callers: Callers) -> None:
        self._account = account
        self._cloud = cloud
        services = callers.network.identity_services
        caller = Caller(
            open_session(services),
            timeout=(LONGEST_CONNECT, callers.network.timeout),
            # The machine's own service does not tell the time of Microsoft's.
            clock=ServerClock(callers.machine, callers.monotonic),
            stop=callers.stop,
            log=callers.log,
            patience=callers.patience,
        )
        named = account.identity_client_id
        self._cache = TokenCache()
        self._client = ManagedIdentityClient(
            UserAssignedManagedIdentity(client_id=named) if named else SystemAssignedManagedIdentity(),
            http_client=IdentityHttp(caller),
            token_cache=self._cache,
        )

    def ask(self, resource: str) -> Mapping[str, Any]:
        """What ``msal`` answers: a token for ``resource`` from its cache or the service, or why there is none.

        Raises:
            AddonError: the service can't be reached, or did not answer as Azure's does.
            StoppedError: the process was asked to stop.
        """
        if get_managed_identity_source() not in (AZURE_ARC, DEFAULT_TO_VM):
            raise ConfigurationError(
                "splunkd's environment looks like Azure App Service, Service Fabric, Machine Learning or Cloud Shell, "
                "where this add-on knows no managed identity. Remove IDENTITY_HEADER, MSI_ENDPOINT, MSI_SECRET and "
                "AZUREPS_HOST_ENVIRONMENT from the environment of splunkd, or let the account sign in with a "
                "certificate."
            )
        try:
            result: Mapping[str, Any] = self._client.acquire_token_for_client(resource=resource)
        except ArcPlatformNotSupportedError as error:
            raise ConfigurationError(
                "The Azure Arc agent gives tokens on Linux and Windows alone. On this machine, let the account sign in "
                "with a certificate."
            ) from error
        except ManagedIdentityError as error:
            if not self._account.identity_client_id:
                raise UnexpectedAnswerError(NOT_AZURES.format(host="localhost:40342")) from error
            raise ConfigurationError(
                "The Azure Arc agent of this machine gives tokens of the machine's own identity alone, not of the one "
                f"with the client ID {self._account.identity_client_id}. Update the agent; or clear the field Client "
                f"ID of the identity and choose Has permissions of its own. (msal says: {str(error)[:200]})"
            ) from error
        except PermissionError as error:
            raise ConfigurationError(
                "The user of splunkd may not read the Azure Arc agent's files, without which the agent gives no token. "
                "Add this user to the group himds (Linux: usermod -a -G himds splunk) or Hybrid agent extension "
                "applications (Windows), and restart Splunk."
            ) from error
        except OSError as error:
            raise UnexpectedAnswerError(
                f"The Azure Arc agent asks for a file of its own that can't be read ({error.strerror}). Restart the "
                "agent (Linux: systemctl restart himdsd), and check it with: azcmagent show"
            ) from error
        except ValueError as error:
            raise UnexpectedAnswerError(
                "The identity service of this machine answered with something that is no token. A managed identity "
                "works on an Azure VM and on a server with the Azure Arc agent alone; elsewhere let the account sign "
                "in with a certificate."
            ) from error
        return result

    def assertion(self) -> str:
        """A token with which this identity vouches for the account's application.

        Raises:
            AddonError: there is none.
            StoppedError: the process was asked to stop.
        """
        audience = self._cloud.exchange_audience
        result = self.ask(audience)
        if "access_token" in result:
            return str(result["access_token"])
        if "AADSTS" in str(result.get("error_description")):
            # The identity itself is known by then, and this audience in each tenant of the cloud (documented).
            raise ConfigurationError(
                "The managed identity of this machine can't vouch for an application of the cloud "
                f"{self._cloud.label}: it gets no token for {audience}. An identity serves its own cloud alone: set "
                f"the account's cloud to that of this machine.{quoted(result)}"
            )
        raise self.refused(result)

    def reject(self, token: str) -> None:
        """Forget a token that an API refused."""
        forget(self._cache, token)

    def refused(self, result: Mapping[str, Any]) -> AddonError:
        """The error for an answer of the service without a token.

        Its texts can change at any time, says Microsoft, so what was asked tells the cases apart.
        """
        named = self._account.identity_client_id
        if named:
            return AuthenticationError(
                f"Azure gives this machine no token of the managed identity with the client ID {named}. Compare it "
                "with the Overview page of the identity in the Azure portal, and assign the identity to this machine: "
                f"Identity > User assigned.{quoted(result)}"
            )
        return AuthenticationError(
            "Azure gives this machine no token unless it is told of which identity: none is assigned to it, or several "
            "are. In the Azure portal, switch on Identity > System assigned of this machine, or assign an identity and "
            f"enter its client ID in the account {self._account.name}.{quoted(result)}"
        )
