"""The stages on which the rows are played."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from faults.installed import FaultyInstallation
from faults.polls import Polls
from faults.processes import Processes
from faults.subjects import Subject
from standins.microsoft.cloud import MicrosoftCloud
from standins.polling import MemoryPlaces, MemorySink, PolledInput
from standins.splunkd import Splunkd
from standins.splunkd.kvstore import STATE_ANSWERS


@pytest.fixture
def polls(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Subject], Polls]]:
    """Each stage is of an input that has collected nothing yet; all of a test's are of one tenant."""
    with MicrosoftCloud() as cloud:
        inputs: dict[str, PolledInput] = {}

        def stage(subject: Subject) -> Polls:
            if subject.source.meter is not None:
                subject.source.meter(cloud).clear()
            if subject.name not in inputs:
                inputs[subject.name] = subject.input(cloud)
            polled = inputs[subject.name]
            return Polls(subject, replace(polled, store=MemoryPlaces(), sink=MemorySink()), monkeypatch)

        yield stage


@pytest.fixture(scope="session")
def installation(
    built_app: Path, splunk_pythons: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[FaultyInstallation]:
    home = tmp_path_factory.mktemp("faults") / "splunk"
    with MicrosoftCloud() as cloud, Splunkd(home, built_app, splunk_pythons["3.9"]) as splunkd:
        yield FaultyInstallation(splunkd, cloud)


@pytest.fixture
def processes(installation: FaultyInstallation) -> Iterator[Callable[[Subject], Processes]]:
    installation.reset()

    def stage(subject: Subject) -> Processes:
        made = Processes(installation, subject)
        ended.callback(made.mend)
        return made

    with ExitStack() as ended:
        yield stage
        installation.splunkd.kvstore.answers = dict(STATE_ANSWERS)
