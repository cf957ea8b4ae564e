"""Tries to import everything, each module in its own process, so that a crash or hang only affects that module."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from defender_alerts.diagnostics.report import Outcome, Result

_SECONDS = 60
_AT_A_TIME = 4
_MARK = "first look: "
_LONGEST = 300
# Puts lib/ on the path, as every script of the add-on does.
_FIRST = "import_declare_test"
# Modules that the others import first, but that are not started themselves.
_NO_ENTRIES = frozenset({_FIRST, "defender_alerts_python_version"})
# Imported by an input only when it runs.
_RUN = "defender_alerts.splunk.modular_input"
# Modules of Splunk's own Python that the add-on uses.
SPLUNKS = ("splunk.admin", "splunk.rest", "splunk.clilib.bundle_paths", "splunk.persistconn.application")

_CHILD = """
import sys
folder, mark, names = sys.argv[1], sys.argv[2], sys.argv[3:]
sys.argv = sys.argv[:1]
sys.path.insert(0, folder)
import importlib, json, os, traceback
# solnlib looks there for the name of the app.
__file__ = os.path.join(folder, names[1] + ".py")
told = {"error": "", "files": {}}
try:
    for name in names:
        told["files"][name] = getattr(importlib.import_module(name), "__file__", "") or ""
except BaseException as error:
    told["error"] = type(error).__name__
    told["text"] = " ".join(str(error).split())
    told["missing"] = (getattr(error, "name", "") or "") if isinstance(error, ModuleNotFoundError) else ""
    told["path"] = [frame.filename for frame in traceback.extract_tb(error.__traceback__)]
    if getattr(error, "filename", None) and isinstance(error, (SyntaxError, OSError)):
        told["path"].append(str(error.filename))
