"""Rows: what the clocks of this machine do."""

from __future__ import annotations

from collections.abc import Callable

from defender_alerts.times import machine_time, seconds
from faults.polls import Polls
from faults.row import EVERYTHING, GOES_ON, Group, Row

_DAY = 86_400
_SKEWED = (
    "region=… this machine's clock is … s {way} the server's. Alerts are read by the server's clock; set this machine's "
    "by NTP."
)
AHEAD, BEHIND = _SKEWED.format(way="ahead of"), _SKEWED.format(way="behind")


def _wrong_by(ahead: float) -> Callable[[Polls], object]:
    """This machine's clock is ahead of the cloud's, which is moved back for it: also msal and TLS read this one."""

    def provoke(stage: Polls) -> None:
        stage.cloud.clock.skew(-ahead)
        stage.publish_anew()

    return provoke


def _at_the_second_request(deed: Callable[[Polls], None]) -> Callable[[Polls], object]:
    """Something happens while a run of several windows is under way."""

    def provoke(stage: Polls) -> None:
        asked: list[object] = []

        def count(query: object) -> None:
            asked.append(query)
            if len(asked) == 2:
                deed(stage)

        stage.polled.start_time = "-30d"
        stage.shelf.before_answer = count

    return provoke


def _jump(by: float) -> Callable[[Polls], None]:
    def jump(stage: Polls) -> None:
        stage.machine = lambda: machine_time() + seconds(by)

    return jump


def _sleep(stage: Polls) -> None:
    stage.cloud.clock.advance(7_200)


def _set_by_ntp(stage: Polls) -> None:
    stage.mend()
    stage.machine = stage.cloud.clock.now


def _wrong(name: str, provoked: str, provoke: Callable[[Polls], object], *says: str) -> Row[Polls]:
    return Row(name, provoked, provoke, EVERYTHING, 0, says, GOES_ON, mend=_set_by_ntp)


MACHINE: Group[Polls] = Group(
    "Machine",
    (
        _wrong("clock a day ahead", "this machine's clock is a day ahead", _wrong_by(_DAY), AHEAD),
        _wrong("clock a day behind", "this machine's clock is a day behind", _wrong_by(-_DAY), BEHIND),
        _wrong(
            "clock jumps a day ahead",
            "this machine's clock jumps during the run",
            _at_the_second_request(_jump(_DAY)),
            AHEAD,
        ),
        _wrong(
            "clock jumps a day back",
            "this machine's clock jumps during the run",
            _at_the_second_request(_jump(-_DAY)),
            BEHIND,
        ),
        _wrong(
            "machine sleeps",
            "two hours pass during the run that this machine does not count",
            _at_the_second_request(_sleep),
            BEHIND,
        ),
    ),
)
