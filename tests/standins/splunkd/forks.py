"""Runs scripts under Splunk's Python in processes that are forked where what they import is there already."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


class Forks:
    """One ``forkServer.py``, started when it is first needed and again when a file of the code has changed."""

    def __init__(self, python: Path, server: Path, code: Sequence[Path]) -> None:
        self._command = (str(python), str(server))
        self._code = code
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: socket.socket | None = None
        self._of: int | None = None

    def run(
        self, arguments: Sequence[str], stdin: bytes, environment: Mapping[str, str], seconds: float
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a script to its end.

        Raises:
            subprocess.TimeoutExpired: it took longer.
        """
        given, out, err = (os.memfd_create(name) for name in ("stdin", "stdout", "stderr"))
        told, tell = os.pipe()
        try:
            os.write(given, stdin)
            os.lseek(given, 0, os.SEEK_SET)
            try:
                self._send(arguments, (given, out, err, tell), environment)
            finally:
                os.close(tell)
            if not select.select([told], [], [], seconds)[0]:
                self.close()
                raise subprocess.TimeoutExpired(list(arguments), seconds)
            status = int(os.read(told, 16))
            return subprocess.CompletedProcess(list(arguments), status, _all_of(out), _all_of(err))
        finally:
            for descriptor in (given, out, err, told):
                os.close(descriptor)

    def close(self) -> None:
        """End it, and what it has forked."""
        with self._lock:
            self._end()

    def _send(self, arguments: Sequence[str], files: Sequence[int], environment: Mapping[str, str]) -> None:
        with self._lock:
            of = self._state()
            if self._channel is None or of != self._of:
                self._end()
                self._start(environment)
                self._of = of
            assert self._channel is not None
            socket.send_fds(self._channel, [json.dumps(list(arguments)).encode()], files)

    def _start(self, environment: Mapping[str, str]) -> None:
        self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [*self._command, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=dict(environment),
                cwd="/",
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )

    def _end(self) -> None:
        if self._channel is not None and self._process is not None:
            self._channel.close()
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._channel = self._process = None

    def _state(self) -> int:
        """A number that is another one when a file of the code has changed."""
        return hash(
            tuple(
                (folder, name, os.stat(os.path.join(folder, name), follow_symlinks=False).st_ctime_ns)  # noqa: PTH116, PTH118 - for each call
                for code in self._code
                for folder, _, names in os.walk(code)
                if not folder.endswith("__pycache__")
                for name in names
            )
        )


def _all_of(descriptor: int) -> bytes:
    return os.pread(descriptor, os.fstat(descriptor).st_size, 0)
