"""Checks an account before it is saved: does Entra ID give it a token, from here, through the saved proxy?"""

from __future__ import annotations

import logging
import threading
import time

from defender_alerts import clouds
from defender_alerts.apis.siem import RESOURCES, resource_hint
from defender_alerts.auth import TokenSource
from defender_alerts.errors import AuthenticationError, UnknownResourceError
from defender_alerts.http.calls import Caller, Patience
from defender_alerts.http.clock import ServerClock
from defender_alerts.http.session import open_session, trust
from defender_alerts.settings import Account, Network, is_guid
from defender_alerts.times import machine_time

# Splunk Web gives up on a page's request after 30 s.
_LONGEST_CALL = 9.0


def check_account(account: Account, network: Network) -> None:
    """Ask Entra ID for a token, once for each resource the SIEM API accepts until one is known to the tenant.

    A tenant that knows neither may still be good for other inputs: it is not refused.

    Raises:
        AddonError: Entra ID refuses the account, or can't be reached; the sentence names the field or page to mend.
    """
    if is_guid(account.client_secret):
        raise AuthenticationError(
            "The client secret looks like the secret's ID. Paste the secret's Value: Entra ID shows it once, when the "
            "secret is made, in the column beside the ID."
        )
    cloud = clouds.cloud(account.cloud)
    session = open_session(network, trust(network.ca_pem), cloud.authority_host)
    try:
        caller = Caller(
            session,
            timeout=min(network.timeout, _LONGEST_CALL),
            clock=ServerClock(machine_time, time.monotonic),
            stop=threading.Event(),
            log=logging.getLogger(__name__),
            patience=Patience(failures=1, throttlings=1),
        )
        tokens = TokenSource(account, cloud, caller)
        for resource in RESOURCES:
            try:
                tokens.acquire(resource, resource_hint(resource))
            except UnknownResourceError:
                continue
            return
    finally:
        session.close()
