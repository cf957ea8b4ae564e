"""The demo as build.sh runs it: a process, judged by what it prints and how it ends."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from demo.stage import PROXY_LOGIN, SECRET
from tooling import paths


def run_demo(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run it, away from the checkout's folder and without a terminal."""
    command = (sys.executable, paths.ROOT / "demo" / "demo.py", *arguments)
    return subprocess.run(command, capture_output=True, text=True, cwd="/", timeout=120, check=False)


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


def test_it_shows_the_new_alerts_of_each_region_and_run(shown: str) -> None:
    rows = re.findall(r"^  (us|eu|uk) +([\d,]+) +[-\d]{10} [:\d]{8} +\d+ +([\d,]+) +(\d+) +wdatp-", shown, re.MULTILINE)
    assert rows == [
        ("us", "412", "412", "0"),
        ("eu", "655", "655", "0"),
        ("uk", "233", "233", "0"),
        ("us", "414", "2", "0"),
        ("eu", "657", "2", "1"),
        ("uk", "234", "1", "0"),
        ("us", "414", "0", "0"),
        ("eu", "657", "0", "0"),
        ("uk", "234", "0", "0"),
    ]


def test_it_says_that_microsoft_and_splunk_are_stand_ins(shown: str) -> None:
    assert "Microsoft's cloud and Splunk are stand-ins here" in shown


def test_it_shows_microsofts_own_code_for_the_mistyped_secret(shown: str) -> None:
    assert "Refused: The client secret of the account contoso is wrong." in shown
    assert "AADSTS7000215" in shown


def test_it_shows_the_fields_of_an_alert(shown: str) -> None:
    for field in ("signature", "severity", "dest", "user", "file_hash", "vendor_region"):
        assert re.search(rf"^  {field} +\S", shown, re.MULTILINE), field


def test_its_lines_fit_into_110_columns_and_hold_no_control_characters(shown: str) -> None:
    assert [line for line in shown.splitlines() if len(line) > 110 or not line.isprintable()] == []


def test_it_prints_no_secret(shown: str) -> None:
    assert not [secret for secret in (SECRET, PROXY_LOGIN[1]) if secret in shown]


# What is broken in a copy of the add-on, and what the demo has to say of it.
BREAKAGES = {
    "a memory that forgets": (
        "place.py",
        "version_fingerprint not in self.seen",
        "True",
        r"The region \w+ in Splunk, compared with its \d+ alerts at Microsoft: \d+ delivered again\.",
    ),
    "a writer that alters": (
        "events.py",
        "_escape(_FORBIDDEN_IN_XML.sub(_json_escape, raw))",
        '_escape(raw.replace("AlertPart", "alertPart"))',
        r"compared with its \d+ alerts at Microsoft: \d+ missing, \d+ not as Microsoft sent them\.",
    ),
}


@pytest.mark.parametrize("breakage", BREAKAGES)
def test_an_add_on_that_is_broken_fails_it_with_a_sentence(built_app: Path, tmp_path: Path, breakage: str) -> None:
    module, right, wrong, sentence = BREAKAGES[breakage]
    app = shutil.copytree(built_app, tmp_path / built_app.name)
    path = app / "bin" / "defender_alerts" / module
    text = path.read_text(encoding="utf-8")
    assert text.count(right) == 1
    path.write_text(text.replace(right, wrong), encoding="utf-8")

    demo = run_demo(app)

    assert demo.returncode == 1
    assert demo.stderr.startswith("\nThe demo failed. ")
    assert re.search(sentence, " ".join(demo.stderr.split()))
    assert "as it should be" not in demo.stdout


def test_without_a_built_add_on_it_says_what_to_do(tmp_path: Path) -> None:
    demo = run_demo(tmp_path)

    assert demo.returncode == 1
    assert "is no built add-on; ./build.sh demo builds it first." in " ".join(demo.stderr.split())
