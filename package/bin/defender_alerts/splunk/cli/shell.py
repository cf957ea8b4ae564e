"""What a command gets from the shell: streams, environment, prompts."""

from __future__ import annotations

import argparse
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Callable, TextIO

if TYPE_CHECKING:
    # Not at run time: doctor --self asks for a password without any library.
    from defender_alerts.microsoft.transport.client import Stop

    from .login import AskPassword

LOCAL_TOKEN = "SPLUNK_TOKEN"  # noqa: S105 - the name of a variable
# An authentication token is a JSON Web Token (Splunk, "Set up authentication with tokens"), a session key is not.
_JWT_BEGINS, _JWT_DOTS = "eyJ", 2


@dataclass(frozen=True)
class Shell:
    """What a command gets from the shell.

    Attributes:
        ask: asks for a password without echo.
        confirm: asks for confirmation; None if there is no terminal.
    """

    out: TextIO
    err: TextIO
    environment: Mapping[str, str]
    ask: AskPassword
    stop: Stop
    monotonic: Callable[[], float] = time.monotonic
    confirm: Callable[[str], bool] | None = None


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


def confirmation() -> Callable[[str], bool] | None:
    """A function that asks yes or no at the terminal; None if standard input is not a terminal."""
    if not sys.stdin.isatty():
        return None

    def confirm(question: str) -> bool:
        sys.stderr.write(f"{question} [yes/no] ")
        sys.stderr.flush()
        return sys.stdin.readline().strip().lower() in {"y", "yes"}

    return confirm


def never_stopped() -> Stop:
    """A stop that is never set: Ctrl-C ends a command."""
    return threading.Event()


def is_authentication_token(token: str) -> bool:
    """Whether this is an authentication token, which needs the scheme Bearer, and not a session key."""
    return token.startswith(_JWT_BEGINS) and token.count(".") == _JWT_DOTS
