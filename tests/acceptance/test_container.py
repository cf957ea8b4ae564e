"""The container that is disrupted: what Docker is asked, and that no other Splunk is."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from standins.splunkd import Splunkd

from acceptance import splunk as command
from acceptance.container import ABOVE_INPUTS, FILE, KILLS, WRITES_ERRORS, Container, NoContainerError


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
            *exec_in, script, name = asked
            assert exec_in == ["exec", "-T", "--user", "root", "splunk", "sh", "-c"]
            assert name == "accept"
            self.scripts.append(script)
        return subprocess.CompletedProcess(command, self.status, out, "no such service: splunk" if self.status else "")


@pytest.mark.parametrize("uri", ["https://localhost:8089", "https://127.0.0.1:8089/"])
def test_the_container_of_the_compose_file_is_disrupted(uri: str) -> None:
    docker = Docker()
    container = Container(docker)
    container.must_be(uri)
    for kill in KILLS:
        container.run_script(kill.script, user="root")
    assert docker.scripts == [kill.script for kill in KILLS]


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


def test_a_splunk_that_is_not_the_container_is_refused_before_anything_is_changed(
    splunkd: Splunkd, tmp_path: Path
) -> None:
    said: list[str] = []
    given = (
        *("--splunk", splunkd.server_uri, "--user", "admin", "--certificate-name", "SplunkServerDefaultCert"),
        *("--ca", str(splunkd.home / "etc" / "auth" / "server.pem"), "--notes", str(tmp_path / "notes")),
        "--disruptive",
    )
    environment = {command.PASSWORD: "changed-already"}
    assert command.main(given, environment=environment, show=said.append, container=Container(Docker())) == 2
    assert "compose.yaml" in said[-1]
    assert not (tmp_path / "notes").exists()


def test_without_docker_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(NoContainerError, match="FileNotFoundError"):
        Container().must_be("https://localhost:8089")


def test_a_handlers_script_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    (tmp_path / "etc/apps/TA_defender_alerts/bin").mkdir(parents=True)
    script = WRITES_ERRORS.do.replace("/opt/splunk", str(tmp_path))
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode
    assert "defender_alerts_rest.py" in done.stderr
    assert [*tmp_path.rglob("*.py")] == []


def test_the_script_that_kills_finds_what_it_names_and_not_itself() -> None:
    name = f"victim-of-{os.getpid()}"
    script = KILLS[0].script.replace("[d]efender_endpoint_alerts.py", f"[v]{name[1:]}")
    with subprocess.Popen([name, "60"], executable="/bin/sleep") as victim:
        try:
            assert subprocess.run(["sh", "-c", script], check=False, timeout=60).returncode == 0
            assert victim.wait(60) == -signal.SIGKILL
        finally:
            victim.kill()


def test_the_script_that_looks_at_inputs_names_what_has_started_them() -> None:
    name = f"victim-of-{os.getpid()}"
    script = ABOVE_INPUTS.replace("[d]efender_endpoint_alerts.py", f"[v]{name[1:]}")
    line = f"exec -a {name} sleep 60 & echo started; wait"
    with subprocess.Popen(["bash", "-c", line], stdout=subprocess.PIPE, start_new_session=True) as shell:
        try:
            assert shell.stdout is not None
            shell.stdout.readline()
            found: list[str] = []
            while "sleep under bash" not in found:
                assert shell.poll() is None
                done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True, timeout=60)
                found = done.stdout.splitlines()
        finally:
            os.killpg(shell.pid, signal.SIGKILL)
