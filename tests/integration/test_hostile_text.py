"""Text that breaks naive writers comes out of the XML stream as it went in."""

from __future__ import annotations

import json

import pytest
from integration.installation import MINUTE, NARROW, SIEM_HOST, Installation, is_whole
from standins.microsoft import faults, ticks
from standins.microsoft.hostile_text import HOSTILE_TEXT, HUGE_COMMAND_LINE, pretty
from standins.microsoft.samples import RawJson, siem_alert
from standins.microsoft.siem import SiemBehaviour

# Outside of a string JSON allows none of XML's forbidden characters; inside, these two may stand as they are.
_ESCAPED = str.maketrans({"\ufffe": r"\ufffe", "\uffff": r"\uffff"})


def _expected(alert: bytes) -> str:
    return alert.decode("utf-8").translate(_ESCAPED)


# What Python's own reader of JSON refuses, on one of Splunk's Pythons or on both.
_ODD = (
    b'"odd":' + b"7" * 5_000,
    b'"odd":1e999999999',
    b'"odd":' + b"[" * 3_000 + b"]" * 3_000,
    b'"odd":' + b"[" * 300_000 + b"]" * 300_000,
    b'"odd":NaN',
    b'"odd":"\\ud800"',
    b'"odd":1,"odd":2',
    b'"odd":nonsense',
)


def test_whatever_one_alert_holds_its_neighbours_are_delivered_and_so_is_it(installed_on_each: Installation) -> None:
    start = installed_on_each.cloud.clock.now() - MINUTE
    alerts = [siem_alert(number, start + number)[:-1] + b"," + odd + b"}" for number, odd in enumerate(_ODD)]
    alerts.append(siem_alert(len(alerts), start + len(alerts)))
    texts = [*alerts, b"null", b"7" * 5_000, b'{"FullId":']
    body = b"[" + b",".join([*texts, alerts[-1]]) + b"]"
    installed_on_each.cloud.faults.add(SIEM_HOST, faults.Status(200, body), times=None)
    run = installed_on_each.run(NARROW)
    assert (run.status, run.stderr, is_whole(run)) == (0, [], True)
    assert [event.raw for event in run.events] == [alert.decode() for alert in alerts]


def _deliver(installed: Installation, alerts: list[bytes]) -> list[str]:
    installed.publish("eu", alerts)
    run = installed.run(NARROW)
    assert (run.status, run.stderr, is_whole(run)) == (0, [], True)
    return [event.raw for event in run.events]


def test_hostile_text_is_delivered_as_it_came(installed_on_each: Installation) -> None:
    start = installed_on_each.cloud.clock.now() - MINUTE
    alerts = [
        siem_alert(number, start + number, AlertTitle=RawJson(text.literal), Description=RawJson(text.literal))
        for number, text in enumerate([*HOSTILE_TEXT, HUGE_COMMAND_LINE])
    ]
    delivered = _deliver(installed_on_each, alerts)
    assert delivered == [_expected(alert) for alert in alerts]
    for raw, text in zip(delivered, [*HOSTILE_TEXT, HUGE_COMMAND_LINE], strict=True):
        assert json.loads(raw)["AlertTitle"] == text.meaning, text.name


@pytest.mark.parametrize("newline", [b"\n", b"\r\n", b"\r"], ids=["LF", "CRLF", "CR"])
def test_line_breaks_between_the_members_of_an_alert_are_kept(installed: Installation, newline: bytes) -> None:
    installed.cloud.siem("eu").behaviour = SiemBehaviour(separator=b"," + newline + b"  ", chunked=True)
    start = installed.cloud.clock.now() - MINUTE
    alerts = [pretty(siem_alert(number, start + number * ticks.PER_SECOND), newline=newline) for number in range(20)]
    assert _deliver(installed, alerts) == [_expected(alert) for alert in alerts]


def test_an_alert_with_a_member_named_like_markup_stays_one_event(installed: Installation) -> None:
    name = "</data></event></stream><!--"
    alert = siem_alert(1, installed.cloud.clock.now() - MINUTE)
    alert = alert.replace(b"{", json.dumps({name: name})[:-1].encode() + b",", 1)
    assert _deliver(installed, [alert]) == [_expected(alert)]
