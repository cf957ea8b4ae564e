"""A place remembers exactly what can be shown again, goes forward only, and is never half a document."""

from __future__ import annotations

import json

import pytest
from defender_alerts.checkpoint import checkpoint as checkpoints
from defender_alerts.checkpoint.checkpoint import MARGIN, Checkpoint, CheckpointKey
from defender_alerts.checkpoint.versions import Seen, fingerprint
from defender_alerts.errors import CheckpointError
from defender_alerts.times import iso, seconds
from hypothesis import given
from hypothesis import strategies as st

KEY = CheckpointKey("defender_siem_alerts", "emea", "8a8b9ed7-34ab-4c22-a4a5-e0d1d9ea3b19", "commercial", "eu")
START = seconds(1_700_000_000)


def _checkpoint(*times: int) -> Checkpoint:
    checkpoint = Checkpoint.first(KEY, START)
    for number, time in enumerate(times):
        checkpoint.seen.add(fingerprint(str(number), time), time)
    return checkpoint


def test_the_key_is_kind_input_tenant_cloud_and_region_and_nothing_else() -> None:
    assert str(KEY) == "defender_siem_alerts:emea:8a8b9ed7-34ab-4c22-a4a5-e0d1d9ea3b19:commercial:eu"


@given(st.lists(st.integers(min_value=0, max_value=seconds(7_200)), max_size=30))
def test_a_document_read_again_is_the_same_place(offsets: list[int]) -> None:
    checkpoint = _checkpoint(*(START + offset for offset in offsets))
    checkpoint.advance(START + seconds(3_600), START + seconds(1_800))
    document = json.loads(json.dumps(checkpoint.document()))
    again = Checkpoint.from_document(KEY, document)
    assert (again.watermark, again.settled, again.seen_from) == (
        checkpoint.watermark,
        checkpoint.settled,
        checkpoint.seen_from,
    )
    assert list(again.seen) == list(checkpoint.seen)
    assert again.document() == document


def test_what_lies_before_the_start_is_not_new() -> None:
    checkpoint = _checkpoint()
    assert not checkpoint.is_new(START - 1, fingerprint("x", START - 1))
    assert checkpoint.is_new(START, fingerprint("x", START))


def test_a_version_is_new_until_it_is_remembered() -> None:
    checkpoint = _checkpoint()
    mark = fingerprint("x", START + 5)
    assert checkpoint.is_new(START + 5, mark)
    checkpoint.seen.add(mark, START + 5)
    assert not checkpoint.is_new(START + 5, mark)


def test_versions_are_remembered_for_the_margin_behind_what_is_settled() -> None:
    settled = START + seconds(100)
    checkpoint = _checkpoint(settled - MARGIN - 1, settled - MARGIN, settled)
    checkpoint.advance(START + seconds(200), settled)
    assert [time for time, _ in checkpoint.seen] == [settled - MARGIN, settled]
    assert checkpoint.seen_from == settled - MARGIN


def test_no_time_of_a_place_goes_back() -> None:
    checkpoint = _checkpoint()
    checkpoint.advance(START + seconds(200), START + seconds(100))
    before = (checkpoint.watermark, checkpoint.settled, checkpoint.seen_from)
    checkpoint.advance(START + seconds(50), START + seconds(10))
    assert (checkpoint.watermark, checkpoint.settled, checkpoint.seen_from) == before


def test_an_older_incomplete_version_is_not_waited_for_anew() -> None:
    checkpoint = Checkpoint.first(KEY, 0)
    checkpoint.add_incomplete("1", 7)
    checkpoint.incomplete["1"] = gone = checkpoint.incomplete["1"]._replace(gone=2)
    for time in (6, 7):
        checkpoint.add_incomplete("1", time)
        assert checkpoint.incomplete == {"1": gone}
    checkpoint.add_incomplete("1", 8)
    assert checkpoint.incomplete["1"].time == 8


def test_nothing_is_settled_beyond_the_watermark() -> None:
    checkpoint = _checkpoint()
    checkpoint.advance(START + seconds(10), START + seconds(500))
    assert checkpoint.settled == checkpoint.watermark == START + seconds(10)


def test_the_largest_memory_fits_into_a_document_of_the_KV_store() -> None:
    three = len(_checkpoint(START, START, START).document()["seen"])
    assert checkpoints.MOST_SEEN * three // 3 <= 4 * 1024 * 1024


def test_a_place_that_a_former_version_saved_was_never_collected_as_far_as_is_known() -> None:
    checkpoint = _checkpoint(START)
    checkpoint.collected = START + 1
    assert Checkpoint.from_document(KEY, checkpoint.document()).collected == START + 1
    document = checkpoint.document()
    del document["collected"]
    assert Checkpoint.from_document(KEY, document).collected is None


DAMAGED = {
    "a missing field": ("watermark", None),
    "a time that is none": ("settled", "soon"),
    "a memory that is no base64": ("seen", "%%%"),
    "a memory of half a version": ("seen", "AAAA"),
    "a number where a text should be": ("seen", 7),
    "a generation that is no number": ("generation", "first"),
    "a text that is not ASCII": ("seen", "é"),
    "a watermark before what is settled": ("watermark", iso(START - 1)),
    "a memory that begins behind what is settled": ("seen_from", iso(START + 1)),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_document_is_an_error_and_not_a_first_run(name: str) -> None:
    field, value = DAMAGED[name]
    document = _checkpoint(START).document()
    if value is None:
        del document[field]
    else:
        document[field] = value
    with pytest.raises(CheckpointError, match="Nothing was collected"):
        Checkpoint.from_document(KEY, document)


@pytest.mark.parametrize("layout", [None, 0, 2, "1"])
def test_a_document_of_another_layout_is_refused_with_what_to_do(layout: object) -> None:
    document = {**_checkpoint(START).document(), "layout": layout}
    with pytest.raises(CheckpointError, match="Install the version that wrote it, or reset the checkpoint"):
        Checkpoint.from_document(KEY, document)


def test_versions_of_one_record_at_two_times_have_two_fingerprints() -> None:
    assert fingerprint("x", 1) != fingerprint("x", 2)
    assert fingerprint("1:x", 1) != fingerprint("x", 11)


def test_the_memory_is_packed_with_20_bytes_a_version_and_unpacked_in_time_order() -> None:
    seen = Seen()
    for time in (3, 1, 2):
        seen.add(fingerprint("x", time), time)
    assert [time for time, _ in Seen.unpack(seen.pack())] == [1, 2, 3]
    assert len(seen.pack()) == 3 * 20 * 4 // 3


@pytest.mark.parametrize("damage", [{"start": "soon"}, {"start": None}, {"generation": "x"}])
def test_a_damaged_reset_is_an_error_and_no_first_run(damage: dict[str, object]) -> None:
    document = {**checkpoints.Reset(KEY, 0, 1).document(), **damage}
    with pytest.raises(CheckpointError, match=r"The reset of the checkpoint .* is damaged .* Reset it again"):
        checkpoints.find_checkpoint(KEY, [document], 0)
