"""Rows: what Splunk and its machine do to a run."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace

from faults.installed import SUBJECTS
from faults.processes import Processes
from faults.row import (
    A_BATCH_AGAIN,
    EVERYTHING,
    GOES_ON,
    NOTHING,
    OTHER_REGIONS,
    THE_REST,
    WHAT_WAS_READ,
    WHEN_OVER,
    Group,
    Ran,
    Row,
)
from faults.subjects import SIEM_ALERTS
from integration.installation import DAY
from standins.microsoft.faults import throttled
from standins.splunkd import IndexedEvent, InputProcess

# A pipe that has taken no more for so many seconds is full. How much it holds depends on how the writes were cut.
_FULL_PIPE = 1.0
# So long does splunkd wait for a process that it has asked to end, as far as is known; the promise is half of that.
_SPLUNKD_KILLS_AFTER = 10


def _publish_many(stage: Processes) -> None:
    """Records of five days ago, so that those of the last hour are asked for later in the run."""
    stage.publish_many(ago=5 * DAY)


def _publish_an_answer(stage: Processes) -> None:
    """Records that come in one answer: the first batch is larger than a pipe then, so a run that is read no further is in its middle.

    Of more records, the first window that holds any may hold a few, and all of these be saved before the run ends.
    """
    stage.publish(stage.subject.answer, first=10_000)


class _AtEvent:
    """A process that has written so many events, and is read no further: it stands in the middle of a batch."""

    def __init__(self, stage: Processes, count: int) -> None:
        self._left = count
        self._started = threading.Event()
        self._reached = threading.Event()
        self._process = stage.start(self._take)
        self._started.set()

    def _take(self, _: IndexedEvent) -> None:
        self._left -= 1
        if not self._left:
            self._started.wait()
            self._process.pause_stdout()
            self._reached.set()

    def wait(self) -> InputProcess:
        """The process, when it is there."""
        assert self._reached.wait(60)
        return self._process


def _at_its_first_event(
    deed: Callable[[Processes, InputProcess], object], *, torn: bool = False
) -> Callable[[Processes], Ran]:
    """Something happens to a process that stands behind its first event, and is read to its end then."""

    def run(stage: Processes) -> Ran:
        process = _AtEvent(stage, 1).wait()
        deed(stage, process)
        process.resume_stdout()
        return stage.ran(process.wait(60), torn=torn)

    return run


def _terminate_while_it_waits(stage: Processes) -> Ran:
    throttling = stage.installed.cloud.faults.add(stage.subject.host, throttled(3_000))
    process = _AtEvent(stage, len(stage.published("us"))).wait()
    process.resume_stdout()
    assert throttling.has_begun.wait(30)
    process.terminate()
    return stage.ran(process.wait(20))


def _terminate_and_never_read_on(stage: Processes) -> Ran:
    process = _AtEvent(stage, 1).wait()
    held = -1
    while held != (held := process.unread()) or not held:
        time.sleep(_FULL_PIPE)
    began = time.monotonic()
    process.terminate()
    run = process.wait(20)
    assert time.monotonic() - began < _SPLUNKD_KILLS_AFTER
    return stage.ran(run, torn=True)


def _fill_the_disk(stage: Processes) -> None:
    stage.log_file.unlink(missing_ok=True)
    stage.log_file.symlink_to("/dev/full")


def _run_without_a_log(stage: Processes) -> Ran:
    """All that the run has to say goes to standard error, and so to splunkd.log."""
    run = stage.start().wait(60)
    said = [line.partition(" ")[2] for line in run.stderr if line.startswith("ERROR ")]
    return replace(stage.ran(replace(run, stderr=[])), sentences=said)


def _expired_from_the_start(stage: Processes) -> None:
    stage.installed.splunkd.sessions.timeout = -1.0


SPLUNK: Group[Processes] = Group(
    "Splunk",
    (
        Row(
            "SIGTERM while it writes",
            "the input is disabled when its first event has come",
            _publish_many,
            WHAT_WAS_READ,
            0,
            (),
            THE_REST,
            SUBJECTS,
            run=_at_its_first_event(lambda _, process: process.terminate()),
        ),
        Row(
            "a pipe that is never read",
            "Splunk reads no further behind the first event, and disables the input",
            _publish_an_answer,
            WHAT_WAS_READ,
            0,
            (),
            A_BATCH_AGAIN,
            SUBJECTS,
            run=_terminate_and_never_read_on,
        ),
        Row(
            "SIGTERM while it waits",
            "Splunk stops while Microsoft has asked for a wait of 3000 s",
            lambda _: None,
            OTHER_REGIONS,
            0,
            ("wait=3000.0 reason=429",),
            THE_REST,
            run=_terminate_while_it_waits,
        ),
        Row(
            "SIGKILL while it writes",
            "the process is killed when its first event has come",
            _publish_an_answer,
            WHAT_WAS_READ,
            -9,
            (),
            A_BATCH_AGAIN,
            SUBJECTS,
            run=_at_its_first_event(lambda _, process: process.kill(), torn=True),
        ),
        Row(
            "stdout closed",
            "splunkd's end of the pipe is closed when the first event has come",
            _publish_an_answer,
            WHAT_WAS_READ,
            1,
            (
                (
                    "Splunk has closed the stream of events, as it does when it stops or the input is edited. The next run reads again what Splunk did not take."
                ),
            ),
            A_BATCH_AGAIN,
            SUBJECTS,
            run=_at_its_first_event(lambda _, process: process.close_stdout(), torn=True),
        ),
        Row(
            "disk full on the log",
            "nothing can be written to the input's log file",
            _fill_the_disk,
            EVERYTHING,
            0,
            (
                (
                    "The log … can't be written (No space left on device). This run logs to splunkd.log instead, and collecting goes on. Allow the user that runs Splunk to write there, and make sure that the disk has space."
                ),
            ),
            GOES_ON,
            run=_run_without_a_log,
        ),
        Row(
            "session key expired before the run",
            "splunkd takes the run's session key for expired",
            _expired_from_the_start,
            NOTHING,
            1,
            (
                (
                    "splunkd does not return the settings (splunkd no longer accepts the session key). See splunkd.log; the next run tries again."
                ),
            ),
            WHEN_OVER,
        ),
        Row(
            "session key expired during the run",
            "the session key expires when the first event has come",
            _publish_many,
            WHAT_WAS_READ,
            3,
            (
                (
                    "The checkpoint could not be … in the KV store (splunkd no longer accepts the session key). The session "
                    "of this run may not use it; splunkd starts the next run with a new one. Nothing is lost: alerts are "
                    "collected from the last checkpoint on as soon as it is back."
                ),
            ),
            A_BATCH_AGAIN,
            run=_at_its_first_event(lambda stage, _: stage.installed.splunkd.sessions.expire()),
        ),
    ),
    subjects=(SIEM_ALERTS,),
)
