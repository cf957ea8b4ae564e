"""Checks Python, OpenSSL and file permissions."""

from __future__ import annotations

import os
import ssl
import sys
from collections.abc import Iterator
from pathlib import Path

import defender_alerts_python_version

from defender_alerts.diagnostics.report import Outcome, Result

_MOST_NAMED = 5


def python() -> Result:
    """Report this Python, and whether it is new enough."""
    version = ".".join(str(part) for part in sys.version_info[:3])
    if sys.version_info[:2] < defender_alerts_python_version.OLDEST:
        said, _, advice = defender_alerts_python_version.SENTENCE.format(version).partition(": ")
        return Result("python", "", Outcome.FAILED, f"{said}.", f"{advice[:1].upper()}{advice[1:]}")
    return Result("python", "", Outcome.OK, f"Python {version}, {sys.executable}.", "")


def openssl() -> Result:
    """Report the OpenSSL of this Python."""
    return Result("openssl", "", Outcome.OK, f"{ssl.OPENSSL_VERSION}.", "")


def permissions(folder: Path, home: Path) -> Iterator[Result]:
    """Check whether Splunk's user can read the add-on in ``folder`` and write logs in ``home`` (SPLUNK_HOME).

    That user is the one of this process or, if it runs as root, the owner of SPLUNK_HOME.
    """
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0
    owner = home.stat() if is_root and home.exists() and home.stat().st_uid != 0 else None
    user = "This user" if owner is None else f"The owner of Splunk (uid {owner.st_uid})"
    logs = home / "var" / "log" / "splunk"
    written = (logs, *sorted(logs.glob("ta_defender_alerts_*.log")))
    unwritable = [str(path) for path in written if not _may(path, os.W_OK, owner)]
    closed = [str(path.relative_to(folder)) for path in sorted(folder.rglob("*")) if not _may(path, os.R_OK, owner)]
    if closed:
        more = f" and {len(closed) - _MOST_NAMED} more" if len(closed) > _MOST_NAMED else ""
        yield Result(
            "files",
            "",
            Outcome.FAILED,
            f"{user} can't read {', '.join(closed[:_MOST_NAMED])}{more} in {folder}.",
            f"Let the user that runs splunkd own all of it: chown -R that user {folder}.",
        )
    else:
        yield Result("files", "", Outcome.OK, f"{user} can read the whole of {folder}.", "")
    if not logs.is_dir():
        yield Result(
            "logs",
            "",
            Outcome.FAILED,
            f"There is no folder {logs}.",
            "Start it with $SPLUNK_HOME/bin/splunk cmd python3.9, which says where Splunk is.",
        )
    elif unwritable:
        yield Result(
            "logs",
            "",
            Outcome.FAILED,
            f"{user} can't write {', '.join(unwritable)}.",
            "Let the user that runs splunkd write there; without a log, an input does not start.",
        )
    else:
        yield Result("logs", "", Outcome.OK, f"{user} can write to {logs}.", "")


def _may(path: Path, mode: int, owner: os.stat_result | None) -> bool:
    if owner is None:
        return os.access(str(path), mode)
    try:
        held = path.stat()
    except OSError:
        return False
    # The bits of the owner, the group and the others; in each, reading is 4 and writing 2, as in ``mode``.
    shift = 6 if held.st_uid == owner.st_uid else 3 if held.st_gid == owner.st_gid else 0
    return bool(held.st_mode >> shift & mode)
