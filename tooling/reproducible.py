"""What makes two builds of one commit the same, bit for bit: one time for everything, and nothing of the builder."""

from __future__ import annotations

import gzip
import os
import re
import subprocess
import tarfile
from pathlib import Path

from tooling import paths

SOURCES = ("package", "globalConfig.json", "additional_packaging.py", "pyproject.toml", "tooling")
"""What a tarball is made from."""
BUILD_TIMES = {
    "default/app.conf": re.compile(r"(?m)^(build = )\d+$"),
    "appserver/templates/base.html": re.compile(r"(/static/@)\d+(?=/)"),
}
"""Where UCC writes the second at which it ran. Splunk Web makes it part of addresses, so that browsers fetch anew."""
FILE_MODE, FOLDER_MODE = 0o644, 0o755


def source_time(root: Path = paths.ROOT) -> int:
    """Give the time that a build bears, in seconds since 1970.

    It is SOURCE_DATE_EPOCH (https://reproducible-builds.org/specs/source-date-epoch/), else that of the commit that is
    checked out. Where files differ from it, and outside of a repository, it is that of the file that was changed last:
    Python and browsers take a file of the same time for the same file, also after an upgrade. An archive that git made
    bears the time of its commit on every file.
    """
    said = os.environ.get("SOURCE_DATE_EPOCH", "")
    committed = "" if _differs(root) else _git(root, "log", "-1", "--format=%ct")
    return int(said or committed or _last_change(root))


def commit(root: Path = paths.ROOT) -> str:
    """Name the commit that is checked out, `-dirty` behind it where sources differ; empty outside of a repository."""
    found = _git(root, "rev-parse", "HEAD")
    return f"{found}-dirty" if found and _differs(root) else found


def _differs(root: Path) -> bool:
    return bool(_git(root, "status", "--porcelain", "--", *SOURCES))


def _last_change(root: Path) -> int:
    named = [root / name for name in SOURCES]
    files = [path for top in named for path in (top, *top.rglob("*")) if path.is_file()]
    return max(int(path.stat().st_mtime) for path in files if "__pycache__" not in path.parts)


def _git(root: Path, *arguments: str) -> str:
    # The project may be unpacked inside somebody else's repository, whose commits are not ours.
    if not (root / ".git").exists():
        return ""
    done = subprocess.run(["git", "-C", root, *arguments], capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def settle(app: Path, seconds: int) -> None:
    """Write a time in the place of the one at which UCC ran.

    Args:
        app: the built tree.
        seconds: the time, since 1970.

    Raises:
        ValueError: UCC's files are not as they were when this was written.
    """
    for name, pattern in BUILD_TIMES.items():
        path = app / name
        text, count = pattern.subn(rf"\g<1>{seconds}", path.read_text(encoding="utf-8"))
        if not count:
            raise ValueError(f"{path} has no time of the build where UCC used to write it")
        path.write_text(text, encoding="utf-8")


def pack(app: Path, tarball: Path, seconds: int) -> None:
    """Make the tarball: sorted, of nobody, with one time and the modes that Splunk's packaging asks for.

    Args:
        app: the built tree; its folder's name is the one in the tarball.
        tarball: the file to write.
        seconds: the time of every entry, since 1970.
    """
    entries = [app, *sorted(path for path in app.rglob("*") if "__pycache__" not in path.parts)]
    with (
        tarball.open("wb") as raw,
        # An empty name and a given time: gzip would write those of the file and of now.
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, compresslevel=9, mtime=seconds) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for path in entries:
            entry = tarfile.TarInfo(path.relative_to(app.parent).as_posix())
            entry.mtime = seconds
            if path.is_dir():
                entry.type, entry.mode = tarfile.DIRTYPE, FOLDER_MODE
                archive.addfile(entry)
                continue
            entry.size, entry.mode = path.stat().st_size, FILE_MODE
            with path.open("rb") as content:
                archive.addfile(entry, content)
