"""What a run makes is noted before it is made, and taken back after an interruption at any step."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from standins.splunkd import Fault, Splunkd

from acceptance.notes import Note, Notes, NotesError

Accept = Callable[..., tuple[int, list[str]]]
LeftIn = Callable[[Splunkd], dict[str, Any]]
MADE = 10
"""How many things a run makes before it waits for Splunk."""
ALIKE = {7, 8, 9}
"""Inputs between the first and the last."""
FIRST = ("--every", "300", "--backlog", "100")


class CrashError(BaseException):
    """The program is gone, as after SIGKILL: nothing of it is carried out any more."""


class At:
    """Raises at the n-th thing that is about to be made; it is noted by then, and not made yet."""

    def __init__(self, number: int, what: type[BaseException]) -> None:
        self._number = number
        self._what = what
        self.name = ""

    def __call__(self, line: str) -> None:
        if " making " in line:
            self._number -= 1
            if self._number == 0:
                self.name = line.partition(" making ")[2]
                raise self._what


def noted(folder: Path) -> list[str]:
    """Give what is noted."""
    path = folder / "notes"
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    return [str(json.loads(line)["what"]) for line in lines[1:]]


@pytest.mark.parametrize("number", sorted({*range(1, MADE + 2)} - ALIKE))
def test_after_a_crash_at_any_step_clean_up_leaves_nothing(
    splunkd: Splunkd, accept: Accept, left_in: LeftIn, tmp_path: Path, number: int
) -> None:
    before = left_in(splunkd)
    crash = At(number, CrashError)
    if number <= MADE:
        with pytest.raises(CrashError):
            accept(splunkd, *FIRST, on_line=crash)
        assert noted(tmp_path)[-1] == crash.name
    else:
        with pytest.raises(CrashError):
            accept(splunkd, *FIRST, on_line=behind_the_last)
        assert left_in(splunkd) != before
    status, lines = accept(splunkd, "--clean-up")
    assert status == 0, lines
    assert left_in(splunkd) == before
    assert not (tmp_path / "notes").exists()


def behind_the_last(line: str) -> None:
    """Crash when everything is made."""
    if " waiting for " in line:
        raise CrashError


@pytest.mark.parametrize(
    ("what", "said"), [(KeyboardInterrupt, "Ctrl-C."), (KeyError, "The program itself failed: KeyError.")]
)
def test_ctrl_c_and_a_defect_of_the_program_take_everything_back_at_once(  # noqa: PLR0917 - pytest passes them by name
    splunkd: Splunkd, accept: Accept, left_in: LeftIn, tmp_path: Path, what: type[BaseException], said: str
) -> None:
    before = left_in(splunkd)
    status, lines = accept(splunkd, *FIRST, on_line=At(5, what))
    assert status == 2
    assert json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))["stopped"] == said
    assert left_in(splunkd) == before, lines
    assert not (tmp_path / "notes").exists()


def test_what_can_not_be_taken_back_stays_noted_and_the_rest_is_gone(
    splunkd: Splunkd, accept: Accept, left_in: LeftIn
) -> None:
    before = left_in(splunkd)
    with pytest.raises(CrashError):
        accept(splunkd, *FIRST, on_line=At(5, CrashError))
    fault = splunkd.faults.add(Fault("TA_defender_alerts_account", frozenset({"DELETE"}), status=503, times=1))
    status, lines = accept(splunkd, "--clean-up")
    assert status == 1
    assert fault.hits == 1
    assert "is still there" in lines[-1]
    left = left_in(splunkd)
    assert left["indexes"] == before["indexes"]
    status, _ = accept(splunkd, "--clean-up")
    assert status == 0
    assert left_in(splunkd) == before
    assert accept(splunkd, "--clean-up")[0] == 0


def test_a_run_begins_only_when_the_one_before_is_taken_back(splunkd: Splunkd, accept: Accept, tmp_path: Path) -> None:
    with pytest.raises(CrashError):
        accept(splunkd, *FIRST, on_line=At(1, CrashError))
    calls = len(splunkd.journal)
    status, lines = accept(splunkd, *FIRST)
    assert status == 2
    assert "--clean-up" in lines[-1]
    assert {call.method for call in splunkd.journal[calls:] if not call.path.endswith("/login")} == {"GET"}
    assert len(noted(tmp_path)) == 1


def test_notes_are_read_the_latest_first_and_without_a_line_that_was_being_written(tmp_path: Path) -> None:
    notes = Notes(tmp_path / "notes")
    notes.begin("https://one.example:8089")
    made = [Note("the index", "delete", "services/data/indexes/x"), Note("the proxy", "post", "p", {"a": "1"})]
    for note in made:
        notes.add(note)
    with (tmp_path / "notes").open("a", encoding="utf-8") as file:
        file.write('{"what": "the acc')
    assert notes.read() == ("https://one.example:8089", made[::-1])


@pytest.mark.parametrize("text", ["", "{}\n", "no json\n", '{"splunk": "x"}\n{"other": 1}\n'])
def test_notes_that_can_not_be_read_are_said_to_be(tmp_path: Path, text: str) -> None:
    (tmp_path / "notes").write_text(text, encoding="utf-8")
    with pytest.raises(NotesError, match="can't be read"):
        Notes(tmp_path / "notes").read()


def test_what_stands_in_the_notes_is_taken_back_in_that_splunk_alone(
    splunkd: Splunkd, accept: Accept, tmp_path: Path
) -> None:
    Notes(tmp_path / "notes").begin("https://other.example:8089")
    status, lines = accept(splunkd, "--clean-up")
    assert (status, "other.example" in lines[-1]) == (2, True)


def test_what_can_not_be_noted_is_not_made(splunkd: Splunkd, accept: Accept, left_in: LeftIn, tmp_path: Path) -> None:
    before = left_in(splunkd)
    status, lines = accept(splunkd, *FIRST, "--notes", str(tmp_path))
    assert (status, "can't be written" in lines[-1]) == (2, True)
    assert left_in(splunkd) == before
