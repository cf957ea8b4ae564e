"""One step of a command: a line for the person who watches, a log for the one who asks why it failed."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
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


@contextmanager
def announced(title: str) -> Iterator[None]:
    """Say on one line what is going on, and how it ended after how many seconds."""
    print(f"  {title} ... ", end="", flush=True)
    start = time.monotonic()
    try:
        yield
    except NotAvailableError:
        print("not available", flush=True)
        raise
    except BaseException:
        print(f"FAILED after {time.monotonic() - start:.0f} s", flush=True)
        raise
    print(f"done in {time.monotonic() - start:.0f} s", flush=True)


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


def say(text: str) -> None:
    """Print a line that does not belong to a step."""
    print(text, flush=True)


def complain(error: StepError | NotAvailableError) -> None:
    """Print why a command ends here."""
    sys.stdout.flush()
    print(f"\n{error}", file=sys.stderr, flush=True)
