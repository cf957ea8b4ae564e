"""On a Python that is too old, every script of the built add-on says in one sentence which one to use."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import pytest
from defender_alerts_python_version import SENTENCE

from tooling import paths
from tooling.splunk_pythons import SPLUNK_PYTHONS

OLD = (3, 7)
# What other scripts import, and nobody starts.
NOT_STARTED = {
    "import_declare_test.py",
    "defender_alerts_python_version.py",
    "defender_alerts_input_helper.py",
    "defender_alerts_rh.py",
}
# Starts a script on a Python that says it were an older one.
PRETENDING = """
import runpy, sys
version, script, *arguments = sys.argv[1:]
sys.version_info = (*map(int, version.split(".")), "final", 0)
sys.argv, sys.path[0] = [script, *arguments], script.rpartition("/")[0]
runpy.run_path(script, run_name="__main__")
"""


def real() -> Iterator[tuple[str, Path]]:
    """Name the older Pythons that this machine happens to have. Debian's archive of its 3.7 is on no mirror any more."""
    for minor in (7, 8):
        name = f"python3.{minor}"
        found = [shutil.which(name), *map(str, (Path.home() / ".pyenv" / "versions").glob(f"3.{minor}.*/bin/{name}"))]
        for path in filter(None, found):
            done = subprocess.run(
                [path, "-c", "import sys; print(sys.version_info[1])"], capture_output=True, check=False
            )
            if done.stdout.strip() == str(minor).encode():
                yield f"real python3.{minor}", Path(path)
                break


STARTS = {
    **{name: (str(path),) for name, path in real()},
    "3.9 that says it is 3.7.16": (str(SPLUNK_PYTHONS[0].program), "-c", PRETENDING, "3.7.16"),
    "3.9 that says it is 3.8.0": (str(SPLUNK_PYTHONS[0].program), "-c", PRETENDING, "3.8.0"),
}


@pytest.fixture(params=STARTS)
def start(request: pytest.FixtureRequest, splunk_pythons: dict[str, Path]) -> tuple[str, ...]:
    """Give the beginning of a command line that starts a script on an older Python."""
    assert splunk_pythons
    return STARTS[request.param]


@pytest.fixture(scope="module")
def scripts(built_app: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Give the scripts without anything that they import: neither the core nor a library may be needed."""
    folder = tmp_path_factory.mktemp("app") / "bin"
    folder.mkdir()
    copies = [Path(shutil.copy2(path, folder)) for path in sorted(built_app.glob("bin/*.py"))]
    return [path for path in copies if path.name not in NOT_STARTED]


def run(start: tuple[str, ...], script: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [*start, str(script), *arguments], capture_output=True, text=True, check=False, timeout=60, env=environment
    )


def test_every_script_can_be_read_by_python_3_7(built_app: Path) -> None:
    found = sorted(built_app.glob("bin/*.py"))
    assert len(found) > 15
    for path in found:
        ast.parse(path.read_bytes(), filename=str(path), feature_version=OLD)


def test_every_script_says_which_python_to_use(start: tuple[str, ...], scripts: list[Path]) -> None:
    beginning, rest = (re.escape(part) for part in SENTENCE.split("{}"))
    for script in scripts:
        done = run(start, script)
        assert re.fullmatch(rf"{beginning}3\.[78]\.\d+{rest}\n", done.stderr), script.name
        assert (done.stdout, done.returncode) == ("", 2), script.name


def test_an_input_that_is_checked_before_it_is_saved_gets_the_sentence_as_its_answer(
    start: tuple[str, ...], scripts: list[Path]
) -> None:
    inputs = [script for script in scripts if script.stem in {"defender_graph_alerts", "defender_siem_alerts"}]
    for script in inputs:
        done = run(start, script, "--validate-arguments")
        assert ET.fromstring(done.stdout).findtext("message") == done.stderr.strip()
        assert done.returncode == 2
    assert len(inputs) == 2


def test_a_python_that_is_new_enough_is_not_refused(splunk_python: Path, scripts: list[Path]) -> None:
    """It gets as far as the libraries, which are missing here."""
    for script in scripts:
        assert "needs Python 3.9" not in run((str(splunk_python),), script).stderr


COMMAND = re.compile(r"splunk cmd (\S+)")
SPELT = ("README.md", "docs/*.md", "package/bin/**/*.py", "package/**/*.js", "package/**/*.xml", "globalConfig.json")


def test_the_command_has_one_spelling_everywhere() -> None:
    spellings: dict[str, set[str]] = {}
    for path in (path for pattern in SPELT for path in paths.ROOT.glob(pattern)):
        for word in COMMAND.findall(path.read_text(encoding="utf-8")):
            spellings.setdefault(word.strip("`;,.'\""), set()).add(path.name)
    python = {word: files for word, files in spellings.items() if word.startswith("python")}
    assert python.keys() == {"python3.9"}, python
    assert {"troubleshooting.md", "doctor.md", "audit.md", "openssl.py", "defender_doctor.js"} <= python["python3.9"]
    # `splunk cmd` itself may be spoken of.
    assert spellings.keys() - python.keys() <= {"gives", "btool"}, spellings
