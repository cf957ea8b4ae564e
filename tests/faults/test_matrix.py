"""Each row of the matrix happens for real, with each kind of input that it names, and every column of it holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from faults.administrator import ADMINISTRATOR, AtStep
from faults.api import API
from faults.kvstore import KV_STORE
from faults.machine import MACHINE
from faults.memory import MEMORY
from faults.network import NETWORK
from faults.polls import Polls
from faults.processes import Processes
from faults.row import Group, Row
from faults.size import HUGE
from faults.splunk import SPLUNK
from faults.subjects import Subject
from faults.todays import TODAYS_APIS
from faults.token_endpoint import TOKEN_ENDPOINT

OnPolls = Callable[[Subject], Polls]
OnProcesses = Callable[[Subject], Processes]


def plays(group: Group[Any]) -> pytest.MarkDecorator:
    """Run a test for each row of a group, and each kind of input that it is played with."""
    found = [pytest.param(row, subject, id=f"{row.name} - {subject.name}") for row, subject in group.plays()]
    return pytest.mark.parametrize(("row", "subject"), found)


@plays(TOKEN_ENDPOINT)
def test_a_fault_of_the_token_endpoint_ends_as_its_row_says(polls: OnPolls, row: Row[Polls], subject: Subject) -> None:
    row.play(polls(subject))


@plays(API)
def test_a_fault_of_the_API_ends_as_its_row_says(polls: OnPolls, row: Row[Polls], subject: Subject) -> None:
    row.play(polls(subject))


@plays(TODAYS_APIS)
def test_a_fault_of_todays_APIs_ends_as_its_row_says(polls: OnPolls, row: Row[Polls], subject: Subject) -> None:
    row.play(polls(subject))


@plays(HUGE)
def test_an_answer_of_any_size_ends_as_its_row_says(
    processes: OnProcesses, row: Row[Processes], subject: Subject
) -> None:
    row.play(processes(subject))


@plays(KV_STORE)
def test_a_fault_of_the_KV_store_ends_as_its_row_says(
    processes: OnProcesses, row: Row[Processes], subject: Subject
) -> None:
    row.play(processes(subject))


@plays(MEMORY)
def test_a_fault_of_the_memory_of_split_alerts_ends_as_its_row_says(
    processes: OnProcesses, row: Row[Processes], subject: Subject
) -> None:
    row.play(processes(subject))


@plays(SPLUNK)
def test_what_Splunk_does_to_a_run_ends_as_its_row_says(
    processes: OnProcesses, row: Row[Processes], subject: Subject
) -> None:
    row.play(processes(subject))


@plays(ADMINISTRATOR)
def test_what_an_administrator_does_at_any_step_of_a_run_ends_as_its_row_says(
    polls: OnPolls, row: Row[Polls], subject: Subject
) -> None:
    assert isinstance(row.provoke, AtStep)
    for step in row.provoke.steps(polls(subject)):
        replace(row, provoke=replace(row.provoke, step=step)).play(polls(subject))


@plays(NETWORK)
def test_a_fault_on_the_way_to_Microsoft_ends_as_its_row_says(
    polls: OnPolls, row: Row[Polls], subject: Subject
) -> None:
    row.play(polls(subject))


@plays(MACHINE)
def test_what_this_machine_does_to_a_run_ends_as_its_row_says(
    polls: OnPolls, row: Row[Polls], subject: Subject
) -> None:
    row.play(polls(subject))
