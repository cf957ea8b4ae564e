"""What every child process of splunkd gets: its environment, and a place in splunkd.log for its stderr."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from standins.splunkd.forks import ForkedWithPipes, Forks
from standins.splunkd.home import Home


class Children:
    """Runs scripts; knows the Python, the environment and the log that all children share."""

    def __init__(self, home: Home, python: Path, app: str) -> None:
        self.home = home
        self.python = python
        self.launch_conf: dict[str, str] = {}
        self.uid: int | None = None
        self.starts_anew = False
        self._lock = threading.Lock()
        self._forks = Forks(python, home.fork_server, [home.apps / app / folder for folder in ("bin", "lib")])

    def run(self, arguments: Sequence[str], stdin: bytes, seconds: float) -> subprocess.CompletedProcess[bytes]:
        """Run a script: its file and its arguments.

        Raises:
            subprocess.TimeoutExpired: it took longer.
        """
        if not self.launch_conf:
            return self._forks.run(arguments, stdin, self.environment(), seconds)
        # What more the environment says may make a difference to an import already.
        return subprocess.run(
            [str(self.python), *arguments],
            input=stdin,
            capture_output=True,
            env=self.environment(),
            cwd="/",
            timeout=seconds,
            check=False,
        )

    def start(self, command: Sequence[str], extra: Mapping[str, str]) -> ForkedWithPipes | subprocess.Popen[bytes]:
        """Start a script: the Python, its file and its arguments, with what more its environment says.

        It is forked, unless its start is what matters (`starts_anew`), or another user or environment makes a difference.
        """
        if not (self.starts_anew or self.launch_conf or extra or self.uid is not None):
            return self._forks.start(command[1:], self.environment())
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self.environment(extra),
            cwd="/",
            start_new_session=True,
            user=self.uid,
            group=self.uid,
            extra_groups=None if self.uid is None else [],
        )

    def close(self) -> None:
        """End what is kept running for them."""
        self._forks.close()

    def environment(self, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        """The environment of splunkd, and what the administrator put into splunk-launch.conf (`launch_conf`, `extra`).

        Nothing of the test's own: no proxy, no CA bundle, no locale. Names as seen in scripted inputs of a real
        splunkd; LD_LIBRARY_PATH is left out, as the Python here isn't Splunk's. SSL_CERT_FILE is the stand-in's own:
        nobody here has a certificate of a public authority, and for each session with splunkd, which verifies nothing,
        urllib3 1.26 would read Debian's list of those: a sixth of the time of a page's call.
        """
        root = self.home.root
        return {
            "SPLUNK_HOME": str(root),
            "SPLUNK_ETC": str(root / "etc"),
            "SPLUNK_DB": str(self.home.db),
            "SPLUNK_SERVER_NAME": "Splunkd",
            "SPLUNK_WEB_NAME": "splunkweb",
            "SPLUNK_OS_USER": "splunk",
            "PYTHONPATH": str(self.home.site_packages()),
            "PYTHONHTTPSVERIFY": "0",
            "SSL_CERT_FILE": os.devnull,
            "PATH": f"{root}/bin:/sbin:/bin:/usr/sbin:/usr/bin",
            "HOME": str(root),
            **self.launch_conf,
            **(extra or {}),
        }

    def log(self, level: str, component: str, text: str) -> None:
        """One line in splunkd.log."""
        now = dt.datetime.now(dt.timezone.utc).strftime("%m-%d-%Y %H:%M:%S.%f")[:-3]
        self.home.logs.mkdir(parents=True, exist_ok=True)
        with self._lock, (self.home.logs / "splunkd.log").open("a", encoding="utf-8") as log:
            log.write(f"{now} +0000 {level:5} {component} [1 ExecProcessor] - {text}\n")

    def log_stderr(self, command: list[str], line: str) -> None:
        """A child's line on stderr; a first word such as INFO is its level, else it is an error."""
        level, _, rest = line.partition(" ")
        known = level in {"DEBUG", "INFO", "WARN", "ERROR", "FATAL"}
        text = f'message from "{" ".join(command)}" {rest if known else line}'
        self.log(level if known else "ERROR", "ExecProcessor", text)
