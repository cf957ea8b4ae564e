"""The demo as build.sh runs it: a process, judged by what it prints and how it ends."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from demo.runs import NotAsItShouldBeError, compare
from demo.stage import GRAPH_ALERTS, PROXY_LOGIN, SECRET
from tooling import paths


def run_demo(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run it, away from the checkout's folder and without a terminal."""
    command = (sys.executable, paths.ROOT / "demo" / "demo.py", *arguments)
    return subprocess.run(command, capture_output=True, text=True, cwd="/", timeout=280, check=False)


@pytest.fixture(scope="module")
def shown(built_app: Path, tarball: Path) -> str:
    assert tarball.is_file()
    demo = run_demo(built_app)
    assert (demo.returncode, demo.stderr) == (0, "")
    return demo.stdout


def test_it_ends_with_where_the_tarball_is_and_how_it_is_installed(shown: str) -> None:
    tarball = f"dist/TA_defender_alerts-{paths.VERSION}.tar.gz"
    assert shown.splitlines()[-6:] == [
        "All of this is as it should be. The next step: a real Splunk",
        "",
        f"  Tarball:     {tarball}",
        "  Splunk Web:  Apps > Manage Apps > Install app from file",
        f"  CLI:         $SPLUNK_HOME/bin/splunk install app {tarball}",
        "  Then add an account and an input on the add-on's pages. README.md says what to prepare at Microsoft.",
    ]


def test_it_shows_what_each_input_has_brought_in_each_run(shown: str) -> None:
    rows = re.findall(
        r"^  (alerts|incidents|old_siem) +(\w+) +(ms\S+|wdatp:alerts) +([\d,]+) +([\d,]+) +(\S+)$", shown, re.MULTILINE
    )
    graph, siem = "graph.microsoft.com", "wdatp-alertexporter-{}.windows.com"
    assert rows == [
        ("alerts", "global", "ms:defender:graph:alerts", "300", "300", graph),
        ("incidents", "global", "ms365:defender:incident", "76", "76", graph),
        ("incidents", "global", "ms365:defender:incident:alerts", "300", "300", graph),
        ("old_siem", "us", "wdatp:alerts", "48", "48", siem.format("us")),
        ("old_siem", "eu", "wdatp:alerts", "195", "195", siem.format("eu")),
        ("old_siem", "uk", "wdatp:alerts", "57", "57", siem.format("uk")),
        ("alerts", "global", "ms:defender:graph:alerts", "6", "306", graph),
        ("incidents", "global", "ms365:defender:incident", "5", "81", graph),
        ("incidents", "global", "ms365:defender:incident:alerts", "6", "306", graph),
        ("old_siem", "us", "wdatp:alerts", "2", "50", siem.format("us")),
        ("old_siem", "eu", "wdatp:alerts", "2", "197", siem.format("eu")),
        ("old_siem", "uk", "wdatp:alerts", "1", "58", siem.format("uk")),
    ]
    assert "\n  0 new events from 5 requests." in shown


def test_it_shows_the_versions_of_one_alert_through_all_inputs_and_the_one_that_counts(shown: str) -> None:
    rows = re.findall(r"^  [-\d]{10} [:\d]{8} +(alerts|incidents|old_siem) +\S+ +(\w+) +high", shown, re.MULTILINE)
    resolved, *others, latest = rows
    assert resolved == latest == ("alerts", "resolved")
    assert others == [("incidents", "resolved"), ("alerts", "new"), ("incidents", "new")]
    assert len(re.findall(r"^  [-\d]{10} [:\d]{8} +old_siem +wdatp:alerts +high", shown, re.MULTILINE)) == 1
    assert "`defender_alerts_latest` finds 305 alerts" in shown


@pytest.mark.parametrize(
    "words",
    [
        "Microsoft's cloud and Splunk are stand-ins here",
        "Refused: The client secret of the account contoso is wrong.",
        "AADSTS7000215",
        "Missing permission for Defender for Endpoint alerts: WindowsDefenderATP Alert.Read.All.",
        "The table remarks: Same alerts as alerts (defender_graph_alerts).",
        "The table remarks: Same alerts as 2 other inputs.",
    ],
)
def test_it_says_what_is_a_stand_in_and_what_the_pages_say(shown: str, words: str) -> None:
    assert " ".join(shown.split()).count(words) == 1


def test_it_shows_the_fields_of_an_alert(shown: str) -> None:
    for field in ("signature", "severity", "status", "dest", "user", "file_hash", "incident_id"):
        assert re.search(rf"^  {field} +\S", shown, re.MULTILINE), field


def test_its_lines_can_be_read_in_two_minutes_fit_into_110_columns_and_hold_no_control_characters(shown: str) -> None:
    assert len(shown.splitlines()) <= 150
    assert [line for line in shown.splitlines() if len(line) > 110 or not line.isprintable()] == []


def test_it_prints_no_secret(shown: str) -> None:
    assert not [secret for secret in (SECRET, PROXY_LOGIN[1]) if secret in shown]


@pytest.mark.parametrize(
    ("delivered", "words"),
    [
        ({"a": 1}, "1 missing"),
        ({"a": 1, "b": 1, "c": 1}, "1 not as Microsoft sent them"),
        ({"a": 3, "b": 1}, "2 delivered again"),
        ({"a": 2, "d": 1}, "1 missing, 1 not as Microsoft sent them, 1 delivered again"),
    ],
)
def test_what_differs_from_what_microsoft_has_shown_is_counted(delivered: dict[str, int], words: str) -> None:
    compare(GRAPH_ALERTS, Counter("ab"), Counter("ab"))
    with pytest.raises(NotAsItShouldBeError, match=f"with the 2 versions that Microsoft has shown: {words}\\."):
        compare(GRAPH_ALERTS, Counter("ab"), Counter(delivered))


def test_an_add_on_whose_memory_forgets_fails_it_with_a_sentence(built_app: Path, tmp_path: Path) -> None:
    app = shutil.copytree(built_app, tmp_path / built_app.name)
    path = app / "bin" / "defender_alerts" / "checkpoint" / "checkpoint.py"
    text, right = path.read_text(encoding="utf-8"), "version_fingerprint not in self.seen"
    assert text.count(right) == 1
    path.write_text(text.replace(right, "True"), encoding="utf-8")

    demo = run_demo(app)

    assert demo.returncode == 1
    said = " ".join(demo.stderr.split())
    assert said.startswith("The demo failed. ")
    assert re.search(r"alerts of alerts, region global, compared with the \d+ versions .*: \d+ delivered again\.", said)
    assert "as it should be" not in demo.stdout


def test_without_a_built_add_on_it_says_what_to_do(tmp_path: Path) -> None:
    demo = run_demo(tmp_path)

    assert demo.returncode == 1
    assert "is no built add-on; ./build.sh demo builds it first." in " ".join(demo.stderr.split())
