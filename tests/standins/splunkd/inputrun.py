"""One run of a modular input: the process, its stdout read as events, its stderr as log lines.

Source: Splunk "Create a modular input script" (XML on stdin, events on stdout, "LEVEL text" on stderr).
The working directory "/" is what a daemon has; assumed.
"""

from __future__ import annotations

import array
import fcntl
import os
import select
import subprocess
import termios
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Callable

from standins.splunkd.children import Children
from standins.splunkd.faults import Call
from standins.splunkd.stream import IndexedEvent, StreamReader

_CHUNK = 65_536


@dataclass(frozen=True)
class InputRun:
    """What came of a run. `stream_error` is None where stdout was whole or empty."""

    status: int
    events: list[IndexedEvent]
    stream_closed: bool
    stream_error: str | None
    stdout_bytes: int
    stderr: list[str]
    command: list[str]
    environ: dict[str, str]
    calls: list[Call]
    seconds: float


class InputProcess:
    """A running modular input. `events` and `stderr` grow while it runs."""

    def __init__(
        self,
        *,
        children: Children,
        command: list[str],
        env: Mapping[str, str],
        stdin: str,
        defaults: Mapping[str, str],
        calls: Callable[[], list[Call]],
        on_event: Callable[[IndexedEvent], None] | None,
    ) -> None:
        self.command = command
        self.environ = children.environment(env)
        self.events: list[IndexedEvent] = []
        self.stderr: list[str] = []
        self._children = children
        self._calls = calls
        self._on_event = on_event
        self._problem: BaseException | None = None
        self._started = time.monotonic()
        self._reader = StreamReader(defaults, self._take)
        self._reading = threading.Event()
        self._reading.set()
        self._closing = False
        self._wake_read, self._wake_write = os.pipe()
        self._process = children.start(command, env)
        self._threads = [
            threading.Thread(target=target, name=f"input-{self._process.pid}")
            for target in (self._read_stdout, self._read_stderr)
        ]
        for thread in self._threads:
            thread.start()
        assert self._process.stdin is not None
        with suppress(BrokenPipeError), self._process.stdin as pipe:
            pipe.write(stdin.encode())

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def running(self) -> bool:
        """Whether the process is still there."""
        return self._process.poll() is None

    def terminate(self) -> None:
        """SIGTERM, as at a disabled or edited input or a stopping splunkd."""
        self._process.terminate()

    def kill(self) -> None:
        """SIGKILL, as when the machine goes down."""
        self._process.kill()

    def close_stdout(self) -> None:
        """End of splunkd: the pipe has no reader any more."""
        self._closing = True
        self._reading.set()
        os.write(self._wake_write, b"x")

    def pause_stdout(self) -> None:
        """Full queues in splunkd: nothing is read, so that writing blocks, until resume_stdout."""
        self._reading.clear()
        os.write(self._wake_write, b"x")

    def resume_stdout(self) -> None:
        """Read on."""
        self._reading.set()

    def unread(self) -> int:
        """How many bytes wait in the pipe; a pipe of Linux holds 65,536."""
        assert self._process.stdout is not None
        count = array.array("i", [0])
        fcntl.ioctl(self._process.stdout.fileno(), termios.FIONREAD, count)
        return count[0]

    def wait(self, timeout: float = 120.0) -> InputRun:
        """The run when it has ended; TimeoutError, after a kill, where it doesn't in time."""
        try:
            status = self._process.wait(timeout)
        except subprocess.TimeoutExpired as error:
            self.kill()
            self._end()
            lines = "\n".join(self.stderr[-20:])
            raise TimeoutError(f"{self.command} ran longer than {timeout} s\n{lines}") from error
        self._end()
        if self._problem is not None:
            raise self._problem
        return InputRun(
            status,
            self.events,
            self._reader.closed,
            self._reader.error,
            self._reader.bytes_read,
            self.stderr,
            self.command,
            self.environ,
            self._calls(),
            time.monotonic() - self._started,
        )

    def _end(self) -> None:
        self._reading.set()
        self._process.wait()
        for thread in self._threads:
            thread.join()
        for descriptor in (self._wake_read, self._wake_write):
            with suppress(OSError):
                os.close(descriptor)

    def _take(self, event: IndexedEvent) -> None:
        self.events.append(event)
        if self._on_event is not None and self._problem is None:
            try:
                self._on_event(event)
            except BaseException as problem:  # noqa: BLE001 - it belongs to the test, which gets it from wait()
                self._problem = problem

    def _read_stdout(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as pipe:
            while True:
                self._reading.wait()
                if self._closing:
                    return
                ready, _, _ = select.select([pipe.fileno(), self._wake_read], [], [])
                if self._wake_read in ready:
                    os.read(self._wake_read, 64)
                    continue
                chunk = os.read(pipe.fileno(), _CHUNK)
                if not chunk:
                    break
                self._reader.feed(chunk)
        self._reader.end()
        if self._reader.error:
            self._children.log("ERROR", "ExecProcessor", f"{self.command}: {self._reader.error}")

    def _read_stderr(self) -> None:
        assert self._process.stderr is not None
        with self._process.stderr as pipe:
            for line in pipe:
                text = line.decode(errors="replace").rstrip("\r\n")
                self.stderr.append(text)
                self._children.log_stderr(self.command, text)