sys.__stdout__.write("\\n" + mark + json.dumps(told) + "\\n")
sys.__stdout__.flush()
os._exit(0)
"""

_REINSTALL = (
    "Install this version of the add-on again: delete the folder lib/ in {folder}, then Apps > Manage Apps > Install "
    "app from file, with Upgrade app ticked, and restart Splunk. If this persists, report it."
)
_NOT_SPLUNKS = "Start it with Splunk's own Python: $SPLUNK_HOME/bin/splunk cmd python3.9."
_NOT_READABLE = "Let the user that runs splunkd read it: chown -R that user {folder}."
_CRASHED = "Report it, with Splunk's version and the operating system. The others don't depend on it."
_OTHERS = "Look for a copy that an administrator or another app has put there, and take it away."


class Library(NamedTuple):
    """A library in ``lib/`` according to its metadata; ``modules`` are its importable names."""

    name: str
    version: str
    modules: frozenset[str]

    def __str__(self) -> str:
        """Name and version."""
        return f"{self.name} {self.version}"


class ImportFailure(NamedTuple):
    """Why something can't be imported.

    Attributes:
        library: the bundled library that causes it, as name and version; empty for none.
        found: what happened, as the end of a sentence.
        advice: what to do.
    """

    library: str
    found: str
    advice: str


class Importer:
    """Imports modules from the add-on's folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lib = folder / "lib"
        self._libraries = [
            _library(path) for path in sorted(self._lib.glob("*.dist-info"), key=lambda path: path.name.lower())
        ]

    def splunks_modules(self) -> Result:
        """Check whether this is Splunk's Python."""
        failure = self._attempt(SPLUNKS)
        if failure is not None:
            return Result("splunk", "", Outcome.FAILED, f"It can't be imported: {failure.found}.", failure.advice)
        return Result("splunk", "", Outcome.OK, "Splunk's own Python modules are there.", "")

    def libraries(self) -> Iterator[Result]:
        """Import each bundled library; report each broken one together with those that depend on it."""
        broken: dict[str, tuple[ImportFailure, list[str]]] = {}
        # One process for all of them, and one for each only if that fails.
        whole = self._attempt([module for library in self._libraries for module in library.modules])
        one_by_one = self._libraries if whole else []
        for library, failure in zip(one_by_one, self._side_by_side([list(one.modules) for one in one_by_one])):
            if failure is not None:
                broken.setdefault(failure.library or str(library), (failure, []))[1].append(str(library))
        for culprit, (failure, takes) in broken.items():
            others = ", ".join(one for one in takes if one != culprit)
            also = f" Neither can {others}, which need it." if others else ""
            found = f"It can't be imported: {failure.found}.{also}"
            yield Result("library", culprit, Outcome.FAILED, found, failure.advice)
        yield from self._differing()
        if not broken:
            yield Result("library", "", Outcome.OK, f"All can be imported: {', '.join(map(str, self._libraries))}.", "")

    def _differing(self) -> Iterator[Result]:
        """Compare the libraries with the locked versions."""
        locked = {
            _canonical(name): one for name, one in _found(r"^([\w.-]+)==([\w.]+)", self._lib / "requirements.txt")
        }
        there: dict[str, list[str]] = {name: [] for name in locked}
        for library in self._libraries:
            there.setdefault(_canonical(library.name), []).append(library.version)
        for name, versions in sorted(there.items()):
            belongs = locked.get(name, "none")
            if versions != [belongs]:
                found = f"lib/ holds {' and '.join(versions) or 'none'}; {belongs} belongs there."
                outcome = Outcome.WARNING if versions else Outcome.FAILED
                yield Result("library", name, outcome, found, _REINSTALL.format(folder=self._folder))

    def entries(self) -> Iterator[Result]:
        """Import each entry point with everything that it imports later; report each failure."""
        folder = self._folder
        kinds = set(_found(r"^\[(\w+)\]\s*$", folder / "default" / "inputs.conf"))
        names = sorted({*kinds, *(path.stem for path in (folder / "bin").glob("*.py"))} - _NO_ENTRIES)
        good = []
        failures = self._side_by_side([[name, _RUN] if name in kinds else [name] for name in names])
        for name, failure in zip(names, failures):
            if failure is None:
                good.append(f"{name}.py")
                continue
            needs = f"It needs the library {failure.library}, which fails" if failure.library else "It fails"
            yield Result("entry", f"{name}.py", Outcome.FAILED, f"{needs}: {failure.found}.", failure.advice)
        if good:
            yield Result("entry", "", Outcome.OK, f"These can be imported: {', '.join(good)}.", "")

    def _side_by_side(self, groups: Sequence[Sequence[str]]) -> Iterator[ImportFailure | None]:
        with ThreadPoolExecutor(_AT_A_TIME) as pool:
            yield from pool.map(self._attempt, groups)

    def _attempt(self, modules: Sequence[str]) -> ImportFailure | None:
        folder = str(self._folder / "bin")
        try:
            done = subprocess.run(  # noqa: S603 - this Python, and names of the add-on's own
                [sys.executable, "-B", "-c", _CHILD, folder, _MARK, _FIRST, *modules],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_SECONDS,
                check=False,
                cwd=folder,
            )
        except subprocess.TimeoutExpired:
            return ImportFailure("", f"it was not done after {_SECONDS} seconds", _CRASHED)
        _, mark, said = done.stdout.decode("utf-8", "replace").rpartition(_MARK)
        if not mark:
            last = done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2][:_LONGEST]
            return ImportFailure("", f"the process ended with {done.returncode} without a word ({last})", _CRASHED)
        told = json.loads(said)
        if told["error"]:
            found = f"{told['error']}: {told['text']}"[:_LONGEST].rstrip(".")
            missing = told["missing"].partition(".")[0]
            library = self._first_library(missing, *map(self._top, reversed(told["path"])))
            unreadable = told["error"] == "PermissionError"
            advice = _NOT_SPLUNKS if missing == "splunk" else _NOT_READABLE if unreadable else _REINSTALL
            return ImportFailure(library, found, advice.format(folder=self._folder))
        for name, file in told["files"].items():
            # A copy outside lib/ is not the version that the add-on was tested with.
            library = self._first_library(name)
            if library and file and not self._top(file):
                return ImportFailure(library, f"{file} takes its place, which is not the add-on's", _OTHERS)
        return None

    def _top(self, file: str) -> str:
        """The top-level module in lib/ to which a file belongs; empty for a file elsewhere."""
        inside = os.path.realpath(file).partition(os.path.realpath(str(self._lib)) + os.sep)[2]
        return re.split(r"[\\/]|\.py$", inside)[0]

    def _first_library(self, *modules: str) -> str:
        """The library of the first of these modules that belongs to one; empty for none."""
        owners = {module: str(library) for library in self._libraries for module in library.modules}
        return next((owners[module] for module in modules if module in owners), "")


def _library(folder: Path) -> Library:
    name, _, version = folder.name[: -len(".dist-info")].partition("-")
    return Library(
        name, version, frozenset(_found(r"^(?!bin/|__pycache__/)([A-Za-z_]\w*)(?:/|\.py,)", folder / "RECORD"))
    )


def _canonical(name: str) -> str:
    """A library's normalised name (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _found(pattern: str, path: Path) -> list[Any]:
    """Apply ``re.findall`` to the lines of a file; empty if it can't be read."""
    try:
        return re.findall(pattern, path.read_text(encoding="utf-8", errors="replace"), re.MULTILINE)
    except OSError:
        return []
