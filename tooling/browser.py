"""Debian's Chromium, in which the browser tests open the setup pages; Playwright brings no browser of its own."""

from __future__ import annotations

from pathlib import Path

from tooling import debian, steps

CHROMIUM = Path("/usr/bin/chromium")


def ready() -> bool:
    """Whether it is installed."""
    return CHROMIUM.is_file()


def make() -> None:
    """Install it, unless it's there.

    Raises:
        NotAvailableError: this machine can't have it.
        StepError: installing it failed.
    """
    if ready():
        return
    debian.install("chromium")
    if not ready():
        raise steps.StepError(f"Debian's package chromium has brought no {CHROMIUM}.")
