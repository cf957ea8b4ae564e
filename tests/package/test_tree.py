"""The built tree, and the check that ./build.sh build makes of it: what it lets through is shipped."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from defender_alerts.input_kinds import KINDS
from standins.search.conf import read_conf

from tooling import paths, tree


@pytest.fixture
def copy(built_app: Path, tmp_path: Path) -> Path:
    """Give a copy of the built tree to break."""
    kept = shutil.ignore_patterns("Dashboard.*.js", "licenses.txt")
    return shutil.copytree(built_app, tmp_path / built_app.name, ignore=kept)


def test_the_built_tree_has_no_problem(built_app: Path) -> None:
    found = [problem for problem in tree.problems(built_app) if "__pycache__" not in problem]
    assert found == [], "if package/ has changed since: ./build.sh build"


def test_a_tree_that_was_not_made_is_a_problem(tmp_path: Path) -> None:
    assert tree.problems(tmp_path / "nothing") == ["it was not made"]


BREAKAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "an input that was not generated": (
        lambda app: (app / "bin/defender_siem_alerts.py").unlink(),
        "bin/defender_siem_alerts.py is missing",
    ),
    "a REST handler that was not generated": (
        lambda app: (app / "bin/TA_defender_alerts_rh_account.py").unlink(),
        "bin/TA_defender_alerts_rh_account.py is missing",
    ),
    "a helper that is not in package": (
        lambda app: (app / "bin/defender_alerts_input_helper.py").unlink(),
        "bin/defender_alerts_input_helper.py is missing",
    ),
    "a conf file that ended early": (
        lambda app: (app / "default/restmap.conf").write_text("", encoding="utf-8"),
        "default/restmap.conf is empty",
    ),
    "a default.meta of UCC's": (
        lambda app: (app / "metadata/default.meta").write_text("[]\naccess = read : [ * ]\n", encoding="utf-8"),
        "metadata/default.meta differs from the one in package/",
    ),
    "another version in the manifest": (
        lambda app: (manifest := app / "app.manifest").write_text(
            manifest.read_text(encoding="utf-8").replace(f'"{paths.VERSION}"', '"9.9.9"'), encoding="utf-8"
        ),
        f"app.manifest says version 9.9.9, pyproject.toml {paths.VERSION}",
    ),
    "no manifest": (
        lambda app: (app / "app.manifest").unlink(),
        f"app.manifest says version None, pyproject.toml {paths.VERSION}",
    ),
    "a library that the lock does not name": (
        lambda app: (app / "lib/certifi-2026.10.18.dist-info/METADATA").write_text(
            "Name: left-pad\nVersion: 1.0\n", encoding="utf-8"
        ),
        "library left-pad: the lock says None, lib/ has 1.0",
    ),
    "a library of another version": (
        lambda app: (app / "lib/requests-2.32.5.dist-info/METADATA").write_text(
            "Name: requests\nVersion: 2.34.2\n", encoding="utf-8"
        ),
        "library requests: the lock says 2.32.5, lib/ has 2.34.2",
    ),
    "a library compiled for one machine, by name": (
        lambda app: (app / "lib/md.cpython-39-x86_64-linux-gnu.so").write_bytes(b""),
        "lib/md.cpython-39-x86_64-linux-gnu.so is compiled",
    ),
    "a library compiled for one machine, by content": (
        lambda app: (app / "lib/innocent").write_bytes(b"\x7fELF\x02\x01\x01\x00"),
        "lib/innocent is compiled",
    ),
    "what additional_packaging.py removes": (
        lambda app: (app / "lib/solnlib/observability.py").write_text("import grpc\n", encoding="utf-8"),
        "lib/solnlib/observability.py should not be shipped",
    ),
    "a hidden file": (
        lambda app: (app / "default/.props.conf.swp").write_text("x", encoding="utf-8"),
        "default/.props.conf.swp should not be shipped",
    ),
}


@pytest.mark.parametrize("breakage", BREAKAGES)
def test_the_check_finds(copy: Path, breakage: str) -> None:
    harm, problem = BREAKAGES[breakage]
    assert problem not in tree.problems(copy)
    harm(copy)
    assert problem in tree.problems(copy)


def test_splunk_is_told_the_two_pythons(built_app: Path) -> None:
    for name in ("inputs", "restmap"):
        text = (built_app / "default" / f"{name}.conf").read_text(encoding="utf-8")
        handlers = re.findall(r"(?m)^python\.version = (.*)$", text)
        assert len(handlers) >= 1
        assert set(handlers) == {"python3.9"}, "python3 means 3.7 in Splunk 9.3 and 9.4"
        assert text.count("python.required = 3.9, 3.13") == len(handlers)


def test_splunk_starts_the_inputs_without_a_shell(built_app: Path) -> None:
    inputs = read_conf(built_app / "default" / "inputs.conf")
    assert inputs.keys() == KINDS.keys()
    assert {stanza["start_by_shell"] for stanza in inputs.values()} == {"false"}


def test_the_pages_are_made_for_both_themes(built_app: Path) -> None:
    assert "supported_themes = light, dark" in (built_app / "default/app.conf").read_text(encoding="utf-8")


def test_the_account_conf_is_replicated_in_a_search_head_cluster(built_app: Path) -> None:
    text = (built_app / "default/server.conf").read_text(encoding="utf-8")
    assert "conf_replication_include.ta_defender_alerts_account = true" in text


@pytest.mark.parametrize(
    ("name", "size"), [("appIcon", 36), ("appIcon_2x", 72), ("appIconAlt", 36), ("appIconAlt_2x", 72)]
)
def test_the_icons_have_the_sizes_that_splunk_wants(built_app: Path, name: str, size: int) -> None:
    header = (built_app / "static" / f"{name}.png").read_bytes()[:24]
    assert header.startswith(b"\x89PNG\r\n\x1a\n")
    assert (int.from_bytes(header[16:20], "big"), int.from_bytes(header[20:24], "big")) == (size, size)
