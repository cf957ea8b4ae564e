"""Every limit in the code that collects has a test that goes beyond it: a new one without is red.

A limit is a number at which the code begins to do something else: it gives up, cuts, forgets, leaves to the next run. Such
numbers have names (ruff's PLR2004 lets no comparison have a bare one), and stand at the top of a module or of a class.
"""

from __future__ import annotations

import ast
import importlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tooling import paths

TESTS = paths.ROOT / "tests"
PRODUCT = paths.ROOT / "package" / "bin" / "defender_alerts"
# What collecting consists of; who knows whom is in docs/architecture.md.
COLLECTING = (
    *(
        "collect/page.py",
        "microsoft/aadsts.py",
        "microsoft/tokens.py",
        "microsoft/entra_refusals.py",
        "collect/region.py",
        "collect/delivery.py",
        "collect/events.py",
        "checkpoint/writer.py",
        "collect/missing_alerts.py",
        "collect/recollection.py",
    ),
    *(
        "checkpoint/split_alerts.py",
        "checkpoint/checkpoint.py",
        "collect/poll.py",
        "collect/reader.py",
        "microsoft/json_stream.py",
        "collect/regions.py",
        "checkpoint/versions.py",
        "collect/windows.py",
    ),
    *("microsoft/apis/*.py", "microsoft/transport/*.py"),
    *(
        "splunk/kvstore.py",
        "splunk/resetting.py",
        "splunk/modular_input.py",
        "splunk/rest_client.py",
    ),
)


@dataclass(frozen=True)
class Sweep:
    """Which test goes beyond a limit.

    Attributes:
        test: file and function.
        furthest: how far it goes, in the limit's own unit; None: it takes its numbers from the limit, by its name.
    """

    test: str
    furthest: float | None = None


_PAST, _MISSING = "unit/test_past_limits.py", "unit/test_missing_alerts.py"
_STOPPING = Sweep(
    "integration/test_stopping.py::test_SIGTERM_ends_the_process_in_time_where_Splunk_has_never_read_at_all", math.inf
)
_THOUSANDS = (
    "unit/test_moving_records.py::"
    "test_thousands_of_records_of_which_some_move_are_delivered_once_in_time_order_at_half_of_the_limits"
)
_BACKOFFS = Sweep("unit/test_client.py::test_without_Retry_After_the_waits_double_with_jitter_up_to_a_minute", 256)
_SPLUNKD = Sweep("unit/test_patience.py::test_a_splunkd_that_is_busy_for_less_than_two_minutes_is_waited_for", 50)
_STARTING = Sweep("unit/test_kvstore.py::test_a_store_that_is_starting_is_waited_for_so_long_and_no_longer")
_CALLS = "faults/test_counts.py::test_any_number_of_calls_that_fail_in_a_row_delays_what_there_is_and_no_more"
_ANY_WINDOWS = "unit/test_windows.py::test_empty_answers_widen_the_windows_up_to_eight_days"
_ANY_VOLUME = (
    "unit/test_windows.py::test_whatever_the_volume_does_few_answers_are_cut_short_and_few_windows_are_asked_for"
)
_SPARSE = Sweep(_ANY_WINDOWS, 100 * 86_400 * 10_000_000)

