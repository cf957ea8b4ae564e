"""Each row of the matrix happens for real, and every column of it holds."""

from __future__ import annotations

import pytest
from faults.api import API
from faults.kvstore import KV_STORE
from faults.machine import MACHINE
from faults.network import NETWORK
from faults.polls import Polls
from faults.processes import Processes
from faults.row import Row
from faults.size import HUGE
from faults.splunk import SPLUNK
from faults.token_endpoint import TOKEN_ENDPOINT


@pytest.mark.parametrize("row", TOKEN_ENDPOINT.rows, ids=lambda row: row.name)
def test_a_fault_of_the_token_endpoint_ends_as_its_row_says(polls: Polls, row: Row[Polls]) -> None:
    row.play(polls)


@pytest.mark.parametrize("row", API.rows, ids=lambda row: row.name)
def test_a_fault_of_the_API_ends_as_its_row_says(polls: Polls, row: Row[Polls]) -> None:
    row.play(polls)


@pytest.mark.parametrize("row", HUGE.rows, ids=lambda row: row.name)
def test_an_answer_of_any_size_ends_as_its_row_says(processes: Processes, row: Row[Processes]) -> None:
    row.play(processes)


@pytest.mark.parametrize("row", KV_STORE.rows, ids=lambda row: row.name)
def test_a_fault_of_the_KV_store_ends_as_its_row_says(processes: Processes, row: Row[Processes]) -> None:
    row.play(processes)


@pytest.mark.parametrize("row", SPLUNK.rows, ids=lambda row: row.name)
def test_what_Splunk_does_to_a_run_ends_as_its_row_says(processes: Processes, row: Row[Processes]) -> None:
    row.play(processes)


@pytest.mark.parametrize("row", NETWORK.rows, ids=lambda row: row.name)
def test_a_fault_on_the_way_to_Microsoft_ends_as_its_row_says(polls: Polls, row: Row[Polls]) -> None:
    row.play(polls)


@pytest.mark.parametrize("row", MACHINE.rows, ids=lambda row: row.name)
def test_what_this_machine_does_to_a_run_ends_as_its_row_says(polls: Polls, row: Row[Polls]) -> None:
    row.play(polls)
