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
_HOME = "/opt/splunk"
"""SPLUNK_HOME in the image (its Dockerfile)."""
_APP = f"{_HOME}/etc/apps/{paths.APP}"
_OWN_APP = f"{_HOME}/etc/apps/defender_alerts_accept"

OPENSSL = f"{_HOME}/bin/splunk cmd python3.9 -c 'import ssl; print(ssl.OPENSSL_VERSION)' || true"
"""Prints the version of OpenSSL that python3.9 is linked with; nothing where there is no such Python."""
RESTART = f"{_HOME}/bin/splunk restart --answer-yes --no-prompt || true"
"""Without splunkd's port, which may refuse everybody. How it ends says nothing: it asks that port as well."""
LOG = f'tail -n 200 "{_HOME}/var/log/splunk/$1" 2>/dev/null || true'
"""Prints the end of a log, by its name."""
ABOVE_INPUTS = """for process in /proc/[0-9]*; do
  if tr '\\0' ' ' <"$process/cmdline" 2>/dev/null | grep -q '[d]efender_endpoint_alerts.py'; then
    above=$(sed -n 's/^PPid:[^0-9]*//p' "$process/status")
    echo "$(cat "$process/comm") under $(cat "/proc/$above/comm")"
  fi
done"""
"""Prints a line for each process of an input: its program, and the one that has started it."""
SPOIL = f"""file={_APP}/local/passwords.conf
while IFS= read -r line || [ -n "$line" ]; do
  case $line in
    "[credential:"*"$1"*) ours=1 ;;
    "["*) ours= ;;
    "password = "*) [ -z "$ours" ] || line="password = \\$7\\$$(echo "${{line#*\\$7\\$}}" | tr A-Za-z N-ZA-Mn-za-m)" ;;
  esac
  printf '%s\\n' "$line"
done <"$file" >"$file.new" && cat "$file.new" >"$file" && rm "$file.new"
"""
"""Lets an account's secrets be as if they were encrypted with another splunk.secret: this one can't decrypt them."""


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
class Change:
    """Something that is changed in the container's files, noted before, and taken back.

    Attributes:
        name: its id, by which it is noted.
        what: in a sentence.
        do: the script that changes it.
        undo: the script that takes it back; it prints something if there was anything to be taken back.
        restarts: whether Splunk has to be restarted once it is taken back.
    """

    name: str
    what: str
    do: str
    undo: str
    restarts: bool = False


MARK = "accept-wrote-this"
HANDLERS = "defender_alerts_rest.py"
"""The script of the add-on's own endpoints, by its name in restmap.conf."""
_HANDLERS = f"{_APP}/bin/{HANDLERS}"
WRITES_ERRORS = Change(
    "writes-errors",
    "a handler that writes to standard error",
    f"""cat {_HANDLERS} >/dev/null && printf '%s\\n' 'sys.stderr.write("{MARK}\\n")' >>{_HANDLERS}""",
    f"if grep -q {MARK} {_HANDLERS} 2>/dev/null; then sed -i /{MARK}/d {_HANDLERS}; echo undone; fi",
)
WANTS_CERTIFICATES = Change(
    "wants-certificates",
    "requireClientCert = true in an app of its own",
    f"mkdir -p {_OWN_APP}/local && printf '[sslConfig]\\nrequireClientCert = true\\n' >{_OWN_APP}/local/server.conf",
    f"if [ -e {_OWN_APP} ]; then rm -r {_OWN_APP}; echo undone; fi",
    restarts=True,
)
CHANGES = {change.name: change for change in (WRITES_ERRORS, WANTS_CERTIFICATES)}


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

    def run_script(self, script: str, *arguments: str, user: str = "splunk") -> str:
        """Have a shell in the container run a script, and give what it prints.

        Args:
            script: what it runs.
            arguments: the script's.
            user: who runs it; Splunk's own user is ``splunk`` (docker-splunk, issue 282).

        Raises:
            NoContainerError: Docker refuses, or the script fails.
        """
        return self._docker("exec", "-T", "--user", user, SERVICE, "sh", "-c", script, "accept", *arguments)

    def undo(self, change: Change) -> bool:
        """Take a change back, and say whether Splunk was restarted; nothing happens where it is taken back already.

        Raises:
            NoContainerError: Docker refuses.
        """
        was_there = bool(self.run_script(change.undo).strip())
        if was_there and change.restarts:
            self.run_script(RESTART)
        return was_there and change.restarts

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
