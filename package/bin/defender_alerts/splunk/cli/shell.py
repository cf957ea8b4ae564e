"""What a command gets from the shell: streams, environment, prompts."""

from __future__ import annotations

import argparse
import os
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Callable, TextIO

if TYPE_CHECKING:
    # Not at run time: doctor --self asks for a password without any library.
    from defender_alerts.microsoft.transport.client import Stop

LOCAL_TOKEN = "SPLUNK_TOKEN"  # noqa: S105 - the name of a variable
# An authentication token is a JSON Web Token (Splunk, "Set up authentication with tokens"), a session key is not.
_JWT_BEGINS, _JWT_DOTS = "eyJ", 2
# The end of a line, Ctrl-D, and a terminal that is gone.
_ENDS = frozenset({b"\n", b"\r", b"\x04", b""})
_DELETES = frozenset({b"\x7f", b"\x08"})


@dataclass(frozen=True)
class Shell:
    """What a command gets from the shell.

    Attributes:
        ask: asks for a password without echo.
        confirm: asks for confirmation; None if there is no terminal.
        read_line: asks for a line that may be seen; empty at the end of the input.
    """

    out: TextIO
    err: TextIO
    environment: Mapping[str, str]
    ask: Callable[[str], str]
    stop: Stop
    read_line: Callable[[str], str]
    confirm: Callable[[str], bool] | None = None

    @classmethod
    def of_this_process(cls) -> Shell:
        """The shell that has started this process; its stop is never set, since Ctrl-C ends a command."""
        confirm = _confirm if sys.stdin.isatty() else None
        return cls(sys.stdout, sys.stderr, os.environ, ask_password, threading.Event(), read_line, confirm=confirm)


def with_login(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Add the options for logging in to this host's splunkd."""
    parser.add_argument("--username", default="", help="an administrator of this Splunk; the password is asked for")
    parser.add_argument("--port", type=int, default=8089, help="this splunkd's management port (default: %(default)s)")
    return parser


def ask_password(prompt: str) -> str:
    """Ask at the terminal without echo, or read a line of standard input if that is not a terminal."""
    if sys.stdin.isatty():
        from getpass import getpass

        return getpass(prompt)
    return sys.stdin.readline().rstrip("\r\n")


def read_line(prompt: str) -> str:
    """Ask at the terminal for a line of any length, or read one of standard input; empty at its end.

    A terminal hands over lines of at most 4,095 bytes (Linux, termios(3); 1,024 on macOS) and drops what is longer,
    unless it is told not to wait for whole lines. Python's module readline would do that, but nothing on record says
    that Splunk's Python has it.
    """
    sys.stderr.write(prompt)
    sys.stderr.flush()
    if sys.platform == "win32" or not sys.stdin.isatty():
        # The console of Windows has no such limit.
        return sys.stdin.readline().rstrip("\r\n")
    import termios

    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    unlimited = termios.tcgetattr(descriptor)
    unlimited[3] &= ~termios.ICANON
    termios.tcsetattr(descriptor, termios.TCSADRAIN, unlimited)
    try:
        return _typed(descriptor)
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def is_authentication_token(token: str) -> bool:
    """Whether this is an authentication token, which needs the scheme Bearer, and not a session key."""
    return token.startswith(_JWT_BEGINS) and token.count(".") == _JWT_DOTS


def _typed(descriptor: int) -> str:
    """What is typed up to the end of a line, after deletions."""
    typed = bytearray()
    while True:
        key = os.read(descriptor, 1)
        if key in _ENDS:
            return typed.decode("utf-8", "replace")
        if key in _DELETES:
            del typed[-1:]
        else:
            typed += key


def _confirm(question: str) -> bool:
    """Ask yes or no at the terminal."""
    return read_line(f"{question} [yes/no] ").strip().lower() in {"y", "yes"}
