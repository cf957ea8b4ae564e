"""An alert inside incidents is delivered once in each of its versions, for as long as an incident may show it."""

from __future__ import annotations

import pytest
from defender_alerts.checkpoint import split_alerts
from defender_alerts.checkpoint.checkpoint import CheckpointKey
from defender_alerts.checkpoint.split_alerts import DeliveredSplitAlerts
from defender_alerts.checkpoint.versions import Version, fingerprint
from defender_alerts.errors import CheckpointError
from defender_alerts.times import parse_iso, seconds
from standins.polling import MemoryPlaces

KEY = CheckpointKey("defender_incidents", "corp", "11111111-2222-3333-4444-555555555555", "commercial", "global")
NOW = parse_iso("2026-11-23T12:00:00Z")
DAY = seconds(86_400)


def _version(number: int, time: int = NOW) -> Version:
    return Version(time, fingerprint(f"da{number}", time), b"{}", is_split=True)


def _memory(store: MemoryPlaces, generation: int = 0) -> DeliveredSplitAlerts:
    return DeliveredSplitAlerts(KEY, generation, store)


@pytest.fixture
def store() -> MemoryPlaces:
    return MemoryPlaces()


@pytest.fixture
def memory(store: MemoryPlaces) -> DeliveredSplitAlerts:
    return _memory(store)


def test_what_was_saved_is_known_to_the_next_process(store: MemoryPlaces, memory: DeliveredSplitAlerts) -> None:
    versions = [_version(number, NOW - number * DAY // 2) for number in range(40)]
    for version in versions:
        assert memory.is_new(version)
        memory.add(version)
        assert not memory.is_new(version)
    memory.save()
    later = _memory(store)
    assert [later.is_new(version) for version in versions] == [False] * 40
    assert later.is_new(_version(41))
    assert later.is_new(_version(0, NOW + 1))


def test_what_was_not_saved_is_delivered_again(store: MemoryPlaces) -> None:
    _memory(store).add(_version(1))
    assert _memory(store).is_new(_version(1))
    assert store.documents == {}


def test_only_the_days_that_got_something_are_saved(store: MemoryPlaces, memory: DeliveredSplitAlerts) -> None:
    memory.add(_version(1))
    memory.add(_version(2, NOW - 30 * DAY))
    memory.save()
    memory.is_new(_version(3, NOW - 5 * DAY))
    memory.add(_version(4))
    memory.save()
    assert [document["day"] for document in store.history] == ["2026-10-24", "2026-11-23", "2026-11-23"]


def test_few_days_are_held_in_memory_however_many_are_touched(memory: DeliveredSplitAlerts) -> None:
    for day in range(300):
        memory.add(_version(day, NOW - day * DAY))
        memory.save()
    assert len(memory._days) <= split_alerts._MOST_DAYS_HELD
    assert not memory.is_new(_version(299, NOW - 299 * DAY))
    assert not memory.is_new(_version(0))


def test_a_reset_place_delivers_its_alerts_again(store: MemoryPlaces, memory: DeliveredSplitAlerts) -> None:
    memory.add(_version(1))
    memory.save()
    assert _memory(store, generation=1).is_new(_version(1))


def test_what_no_incident_shows_any_more_is_forgotten(store: MemoryPlaces, memory: DeliveredSplitAlerts) -> None:
    memory.add(_version(1))
    memory.add(_version(2, NOW - 500 * DAY))
    # An incident may show alerts that are older than itself.
    memory.add(_version(3, NOW - 390 * DAY))
    memory.save()
    memory.forget_before(NOW)
    assert sorted(document["day"] for document in store.documents.values()) == ["2025-10-29", "2026-11-23"]


def test_a_process_that_had_no_alerts_leaves_the_store_alone() -> None:
    class Closed(MemoryPlaces):
        def delete_split_alerts(self, checkpoint: str, before: str) -> None:
            raise CheckpointError(f"{checkpoint} {before}")

    _memory(Closed()).forget_before(NOW)


@pytest.mark.parametrize(
    "damage", [{"fingerprints": "äöü"}, {"fingerprints": 7}, {"fingerprints": "abc"}, {"fingerprints": "AAAA"}]
)
def test_a_damaged_day_is_an_error_and_not_an_empty_one(
    store: MemoryPlaces, memory: DeliveredSplitAlerts, damage: dict[str, object]
) -> None:
    memory.add(_version(1))
    memory.save()
    next(iter(store.documents.values())).update(damage)
    with pytest.raises(CheckpointError, match=r"The memory of delivered alerts .*:split_alerts:2026-11-23 is damaged"):
        _memory(store).is_new(_version(1))
