"""What is bounded is said when it is reached: Microsoft's memory, and the checkpoint's."""

from __future__ import annotations

import pytest
from defender_alerts.checkpoint.checkpoint import Checkpoint, CheckpointKey
from defender_alerts.times import iso, parse_iso, seconds
from standins.microsoft.samples import siem_alert
from standins.polling import PolledInput

DAY = seconds(86_400)


def _collected_until(polled: PolledInput, time: int) -> None:
    """Let the input have been down since ``time``."""
    key = CheckpointKey("defender_siem_alerts", "test", polled.tenant.guid, "commercial", "eu")
    polled.store.save(Checkpoint.first(key, time).document())


def test_an_input_that_was_down_for_longer_than_microsoft_remembers_starts_there_and_names_the_gap(
    polled: PolledInput, caplog: pytest.LogCaptureFixture
) -> None:
    now = polled.cloud.clock.freeze()
    down_since = now - 200 * DAY
    _collected_until(polled, down_since)
    alert = siem_alert(1, now - DAY)
    polled.cloud.siem("eu").add(polled.tenant, alert)
    assert polled.poll().failures == []
    assert polled.sink.raws() == [alert.decode()]
    assert f"between {iso(down_since)} and 2026-" in caplog.text
    assert "Microsoft keeps them for 180 days only" in caplog.text
    first = min(
        parse_iso(call.values("sinceTimeUtc")[0]) for call in polled.cloud.journal.calls(polled.cloud.siem("eu").host)
    )
    assert now - 181 * DAY < first < now - 179 * DAY
    caplog.clear()
    assert polled.poll().failures == []
    assert "Microsoft keeps them" not in caplog.text


def test_an_input_that_was_down_for_a_shorter_time_has_no_gap(
    polled: PolledInput, caplog: pytest.LogCaptureFixture
) -> None:
    now = polled.cloud.clock.freeze()
    _collected_until(polled, now - 170 * DAY)
    alert = siem_alert(1, now - 169 * DAY)
    polled.cloud.siem("eu").add(polled.tenant, alert)
    assert polled.poll().failures == []
    assert polled.sink.raws() == [alert.decode()]
    assert "Microsoft keeps them" not in caplog.text
