"""Tries to import Splunk's modules, the libraries and each entry point, in a process each: a crash costs no other."""

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

# A file of a library in its RECORD, and the module or package that it belongs to.
_MODULE = r"^(?!bin/|__pycache__/)([A-Za-z_]\w*)(?:/|\.py,)"

_CHILD = """
import sys
folder, mark, names = sys.argv[1], sys.argv[2], sys.argv[3:]
sys.argv = sys.argv[:1]
sys.path.insert(0, folder)
import importlib, json, os
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


class ImportFailure(NamedTuple):
    """Why something can't be imported.

    Attributes:
        found: what happened, as the end of a sentence.
        advice: what to do.
    """

    found: str
    advice: str


class Importer:
    """Imports modules from the add-on's folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lib = folder / "lib"
        folders = sorted(self._lib.glob("*.dist-info"), key=lambda path: path.name.lower())
        called = [path.name[: -len(".dist-info")].partition("-") for path in folders]
        self._libraries = [(name, version) for name, _, version in called]
        self._modules = sorted({module for path in folders for module in _found(_MODULE, path / "RECORD")})

    def splunks_modules(self) -> Result:
        """Check whether this is Splunk's Python."""
        failure = self._attempt(SPLUNKS)
        if failure is not None:
            return Result("splunk", "", Outcome.FAILED, f"It can't be imported: {failure.found}.", failure.advice)
        return Result("splunk", "", Outcome.OK, "Splunk's own Python modules are there.", "")

    def libraries(self) -> Iterator[Result]:
        """Import the bundled libraries, and compare them with the locked versions."""
        failure = self._attempt(self._modules)
        if failure is None:
            found = f"All can be imported: {', '.join(map(' '.join, self._libraries))}."
            yield Result("library", "", Outcome.OK, found, "")
        else:
            yield Result("library", "", Outcome.FAILED, f"Not all can be imported: {failure.found}.", failure.advice)
        yield from self._differing()

    def _differing(self) -> Iterator[Result]:
        """Report each library that is not there in its locked version."""
        locked = {
            _canonical(name): one for name, one in _found(r"^([\w.-]+)==([\w.]+)", self._lib / "requirements.txt")
        }
        there: dict[str, list[str]] = {name: [] for name in locked}
        for name, version in self._libraries:
            there.setdefault(_canonical(name), []).append(version)
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
        with ThreadPoolExecutor(_AT_A_TIME) as pool:
            groups = ([name, _RUN] if name in kinds else [name] for name in names)
            failures = list(pool.map(self._attempt, groups))
        for name, failure in zip(names, failures):
            if failure is None:
                good.append(f"{name}.py")
            else:
                yield Result("entry", f"{name}.py", Outcome.FAILED, f"It fails: {failure.found}.", failure.advice)
        if good:
            yield Result("entry", "", Outcome.OK, f"These can be imported: {', '.join(good)}.", "")

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
            return ImportFailure(f"it was not done after {_SECONDS} seconds", _CRASHED)
        _, mark, said = done.stdout.decode("utf-8", "replace").rpartition(_MARK)
        if not mark:
            last = done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2][:_LONGEST]
            return ImportFailure(f"the process ended with {done.returncode} without a word ({last})", _CRASHED)
        told = json.loads(said)
        if told["error"]:
            found = f"{told['error']}: {told['text']}"[:_LONGEST].rstrip(".")
            missing = told["missing"].partition(".")[0]
            unreadable = told["error"] == "PermissionError"
            advice = _NOT_SPLUNKS if missing == "splunk" else _NOT_READABLE if unreadable else _REINSTALL
            return ImportFailure(found, advice.format(folder=self._folder))
        inside = os.path.realpath(str(self._lib)) + os.sep
        for name, file in told["files"].items():
            # A copy outside lib/ is not the version that the add-on was tested with.
            if name in self._modules and file and not os.path.realpath(file).startswith(inside):
                return ImportFailure(f"{file} takes its place, which is not the add-on's", _OTHERS)
        return None


def _canonical(name: str) -> str:
    """A library's normalised name (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _found(pattern: str, path: Path) -> list[Any]:
    """Apply ``re.findall`` to the lines of a file; empty if it can't be read."""
    try:
        return re.findall(pattern, path.read_text(encoding="utf-8", errors="replace"), re.MULTILINE)
    except OSError:
        return []
