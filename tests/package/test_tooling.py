"""What build.sh reports: nothing that failed, or did not run, may look as if it had passed."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest

from tooling import checks, cim_models, inspection, package, paths, steps, venvs
from tooling.checks import FAILED, NOT_RUN, PASSED, Check, Outcome, one


def report(**results: str) -> str:
    """Give AppInspect's JSON for these checks: name -> result."""
    names = ("error", "failure", "future_failure", "skipped", "not_applicable", "warning", "success")
    summary = {name: list(results.values()).count(name) for name in names}
    rows = [
        {"name": name, "result": result, "messages": [{"message": f"about {name}"}]} for name, result in results.items()
    ]
    return json.dumps({"summary": summary, "reports": [{"groups": [{"checks": rows}]}]})


def test_warnings_that_are_explained_pass_an_inspection_and_are_named() -> None:
    found = inspection.parse(report(a="success", check_for_python_script_existence="warning", c="not_applicable"))
    assert found.passed
    assert str(found) == "0 errors, 0 failures, 1 warnings"
    assert [finding.check for finding in found.of("warning")] == ["check_for_python_script_existence"]


@pytest.mark.parametrize("result", ["error", "failure"])
def test_an_error_or_a_failure_fails_an_inspection_and_is_shown(
    result: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found = inspection.parse(report(a="success", check_x=result))
    assert not found.passed
    inspection.show(found)
    assert f"{result}: check_x: about check_x" in capsys.readouterr().out


def test_an_inspection_that_checked_nothing_has_not_passed() -> None:
    assert not inspection.parse(report()).passed


JUNIT = (
    "<testsuites><testsuite>"
    "<testcase name='a'/><testcase name='b'/>"
    "<testcase name='c'><failure message='no'/></testcase>"
    "<testcase name='d'><error message='no'/></testcase>"
    "<testcase name='e'><skipped message='no Python 3.9'/></testcase>"
    "</testsuite></testsuites>"
)


def test_pytests_report_is_counted() -> None:
    outcome = checks.counted(JUNIT, 1)
    assert outcome.counts == {PASSED: 2, FAILED: 2, NOT_RUN: 1}
    assert outcome.verdict == FAILED
    assert "1 not run: no Python 3.9" in outcome.detail


def test_what_tests_record_for_the_summary_comes_behind_the_numbers() -> None:
    recorded = (
        "<testsuites><testsuite>"
        "<testcase name='a'><properties><property name='report' value='b: 2 of 2'/></properties></testcase>"
        "<testcase name='b'><properties><property name='report' value='a: all'/></properties></testcase>"
        "<testcase name='c'><properties><property name='other' value='x'/></properties></testcase>"
        "</testsuite></testsuites>"
    )
    assert checks.counted(recorded, 0).detail == "3 passed\na: all\nb: 2 of 2"


def test_the_summary_says_how_long_each_folder_took_the_longest_first() -> None:
    cases = "".join(
        f"<testcase classname='tests.{module}' name='a' time='{time}'/>"
        for module, time in (("unit.test_a", 1.25), ("ui.test_b.TestC", 4), ("unit.test_d", 1.25))
    )
    assert checks.counted(f"<testsuites><testsuite>{cases}</testsuite></testsuites>", 0).detail.splitlines()[1:] == [
        "tests/ui: 1 tests, 4 s of one worker",
        "tests/unit: 2 tests, 2 s of one worker",
    ]


def test_a_folder_of_tests_that_is_not_there_is_an_error_before_anything_is_done() -> None:
    with pytest.raises(steps.StepError, match="There is no folder tests/unti"):
        checks.test(["unit", "unti"])


@pytest.mark.parametrize("status", [1, 2, 3, 5])
def test_pytests_status_counts_where_its_report_has_no_failure(status: int) -> None:
    outcome = checks.counted("<testsuites><testsuite><testcase name='a'/></testsuite></testsuites>", status)
    assert outcome.verdict == FAILED


def last_line(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out.rstrip("\n").rpartition("\n")[2]


def test_the_last_line_of_the_summary_has_the_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    outcomes = [one("build", PASSED), Outcome("pytest", Counter({PASSED: 40}))]
    assert checks.summarize(outcomes, must_run=True) == 0
    assert last_line(capsys) == "41 passed, 0 failed"


def test_one_failure_fails_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert checks.summarize([one("build", PASSED), one("mypy", FAILED, "see log\n\nits end")], must_run=False) == 1
    out = capsys.readouterr().out
    assert "FAILED   mypy                      0 s  see log\n" in out
    assert out.endswith("\n1 passed, 1 failed\n")


def test_what_did_not_run_is_said_and_passes_on_a_developers_machine(capsys: pytest.CaptureFixture[str]) -> None:
    outcomes = [one("build", PASSED), one("Splunk's Python 3.9", NOT_RUN, "needs Debian packages")]
    assert checks.summarize(outcomes, must_run=False) == 0
    out = capsys.readouterr().out
    assert "not run  Splunk's Python 3.9       0 s  needs Debian packages" in out
    assert out.endswith("\n1 passed, 0 failed, 1 skipped\n")


def test_what_did_not_run_fails_in_ci(capsys: pytest.CaptureFixture[str]) -> None:
    assert checks.summarize([one("build", PASSED), one("AppInspect", NOT_RUN, "why")], must_run=True) == 1
    assert last_line(capsys) == "1 passed, 1 failed"


def test_nothing_at_all_is_a_failure(capsys: pytest.CaptureFixture[str]) -> None:
    assert checks.summarize([], must_run=False) == 1
    assert last_line(capsys) == "0 passed, 0 failed"


def test_what_a_machine_cannot_have_is_not_run() -> None:
    def action() -> None:
        raise steps.NotAvailableError("no sudo")

    assert checks.attempt("x", action) == one("x", NOT_RUN, "no sudo")


def test_checks_run_side_by_side_each_behind_what_it_needs_and_all_are_told_of(
    capsys: pytest.CaptureFixture[str],
) -> None:
    second_began = threading.Event()

    def fail() -> None:
        raise steps.StepError("no\nthe end of its log")

    def first() -> None:
        with steps.announced("first"):
            assert second_began.wait(60)

    def second() -> None:
        with steps.announced("second"):
            second_began.set()

    def last() -> None:
        with steps.lent():
            steps.say("held back")
            sys.stdout.write("pytest's own\n")

    needing = ("first", "broken")
    outcomes = checks.run(
        [
            Check("first", first),
            Check("second", second),
            Check("broken", fail),
            Check("needing", pytest.fail, needs=needing),
            Check("last", last, needs=("first", "second"), after=needing),
        ]
    )
    assert [(outcome.name, outcome.verdict) for outcome in outcomes] == [
        ("first", PASSED),
        ("second", PASSED),
        ("broken", FAILED),
        ("needing", NOT_RUN),
        ("last", PASSED),
    ]
    assert outcomes[3].detail == "needs what is not there: broken"
    shown = capsys.readouterr().out
    assert "the end of its log\n" in shown
    assert len(re.findall(r"^  (?:first|second)(?: \.\.\.|:) done in \d+ s$", shown, re.MULTILINE)) == 2
    assert shown.endswith("pytest's own\nheld back\n")


def test_the_checks_wait_for_what_they_are_about() -> None:
    """Each name stands before those that wait for it; pytest waits for all that its tests are run with."""
    listed = checks.checks([])
    for number, check in enumerate(listed):
        assert {*check.needs, *check.after} <= {other.name for other in listed[:number]}
    [last] = [check for check in listed if check.name == "pytest"]
    assert {"build", "Debian's Chromium", "Splunk's Python 3.9", "Splunk's CIM models"} <= {*last.needs, *last.after}
    assert {check.name for check in listed} - {check.name for check in checks.checks(["unit"])} == {
        "ruff check",
        "ruff format",
        "mypy",
        "AppInspect's packages",
        "AppInspect",
    }


def test_a_step_that_fails_shows_the_end_of_its_log(tmp_path: Path) -> None:
    script = "import sys; print('the reason'); sys.exit(3)"
    with pytest.raises(steps.StepError, match=r"(?s)status 3: see \.toolchain/log/.*\nthe reason$"):
        steps.run("test-of-a-failing-step", (venvs.DEV.python, "-c", script), cwd=tmp_path)


def test_a_tree_with_a_problem_is_not_shipped(tmp_path: Path) -> None:
    with pytest.raises(steps.StepError, match=r"bin/x\.py is missing"):
        package.refuse(["bin/x.py is missing"], tmp_path)


def test_a_new_build_takes_the_place_of_the_last_one(tmp_path: Path) -> None:
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch()
    package.replace(tmp_path / "new", tmp_path / "old")
    assert [path.name for path in (tmp_path / "old").iterdir()] == ["new"]
    assert not (tmp_path / "new").exists()


def test_build_sh_explains_itself() -> None:
    done = subprocess.run([paths.ROOT / "build.sh", "help"], capture_output=True, text=True, check=True)
    assert all(f"\n  {command} " in done.stdout for command in ("demo", "test", "build", "inspect", "release", "help"))


def test_build_sh_refuses_a_command_that_it_does_not_have() -> None:
    done = subprocess.run([paths.ROOT / "build.sh", "publish"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")


def test_ci_runs_the_test_command() -> None:
    script = (paths.ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert script.rstrip().endswith("exec ./build.sh test")
    assert os.access(paths.ROOT / ".ci" / "run", os.X_OK)


def test_splunks_python_calls_itself_and_speaks_tls(splunk_python: Path) -> None:
    script = "import ssl, sys; ssl.create_default_context(); print(sys.executable, *sys.version_info[:2], sep='\\n')"
    nested = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {script!r}], check=True)"
    done = subprocess.run([splunk_python, "-c", nested], env={}, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [str(splunk_python), *splunk_python.name.removeprefix("python").split(".")]


def test_the_definitions_of_cim_are_pinned_by_version_and_hash() -> None:
    (line,) = (each for each in cim_models.LOCK.read_text(encoding="utf-8").splitlines() if not each.startswith("#"))
    assert re.fullmatch(r"pytest-splunk-addon==6\.4\.0 --hash=sha256:[0-9a-f]{64}", line)
    assert cim_models.WHEEL.name == "pytest_splunk_addon-6.4.0-py3-none-any.whl"
