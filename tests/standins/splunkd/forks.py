"""Runs scripts under Splunk's Python in processes that are forked where what they import is there already."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO


class Forked:
    """A script's process, with as much of ``subprocess.Popen`` as is used here; `told` is what the server tells of it."""

    def __init__(self, arguments: Sequence[str], told: int) -> None:
        self.args = arguments
        self.returncode: int | None = None
        self._ended = threading.Event()
        lines = os.fdopen(told, "rb")
        self.pid = int(lines.readline())
        threading.Thread(target=self._listen, args=(lines,), name=f"forked-{self.pid}", daemon=True).start()

    def _listen(self, lines: BinaryIO) -> None:
        with lines:
            # Nothing is told where whoever would tell it was killed as well.
            self.returncode = int(lines.readline() or -signal.SIGKILL)
        self._ended.set()

    def poll(self) -> int | None:
        """The exit status, None as long as it runs."""
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """The exit status, when there is one.

        Raises:
            subprocess.TimeoutExpired: there was none in time.
        """
        if not self._ended.wait(timeout):
            raise subprocess.TimeoutExpired(list(self.args), timeout or 0)
        assert self.returncode is not None
        return self.returncode

    def terminate(self) -> None:
        """SIGTERM."""
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL."""
        self._send(signal.SIGKILL)

    def _send(self, number: signal.Signals) -> None:
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)


class ForkedWithPipes(Forked):
    """The same, with a pipe to it and two from it."""

    def __init__(self, arguments: Sequence[str], told: int, pipes: Sequence[int]) -> None:
        super().__init__(arguments, told)
        self.stdin, self.stdout, self.stderr = (
            os.fdopen(descriptor, mode) for descriptor, mode in zip(pipes, ("wb", "rb", "rb"))
        )


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
        try:
            os.write(given, stdin)
            os.lseek(given, 0, os.SEEK_SET)
            forked = Forked(arguments, self._fork(arguments, (given, out, err), environment))
            try:
                status = forked.wait(seconds)
            except subprocess.TimeoutExpired:
                forked.kill()
                raise
            return subprocess.CompletedProcess(list(arguments), status, _all_of(out), _all_of(err))
        finally:
            for descriptor in (given, out, err):
                os.close(descriptor)

    def start(self, arguments: Sequence[str], environment: Mapping[str, str]) -> ForkedWithPipes:
        """Start a script."""
        (read, stdin), (stdout, out), (stderr, err) = os.pipe(), os.pipe(), os.pipe()
        try:
            told = self._fork(arguments, (read, out, err), environment)
        finally:
            for descriptor in (read, out, err):
                os.close(descriptor)
        return ForkedWithPipes(arguments, told, (stdin, stdout, stderr))

    def close(self) -> None:
        """End it; what it has forked ends by itself."""
        with self._lock:
            self._end()

    def _fork(self, arguments: Sequence[str], standard: Sequence[int], environment: Mapping[str, str]) -> int:
        """Let a script have a process with these standard streams; give the descriptor on which is told what becomes of it."""
        told, tell = os.pipe()
        try:
            self._send(arguments, (*standard, tell), environment)
        finally:
            os.close(tell)
        return told

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