LIMITS = {
    "microsoft.apis.endpoint_alerts._ALERTS": Sweep(_THOUSANDS, 12_000),
    "microsoft.apis.graph_alerts._ALERTS": Sweep(_THOUSANDS, 5_000),
    "microsoft.apis.incidents._INCIDENTS": Sweep(_THOUSANDS, 2_500),
    "microsoft.apis.graph_alerts.LIMITS": Sweep(
        "unit/test_pace.py::test_however_many_calls_there_are_half_of_each_limit_is_used_and_no_more", 200
    ),
    "microsoft.apis.odata._TRIES_FOR_ONE": Sweep(f"{_MISSING}::test_an_outage_of_any_length_costs_no_alert", 25),
    "microsoft.apis.odata.Collection.most_skip": Sweep(
        f"{_PAST}::test_an_instant_of_any_size_is_collected_as_far_as_records_can_be_skipped_and_then_by_links"
    ),
    "microsoft.apis.base.RETENTION": Sweep(
        "unit/test_starting_point.py::test_a_start_before_Microsofts_memory_is_said", 1_800 * 86_400 * 10_000_000
    ),
    "microsoft.apis.siem_alerts.MOST_RECORDS": Sweep(f"{_PAST}::test_any_number_of_alerts_in_an_hour_comes_once"),
    "microsoft.tokens._MOST_ASSERTIONS": Sweep(
        "unit/test_tokens.py::test_however_often_assertions_are_refused_a_run_makes_a_few_and_the_next_one_collects"
    ),
    "collect.reader.LONGEST_ANSWER_KEPT": Sweep(f"{_PAST}::test_an_answer_of_any_length_costs_few_calls"),
    "collect.region._SMALLEST_GAP": Sweep(
        "unit/test_starting_point.py::test_a_start_before_Microsofts_memory_is_said", 1_620 * 86_400 * 10_000_000
    ),
    "collect.delivery.BATCH_VERSIONS": Sweep(
        f"{_PAST}::test_any_number_of_versions_is_written_in_batches_of_a_thousand"
    ),
    "collect.delivery.BATCH_BYTES": Sweep(
        f"{_PAST}::test_any_number_of_bytes_is_written_in_batches_that_one_version_alone_makes_larger"
    ),
    "collect.events._PIECE": Sweep("unit/test_events.py::test_events_of_any_length_come_whole"),
    "collect.events._LONGEST_PIECE": _STOPPING,
    "microsoft.transport.body.PIECE": Sweep(
        "unit/test_body.py::test_a_body_arrives_whole_in_steps_that_are_never_larger_than_the_limit"
    ),
    "microsoft.transport.body.LARGEST_BODY": Sweep(
        "unit/test_body.py::test_gigabytes_of_white_space_end_a_region_and_nothing_else", 1_000_000_001
    ),
    "microsoft.transport.body.LONGEST_ARRIVAL": Sweep("unit/test_body.py::test_what_the_service_spends_is"),
    "microsoft.transport.client.FIRST_BACKOFF": _BACKOFFS,
    "microsoft.transport.client.LONGEST_BACKOFF": _BACKOFFS,
    "microsoft.transport.client.LONGEST_RETRY_AFTER": Sweep(
        f"{_PAST}::test_a_wait_of_any_length_is_waited_for_or_left_to_a_later_run"
    ),
    "microsoft.transport.client.LARGEST_TEXT": Sweep(
        "unit/test_body.py::test_a_refusal_is_read_up_to_a_limit_and_said_without_what_is_longer"
    ),
    "microsoft.transport.client.RetryLimits.failures": Sweep(_CALLS, 23),
    "microsoft.transport.client.RetryLimits.throttlings": Sweep(_CALLS, 23),
    "microsoft.transport.server_clock.MOST_SKEW": Sweep(
        f"{_PAST}::test_a_clock_that_is_wrong_by_any_time_hides_nothing_and_is_said_where_it_matters"
    ),
    "microsoft.transport.connection.LONGEST_CONNECT": Sweep(
        "unit/test_connection.py::test_each_address_that_swallows_connections_costs_its_own_short_wait_and_is_named"
    ),
    "splunk.rest_client._MOST_IDLE": Sweep(
        "unit/test_connections.py::test_calls_at_the_same_time_have_a_connection_each_and_their_own_answer"
    ),
    "splunk.kvstore.LONGEST_START": _STARTING,
    "splunk.kvstore._START_POLL": Sweep(_STARTING.test, 300),
    "splunk.kvstore._BACKOFFS": Sweep(
        "unit/test_kvstore.py::test_a_store_that_fails_over_is_tried_again_a_few_times_and_then_left_to_the_next_run"
    ),
    "splunk.modular_input._LONGEST_END": _STOPPING,
    "splunk.modular_input._LONGEST_WORD": _STOPPING,
    "splunk.rest_client._BACKOFFS": _SPLUNKD,
    "splunk.rest_client._LONGEST_BACKOFF": _SPLUNKD,
    "checkpoint.writer._FRESH": Sweep(
        f"{_PAST}::test_a_save_that_comes_any_time_after_the_last_look_does_not_bring_a_deleted_input_back"
    ),
    "collect.missing_alerts.MOST_ASKED_SINGLY": Sweep(
        f"{_MISSING}::test_more_incidents_than_one_run_asks_for_come_with_later_runs"
    ),
    "collect.missing_alerts._MOST_FAILURES_IN_A_ROW": Sweep(
        f"{_MISSING}::test_however_many_incidents_fail_in_a_row_the_others_have_their_turn"
    ),
    "collect.missing_alerts.RUNS_UNTIL_GONE": Sweep(
        f"{_MISSING}::test_an_incident_that_is_not_shown_in_three_runs_is_named_once_and_asked_for_no_more"
    ),
    "collect.recollection.MOST_ORDERED": Sweep(
        "audit/test_volume.py::test_more_missing_alerts_than_an_order_takes_are_left_to_the_next_audit"
    ),
    "checkpoint.split_alerts._KEPT": Sweep(
        "unit/test_split_alerts.py::test_what_no_incident_shows_any_more_is_forgotten",
        500 * 86_400 * 10_000_000,
    ),
    "checkpoint.split_alerts._MOST_DAYS_HELD": Sweep(
        "unit/test_split_alerts.py::test_few_days_are_held_in_memory_however_many_are_touched"
    ),
    "checkpoint.checkpoint.MOST_INCOMPLETE": Sweep(
        f"{_MISSING}::test_more_incidents_than_are_remembered_hold_the_watermark_and_not_the_incidents"
    ),
    "checkpoint.checkpoint.MOST_SEEN": Sweep(
        f"{_PAST}::test_any_number_of_alerts_inside_the_overlap_comes_once_or_ends_the_run_with_what_to_do"
    ),
    "collect.poll.LONGEST_HANDOVER": Sweep(
        "unit/test_two_processes.py::test_a_run_that_finds_another_at_work_goes_on_once_and_then_leaves_the_region_to_it"
    ),
    "collect.reader.MOST_PAGES": Sweep("unit/test_pages.py::test_a_chain_of_too_many_pages_is_an_error_and_no_end"),
    "collect.reader.MOST_READINGS": Sweep(
        f"{_PAST}::test_an_instant_that_moves_for_any_number_of_readings_is_whole_or_left_to_the_next_run"
    ),
    "microsoft.json_stream.LARGEST_RECORD": Sweep(f"{_PAST}::test_a_record_of_any_length_spares_its_neighbours"),
    "microsoft.json_stream._DEEPEST": Sweep(f"{_PAST}::test_a_record_of_any_depth_spares_its_neighbours"),
    "collect.regions.STOP_GRACE": Sweep(
        "integration/test_stopping.py::test_SIGTERM_while_Microsoft_does_not_answer_ends_the_run_soon", math.inf
    ),
    "collect.regions._LONGEST_BATCH": _STOPPING,
    "collect.windows._FIRST_WIDTH": _SPARSE,
    "collect.windows._WIDEST": _SPARSE,
    "collect.windows._MOST_GROWTH": Sweep(_ANY_VOLUME, 1_000),
    "collect.windows._LEAST_CUT": Sweep(_ANY_VOLUME, 1_000),
    "collect.windows._MOST_CUT": Sweep(_ANY_VOLUME, 1_000),
    "collect.windows._FILL": Sweep(_ANY_VOLUME, 1_000),
}

