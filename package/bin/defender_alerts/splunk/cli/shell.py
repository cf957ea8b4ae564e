"""What a command gets from the shell: streams, environment, prompts."""

from __future__ import annotations

import argparse
import contextlib
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

    A terminal by itself hands over lines of at most 4,095 bytes (Linux, termios(3); 1,024 on macOS) and drops what is
    longer. Python reads it through the module readline, once that is loaded.
    """
    with contextlib.suppress(ImportError):
        # Windows has none, and no such limit.
        import readline  # noqa: F401 - see above
    try:
        return input(prompt)
    except EOFError:
        return ""


def _confirm(question: str) -> bool:
    """Ask yes or no at the terminal."""
    return read_line(f"{question} [yes/no] ").strip().lower() in {"y", "yes"}


def is_authentication_token(token: str) -> bool:
    """Whether this is an authentication token, which needs the scheme Bearer, and not a session key."""
    return token.startswith(_JWT_BEGINS) and token.count(".") == _JWT_DOTS
