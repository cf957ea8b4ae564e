"""Python, OpenSSL, and whether files can be read and logs be written."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import defender_alerts_python_version

from defender_alerts.doctor.report import Outcome, Result

from .app import App

_MOST_NAMED = 5


def python() -> Result:
    """Say which Python this is, and whether it is new enough."""
    version = ".".join(str(part) for part in sys.version_info[:3])
    if sys.version_info[:2] < defender_alerts_python_version.OLDEST:
        said, _, advice = defender_alerts_python_version.SENTENCE.format(version).partition(": ")
        return Result("python", "", Outcome.FAILED, f"{said}.", f"{advice[:1].upper()}{advice[1:]}")
    return Result("python", "", Outcome.OK, f"Python {version}, {sys.executable}.", "")


def openssl() -> Result:
    """Say which OpenSSL this Python is linked with."""
    try:
        import ssl
    except ImportError as error:
        advice = "Start it with Splunk's own Python: $SPLUNK_HOME/bin/splunk cmd python3.9."
        return Result("openssl", "", Outcome.FAILED, f"This Python has no TLS ({error}).", advice)
    return Result("openssl", "", Outcome.OK, f"{ssl.OPENSSL_VERSION}.", "")


def permissions(app: App) -> Iterator[Result]:
    """Look whether the user of this process can read the add-on and write logs; for root, whether Splunk's user can."""
    user = _User(app.home)
    unreadable = [path for path in sorted(_files(app.folder)) if not user.may(path, read=True)]
    if unreadable:
        named = ", ".join(str(path.relative_to(app.folder)) for path in unreadable[:_MOST_NAMED])
        more = f" and {len(unreadable) - _MOST_NAMED} more" if len(unreadable) > _MOST_NAMED else ""
        found = f"{user} can't read {named}{more} in {app.folder}."
        advice = f"Let the user that runs splunkd own all of it: chown -R that user {app.folder}."
        yield Result("files", "", Outcome.FAILED, found, advice)
    else:
        yield Result("files", "", Outcome.OK, f"{user} can read the whole of {app.folder}.", "")
    advice = "Let the user that runs splunkd write there; without a log, an input does not start."
    if not app.logs.is_dir():
        advice = "Start it with $SPLUNK_HOME/bin/splunk cmd python3.9, which says where Splunk is."
        yield Result("logs", "", Outcome.FAILED, f"There is no folder {app.logs}.", advice)
        return
    closed = [path for path in (app.logs, *sorted(app.logs.glob("ta_defender_alerts_*.log"))) if not user.may(path)]
    if closed:
        yield Result("logs", "", Outcome.FAILED, f"{user} can't write {', '.join(map(str, closed))}.", advice)
    else:
        yield Result("logs", "", Outcome.OK, f"{user} can write to {app.logs}.", "")


def _files(folder: Path) -> Iterator[Path]:
    for below, folders, files in os.walk(str(folder)):
        for name in (*folders, *files):
            yield Path(below) / name


class _User:
    """Who splunkd runs as: the user of this process; for root, to whom everything is open, the owner of SPLUNK_HOME."""

    def __init__(self, home: Path) -> None:
        own = os.geteuid() if hasattr(os, "geteuid") else -1
        self._owner = None
        if own == 0 and home.exists() and home.stat().st_uid != 0:
            self._owner = home.stat()

    def __str__(self) -> str:
        return "This user" if self._owner is None else f"The owner of Splunk (uid {self._owner.st_uid})"

    def may(self, path: Path, *, read: bool = False) -> bool:
        if self._owner is None:
            return os.access(str(path), os.R_OK if read else os.W_OK)
        try:
            held = path.stat()
        except OSError:
            return False
        for matches, bits in (
            (held.st_uid == self._owner.st_uid, (stat.S_IRUSR, stat.S_IWUSR)),
            (held.st_gid == self._owner.st_gid, (stat.S_IRGRP, stat.S_IWGRP)),
            (True, (stat.S_IROTH, stat.S_IWOTH)),
        ):
            if matches:
                return bool(held.st_mode & bits[0 if read else 1])
        return False
