"""The doctor's report: what is skipped and why, what checkpoints say, and how it is written."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from defender_alerts.checkpoint.checkpoint import Checkpoint, CheckpointKey
from defender_alerts.diagnostics.checkpoints import checkpoints
from defender_alerts.diagnostics.checks import Check, Examination
from defender_alerts.diagnostics.report import (
    NOTICE,
    Finding,
    InputReport,
    Outcome,
    as_json,
    as_text,
    failed,
    failed_by,
    ok,
    warning,
)
from defender_alerts.errors import AuthenticationError, ConfigurationError
from defender_alerts.times import parse_iso, seconds

LOG = logging.getLogger("tests.doctor")
NOW = parse_iso("2026-11-23T12:00:00Z")
KEY = CheckpointKey("defender_siem_alerts", "corp", "0b5e", "commercial", "eu")


def _check(name: str, needs: tuple[str, ...], answers: dict[str, Finding], rests: dict[str, str]) -> Check[None]:
    subjects = {subject: (rests.get(subject, subject),) for subject in answers}
    return Check(name, needs, lambda _: subjects, lambda _, subject: answers[subject])


def test_what_rests_on_a_failure_is_skipped_and_what_rests_on_that_too() -> None:
    examination = Examination(str, LOG)
    for check in (
        _check("first", (), {"a": failed("No.", "Do."), "b": ok("Yes.")}, {}),
        _check("second", ("first",), {"a": ok("Yes."), "b": ok("Yes.")}, {}),
        _check("third", ("second",), {"x": ok("Yes."), "y": ok("Yes.")}, {"x": "a", "y": "b"}),
    ):
        examination.make(check, None)
    results = {(one.check, one.subject): one for one in examination.report("corp", "kind").results}
    assert results["second", "a"].found == "Not checked, because this failed: First (a)."
    assert results["third", "x"].found == "Not checked, because this failed: First (a)."
    assert results["second", "b"].outcome is results["third", "y"].outcome is Outcome.OK


def test_a_check_that_need_not_be_made_is_in_nobodys_way() -> None:
    examination = Examination(str, LOG)
    examination.make(_check("first", (), {"": Finding(Outcome.SKIPPED, "Not needed.")}, {}), None)
    examination.make(_check("second", ("first",), {"": ok("Yes.")}, {}), None)
    assert [one.outcome for one in examination.report("corp", "kind").results] == [Outcome.SKIPPED, Outcome.OK]


def test_an_error_that_nobody_foresaw_ends_one_check_only() -> None:
    def breaks(*_: object) -> Finding:
        raise KeyError("nothing")

    examination = Examination(str, LOG)
    examination.make(Check("first", (), lambda _: {"": ()}, breaks), None)
    examination.note("last", ok("Yes."))
    first, last = examination.report("corp", "kind").results
    assert (first.outcome, "KeyError" in first.found) == (Outcome.FAILED, True)
    assert last.outcome is Outcome.OK


def test_every_text_is_cleaned() -> None:
    examination = Examination(lambda text: text.replace("s3cret", "******"), LOG)
    examination.note("one", warning("It is s3cret.", "Change s3cret."))
    (result,) = examination.report("corp", "kind").results
    assert (result.found, result.advice) == ("It is ******.", "Change ******.")


def test_a_failures_sentence_is_taken_apart_into_what_happened_and_what_to_do() -> None:
    simple = failed_by(ConfigurationError("The proxy refuses it (HTTP 407). Correct it there."))
    assert (simple.found, simple.advice) == ("The proxy refuses it (HTTP 407).", "Correct it there.")
    quoted = failed_by(AuthenticationError("The secret is wrong. Paste it. Microsoft says: AADSTS7: no. (id 1)"))
    assert quoted.found == "The secret is wrong. Microsoft says: AADSTS7: no. (id 1)"
    assert quoted.advice == "Paste it."


# Checkpoints.


def _document(**changes: Any) -> dict[str, Any]:
    checkpoint = Checkpoint.first(KEY, NOW - seconds(60))
    return {**checkpoint.document(), **changes}


def _found(interval: str = "300", **changes: Any) -> Finding:
    ((region, finding),) = checkpoints([_document(**changes)], interval, NOW)
    assert region == "eu"
    return finding


def test_a_place_tells_watermark_lag_and_memory() -> None:
    found = _found()
    assert found.outcome is Outcome.OK
    assert "up to 2026-11-23T11:59:00.0000000Z (60 s ago), remembers 0 versions" in found.found


@pytest.mark.parametrize(
    ("interval", "hours", "outcome"),
    [
        ("300", 0.2, Outcome.OK),
        ("300", 0.3, Outcome.WARNING),
        ("3600", 2.9, Outcome.OK),
        ("3600", 3.1, Outcome.WARNING),
        ("0 3 * * *", 23.0, Outcome.OK),
        ("0 3 * * *", 25.0, Outcome.WARNING),
    ],
)
def test_a_place_is_late_after_three_intervals(interval: str, hours: float, outcome: Outcome) -> None:
    document = Checkpoint.first(KEY, NOW - seconds(hours * 3600)).document()
    ((_, found),) = checkpoints([document], interval, NOW)
    assert found.outcome is outcome


def test_a_damaged_place_fails_and_other_documents_are_left_out() -> None:
    assert _found(seen="!").outcome is Outcome.FAILED
    assert _found(layout=99).outcome is Outcome.FAILED
    assert list(checkpoints([{"_key": f"{KEY}:reset", "start": "x"}], "300", NOW)) == []


# Written.


def _report(*findings: tuple[str, Finding]) -> InputReport:
    examination = Examination(str, LOG)
    for check, finding in findings:
        examination.note(check, finding)
    return examination.report("corp", "defender_siem_alerts")


def test_the_text_says_first_what_it_comes_to_and_what_to_fix_and_last_what_passed() -> None:
    findings = (
        ("dns", ok("Yes.")),
        ("clock", warning("Slow.", "Set it.")),
        ("tls", failed("Untrusted.", "Trust it.")),
        ("user", ok("Admin.")),
    )
    text = as_text([_report(*findings)], "2026-11-23T12:00:00Z")
    assert " ".join(text.split()).startswith(NOTICE)
    order = ("1 check failed, 1 warning. Fix this first: TLS certificate.", "-> Trust it.", "-> Set it.", "DNS", "User")
    checkpoints = [text.index(words) for words in order]
    assert checkpoints == sorted(checkpoints)


@pytest.mark.parametrize(
    ("findings", "verdict"),
    [
        ([ok("Yes.")], "Nothing failed."),
        ([warning("Hm.", "Do.")], "Nothing failed, 1 warning."),
        ([warning("Hm.", "Do."), warning("Hm.", "Do.")], "Nothing failed, 2 warnings."),
        ([failed("No.", "Do."), failed("No.", "Do.")], "2 checks failed. Fix this first: Microsoft API."),
    ],
)
def test_the_verdict_counts(findings: list[Finding], verdict: str) -> None:
    assert _report(*(("api", finding) for finding in findings)).verdict == verdict


def test_several_inputs_are_summed_up_before_the_first_is_told_of() -> None:
    good, bad = _report(("dns", ok("Yes."))), _report(("tls", failed("Untrusted.", "Trust it.")))
    text = as_text([good, bad], "now")
    summary = text[text.index("Made at now") : text.index("Input corp")]
    assert [line.split(maxsplit=1)[1] for line in summary.splitlines()[2:4]] == ["Nothing failed", "1 check failed"]
    assert "corp  Nothing failed" not in as_text([good], "now")


def test_quiet_leaves_out_what_passed() -> None:
    broken = _report(("dns", ok("Yes.")), ("tls", failed("Untrusted.", "Trust it.")))
    text = as_text([broken], "now", quiet=True)
    assert "Trust it." in text
    assert "DNS" not in text
    assert NOTICE.split()[0] not in text
    good = as_text([_report(("dns", ok("Yes.")))], "now", quiet=True)
    assert good == "Input corp (defender_siem_alerts)\n  Nothing failed.\n"


def test_the_json_holds_the_same() -> None:
    written = json.loads(as_json([_report(("tls", failed("Untrusted.", "Trust it.")))], "2026-11-23T12:00:00Z"))
    assert written["notice"] == NOTICE
    (one,) = written["inputs"]
    assert (one["input"], one["kind"], one["healthy"]) == ("corp", "defender_siem_alerts", False)
    assert one["checks"] == [
        {
            "check": "tls",
            "subject": "",
            "outcome": "failed",
            "found": "Untrusted.",
            "advice": "Trust it.",
            "title": "TLS certificate",
        }
    ]
