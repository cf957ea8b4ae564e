"""The container of acceptance/compose.yaml: the only Splunk that is disrupted."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from tooling import paths

FILE = paths.ROOT / "acceptance" / "compose.yaml"
SERVICE, PORT = "splunk", "8089"
_LOOPBACK = frozenset({"localhost", "127.0.0.1"})
_SECONDS = 600
_KILL = """for process in /proc/[0-9]*; do
  if tr '\\0' ' ' <"$process/cmdline" 2>/dev/null | grep -q '{word}'; then
    kill -9 "${{process#/proc/}}"
  fi
done"""
"""Without pkill, which the image may not have. The word is a pattern that does not match itself."""


class NoContainerError(Exception):
    """The Splunk is not the container; the sentence says what is."""


@dataclass(frozen=True)
class Kill:
    """Something that is killed in the middle of a backlog.

    Attributes:
        name: its id.
        what: in a sentence.
        script: what a shell in the container runs.
        restarts: whether Splunk has to be restarted to have it again.
    """

    name: str
    what: str
    script: str
    restarts: bool = False


KILLS = (
    Kill("kill-input", "the input's process", _KILL.format(word="[d]efender_endpoint_alerts.py")),
    Kill("kill-kvstore", "the KV store's process", _KILL.format(word="[/]mongod"), restarts=True),
)


@dataclass(frozen=True)
class Container:
    """The container, by the command-line program of Docker.

    Attributes:
        run: runs a program; as `subprocess.run`.
    """

    run: Callable[..., subprocess.CompletedProcess[str]] = subprocess.run

    def must_be(self, uri: str) -> None:
        """Make sure that a Splunk is the container, before anything is disrupted.

        Raises:
            NoContainerError: it is another one, or the container does not run.
        """
        url = urlsplit(uri)
        published = self._docker("port", SERVICE, PORT).strip()
        if url.hostname not in _LOOPBACK or published != f"127.0.0.1:{url.port}":
            raise NoContainerError(
                f"--disruptive restarts and kills, and only the Splunk of {FILE.relative_to(paths.ROOT)}, which is at "
                f"{published or 'no port'}. Give that one to --splunk: https://localhost:{PORT}."
            )

    def run_script(self, script: str) -> None:
        """Have a shell in the container run a script.

        Raises:
            NoContainerError: Docker refuses, or the script fails.
        """
        self._docker("exec", "-T", "--user", "root", SERVICE, "sh", "-c", script)

    def _docker(self, *arguments: str) -> str:
        command: Sequence[str] = ("docker", "compose", "--file", str(FILE), *arguments)
        try:
            done = self.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise NoContainerError(f"docker compose can't be run: {type(error).__name__}.") from error
        if done.returncode:
            said = " ".join(done.stderr.split())[:200]
            raise NoContainerError(f"docker compose {arguments[0]} ended with {done.returncode}: {said}")
        return done.stdout
