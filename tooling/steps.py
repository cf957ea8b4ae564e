"""One step of a command: a line for the person who watches, a log for the one who asks why it failed."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tooling import paths

LAST_LINES = 30


class StepError(Exception):
    """A step that failed: the text says which and why, as a person should read it."""


class NotAvailableError(Exception):
    """What this machine can't have: the text says why. Whoever needs it is reported as not run."""


class _Screen:
    """What steps that run side by side print: a step has one line where nothing comes between, else two."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open = ""
        self._held: list[str] | None = None

    def begin(self, title: str) -> None:
        """Begin a step's line."""
        with self._lock:
            if self._held is None:
                self._finish_line()
                self._open = title
                print(f"  {title} ... ", end="", flush=True)

    def end(self, title: str, how: str) -> None:
        """Say how a step has ended: behind its beginning, if that is still the last line."""
        with self._lock:
            if self._open == title:
                self._open = ""
                print(how, flush=True)
            else:
                self._print(f"  {title}: {how}")

    def say(self, text: str) -> None:
        """Print lines of their own."""
        with self._lock:
            self._print(text)

    @contextmanager
    def lent(self) -> Iterator[None]:
        """Print nothing while somebody else does: it comes afterwards."""
        with self._lock:
            self._finish_line()
            self._held = []
        try:
            yield
        finally:
            with self._lock:
                held, self._held = self._held or [], None
                for text in held:
                    self._print(text)

    def _print(self, text: str) -> None:
        if self._held is not None:
            self._held.append(text)
        else:
            self._finish_line()
            print(text, flush=True)

    def _finish_line(self) -> None:
        if self._open:
            self._open = ""
            print(flush=True)


_SCREEN = _Screen()
lent = _SCREEN.lent
say = _SCREEN.say


@contextmanager
def announced(title: str) -> Iterator[None]:
    """Say what is going on, and how it ended after how many seconds."""
    _SCREEN.begin(title)
    start, how = time.monotonic(), "FAILED after"
    try:
        yield
        how = "done in"
    except NotAvailableError:
        how = "not available after"
        raise
    finally:
        _SCREEN.end(title, f"{how} {time.monotonic() - start:.0f} s")


def log_file(name: str) -> Path:
    """Give the log of that name, in a folder that is there."""
    paths.LOGS.mkdir(parents=True, exist_ok=True)
    return paths.LOGS / f"{re.sub(r'[^a-z0-9.]+', '-', name.lower()).strip('-')}.log"


def run(
    name: str, *commands: Sequence[str | Path], cwd: Path = paths.ROOT, env: Mapping[str, str] | None = None
) -> Path:
    """Run commands one after the other, their output going to the log of that name.

    Args:
        name: names the log, .toolchain/log/<name>.log.
        *commands: program and arguments each. They get no standard input.
        cwd: the folder they run in.
        env: additions to the environment.

    Returns:
        The log.

    Raises:
        StepError: one ended with a status that is not 0; with the last lines of the log.
    """
    log = log_file(name)
    with log.open("w", encoding="utf-8") as stream:
        for command in commands:
            line = shlex.join(map(str, command))
            stream.write(f"$ {line}\n")
            stream.flush()
            status = subprocess.run(
                list(map(str, command)),
                cwd=cwd,
                env={**os.environ, **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                check=False,
            ).returncode
            if status != 0:
                raise StepError(f"status {status}: see {log.relative_to(paths.ROOT)}\n\n{last_lines(log)}")
    return log


def last_lines(log: Path) -> str:
    """Give the end of a log, as text to print."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return "\n".join(lines[-LAST_LINES:])


def complain(error: StepError | NotAvailableError) -> None:
    """Print why a command ends here."""
    sys.stdout.flush()
    print(f"\n{error}", file=sys.stderr, flush=True)
