"""The add-on's own folder, as a first look finds it on the disk."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

_STANZA = re.compile(r"(?m)^\[(\w+)\]\s*$")
_PINNED = re.compile(r"(?m)^([\w.-]+)==([\w.]+)")
# What the others import before all else, and nobody starts.
_NO_ENTRIES = frozenset({"import_declare_test", "defender_alerts_python_version"})


@dataclass(frozen=True)
class Library:
    """A library in ``lib/``, by its own metadata.

    Attributes:
        modules: what it may be imported as, packages and modules.
    """

    name: str
    version: str
    modules: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


@dataclass(frozen=True)
class App:
    """The add-on's folder, and the Splunk that it is in."""

    folder: Path

    @property
    def bin(self) -> Path:
        """The folder of what splunkd starts."""
        return self.folder / "bin"

    @property
    def lib(self) -> Path:
        """The folder of the bundled libraries."""
        return self.folder / "lib"

    @property
    def home(self) -> Path:
        """SPLUNK_HOME: as the environment has it, else four folders up."""
        told = os.environ.get("SPLUNK_HOME", "")
        return Path(told) if told else self.folder.parent.parent.parent

    @property
    def logs(self) -> Path:
        """Where splunkd and the inputs write their logs."""
        return self.home / "var" / "log" / "splunk"

    def kinds(self) -> list[str]:
        """The kinds of input, by their default stanzas."""
        return _STANZA.findall(_text(self.folder / "default" / "inputs.conf"))

    def entries(self) -> list[str]:
        """The modules of what splunkd or a person starts, and of what those begin with."""
        return sorted(path.stem for path in self.bin.glob("*.py") if path.stem not in _NO_ENTRIES)

    def libraries(self) -> list[Library]:
        """The libraries that are there, by name; one of which two versions are there comes twice."""
        return [_library(path) for path in sorted(self.lib.glob("*.dist-info"), key=lambda path: path.name.lower())]

    def locked(self) -> dict[str, str]:
        """The versions that the add-on was made with, by canonical name; empty if that can't be read."""
        pinned = _PINNED.findall(_text(self.lib / "requirements.txt"))
        return {canonical(name): version for name, version in pinned}


def canonical(name: str) -> str:
    """A library's name as all spellings of it have it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _library(folder: Path) -> Library:
    name, _, version = folder.name[: -len(".dist-info")].partition("-")
    modules = set()
    for line in _text(folder / "RECORD").splitlines():
        first, slash, _ = line.partition(",")[0].partition("/")
        if slash and first.isidentifier():
            modules.add(first)
        elif first.endswith(".py") and not slash:
            modules.add(first[: -len(".py")])
    return Library(name, version, tuple(sorted(modules - {"bin"})))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
