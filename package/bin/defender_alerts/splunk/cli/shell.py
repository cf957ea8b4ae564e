"""What a command of ours is started with at a shell."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Callable, TextIO

if TYPE_CHECKING:
    # Not when it runs: a first look asks for a password without any library.
    from defender_alerts.microsoft.transport.client import Stop

    from .login import AskPassword

LOCAL_TOKEN = "SPLUNK_TOKEN"  # noqa: S105 - the name of a variable
# An authentication token is a JSON Web Token (Splunk, "Set up authentication with tokens"), a session key is not.
_JWT_BEGINS, _JWT_DOTS = "eyJ", 2


@dataclass(frozen=True)
class Shell:
    """What a command is started with.

    Attributes:
        ask: asks for a password without echo.
        confirm: asks whether something is meant; None where nobody is there to be asked.
    """

    out: TextIO
    err: TextIO
    environment: Mapping[str, str]
    ask: AskPassword
    stop: Stop
    monotonic: Callable[[], float] = time.monotonic
    confirm: Callable[[str], bool] | None = None


def ask_password(prompt: str) -> str:
    """Ask at the terminal without echo; take a line of standard input where that is no terminal."""
    if sys.stdin.isatty():
        from getpass import getpass

        return getpass(prompt)
    return sys.stdin.readline().rstrip("\r\n")


def confirmation() -> Callable[[str], bool] | None:
    """Ask at the terminal, where "yes" alone is a yes; None where standard input is no terminal."""
    if not sys.stdin.isatty():
        return None

    def confirm(question: str) -> bool:
        sys.stderr.write(f"{question} [yes/no] ")
        sys.stderr.flush()
        return sys.stdin.readline().strip().lower() in {"y", "yes"}

    return confirm


def never_stopped() -> Stop:
    """A stop that nobody asks for: an audit is ended with Ctrl-C."""
    return threading.Event()


def is_authentication_token(token: str) -> bool:
    """Whether it goes into the header as Bearer, as a session key does not."""
    return token.startswith(_JWT_BEGINS) and token.count(".") == _JWT_DOTS
