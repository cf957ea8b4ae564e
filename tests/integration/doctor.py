"""The doctor's command, what it has said, and the secrets that may not be in that."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from integration.installation import APP, CLIENT_SECRET, Installation
from integration.test_secrets import TOKEN_MARKS

PASSWORD = "changed-already"
PROGRAM = "defender_alerts_doctor.py"
PROXY_USER, PROXY_PASSWORD = "proxy-user", "pröxy:Pass/word%21"


@dataclass(frozen=True)
class Visit:
    """What the doctor has said, and how it ended."""

    status: int
    out: str
    err: str

    @property
    def report(self) -> dict[str, Any]:
        """What --json writes."""
        read: dict[str, Any] = json.loads(self.out)
        return read

    def outcomes(self) -> dict[str, set[str]]:
        """The outcomes of the first input by check."""
        found: dict[str, set[str]] = {}
        for check in self.report["inputs"][0]["checks"]:
            found.setdefault(check["check"], set()).add(check["outcome"])
        return found

    def of(self, check: str, subject: str = "") -> dict[str, str]:
        """One line of the first input."""
        lines = self.report["inputs"][0]["checks"]
        (line,) = [line for line in lines if (line["check"], line["subject"]) == (check, subject)]
        return dict(line)


def visit(
    installation: Installation,
    *options: str,
    python: Path | None = None,
    user: str = "admin",
    environment: Mapping[str, str] | None = None,
    password: str = PASSWORD,
) -> Visit:
    """Run the command with a password on its standard input; where a Python or variables are named, by a start of its own."""
    splunkd = installation.splunkd
    login = ["--username", user] if user else []
    arguments = ["--port", splunkd.server_uri.rpartition(":")[2], *login, *options]
    if python is None and not environment:
        done = splunkd.command(PROGRAM, *arguments, stdin=f"{password}\n")
    else:
        done = subprocess.run(
            [str(python or splunkd.python), str(splunkd.home / "etc" / "apps" / APP / "bin" / PROGRAM), *arguments],
            input=f"{password}\n".encode(),
            capture_output=True,
            check=False,
            cwd="/",
            env={
                "SPLUNK_HOME": str(splunkd.home),
                "PATH": os.environ["PATH"],
                "PYTHONPATH": str(splunkd.home / "lib" / "python3" / "site-packages"),
                **(environment or {}),
            },
        )
    return Visit(done.returncode, done.stdout.decode(), done.stderr.decode())


@contextmanager
def proxy_as_saved(installed: Installation) -> Iterator[None]:
    """Put the proxy back as it was, whatever a test has done to it."""
    try:
        yield
    finally:
        installed.cloud.proxy_credentials = None
        installed.save_proxy(installed.cloud.proxy)


def secrets_in(done: Visit, installed: Installation, *more: str) -> list[str]:
    """The secrets, of those that are known, in what the doctor has written."""
    keys = installed.splunkd.sessions._keys
    known = (CLIENT_SECRET, json.dumps(CLIENT_SECRET)[1:-1], PASSWORD, PROXY_PASSWORD, *keys, *TOKEN_MARKS, *more)
    return [secret for secret in known if secret in done.out + done.err]
