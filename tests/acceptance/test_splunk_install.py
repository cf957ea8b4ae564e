"""A Splunk without the add-on: it is installed from a path on the server, and gone again in the end."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from standins.splunkd import Splunkd

Accept = Callable[..., tuple[int, list[str]]]
APP = "TA_defender_alerts"


@pytest.fixture
def bare(tmp_path: Path, built_app: Path, splunk_pythons: dict[str, Path]) -> Iterator[Splunkd]:
    """Give a Splunk without the add-on."""
    with Splunkd(tmp_path / "splunk", built_app, splunk_pythons["3.9"]) as splunkd:
        shutil.rmtree(tmp_path / "splunk" / "etc" / "apps" / APP)
        yield splunkd


def test_the_add_on_is_installed_and_taken_away_again(
    bare: Splunkd, accept: Accept, tarball: Path, tmp_path: Path
) -> None:
    there: list[str] = []

    def stop(line: str) -> None:
        if " making an input" in line or " making the input" in line:
            there.extend(bare.conf.apps())
            raise KeyboardInterrupt

    before = bare.conf.apps()
    status, lines = accept(bare, "--app", str(tarball), on_line=stop)
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert (status, report["stopped"]) == (2, "Ctrl-C.")
    assert {answer["check"]: answer["verdict"] for answer in report["answers"]}["version"] == "yes"
    assert APP in there
    assert [line for line in lines if "restarting Splunk" in line]
    assert bare.conf.apps() == before
    assert not (tmp_path / "notes").exists()


@pytest.mark.parametrize("path", ["", "/nowhere/TA_defender_alerts.tar.gz"])
def test_without_a_tarball_nothing_is_changed(bare: Splunkd, accept: Accept, tmp_path: Path, path: str) -> None:
    before = bare.conf.apps()
    status, lines = accept(bare, *(("--app", path) if path else ()))
    assert status == 2
    assert "--app" in lines[-1] if not path else "does not exist" in "".join(lines)
    assert bare.conf.apps() == before
    assert not (tmp_path / "notes").exists()
