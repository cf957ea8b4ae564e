"""However many calls fail in a row, nothing is lost or comes twice: from none to far beyond every limit in the code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import pytest
from faults.polls import Polls
from faults.subjects import CODE_PATHS, Subject
from standins.microsoft import faults
from standins.microsoft.cloud import MicrosoftCloud
from standins.microsoft.directory import Application, Tenant
from standins.sources import customer

FAULTS: dict[str, faults.Fault] = {
    "503": faults.Status(503),
    "429": faults.throttled(1),
    "408": faults.Status(408),
    "cut off": faults.CutOff(),
    "reset before the answer": faults.ResetBeforeHeaders(),
    "tunnel dropped": faults.DropTunnel(),
}

# A run gives a call up after five tries, a throttled one after ten, one for incidents with their alerts after six. What
# fails in another way is counted in the same place: below all limits of one that is not throttled, at them, far beyond.
AROUND_THE_LIMITS = (4, 6, 13)
COUNTS = {"503": (*range(13), 23), "429": (*range(13), 23)}


@pytest.fixture(scope="module")
def party() -> Iterator[tuple[MicrosoftCloud, Tenant, Application]]:
    """One cloud and one tenant for all numbers: each of them is met by a new input."""
    with MicrosoftCloud() as cloud:
        yield (cloud, *customer(cloud))


@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.parametrize("subject", CODE_PATHS, ids=lambda subject: subject.name)
def test_any_number_of_calls_that_fail_in_a_row_delays_what_there_is_and_no_more(
    monkeypatch: pytest.MonkeyPatch, party: tuple[MicrosoftCloud, Tenant, Application], subject: Subject, name: str
) -> None:
    for failing in COUNTS.get(name, AROUND_THE_LIMITS):
        if subject.source.meter is not None:
            # No time passes between the inputs.
            subject.source.meter(party[0]).clear()
        polled = replace(subject.source.input(*party), regions=subject.regions)
        _meets(Polls(subject, polled, monkeypatch), FAULTS[name], failing)


def _meets(stage: Polls, fault: faults.Fault, failing: int) -> None:
    subject = stage.subject
    due = Counter(text for region in subject.regions for text in stage.published(region))
    scripted = stage.cloud.faults.add(subject.host, fault, times=failing)
    delivered = Counter[str]()
    # Each run that fails meets at least one of them.
    for _ in range(failing + 1):
        ran = stage.run()
        delivered.update(ran.raws)
        assert (ran.status == 0) == (delivered == due), failing
        if ran.status == 0:
            break
    assert delivered == due, failing
    assert scripted.played == failing
    assert stage.run().raws == []
    stage.cloud.faults.clear()
