"""A stand-in Splunk for the acceptance run, and the run itself as its command starts it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from standins.splunkd import Splunkd
from standins.splunkd.kvstore import KVStoreState

from acceptance import splunk as command
from acceptance.container import ABOVE_INPUTS, KILLS, RESTART, Container

PASSWORD = "changed-already"
CERTIFICATE = "SplunkServerDefaultCert"

Accept = Callable[..., tuple[int, list[str]]]
"""Runs the command against a Splunk with further options; gives its status and what it showed."""


def options(splunkd: Splunkd, folder: Path) -> list[str]:
    """What every run takes."""
    return [
        *("--splunk", splunkd.server_uri, "--user", "admin"),
        *("--ca", str(splunkd.home / "etc" / "auth" / "server.pem"), "--certificate-name", CERTIFICATE),
        *("--notes", str(folder / "notes"), "--report", str(folder / "report")),
        *("--pause", "0.05", "--every", "40", "--backlog", "300"),
    ]


@dataclass(frozen=True)
class Docker:
    """Docker's command-line program with the stand-in Splunk for the container.

    Scripts that change and read files are run, with the stand-in's home for /opt/splunk. Those that look for processes would
    find other tests' as well: what they do is done here.

    Attributes:
        splunkd: the stand-in.
        without: scripts of which nothing comes.
        before: is called before anything is done.
    """

    splunkd: Splunkd
    without: frozenset[str] = frozenset()
    before: Callable[[], None] = lambda: None

    def __call__(self, words: Sequence[str], **options: Any) -> subprocess.CompletedProcess[str]:
        """Do what is asked."""
        self.before()
        if not self.without.isdisjoint(words):
            return subprocess.CompletedProcess(words, 0, "", "")
        if tuple(words[-3:]) == ("port", "splunk", "8089"):
            port = urlsplit(self.splunkd.server_uri).port
            return subprocess.CompletedProcess(words, 0, f"127.0.0.1:{port}\n", "")
        at = words.index("-c") + 1
        kill_input, kill_store = (kill.script for kill in KILLS)
        acts: dict[str, Callable[[], str]] = {
            kill_input: self._kill_inputs,
            kill_store: self._kill_store,
            ABOVE_INPUTS: lambda: "python3.9 under splunkd\n",
            RESTART: self._restart,
        }
        if words[at] in acts:
            return subprocess.CompletedProcess(words, 0, acts[words[at]](), "")
        self._write_program()
        script = words[at].replace("/opt/splunk", str(self.splunkd.home))
        return subprocess.run(["sh", "-c", script, *words[at + 1 :]], **options)  # noqa: PLW1510 - it is told

    def _kill_inputs(self) -> str:
        for process in [*self.splunkd._processes]:
            if process.running():
                process.kill()
        return ""

    def _kill_store(self) -> str:
        self.splunkd.kvstore.state = KVStoreState.FAILED
        return ""

    def _restart(self) -> str:
        self.splunkd.restart()
        return ""

    def _write_program(self) -> None:
        """Let there be `splunk cmd python3.9`; another command fails."""
        program = self.splunkd.home / "bin" / "splunk"
        text = f'#!/bin/sh\ncase "$1 $2" in "cmd python3.9") shift 2; exec {self.splunkd.python} "$@";; esac\nexit 1\n'
        program.write_text(text, encoding="utf-8")
        program.chmod(0o755)


@pytest.fixture(scope="session")
def docker() -> type[Docker]:
    """Give Docker's command-line program."""
    return Docker


@pytest.fixture
def accept(tmp_path: Path) -> Accept:
    """Give a function that runs the command."""

    def run(splunkd: Splunkd, *more: str, on_line: Callable[[str], None] = lambda _: None) -> tuple[int, list[str]]:
        lines: list[str] = []

        def show(line: str) -> None:
            lines.append(line)
            on_line(line)

        arguments: Sequence[str] = [*options(splunkd, tmp_path), *more]
        container = Container(Docker(splunkd))
        status = command.main(arguments, environment={}, ask=lambda _: PASSWORD, show=show, container=container)
        return status, lines

    return run


@pytest.fixture(scope="session")
def _installed_splunkd(
    tmp_path_factory: pytest.TempPathFactory, built_app: Path, splunk_pythons: dict[str, Path]
) -> Iterator[Splunkd]:
    with Splunkd(tmp_path_factory.mktemp("acceptance") / "splunk", built_app, splunk_pythons["3.9"]) as splunkd:
        yield splunkd


@pytest.fixture
def splunkd(_installed_splunkd: Splunkd) -> Splunkd:
    """Give a Splunk with the add-on, as after its installation."""
    _installed_splunkd.start_over()
    return _installed_splunkd


@pytest.fixture(scope="session")
def left_in() -> Callable[[Splunkd], dict[str, Any]]:
    """Give a function that tells everything of a Splunk that a run could leave behind; settings without a value are none."""

    def look(splunkd: Splunkd) -> dict[str, Any]:
        app = "TA_defender_alerts"
        scripts = splunkd.conf.directory(app) / "bin"
        stanzas = {
            f"{conf} {name}": {key: value for key, value in settings.items() if value and (key, value) not in _DEFAULTS}
            for conf in ("inputs", "passwords", "ta_defender_alerts_account", "ta_defender_alerts_settings")
            for name, settings in splunkd.conf.local(conf, app).items()
        }
        documents = splunkd.kvstore.documents("ta_defender_alerts_checkpoints")
        return {
            "stanzas": {name: settings for name, settings in stanzas.items() if settings},
            "documents": [document["_key"] for document in documents],
            "indexes": sorted(splunkd.server.indexes),
            "apps": splunkd.conf.apps(),
            "handlers": [path.read_text(encoding="utf-8") for path in sorted(scripts.glob("*.py"))],
        }

    return look


_DEFAULTS = {("proxy_enabled", "0"), ("proxy_type", "http"), ("proxy_rdns", "0"), ("request_timeout", "60")}
