"""However many calls fail in a row, nothing is lost or comes twice: from none to far beyond every limit in the code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest
from faults.polls import Polls
from faults.subjects import EVERY_KIND, Subject
from standins.microsoft import faults
from standins.microsoft.cloud import MicrosoftCloud

FAULTS: dict[str, Callable[[], faults.Fault]] = {
    "503": lambda: faults.Status(503),
    "429": lambda: faults.throttled(1),
}


@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.parametrize("subject", EVERY_KIND, ids=lambda subject: subject.name)
def test_any_number_of_calls_that_fail_in_a_row_delays_what_there_is_and_no_more(
    monkeypatch: pytest.MonkeyPatch, subject: Subject, name: str
) -> None:
    for failing in (*range(13), 23):
        with MicrosoftCloud() as cloud:
            _meets(Polls(subject, subject.input(cloud), monkeypatch), FAULTS[name](), failing)


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
