"""Debian's Chromium, in which the browser tests open the setup pages; Playwright brings no browser of its own.

It is the one without windows: what draws those takes a third of the time that a page takes.
"""

from __future__ import annotations

from pathlib import Path

from tooling import debian, steps

PACKAGE = "chromium-headless-shell"
CHROMIUM = Path("/usr/lib/chromium") / PACKAGE


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
    debian.install(PACKAGE)
    if not ready():
        raise steps.StepError(f"Debian's package {PACKAGE} has brought no {CHROMIUM}.")
