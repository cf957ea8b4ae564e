"""Each version that three regions show is in Splunk once, byte for byte, on both of Splunk's Pythons."""

from __future__ import annotations

import random
from collections import Counter
from decimal import Decimal

from integration.installation import BROAD, DAY, KIND, MINUTE, REGIONS, Installation, is_whole
from standins.microsoft import ticks
from standins.microsoft.samples import siem_alert
from standins.microsoft.siem import SiemBehaviour
from standins.splunkd import IndexedEvent, InputRun

FEW = 1_000
# More than an answer holds, within half a minute, in one of the regions; and many at one time.
CROWD, TWINS = 5_600, 700

Event = tuple[str, str, str, str, str, str]


def _moments(now: int, seed: int, crowd: int) -> list[int]:
    rng = random.Random(seed)
    crowded = now - 2 * DAY
    return [
        *(now - rng.randrange(MINUTE, 7 * DAY - MINUTE) for _ in range(FEW)),
        *(crowded + rng.randrange(MINUTE // 2) for _ in range(crowd)),
        *[now - 3 * DAY] * TWINS,
    ]


def _expected(installed: Installation, region: str, moment: int, alert: bytes) -> Event:
    whole, fraction = divmod(moment, ticks.PER_SECOND)
    return (
        str(Decimal(f"{whole}.{fraction:07}").normalize()),
        installed.cloud.siem(region).host,
        f"{KIND}:{installed.tenant.guid}:{region}:{BROAD}",
        "wdatp:alerts",
        "main",
        alert.decode("utf-8"),
    )


def _seen(event: IndexedEvent) -> Event:
    assert event.stanza == f"{KIND}://{BROAD}"
    time = str(Decimal(event.time or "").normalize())
    return time, event.host, event.source, event.sourcetype, event.index, event.raw


def _assert_delivered(run: InputRun, expected: list[Event]) -> None:
    assert (run.status, run.stderr) == (0, [])
    assert is_whole(run)
    seen = Counter(map(_seen, run.events))
    # Compared piece by piece: a difference of 10,000 events is not to be read.
    wanted = Counter(expected)
    assert next(iter(wanted - seen), None) is None
    assert next(iter(seen - wanted), None) is None


def test_three_regions_with_thousands_of_alerts_are_delivered_once_byte_for_byte(
    installed_on_each: Installation,
) -> None:
    installed = installed_on_each
    now = installed.cloud.clock.now()
    expected: list[Event] = []
    for checkpoint, region in enumerate(REGIONS):
        # Whatever an answer can't hold is left out without a word, as it may be.
        installed.cloud.siem(region).behaviour = SiemBehaviour(silent_cap=5_000)
        numbered = list(enumerate(_moments(now, checkpoint, 0 if checkpoint else CROWD), start=checkpoint * 100_000))
        alerts = [siem_alert(number, moment) for number, moment in numbered]
        installed.publish(region, alerts)
        expected += [
            _expected(installed, region, moment, alert) for (_, moment), alert in zip(numbered, alerts, strict=True)
        ]
    late_at = now - 2 * MINUTE
    late = {region: siem_alert(900_000 + checkpoint, late_at) for checkpoint, region in enumerate(REGIONS)}
    for region, alert in late.items():
        installed.publish(region, [alert], visible_from=now + 4 * MINUTE)
    with installed.splunkd.starting_anew():
        _assert_delivered(installed.run(), expected)
        _assert_delivered(installed.run(), [])

    installed.cloud.clock.advance(280)
    added_at = installed.cloud.clock.now() - 3 * ticks.PER_SECOND
    added = [siem_alert(910_000 + number, added_at) for number in range(3)]
    installed.publish("eu", added)
    _assert_delivered(
        installed.run(),
        [_expected(installed, "eu", added_at, alert) for alert in added]
        + [_expected(installed, region, late_at, alert) for region, alert in late.items()],
    )
    _assert_delivered(installed.run(), [])


def test_the_index_of_an_event_is_the_inputs(installed: Installation) -> None:
    installed.write_input("elsewhere", regions="eu", index="security")
    [alert] = installed.alerts(1)
    installed.publish("eu", [alert])
    assert [(event.index, event.raw) for event in installed.run("elsewhere").events] == [("security", alert.decode())]
