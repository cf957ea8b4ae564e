"""A reset is an administrator's word: the input starts again where they say, in the regions that they name."""

from __future__ import annotations

import io
import os
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from audit.audited import PASSWORD, Audited
from defender_alerts.splunk.cli.reset import main
from defender_alerts.splunk.cli.shell import Shell
from defender_alerts.splunk.resetting import Effect
from defender_alerts.times import parse_iso, seconds
from integration.installation import BROAD

COUNTS = {"us": 3, "eu": 4, "uk": 5}


def _reset(
    audited: Audited,
    *options: str,
    name: str = BROAD,
    user: str = "admin",
    confirm: Callable[[str], bool] | None = lambda _: True,
) -> tuple[int, str, str]:
    splunkd = audited.installation.splunkd
    out, err = io.StringIO(), io.StringIO()
    environment = {"SPLUNK_TOKEN": splunkd.session_key(user)}
    port = splunkd.server_uri.rpartition(":")[2]
    shell = Shell(out, err, environment, lambda _: PASSWORD, threading.Event(), lambda _: "", confirm=confirm)
    status = main([name, *options, "--port", port], shell)
    return status, out.getvalue(), err.getvalue()


@pytest.fixture
def collected(audited: Audited) -> Audited:
    """An input that has collected twelve alerts."""
    audited.collected(COUNTS)
    return audited


def _indexed_after_a_run(audited: Audited) -> int:
    assert audited.run().failures == []
    return len(audited.indexed)


def test_everything_since_the_time_of_a_reset_comes_again_and_only_once(collected: Audited) -> None:
    status, out, err = _reset(collected, "--from=-30d")
    assert (status, out.count("the next run starts at"), err) == (0, 3, "")
    assert collected.run().failures == []
    assert _indexed_after_a_run(collected) == 24


def test_a_region_that_is_not_named_goes_on_where_it_was(collected: Audited) -> None:
    assert _reset(collected, "--from", "-30d", "--region", "eu")[0] == 0
    assert _indexed_after_a_run(collected) == 12 + COUNTS["eu"]


def test_a_second_reset_counts_too(collected: Audited) -> None:
    for _ in range(2):
        assert _reset(collected, "--from=-30d")[0] == 0
        assert collected.run().failures == []
    assert len(collected.indexed) == 36


@pytest.mark.parametrize(
    ("options", "name", "says"),
    [
        (
            ("--from", "soon"),
            BROAD,
            "--from is 'soon', and should be ISO 8601 in UTC (2026-11-01T00:00:00Z) or relative, such as -2d or -12h.",
        ),
        (("--from=-1d",), "nobody", "There is no input 'nobody' here"),
        (("--from=-1d", "--region", "au"), BROAD, "has no checkpoint here for au"),
    ],
)
def test_what_cannot_be_reset_is_said(audited: Audited, options: tuple[str, ...], name: str, says: str) -> None:
    assert audited.run().failures == []
    status, out, err = _reset(audited, *options, name=name)
    assert (status, out) == (2, "")
    assert says in err


def test_at_a_terminal_it_shows_what_it_does_and_asks(collected: Audited) -> None:
    asked: list[str] = []

    def refuse(question: str) -> bool:
        asked.append(question)
        return False

    status, out, err = _reset(collected, "--from=-30d", confirm=refuse)
    assert (status, err, asked) == (1, "Nothing was ordered.\n", [f"Let the input {BROAD} start again?"])
    assert [line.partition(":")[0] for line in out.splitlines()] == ["eu", "uk", "us"]
    assert out.count("to now again; what is indexed of it will be indexed twice. The checkpoint is at ") == 3
    assert _indexed_after_a_run(collected) == 12


def test_without_a_terminal_a_script_has_to_say_that_it_is_meant(collected: Audited) -> None:
    status, _, err = _reset(collected, "--from=-30d", confirm=None)
    assert (status, err) == (
        2,
        "There is no terminal to ask for confirmation, so nothing was reset. Add --yes to confirm.\n",
    )
    assert _reset(collected, "--from=-30d", "--yes", confirm=None)[0] == 0
    assert _indexed_after_a_run(collected) == 24


def test_what_would_never_be_collected_is_said_before_it_is_asked() -> None:
    checkpoint = parse_iso("2026-11-01T00:00:00Z")
    later, earlier = (Effect("eu", checkpoint + seconds(hour * 3600), checkpoint) for hour in (1, -1))
    never = "alerts last updated between 2026-11-01 00:00 UTC and 2026-11-01 01:00 UTC will NEVER be collected. "
    assert str(later) == f"{never}How many they are is not known: the add-on has not read them yet."
    assert "collects 2026-10-31 23:00 UTC to now again" in str(earlier)
    assert (later.skips, earlier.skips, Effect("eu", checkpoint, None).skips) == (True, False, False)


def test_somebody_who_may_not_write_checkpoints_cannot_reset_them(collected: Audited) -> None:
    status, _, err = _reset(collected, "--from=-30d", user="analyst")
    assert status in {2, 3}
    assert err
    assert _indexed_after_a_run(collected) == 12


def test_the_command_of_the_built_add_on_explains_itself_on_splunks_pythons(
    built_app: Path, splunk_python: Path
) -> None:
    command = [str(splunk_python), str(built_app / "bin/defender_alerts_reset.py"), "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={"PATH": os.environ["PATH"]})
    assert "start again at a time of your choice" in done.stdout
