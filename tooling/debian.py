"""Debian packages, for which one has to be root or may use sudo without a password."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from functools import cache
from pathlib import Path

from tooling import steps

ENVIRONMENT = ("DEBIAN_FRONTEND=noninteractive",)
# sudo forgets them, and apt-get and debootstrap need them where a proxy is the only way out.
KEPT = ("http_proxy", "https_proxy", "no_proxy")

PROGRAMS = ("curl", "openssl")
"""Each is the name of its package too."""

_APT = threading.Lock()


@cache
def root_prefix() -> tuple[str, ...]:
    """Give what stands before a command that has to run as root.

    Raises:
        NotAvailableError: this user can't become root without a password, or this is no Debian.
    """
    if shutil.which("apt-get") is None:
        raise steps.NotAvailableError("needs Debian packages, and this machine has no apt-get")
    environment = (
        "env",
        *ENVIRONMENT,
        *(f"{name}={os.environ[name]}" for name in KEPT if name in os.environ),
    )
    if os.geteuid() == 0:
        return environment
    sudo = shutil.which("sudo")
    if sudo and subprocess.run([sudo, "-n", "true"], capture_output=True, check=False).returncode == 0:
        return (sudo, "-n", *environment)
    raise steps.NotAvailableError(
        "needs Debian packages, and this user is neither root nor may use sudo without a password"
    )


def as_root(*command: str | Path) -> tuple[str | Path, ...]:
    """Give the command that runs another one as root."""
    return (*root_prefix(), *command)


def install(package: str) -> None:
    """Install a package with what it depends on.

    Raises:
        NotAvailableError: there's no way to be root.
        StepError: apt-get failed.
    """
    fetch = as_root("apt-get", "install", "-y", package)
    # apt-get refuses to run beside another one.
    with _APT, steps.announced(f"Debian package {package}"):
        _update()
        steps.run(f"apt-{package}", fetch)


@cache
def _update() -> None:
    steps.run("apt-update", as_root("apt-get", "update"))


def programs() -> None:
    """Install the programs whose commands the documents and sentences name, unless they are there.

    Raises:
        NotAvailableError: there's no way to be root.
        StepError: apt-get failed.
    """
    for program in PROGRAMS:
        if shutil.which(program) is None:
            install(program)
