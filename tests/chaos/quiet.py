"""Waits for what happens by itself, such as the end of what a killed process has asked for."""

from __future__ import annotations

import time
from typing import Callable


def wait_until(condition: Callable[[], bool], what: str, seconds: float = 30.0) -> None:
    """Return as soon as the condition holds.

    Raises:
        AssertionError: it doesn't in time.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds} s in vain: {what}")
        time.sleep(0.005)
