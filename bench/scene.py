"""The built add-on in a Splunk of its own, polled as splunkd does it and measured; beside it, floor and yardstick.

The stand-ins run in this process, what is measured in one of its own, so that only its own work is counted.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any

from integration.installation import APP, COLLECTION, Installation, is_whole
from standins.microsoft.cloud import MicrosoftCloud
from standins.sources import ROLES
from standins.splunkd import Splunkd

from bench.figures import Figures

LAUNCHER = Path(__file__).with_name("launcher.py")
FLOOR = Path(__file__).with_name("floor.py")
YARDSTICK = "import requests, splunklib.client"
INDEX_SECONDS = 1_800.0
PACE = Path("bin", "defender_alerts", "microsoft", "transport", "rate_limit.py")
PACE_WAITS, PACE_WAITS_NOT = "return max([0.0, *waits])", "return 0.0 * max([0.0, *waits])"


class UnexpectedRunError(Exception):
    """What was to be measured did not do its work."""


@dataclass(frozen=True)
class Reading:
    """What the floor reads: these answers and what follows them, with a token for this audience."""

    audience: str
    urls: Sequence[str]
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Poll:
    """A poll at work.

    Attributes:
        delivered: events so far.
        pid: of the process that is measured.
    """

    pid: Callable[[], int | None]
    delivered: int = 0


class Scene:
    """One Splunk with the add-on, an account, and the logging that users have."""

    def __init__(self, folder: Path, cloud: MicrosoftCloud, splunkd: Splunkd, python: Path, version: str) -> None:
        self.installation = Installation(splunkd, cloud)
        self.version = version
        self.cloud = cloud
        self.splunkd = splunkd
        self._folder = folder
        self._python = python
        self._ca = folder / "ca.pem"
        self._ca.write_text(cloud.ca_pem, encoding="ascii")
        self._environ: dict[str, str] = {}
        self.installation.application.roles = dict(ROLES)
        self.installation.save_way()
        self.installation.save_settings("network", ca_bundle=cloud.ca_pem, request_timeout="60")
        self.installation.save_settings("logging", loglevel="INFO")
        self.installation.save_account()

    @property
    def libraries_path(self) -> Path:
        """The tarball's own libraries."""
        return self.splunkd.home / "etc" / "apps" / APP / "lib"

    def forget(self) -> None:
        """Let every input be as if it had collected nothing yet."""
        self.splunkd.kvstore.remove(COLLECTION)

    def poll(
        self, kind: str, name: str, expected: int | None, *, on_event: Callable[[Poll], None] | None = None
    ) -> Figures:
        """Run an input to its end, as splunkd does it.

        Args:
            kind: of the input.
            name: of the input.
            expected: how many events it has to deliver; None for any number.
            on_event: called for each event that has come.

        Raises:
            UnexpectedRunError: it failed, or delivered another number.
        """
        self.cloud.journal.clear()
        poll = Poll(lambda: None)

        def count(_: object) -> None:
            poll.delivered += 1
            if on_event is not None:
                on_event(poll)
            # The stand-in keeps events for tests to look at; a million of them are gigabytes.
            process.events.clear()

        process = self.splunkd.start_input(kind, name, on_event=count)
        poll.pid = lambda: _number(self._folder / f"{process.pid}.pid")
        run = process.wait(INDEX_SECONDS)
        self._environ = run.environ
        if run.status or not is_whole(run) or expected not in (None, poll.delivered):
            log = self.splunkd.logs().get(f"ta_defender_alerts_{kind}_{name}.log", "")[-2_000:]
            raise UnexpectedRunError(
                f"{kind}://{name} ended with {run.status} after {poll.delivered} of {expected} events.\n{log}"
            )
        taken = self._taken(process.pid)
        calls = list(self.cloud.journal)
        return Figures(
            cpu_seconds=taken["cpu_seconds"],
            peak_megabytes=taken["peak_megabytes"],
            wall_seconds=taken["wall_seconds"],
            microsoft_calls=len(calls),
            splunkd_calls=len(run.calls),
            first_request_seconds=min((call.began for call in calls), default=taken["began"]) - taken["began"],
        )

    def floor(self, reading: Reading) -> Figures:
        """Run the plain lines."""
        application, tenant = self.installation.application, self.installation.tenant
        way = {
            "proxy": self.cloud.proxy.url(),
            "ca": str(self._ca),
            "token_url": f"https://login.microsoftonline.com/{tenant.guid}/oauth2/v2.0/token",
            "form": {
                "grant_type": "client_credentials",
                "client_id": application.client_id,
                "client_secret": self.installation.secret,
                "scope": f"{reading.audience}/.default",
            },
            "headers": dict(reading.headers),
            "urls": list(reading.urls),
        }
        self.cloud.journal.clear()
        figures = self._plain([str(FLOOR)], json.dumps(way))
        refused = [call for call in self.cloud.journal if call.status != HTTPStatus.OK]
        if refused:
            raise UnexpectedRunError(f"The floor's requests were refused: {refused[0]}")
        calls = list(self.cloud.journal)
        return Figures(figures.cpu_seconds, figures.peak_megabytes, figures.wall_seconds, len(calls))

    def yardstick(self) -> Figures:
        """Import the libraries, and nothing else."""
        return self._plain(["-c", YARDSTICK], "")

    def _plain(self, arguments: Sequence[str], stdin: str) -> Figures:
        """Run a few lines of Python as the add-on is run, but with nothing of its own."""
        environ = {**self._environ, "PYTHONPATH": f"{self.libraries_path}{os.pathsep}{self._environ['PYTHONPATH']}"}
        with subprocess.Popen(  # noqa: S603 - it is ours
            [str(self._python), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environ,
            cwd="/",
            start_new_session=True,
        ) as process:
            reader = threading.Thread(target=_drop, args=(process,))
            reader.start()
            assert process.stdin is not None  # noqa: S101 - it is a pipe
            with process.stdin as pipe:
                pipe.write(stdin.encode())
            status = process.wait(INDEX_SECONDS)
            reader.join()
        if status:
            raise UnexpectedRunError(f"{arguments} ended with {status}")
        taken = self._taken(process.pid)
        return Figures(taken["cpu_seconds"], taken["peak_megabytes"], taken["wall_seconds"])

    def _taken(self, pid: int) -> dict[str, Any]:
        result: dict[str, Any] = json.loads((self._folder / f"{pid}.json").read_text(encoding="ascii"))
        return result


@contextlib.contextmanager
def stage(app: Path, pythons: Iterable[tuple[str, Path]], *, paced: bool = True) -> Iterator[list[Scene]]:
    """Set up a cloud and a Splunk for each Python.

    Args:
        app: the built tree.
        pythons: version and program.
        paced: False takes the waits for Microsoft's limits out of the installed copy: 10,000 incidents at 50 a request
            and 75 requests a minute are minutes of sleep, which nobody needs to measure.
    """
    with contextlib.ExitStack() as stack:
        scenes = []
        for version, program in pythons:
            cloud = stack.enter_context(MicrosoftCloud())
            # One application makes all the calls of all the runs here.
            for meter in (*(api.meter for api in cloud.graph_apis), *(api.meter for api in cloud.endpoint_apis)):
                meter.limits = ()
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
            launched = _launched(folder, program)
            splunkd = stack.enter_context(Splunkd(folder / "splunk", app, launched))
            stack.enter_context(splunkd.starting_anew())
            if not paced:
                _take_waits_out(splunkd.home / "etc" / "apps" / APP / PACE)
            scenes.append(Scene(folder, cloud, splunkd, launched, version))
        yield scenes


def _launched(folder: Path, program: Path) -> Path:
    """A program that is the Python, but writes down what it took."""
    launched = folder / "python"
    command = shlex.join([sys.executable, "-ISsB", str(LAUNCHER), str(folder), str(program)])
    launched.write_text(f'#!/bin/sh\nexec {command} "$@"\n', encoding="utf-8")
    launched.chmod(0o755)
    return launched


def _take_waits_out(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    if text.count(PACE_WAITS) != 1:
        raise UnexpectedRunError(f"{path.name} has changed: tell bench/scene.py how to take its waits out")
    shutil.rmtree(path.parent / "__pycache__", ignore_errors=True)
    path.write_text(text.replace(PACE_WAITS, PACE_WAITS_NOT), encoding="utf-8")


def _number(path: Path) -> int | None:
    with contextlib.suppress(FileNotFoundError, ValueError):
        return int(path.read_text(encoding="ascii"))
    return None


def _drop(process: subprocess.Popen[bytes]) -> None:
    assert process.stdout is not None  # noqa: S101 - it is a pipe
    while os.read(process.stdout.fileno(), 65_536):
        pass
