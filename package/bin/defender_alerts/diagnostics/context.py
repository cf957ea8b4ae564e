"""The input that the doctor examines, and what its checks have learned so far."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Callable

from defender_alerts.input_kinds import Kind
from defender_alerts.microsoft import clouds
from defender_alerts.microsoft.account import Account
from defender_alerts.microsoft.apis.base import Api
from defender_alerts.microsoft.clouds import Cloud
from defender_alerts.microsoft.network import Network
from defender_alerts.microsoft.tokens import TokenSource
from defender_alerts.microsoft.transport.client import ASKS_ONCE, Caller, Callers, Stop
from defender_alerts.microsoft.transport.server_clock import ServerClock
from defender_alerts.microsoft.transport.session import trust
from defender_alerts.times import machine_time


@dataclass
class Context:
    """The input that is examined.

    Attributes:
        apis: by region.
        on_token: called with each token, so that it can be redacted.
        heard: whether an answer has set the clock.
    """

    kind: Kind
    account: Account
    network: Network
    apis: Mapping[str, Api]
    stop: Stop
    log: logging.Logger
    on_token: Callable[[str], None]
    heard: bool = False
    clock: ServerClock = field(init=False)
    source: TokenSource = field(init=False)

    def __post_init__(self) -> None:
        self.clock = ServerClock(machine_time, time.monotonic)
        trusted = trust(self.network.ca_pem)
        self._callers = Callers(self.network, trusted, self.stop, self.log, ASKS_ONCE)
        self.source = TokenSource(self.account, self.cloud, self.caller(self.cloud.authority_host), self._callers)

    @property
    def cloud(self) -> Cloud:
        """The account's cloud."""
        return clouds.cloud(self.account.cloud)

    def caller(self, host: str) -> Caller:
        """A caller without retries, since the doctor should report a failure and not wait for it to pass."""
        return self._callers(host, clock=self.clock)