NO_LIMITS = {
    "microsoft.apis.odata._HTTPS": "a port",
    "microsoft.aadsts.ADVICE": "Microsoft's codes",
    "microsoft.entra_refusals._TRANSIENT": "Microsoft's codes",
    "microsoft.transport.body._GZIP_WINDOW": "a format",
    "microsoft.transport.client._REDIRECTS": "codes of HTTP",
    "microsoft.transport.client.Request.accepts": "codes of HTTP",
    "microsoft.transport.session._PARTIAL_CHAIN": "a flag of OpenSSL's",
    "splunk.modular_input._TICK": "how often something is looked at",
    "splunk.rest_client.TIMEOUT": "of one call: what comes then is what comes of a connection that breaks, which is swept",
    "collect.events._BEGINS_FFFE": "a byte of UTF-8",
    "collect.missing_alerts._MOST_NAMED": "how many a sentence names",
    "checkpoint.split_alerts._DAY": "a unit",
    "checkpoint.checkpoint._PARTS": "a format",
    "collect.reader._EVER": "all times there are",
    "microsoft.json_stream._SMALLEST_READ": "how much is read at once",
    "microsoft.json_stream._EXCERPT": "how much a sentence quotes",
    "microsoft.json_stream._LOOK": "how far is looked ahead",
    "collect.regions._TICK": "how often something is looked at",
    "checkpoint.versions.FINGERPRINT_BYTES": "a format",
}


