"""What the Inputs page says of how an input is doing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from defender_alerts.checkpoint.checkpoint import Checkpoint, CheckpointKey, Reset, resets
from defender_alerts.checkpoint.last_error import LastError
from defender_alerts.splunk.inputs import KnownInput
from defender_alerts.splunk.pages.status_model import InputStatus, statuses
from defender_alerts.times import parse_iso, seconds

KIND, NAME, TENANT = "defender_siem_alerts", "corp", "01234567-89ab-cdef-0123-456789abcdef"
NOW = parse_iso("2026-11-23T12:00:00Z")
MINUTE = seconds(60)
RESOURCE = "https://graph.windows.net"


def known(regions: str = "eu,us", **fields: str) -> KnownInput:
    """Give an input of the SIEM API."""
    return KnownInput(KIND, NAME, {"account": "corp", "regions": regions, "resource": RESOURCE, **fields})


def checkpoint(
    region: str, *, collected: int | None = NOW - MINUTE, behind: int = MINUTE, tenant: str = TENANT
) -> Checkpoint:
    """Give a place that is a minute behind."""
    made = Checkpoint.first(CheckpointKey(KIND, NAME, tenant, "commercial", region), NOW - behind)
    made.collected = collected
    return made


def last_error(region: str, time: int, sentence: str = "Paste a new secret.") -> LastError:
    """Give what went wrong."""
    return LastError(KIND, NAME, region, time, "authentication_error", sentence)


def status(*documents: Mapping[str, Any], of: KnownInput | None = None) -> InputStatus:
    """Give the status of one input."""
    [one] = statuses([of or known()], documents)
    return one


def test_an_input_without_a_document_is_not_on_this_host() -> None:
    found = status()
    assert (found.is_here, found.collected, found.latest_error) == (False, None, None)
    assert [region.region for region in found.regions] == ["eu", "us"]


def test_documents_of_another_input_of_the_same_name_do_not_count() -> None:
    other = checkpoint("eu").document()
    assert not status({**other, "kind": "defender_graph_alerts"}).is_here


def test_an_input_is_as_late_as_its_latest_region() -> None:
    found = status(
        checkpoint("eu").document(), checkpoint("us", collected=NOW - 9 * MINUTE, behind=10 * MINUTE).document()
    )
    shown = found.shown(NOW)
    assert (shown["here"], shown["collected"], shown["lag_seconds"]) == (True, "2026-11-23T11:51:00.0000000Z", 600.0)


def test_an_input_with_a_region_that_never_came_through_never_came_through() -> None:
    assert status(checkpoint("eu").document()).collected is None
    assert status(checkpoint("eu").document(), checkpoint("us", collected=None).document()).collected is None


def test_the_lag_is_not_known_where_one_region_has_none() -> None:
    assert status(checkpoint("eu").document()).shown(NOW)["lag_seconds"] is None
    assert status(checkpoint("eu").document(), of=known("eu")).shown(NOW)["lag_seconds"] == 60.0


def test_a_lag_is_never_negative() -> None:
    assert status(checkpoint("eu", behind=-MINUTE).document()).regions[0].lag(NOW) == 0


def test_what_went_wrong_counts_until_the_region_has_been_collected_again() -> None:
    eu = checkpoint("eu", collected=NOW).document()
    assert status(eu, last_error("eu", NOW).document()).latest_error is None
    later = last_error("eu", NOW + 1)
    assert status(eu, later.document()).latest_error == later
    assert status(eu, last_error("us", NOW - MINUTE).document()).latest_error == last_error("us", NOW - MINUTE)


def test_what_went_wrong_before_the_regions_counts_until_any_has_been_collected() -> None:
    eu = checkpoint("eu", collected=NOW).document()
    assert status(eu, last_error("", NOW - 1).document()).latest_error is None
    assert status(eu, last_error("", NOW + 1).document()).last_error == last_error("", NOW + 1)
    assert status(last_error("", NOW).document()).is_here


def test_the_latest_of_several_troubles_is_the_inputs() -> None:
    documents = [last_error(region, time).document() for region, time in (("eu", NOW), ("us", NOW + 2), ("", NOW + 1))]
    assert status(*documents).latest_error == last_error("us", NOW + 2)


def test_an_ordered_restart_is_shown_until_a_run_has_obeyed_it() -> None:
    eu = checkpoint("eu")
    [order] = resets([eu.document()], NOW - seconds(86_400))
    assert status(eu.document(), order.document()).regions[0].restart == order.start
    eu.generation = order.generation
    assert status(eu.document(), order.document()).regions[0].restart is None


def test_of_two_tenants_the_one_collected_last_is_shown() -> None:
    former = checkpoint("eu", collected=NOW - 9 * MINUTE, tenant="former")
    assert status(former.document(), checkpoint("eu").document()).regions[0].collected == NOW - MINUTE


def test_a_place_of_a_former_version_and_a_damaged_one_are_shown_as_far_as_they_can_be() -> None:
    document = checkpoint("eu").document()
    for name in ("collected", "remembered"):
        del document[name]
    [eu] = status({**document, "watermark": "yesterday"}, of=known("eu")).regions
    assert (eu.collected, eu.watermark, eu.remembered, eu.lag(NOW)) == (None, None, None, None)


def test_an_input_with_a_mistake_in_it_shows_the_regions_of_its_documents() -> None:
    found = status(checkpoint("eu").document(), last_error("", NOW).document(), of=known("", resource="wrong"))
    assert [region.region for region in found.regions] == ["eu"]


def test_a_trouble_survives_the_store_and_is_taken_for_nothing_else() -> None:
    for region in ("", "eu"):
        assert LastError.of(last_error(region, NOW).document()) == last_error(region, NOW)
    mine = last_error("eu", NOW).document()
    others = (checkpoint("eu").document(), Reset(checkpoint("eu").key, NOW, 1).document())
    for document in (*others, {**mine, "time": 3}, {**mine, "_key": "another"}):
        assert LastError.of(document) is None


def test_no_tenant_is_given_out() -> None:
    assert TENANT not in str(status(checkpoint("eu").document()).shown(NOW))


def test_a_reset_names_the_places_alone() -> None:
    documents = [checkpoint("eu").document(), checkpoint("us").document(), last_error("eu", NOW).document()]
    assert [reset.key.region for reset in resets(documents, NOW)] == ["eu", "us"]
    [again] = resets([*documents, *(reset.document() for reset in resets(documents, NOW))], NOW, "us")
    assert (again.key.region, again.generation) == ("us", 2)
