"""The stage for what happens between the core and Microsoft: polls in this process, with waits that are over at once."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any, Union

import pytest
from defender_alerts.collect.poll import Plan, PollContext, poll
from defender_alerts.errors import AddonError, StoppedError, exit_status, unexpected
from defender_alerts.microsoft.network import Network
from defender_alerts.times import machine_time, seconds
from faults.row import Ran
from faults.sentences import listening
from faults.subjects import Subject
from standins.microsoft import faults
from standins.microsoft.cloud import MicrosoftCloud
from standins.microsoft.faults import Scripted
from standins.polling import SECRET, PolledInput, trust_once
from standins.sources import ROLES

LOGIN = "login.microsoftonline.com"


@dataclass
class Polls:
    """An input with a few records in each of its regions; see ``faults.row.Stage``.

    Attributes:
        machine: this machine's clock.
        monotonic: the same, as seconds that never jump.
        around: what goes on around the next run.
        network: the way to Microsoft, where a row changes more of it than proxy and time-out.
        plan: what is polled, where a row changes that.
        met: a fault, and how often the next run has to meet it: as often as it is worth trying.
        undeliverable: texts that nobody could deliver.
    """

    subject: Subject
    polled: PolledInput
    patch: pytest.MonkeyPatch
    machine: Callable[[], int] = machine_time
    monotonic: Callable[[], float] = time.monotonic
    around: AbstractContextManager[Any] = field(default_factory=nullcontext)
    network: Callable[[Network], Network] = field(default=lambda network: network)
    plan: Callable[[Plan], Plan] = field(default=lambda plan: plan)
    earlier: list[str] = field(default_factory=list)
    met: tuple[Scripted, int] | None = None
    undeliverable: set[str] = field(default_factory=set)
    is_cheap: bool = True

    def __post_init__(self) -> None:
        # One window reaches back so far: the first answer, the one that a fault hits, is the one with the alerts.
        self.polled.start_time = "-2h"
        self._usual = self.shelf.behaviour
        self.publish_anew()

    @property
    def cloud(self) -> MicrosoftCloud:
        """The stand-in cloud."""
        return self.polled.cloud

    @property
    def shelf(self) -> Any:
        """Where the stand-in keeps the records of the region that meets the fault."""
        return self.subject.shelf(self.cloud, self.subject.region)

    @property
    def an_hour_ago(self) -> int:
        """By the cloud's clock."""
        return self.cloud.clock.now() - seconds(3_600)

    def record(self, number: int, **overrides: Any) -> bytes:
        """A record of an hour ago."""
        return self.subject.record(number, self.an_hour_ago + number, **overrides)

    def publish_anew(self) -> None:
        """Let each region show records of an hour ago, and nothing else."""
        for number, region in enumerate(self.subject.regions):
            self.subject.shelf(self.cloud, region).remove(self.polled.tenant)
            start = self.an_hour_ago
            numbers = range(100 * number, 100 * number + 20)
            self.publish(*(self.subject.record(each, start + each) for each in numbers), region=region)

    def publish(self, *records: bytes, region: str | None = None, **more: Any) -> None:
        """Let a region show these: the one that meets the fault, unless it is said."""
        where = region or self.subject.region
        self.subject.publish(self.cloud, self.polled.tenant, where, records, **more)

    def published(self, region: str) -> list[str]:
        """The texts of the events that a region's records have to become, without those that nobody could deliver."""
        shown = self.subject.shown(self.cloud, self.polled.tenant, region)
        return [text for text in shown if text not in self.undeliverable]

    def run(self) -> Ran:
        """Poll once, as ``defender_alerts.splunk.modular_input`` does it."""
        log, kept = listening()
        before = len(self.polled.sink.taken)
        polled = self.polled
        try:
            given = PollContext(
                self.network(polled.network()),
                polled.store,
                polled.sink,
                polled.stop,
                log,
                writer=polled.writer,
                machine=lambda: self.machine(),  # noqa: PLW0108 - a row may change it during the run
                monotonic=lambda: self.monotonic() + polled.jumped,
                trust=trust_once,
            )
            around, self.around = self.around, nullcontext()
            with around:
                failures = poll(self.plan(polled.plan()), given).failures
        except StoppedError:
            failures = []
        except AddonError as error:
            failures = [error]
        except Exception as error:  # noqa: BLE001 - as input/run does it
            failures = [unexpected(error, log)]
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
        for host in (self.subject.host, LOGIN):
            self.cloud.remember_host(host)
        self.shelf.before_answer, self.shelf.behaviour = None, self._usual
        if self.subject.splits:
            self.shelf.expansion_fails = None
            self.shelf.too_large.clear()
        self.cloud.proxy_credentials = None
        self.polled.application.roles = dict(ROLES)
        self.polled.application.secrets.clear()
        self.polled.application.add_secret(SECRET)
        self.polled.secret, self.polled.proxy, self.polled.timeout = SECRET, None, 5.0
        self.network = lambda network: network
        self.plan = lambda plan: plan
        self.patch.undo()


Tries = Union[int, Callable[[Subject], int], None]


def at(
    host: str, fault: faults.Fault, *, times: int | None = None, tries: Tries = None, timeout: float = 5.0
) -> Callable[[Polls], object]:
    """A fault at a host, for so many `times` or until it is mended; a run meets it so often, or asks for `tries`."""

    def provoke(stage: Polls) -> None:
        stage.polled.timeout = timeout
        scripted = stage.cloud.faults.add(host or stage.subject.host, fault, times=times)
        met = times or (tries(stage.subject) if callable(tries) else tries)
        stage.met = None if met is None else (scripted, met)

    return provoke


def at_api(
    fault: faults.Fault, *, times: int | None = None, tries: Tries = None, timeout: float = 5.0
) -> Callable[[Polls], object]:
    """The same at the API."""
    return at("", fault, times=times, tries=tries, timeout=timeout)


def settings(**changes: object) -> Callable[[Polls], object]:
    """Other settings of the input, its account or its proxy."""

    def provoke(stage: Polls) -> None:
        stage.polled = replace(stage.polled, **changes)  # type: ignore[arg-type]

    return provoke
