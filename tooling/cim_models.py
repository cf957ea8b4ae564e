"""Splunk's own definitions of CIM: the wheel of pytest-splunk-addon, which is read as the archive that it is."""

from __future__ import annotations

import shutil

from tooling import paths, steps, venvs

LOCK = paths.TOOLING / "requirements-cim.txt"
FOLDER = paths.TOOLCHAIN / "cim-models"


def wheel() -> str:
    """Give the name of the wheel's file, by the lock."""
    for line in LOCK.read_text(encoding="utf-8").splitlines():
        name, found, rest = line.partition("==")
        if found and not line.startswith("#"):
            return f"{name.replace('-', '_')}-{rest.split()[0]}-py3-none-any.whl"
    raise steps.StepError(f"{LOCK} names no package.")


WHEEL = FOLDER / wheel()


def make() -> None:
    """Download it, unless it's there. pip compares its hash with the lock's.

    Raises:
        StepError: it can't be downloaded, or is another file.
    """
    if WHEEL.is_file():
        return
    with steps.announced("Splunk's definitions of CIM"):
        new = FOLDER.with_suffix(".new")
        for folder in (new, FOLDER):
            shutil.rmtree(folder, ignore_errors=True)
        command = (venvs.DEV.python, "-m", "pip", "download", "--disable-pip-version-check", "--no-deps")
        steps.run("cim-models", (*command, "--require-hashes", "--only-binary", ":all:", "-d", new, "-r", LOCK))
        new.rename(FOLDER)
