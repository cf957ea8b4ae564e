"""The container that is disrupted: what Docker is asked, and that no other Splunk is."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from acceptance.container import DISRUPTIONS, FILE, Container, NoContainerError


@dataclass
class Docker:
    """Docker's command-line program, as far as it is asked: what it does not know, it refuses.

    Attributes:
        published: where it says that the container's port is.
        status: of every call.
        scripts: what a shell in the container was to run.
    """

    published: str = "127.0.0.1:8089\n"
    status: int = 0
    scripts: list[str] = field(default_factory=list)

    def __call__(self, command: Sequence[str], **_: Any) -> subprocess.CompletedProcess[str]:
        assert tuple(command[:4]) == ("docker", "compose", "--file", str(FILE))
        asked = tuple(command[4:])
        out = ""
        if asked == ("port", "splunk", "8089"):
            out = self.published
        else:
            *exec_in, script = asked
            assert exec_in == ["exec", "-T", "--user", "root", "splunk", "sh", "-c"]
            self.scripts.append(script)
        return subprocess.CompletedProcess(command, self.status, out, "no such service: splunk" if self.status else "")


@pytest.mark.parametrize("uri", ["https://localhost:8089", "https://127.0.0.1:8089/"])
def test_the_container_of_the_compose_file_is_disrupted(uri: str) -> None:
    docker = Docker()
    container = Container(docker)
    container.must_be(uri)
    for disruption in DISRUPTIONS:
        for script in disruption.scripts:
            container.run_script(script)
    assert docker.scripts == [script for disruption in DISRUPTIONS for script in disruption.scripts]


@pytest.mark.parametrize(
    ("uri", "published", "status"),
    [
        ("https://splunk.example.com:8089", "127.0.0.1:8089", 0),
        ("https://localhost:8090", "127.0.0.1:8089", 0),
        ("https://localhost:8089", "0.0.0.0:8089", 0),
        ("https://localhost:8089", "", 0),
        ("https://localhost:8089", "", 1),
    ],
)
def test_no_other_splunk_is(uri: str, published: str, status: int) -> None:
    docker = Docker(published, status)
    with pytest.raises(NoContainerError):
        Container(docker).must_be(uri)
    assert docker.scripts == []


def test_without_docker_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(NoContainerError, match="FileNotFoundError"):
        Container().must_be("https://localhost:8089")


def test_the_script_that_kills_finds_what_it_names_and_not_itself() -> None:
    name = f"victim-of-{os.getpid()}"
    script = DISRUPTIONS[0].scripts[0].replace("[d]efender_endpoint_alerts.py", f"[v]{name[1:]}")
    with subprocess.Popen([name, "60"], executable="/bin/sleep") as victim:
        try:
            assert subprocess.run(["sh", "-c", script], check=False, timeout=60).returncode == 0
            assert victim.wait(60) == -signal.SIGKILL
        finally:
            victim.kill()
