from __future__ import annotations

import json

import pytest

from acceptance.checks import Answer, Check, Verdict, yes_if
from acceptance.report import Report

CHECK = Check("one", "Is it?", "By looking.", ("S1",))


def report(*verdicts: Verdict, stopped: str = "") -> Report:
    return Report("Splunk", {"Splunk": "10.0"}, [Answer(CHECK, verdict, "seen") for verdict in verdicts], stopped)


@pytest.mark.parametrize(
    ("verdicts", "stopped", "status"),
    [
        ((Verdict.YES,), "", 0),
        ((Verdict.YES, Verdict.NOT_ASKED), "", 0),
        ((Verdict.YES, Verdict.NO), "", 1),
        ((Verdict.YES, Verdict.UNANSWERED), "", 1),
        ((Verdict.YES, Verdict.NOT_SEEN), "", 0),
        ((Verdict.NOT_ASKED,), "", 2),
        ((Verdict.NOT_SEEN,), "", 2),
        ((), "", 2),
        ((Verdict.YES, Verdict.NO), "The network went away.", 2),
    ],
)
def test_the_status_says_whether_something_is_wrong(verdicts: tuple[Verdict, ...], stopped: str, status: int) -> None:
    assert report(*verdicts, stopped=stopped).status == status


def test_a_no_to_a_question_that_only_informs_is_nothing_wrong() -> None:
    either = Answer(Check("two", "Is it?", "By looking.", informs=True), Verdict.NO, "seen")
    assert Report("Splunk", {}, [either]).status == 0
    assert Report("Splunk", {}, [either, *report(Verdict.NO).answers]).status == 1
    assert "works either way" in Report("Splunk", {}, [either]).for_people()


def test_what_is_wrong_comes_first_for_people() -> None:
    text = report(Verdict.YES, Verdict.NO).for_people()
    assert text.index("NO (1)") < text.index("yes (1)")
    assert text.count("[S1]") == 2
    assert text.endswith("1 NO, 1 yes\n")


def test_a_program_is_given_every_answer() -> None:
    value = json.loads(report(Verdict.YES, Verdict.NO, stopped="Ctrl-C.").as_json())
    assert [answer["verdict"] for answer in value["answers"]] == ["yes", "NO"]
    assert (value["asked"], value["stopped"], value["answers"][0]["settles"]) == ("Splunk", "Ctrl-C.", ["S1"])


def test_an_answer_shows_five_things_that_are_wrong_and_counts_the_others() -> None:
    assert yes_if(CHECK, [], seen="all well") == Answer(CHECK, Verdict.YES, "all well")
    assert yes_if(CHECK, [f"w{n}" for n in range(7)]).seen == "w0; w1; w2; w3; w4; and 2 more"
