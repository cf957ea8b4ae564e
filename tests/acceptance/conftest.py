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
from acceptance.container import KILLS, Container

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
        *("--pause", "0.15", "--every", "40", "--backlog", "300"),
    ]


@dataclass(frozen=True)
class Docker:
    """Docker's command-line program with the stand-in Splunk for the container: a script that it does not know fails."""

    splunkd: Splunkd

    def __call__(self, words: Sequence[str], **_: Any) -> subprocess.CompletedProcess[str]:
        """Do what is asked."""
        kill_input, kill_store = (kill.script for kill in KILLS)
        if words[-1] == kill_input:
            for process in [*self.splunkd._processes]:
                if process.running():
                    process.kill()
        elif words[-1] == kill_store:
            self.splunkd.kvstore.state = KVStoreState.FAILED
        elif words[-3:] != ("port", "splunk", "8089"):
            return subprocess.CompletedProcess(words, 1, "", "unknown")
        port = urlsplit(self.splunkd.server_uri).port
        return subprocess.CompletedProcess(words, 0, f"127.0.0.1:{port}\n", "")


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
        }

    return look


_DEFAULTS = {("proxy_enabled", "0"), ("proxy_type", "http"), ("proxy_rdns", "0"), ("request_timeout", "60")}
