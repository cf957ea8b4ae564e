"""The virtual environments in .toolchain/, each made anew when its lock has changed."""

from __future__ import annotations

import hashlib
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from tooling import paths, steps

PIP_LOCK = paths.TOOLING / "requirements-pip.txt"


@dataclass(frozen=True)
class Venv:
    """A virtual environment: its folder's name in .toolchain/, its purpose, its lock (none: pip alone)."""

    name: str
    purpose: str
    lock: Path | None

    @property
    def folder(self) -> Path:
        """Where it is."""
        return paths.TOOLCHAIN / self.name

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / "bin" / "python"

    def make(self) -> None:
        """Make it, unless it is there and made from these locks by this Python in this folder.

        Raises:
            StepError: it can't be made.
        """
        stamp = self.folder / ".made-from"
        wanted = self._fingerprint()
        if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
            return
        with steps.announced(f"Python packages for {self.purpose}"):
            shutil.rmtree(self.folder, ignore_errors=True)
            install = (
                self.python,
                "-m",
                "pip",
                "install",
                "--disable-pip-version-check",
                "--no-build-isolation",
            )
            commands = [(sys.executable, "-m", "venv", self.folder), (*install, "-r", PIP_LOCK)]
            if self.lock is not None:
                commands.append((*install, "--no-deps", "-r", self.lock))
            steps.run(self.name, *commands)
            stamp.write_text(wanted, encoding="utf-8")

    def _fingerprint(self) -> str:
        locks = [PIP_LOCK] if self.lock is None else [PIP_LOCK, self.lock]
        parts = [sys.version, str(self.folder), *(lock.read_text(encoding="utf-8") for lock in locks)]
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()


DEV = Venv("venv", "building and testing", paths.TOOLING / "requirements-dev.txt")
# UCC changes the pip of the environment that it installs the libraries with, so it gets one to itself.
UCC_PIP = Venv("venv-ucc-pip", "UCC's installer", None)
APPINSPECT = Venv("venv-appinspect", "AppInspect", paths.TOOLING / "requirements-appinspect.txt")


def pinned_pip() -> str:
    """Give the version of pip that the lock names."""
    for line in PIP_LOCK.read_text(encoding="utf-8").splitlines():
        name, _, rest = line.partition("==")
        if name == "pip":
            return rest.split()[0]
    raise steps.StepError(f"{PIP_LOCK} names no pip.")
