"""What build.sh reports: nothing that failed, or did not run, may look as if it had passed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest

from tooling import checks, cim_models, package, paths, steps, venvs
from tooling.checks import FAILED, NOT_RUN, PASSED, Check, Outcome, one

JUNIT = (
    "<testsuites><testsuite>"
    "<testcase name='a'/><testcase name='b'/>"
    "<testcase name='c'><failure message='no'/></testcase>"
    "<testcase name='d'><error message='no'/></testcase>"
    "<testcase name='e'><skipped message='no Python 3.9'/></testcase>"
    "</testsuite></testsuites>"
)


RECORDED = (
    "<testsuites><testsuite>"
    "<testcase name='a'><properties><property name='report' value='b: 2 of 2'/></properties></testcase>"
    "<testcase name='b'><properties><property name='report' value='a: all'/></properties></testcase>"
    "<testcase name='c'><properties><property name='other' value='x'/></properties></testcase>"
    "</testsuite></testsuites>"
)
TIMED = (
    "<testsuites><testsuite>"
    "<testcase classname='tests.unit.test_a' name='a' time='1.25'/>"
    "<testcase classname='tests.ui.test_b.TestC' name='a' time='4'/>"
    "<testcase classname='tests.unit.test_d' name='a' time='1.25'/>"
    "</testsuite></testsuites>"
)


@pytest.mark.parametrize(
    ("xml", "status", "verdict", "detail"),
    [
        (JUNIT, 1, FAILED, "2 passed, 2 failed, 1 not run\n1 not run: no Python 3.9"),
        # What tests record for the summary comes behind the numbers; then each folder, the longest first.
        (RECORDED, 0, PASSED, "3 passed\na: all\nb: 2 of 2"),
        (TIMED, 0, PASSED, "3 passed\ntests/ui: 1 tests, 4 s of one worker\ntests/unit: 2 tests, 2 s of one worker"),
        # Pytest's status counts where its report has no failure.
        *((RECORDED, status, FAILED, f"pytest ended with status {status}.") for status in (1, 2, 3, 5)),
    ],
)
def test_pytests_report_is_counted(xml: str, status: int, verdict: str, detail: str) -> None:
    outcome = checks.counted(xml, status)
    assert (outcome.verdict, outcome.detail) == (verdict, detail)


def test_a_folder_of_tests_that_is_not_there_is_an_error_before_anything_is_done() -> None:
    with pytest.raises(steps.StepError, match="There is no folder tests/unti"):
        checks.test(["unit", "unti"])


BUILT = one("build", PASSED)
MISSING = one("Splunk's Python 3.9", NOT_RUN, "needs Debian packages")


@pytest.mark.parametrize(
    ("outcomes", "must_run", "status", "shown"),
    [
        ([BUILT, Outcome("pytest", Counter({PASSED: 40}))], True, 0, "\n41 passed, 0 failed\n"),
        ([BUILT, one("mypy", FAILED, "see log\n\nits end")], False, 1, "\n1 passed, 1 failed\n"),
        (
            [BUILT, one("mypy", FAILED, "see log\n\nits end")],
            False,
            1,
            "FAILED   mypy                      0 s  see log\n",
        ),
        # What did not run is said and passes on a developer's machine, and fails in CI.
        ([BUILT, MISSING], False, 0, "not run  Splunk's Python 3.9       0 s  needs Debian packages"),
        ([BUILT, MISSING], False, 0, "\n1 passed, 0 failed, 1 skipped\n"),
        ([BUILT, MISSING], True, 1, "\n1 passed, 1 failed\n"),
        # Nothing at all is a failure.
        ([], False, 1, "0 passed, 0 failed\n"),
    ],
)
def test_the_summary_says_what_passed_failed_and_did_not_run(
    capsys: pytest.CaptureFixture[str], outcomes: list[Outcome], status: int, shown: str, *, must_run: bool
) -> None:
    assert checks.summarize(outcomes, must_run=must_run) == status
    out = capsys.readouterr().out
    assert shown in out
    assert out.endswith(shown) or not shown.endswith("failed\n")


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
