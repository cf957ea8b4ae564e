"""A log that can't be written costs the log alone: the run goes on, and says so in splunkd.log."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from integration.installation import COLLECTION, KIND, NARROW, Install, Installation, set_up
from standins.splunkd import InputRun

NOBODY = 65_534
LOG = f"ta_defender_alerts_{KIND}_{NARROW}.log"


@pytest.fixture(scope="module")
def of_nobody(install: Install) -> Installation:
    """Give an installation of its own whose processes are an unprivileged user's: root may write anywhere."""
    installation = set_up(install(), regions="eu")
    splunkd = installation.splunkd
    for folder in splunkd.home.parents:
        if folder.stat().st_uid == os.geteuid() and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o011)
    if os.geteuid() == 0:
        for path in (splunkd.home, *splunkd.home.rglob("*")):
            os.chown(path, NOBODY, NOBODY)
        splunkd.run_as(NOBODY)
    return installation


@pytest.fixture
def home(of_nobody: Installation) -> Iterator[Installation]:
    """Give that installation with three alerts to collect, and a new folder of logs."""
    of_nobody.reset()
    of_nobody.publish("eu", of_nobody.alerts(3))
    logs = _logs(of_nobody)
    yield of_nobody
    if logs.exists():
        logs.chmod(0o755)
        shutil.rmtree(logs)
    logs.mkdir()
    if os.geteuid() == 0:
        os.chown(logs, NOBODY, NOBODY)


def _logs(installation: Installation) -> Path:
    return installation.splunkd.home / "var" / "log" / "splunk"


def _owned_by_root(logs: Path) -> None:
    (logs / LOG).touch()
    (logs / LOG).chmod(0o400)
    if os.geteuid() == 0:
        os.chown(logs / LOG, 0, 0)


def _folder_read_only(logs: Path) -> None:
    if os.geteuid() == 0:
        os.chown(logs, 0, 0)
    logs.chmod(0o555)


def _errors(run: InputRun) -> list[str]:
    return [line for line in run.stderr if line.startswith("ERROR ")]


@pytest.mark.parametrize(
    ("break_it", "words"),
    [
        pytest.param(_owned_by_root, "Permission denied", id="owned by root"),
        pytest.param(_folder_read_only, "Permission denied", id="read-only folder"),
        pytest.param(lambda logs: (logs / LOG).mkdir(), "Is a directory", id="a folder in its place"),
        pytest.param(lambda logs: (logs / LOG).symlink_to("/nowhere/at/all"), "No such file", id="a link to nowhere"),
        pytest.param(shutil.rmtree, "No such file", id="no folder"),
    ],
)
def test_a_run_collects_though_its_log_cannot_be_written(
    home: Installation, break_it: Callable[[Path], object], words: str
) -> None:
    break_it(_logs(home))
    run = home.splunkd.run_input(KIND, NARROW)
    assert (run.status, len(run.events)) == (0, 3), run.stderr
    [error] = _errors(run)
    assert f"{LOG} can't be written (" in error
    assert words in error
    assert [line for line in run.stderr if "Traceback" in line] == []
    # What the run has to say is there all the same.
    assert [line for line in run.stderr if line.startswith("INFO ") and "action=region_done" in line]
    [last_error] = [one for one in home.splunkd.kvstore.documents(COLLECTION) if one["_key"].endswith(":last_error")]
    assert f"{LOG} can't be written" in last_error["sentence"]


def test_an_error_of_such_a_run_is_said_once(home: Installation) -> None:
    _owned_by_root(_logs(home))
    home.application.secrets.clear()
    run = home.splunkd.run_input(KIND, NARROW)
    assert run.status == 2
    unwritable, error = _errors(run)
    assert "can't be written" in unwritable
    assert "AADSTS7000215" in error