def _numbers(value: ast.expr) -> bool:
    """Whether a number stands in it that is neither 0 nor 1: those are beginnings, flags, and the least that there is."""
    return any(
        isinstance(one, ast.Constant)
        and isinstance(one.value, (int, float))
        and not isinstance(one.value, bool)
        and one.value != 0
        and (isinstance(one.value, float) or one.value != 1)
        for one in ast.walk(value)
    )


def named_numbers(text: str) -> Iterator[str]:
    """The names, in a module or a class, of what is made of numbers."""
    tree = ast.parse(text)
    scopes: list[ast.Module | ast.ClassDef] = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    for scope in (tree, *scopes):
        for statement in scope.body:
            if isinstance(statement, ast.Assign):
                targets, value = statement.targets, statement.value
            elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
                targets, value = [statement.target], statement.value
            else:
                continue
            names = [one.id for target in targets for one in ast.walk(target) if isinstance(one, ast.Name)]
            # By name, or what has a name of this kind stands for a number all the same.
            if _numbers(value) or (isinstance(scope, ast.Module) and any("MOST" in name for name in names)):
                yield from (f"{scope.name}.{name}" if isinstance(scope, ast.ClassDef) else name for name in names)


def _found() -> set[str]:
    found = set()
    for pattern in COLLECTING:
        files = sorted(PRODUCT.glob(pattern))
        assert files, pattern
        for file in files:
            module = ".".join(file.relative_to(PRODUCT).with_suffix("").parts)
            found |= {f"{module}.{name}" for name in named_numbers(file.read_text(encoding="utf-8"))}
    return found


def _value(limit: str) -> Any:
    """What the code has under this name."""
    parts = limit.split(".")
    names = [parts.pop()]
    if parts[-1][0].isupper():
        names.insert(0, parts.pop())
    value: Any = importlib.import_module(f"defender_alerts.{'.'.join(parts)}")
    for name in names:
        # A named tuple keeps the defaults of its fields apart.
        value = getattr(value, "_field_defaults", {}).get(name) or getattr(value, name)
    return value


def _size(value: Any) -> float:
    """How large a limit is: of a collection how many records it gives, of several steps how many there are."""
    if isinstance(value, (int, float)):
        return value
    return float(value.most_records if hasattr(value, "most_records") else len(value))


def test_each_number_of_the_code_that_collects_is_a_limit_with_a_sweep_or_said_to_be_none() -> None:
    assert set(LIMITS).isdisjoint(NO_LIMITS)
    # Each collection has its own, beside how many records it gives.
    assert {*_found(), "microsoft.apis.odata.Collection.most_skip"} == {*LIMITS, *NO_LIMITS}


@pytest.mark.parametrize("limit", LIMITS)
def test_the_sweep_of_each_limit_goes_beyond_it(limit: str) -> None:
    sweep = LIMITS[limit]
    file, _, name = sweep.test.partition("::")
    tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
    assert [one.name for one in ast.walk(tree) if isinstance(one, ast.FunctionDef) and one.name == name] == [name]
    if sweep.furthest is not None:
        assert sweep.furthest > _size(_value(limit))
        return
    used = {one.attr for one in ast.walk(tree) if isinstance(one, ast.Attribute)}
    used |= {one.id for one in ast.walk(tree) if isinstance(one, ast.Name)}
    used |= {one.value for one in ast.walk(tree) if isinstance(one, ast.Constant) and isinstance(one.value, str)}
    assert limit.rpartition(".")[2] in used, f"{file} does not take its numbers from {limit}"
