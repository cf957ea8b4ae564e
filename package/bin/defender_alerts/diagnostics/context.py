"""The input that the doctor examines, and what its checks have learned so far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Callable

from defender_alerts.input_kinds import Kind
from defender_alerts.microsoft import clouds
from defender_alerts.microsoft.account import Account
from defender_alerts.microsoft.apis.base import Api
from defender_alerts.microsoft.tokens import TokenSource
from defender_alerts.microsoft.transport.client import Caller, Callers
from defender_alerts.microsoft.transport.server_clock import ServerClock


@dataclass
class Context:
    """The input that is examined.

    Attributes:
        apis: by region.
        callers: without retries, since the doctor should report a failure and not wait for it to pass.
        on_token: called with each token, so that it can be redacted.
        heard: whether an answer has set the clock.
    """

    kind: Kind
    account: Account
    apis: Mapping[str, Api]
    callers: Callers
    on_token: Callable[[str], None]
    heard: bool = False

    def __post_init__(self) -> None:
        self.network = self.callers.network
        self.cloud = clouds.cloud(self.account.cloud)
        self.clock = ServerClock(self.callers.machine, self.callers.monotonic)
        self.source = TokenSource(self.account, self.cloud, self.caller(self.cloud.authority_host), self.callers)

    def caller(self, host: str) -> Caller:
        """A caller for a host; its answers set the clock."""
        return self.callers(host, clock=self.clock)
