"""The stage for what happens between the core and Microsoft: polls in this process, with waits that are over at once."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest
from defender_alerts.errors import AddonError, StoppedError, exit_status, unforeseen
from defender_alerts.poll import Plan, Surroundings, poll
from defender_alerts.settings import Network
from defender_alerts.times import machine_time, seconds
from faults.row import Ran
from faults.sentences import listening
from standins.microsoft import faults
from standins.microsoft.cloud import MicrosoftCloud
from standins.microsoft.faults import Scripted
from standins.microsoft.samples import siem_alert
from standins.polling import SECRET, PolledInput

EU = "wdatp-alertexporter-eu.windows.com"
US = "wdatp-alertexporter-us.windows.com"
LOGIN = "login.microsoftonline.com"
REGIONS = ("eu", "us")


@dataclass
class Polls:
    """An input of two regions with a few alerts in each; see ``faults.row.Stage``.

    Attributes:
        machine: this machine's clock.
        network: the way to Microsoft, where a row changes more of it than proxy and time-out.
        plan: what is polled, where a row changes that.
        met: a fault, and how often the next run has to meet it: as often as it is worth trying.
        unreadable: a record that nobody could deliver.
    """

    polled: PolledInput
    patch: pytest.MonkeyPatch
    machine: Callable[[], int] = machine_time
    network: Callable[[Network], Network] = field(default=lambda network: network)
    plan: Callable[[Plan], Plan] = field(default=lambda plan: plan)
    earlier: list[str] = field(default_factory=list)
    met: tuple[Scripted, int] | None = None
    unreadable: bytes = b""
    is_cheap: bool = True

    def __post_init__(self) -> None:
        # One window reaches back so far: the first answer, the one that a fault hits, is the one with the alerts.
        self.polled.regions, self.polled.start_time = REGIONS, "-2h"
        self.publish_anew()

    @property
    def cloud(self) -> MicrosoftCloud:
        """The stand-in cloud."""
        return self.polled.cloud

    def alert(self, number: int) -> bytes:
        """An alert of an hour ago, by the cloud's clock."""
        return siem_alert(number, self.cloud.clock.now() - seconds(3_600) + number)

    def publish_anew(self) -> None:
        """Let each region show alerts of an hour ago, and nothing else."""
        for number, region in enumerate(REGIONS):
            self.cloud.siem(region).remove(self.polled.tenant)
            self.publish(region, *(self.alert(100 * number + place) for place in range(20)))

    def publish(self, region: str, *alerts: bytes) -> None:
        """Let a region show these."""
        self.cloud.siem(region).add_all(self.polled.tenant, alerts)

    def published(self, region: str) -> list[str]:
        """The texts of a region's records, without the one that can't be read."""
        stored = self.cloud.siem(region).alerts(self.polled.tenant)
        return [alert.raw.decode() for alert in stored if alert.raw != self.unreadable]

    def run(self) -> Ran:
        """Poll once, as ``defender_alerts.input.run`` does it."""
        log, kept = listening()
        before = len(self.polled.sink.taken)
        polled = self.polled
        try:
            given = Surroundings(
                self.network(polled.network()),
                polled.store,
                polled.sink,
                polled.stop,
                log,
                owner=polled.owner,
                machine=lambda: self.machine(),  # noqa: PLW0108 - a row may change it during the run
                monotonic=lambda: time.monotonic() + polled.jumped,
            )
            failures = poll(self.plan(polled.plan()), given).failures
        except StoppedError:
            failures = []
        except AddonError as error:
            failures = [error]
        except Exception as error:  # noqa: BLE001 - as input/run does it
            failures = [unforeseen(error, log)]
        if self.met is not None:
            (scripted, times), self.met = self.met, None
            assert scripted.played == times, f"met {scripted.played} times, and not {times}"
        return Ran(
            polled.sink.raws()[before:],
            exit_status(failures),
            [*kept.sentences, *(str(failure) for failure in failures)],
        )

    def mend(self) -> None:
        """End every fault at Microsoft and in the settings."""
        self.cloud.faults.clear()
        for host in (EU, US, LOGIN):
            self.cloud.remember_host(host)
        for region in REGIONS:
            self.cloud.siem(region).before_answer = None
        self.cloud.proxy_credentials = None
        self.polled.application.secrets.clear()
        self.polled.application.add_secret(SECRET)
        self.polled.secret, self.polled.proxy, self.polled.timeout = SECRET, None, 5.0
        self.network = lambda network: network
        self.plan = lambda plan: plan
        self.patch.undo()


def at(
    host: str, fault: faults.Fault, *, times: int | None = None, tries: int | None = None, timeout: float = 5.0
) -> Callable[[Polls], object]:
    """A fault at a host, for so many `times` or until it is mended; a run meets it so often, or asks for `tries`."""

    def provoke(stage: Polls) -> None:
        stage.polled.timeout = timeout
        scripted = stage.cloud.faults.add(host, fault, times=times)
        met = times or tries
        stage.met = None if met is None else (scripted, met)

    return provoke


def settings(**changes: object) -> Callable[[Polls], object]:
    """Other settings of the input, its account or its proxy."""

    def provoke(stage: Polls) -> None:
        stage.polled = replace(stage.polled, **changes)  # type: ignore[arg-type]

    return provoke
