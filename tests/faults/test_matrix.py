"""Each row of the matrix happens for real, with each kind of input that it names, and every column of it holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from faults.administrator import ADMINISTRATOR, AtStep
from faults.kvstore import KV_STORE
from faults.memory import MEMORY
from faults.polls import Polls
from faults.processes import Processes
from faults.row import Group, Row
from faults.size import HUGE
from faults.splunk import SPLUNK
from faults.subjects import Subject
from faults.table import GROUPS

ON_PROCESSES: tuple[Group[Any], ...] = (HUGE, KV_STORE, MEMORY, SPLUNK)
ON_POLLS = tuple(group for group in GROUPS if group not in (*ON_PROCESSES, ADMINISTRATOR))


def plays(*groups: Group[Any]) -> pytest.MarkDecorator:
    """Run a test for each row of these groups, and each kind of input that it is played with."""
    found = [
        pytest.param(row, subject, id=f"{group.title}: {row.name} - {subject.name}")
        for group in groups
        for row, subject in group.plays()
    ]
    return pytest.mark.parametrize(("row", "subject"), found)


@plays(*ON_POLLS)
def test_a_fault_at_Microsoft_on_the_way_or_of_this_machine_ends_as_its_row_says(
    polls: Callable[[Subject], Polls], row: Row[Polls], subject: Subject
) -> None:
    row.play(polls(subject))


@plays(*ON_PROCESSES)
def test_a_fault_between_the_add_on_and_Splunk_ends_as_its_row_says(
    processes: Callable[[Subject], Processes], row: Row[Processes], subject: Subject
) -> None:
    row.play(processes(subject))


@plays(ADMINISTRATOR)
def test_what_an_administrator_does_at_any_step_of_a_run_ends_as_its_row_says(
    polls: Callable[[Subject], Polls], row: Row[Polls], subject: Subject
) -> None:
    assert isinstance(row.provoke, AtStep)
    for step in row.provoke.steps(polls(subject)):
        replace(row, provoke=replace(row.provoke, step=step)).play(polls(subject))
