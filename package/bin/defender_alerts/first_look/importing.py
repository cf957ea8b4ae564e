"""Whether everything can be imported, each in a process of its own: one that crashes or hangs costs only itself."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from defender_alerts.doctor.report import Outcome, Result

from .app import App, Library, canonical

_SECONDS = 60
_AT_A_TIME = 4
_MARK = "first look: "
_LONGEST = 300
# Puts lib/ on the path, as every script of the add-on does.
_FIRST = "import_declare_test"
# What an input imports only when it runs.
_RUN = "defender_alerts.input.run"
# What the add-on takes from Splunk's own Python.
SPLUNKS = ("splunk.admin", "splunk.rest", "splunk.clilib.bundle_paths", "splunk.persistconn.application")

_CHILD = """
import sys
folder, mark, names = sys.argv[1], sys.argv[2], sys.argv[3:]
sys.argv = sys.argv[:1]
sys.path.insert(0, folder)
import importlib, json, os, traceback
# solnlib looks there for the name of the app.
__file__ = os.path.join(folder, names[1] + ".py")
told = {"files": {}}
try:
    for name in names:
        told["files"][name] = str(getattr(importlib.import_module(name), "__file__", ""))
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
    "app from file, with Upgrade app ticked, and restart Splunk. If it stays so, report it."
)
_NOT_SPLUNKS = "Start it with Splunk's own Python: $SPLUNK_HOME/bin/splunk cmd python3.9."
_NOT_READABLE = "Let the user that runs splunkd read it: chown -R that user {folder}."
_CRASHED = "Report it, with Splunk's version and the operating system. The others don't depend on it."
_OTHERS = "Look for a copy that an administrator or another app has put there, and take it away."


@dataclass(frozen=True)
class Failure:
    """Why something can't be imported.

    Attributes:
        library: the bundled library it comes of, as name and version; empty if it is none.
        found: what happened, as the end of a sentence.
    """

    library: str
    found: str
    advice: str


class Importer:
    """Imports things out of one app."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._libraries = app.libraries()

    def splunks_modules(self) -> Iterator[Result]:
        """Look whether this is Splunk's Python."""
        for name in SPLUNKS:
            failure = self._attempt(name)
            if failure is not None:
                yield Result("splunk", name, Outcome.FAILED, f"It can't be imported: {failure.found}.", failure.advice)
                return
        yield Result("splunk", "", Outcome.OK, "Splunk's own Python modules are there.", "")

    def libraries(self) -> Iterator[Result]:
        """Import each bundled library: a line for each that is broken, with those that it takes with it."""
        broken: dict[str, tuple[Failure, list[str]]] = {}
        everything = [module for library in self._libraries for module in library.modules]
        # One process for all, and one for each only where that fails.
        one_by_one = self._libraries if self._attempt(*everything) is not None else []
        for library, failure in zip(one_by_one, self._side_by_side([one.modules for one in one_by_one])):
            if failure is not None:
                culprit = failure.library or str(library)
                _, others = broken.setdefault(culprit, (failure, []))
                if culprit != str(library):
                    others.append(str(library))
        for culprit, (failure, others) in broken.items():
            also = f" Neither can {', '.join(others)}, which need it." if others else ""
            yield Result(
                "library", culprit, Outcome.FAILED, f"It can't be imported: {failure.found}.{also}", failure.advice
            )
        yield from self._differing()
        if not broken:
            yield Result("library", "", Outcome.OK, f"All can be imported: {', '.join(map(str, self._libraries))}.", "")

    def _differing(self) -> Iterator[Result]:
        locked, there = self._app.locked(), {canonical(one.name): one.version for one in self._libraries}
        seen = [canonical(one.name) for one in self._libraries]
        advice = _REINSTALL.format(folder=self._app.folder)
        for name in sorted({*locked, *there}):
            versions = [one.version for one in self._libraries if canonical(one.name) == name]
            if seen.count(name) > 1:
                found = f"lib/ holds more than one version: {', '.join(versions)}; {locked.get(name)} belongs there."
                yield Result("library", name, Outcome.WARNING, found, advice)
            elif versions != [locked.get(name)]:
                found = f"lib/ holds {', '.join(versions) or 'none'}; {locked.get(name, 'none')} belongs there."
                yield Result("library", name, Outcome.WARNING if versions else Outcome.FAILED, found, advice)

    def entries(self) -> Iterator[Result]:
        """Import each entry point, and what it imports only later: a line for each that fails."""
        good = []
        kinds, entries = self._app.kinds(), self._app.entries()
        failures = self._side_by_side([(name, _RUN) if name in kinds else (name,) for name in entries])
        for name, failure in zip(entries, failures):
            if failure is None:
                good.append(name)
                continue
            needs = f"It needs the library {failure.library}, which fails" if failure.library else "It fails"
            yield Result("entry", f"{name}.py", Outcome.FAILED, f"{needs}: {failure.found}.", failure.advice)
        missing = [kind for kind in kinds if not (self._app.bin / f"{kind}.py").is_file()]
        for kind in missing:
            advice = _REINSTALL.format(folder=self._app.folder)
            yield Result("entry", f"{kind}.py", Outcome.FAILED, "It is missing.", advice)
        if good:
            found = f"{len(good)} can be imported: {', '.join(f'{name}.py' for name in good)}."
            yield Result("entry", "", Outcome.OK, found, "")

    def _side_by_side(self, attempts: Sequence[Sequence[str]]) -> list[Failure | None]:
        """Make attempts, a process for each and a few at a time; what came of them, in their order."""
        with ThreadPoolExecutor(_AT_A_TIME) as pool:
            return list(pool.map(lambda modules: self._attempt(*modules), attempts))

    def _attempt(self, *modules: str) -> Failure | None:
        command = [sys.executable, "-B", "-c", _CHILD, str(self._app.bin), _MARK, _FIRST, *modules]
        try:
            done = subprocess.run(  # noqa: S603 - this Python, and names of the add-on's own
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_SECONDS,
                check=False,
                cwd=str(self._app.bin),
            )
        except subprocess.TimeoutExpired:
            return Failure("", f"it was not done after {_SECONDS} seconds", _CRASHED)
        except OSError as error:
            return Failure("", f"{sys.executable} can't be started ({error})", _NOT_SPLUNKS)
        told = _told(done.stdout)
        if told is None:
            last = _last_line(done.stderr)
            return Failure("", f"the process ended with {done.returncode} without a word{last}", _CRASHED)
        if "error" in told:
            return self._failure(told)
        return self._strangers(told, modules)

    def _failure(self, told: dict[str, object]) -> Failure:
        path = [str(one) for one in told["path"]] if isinstance(told["path"], list) else []
        missing = str(told["missing"]).partition(".")[0]
        found = f"{told['error']}: {told['text']}"[:_LONGEST].rstrip(".")
        if missing == "splunk":
            return Failure("", found, _NOT_SPLUNKS)
        library = self._library_of(missing, path)
        if told["error"] == "PermissionError":
            return Failure(library, found, _NOT_READABLE.format(folder=self._app.folder))
        return Failure(library, found, _REINSTALL.format(folder=self._app.folder))

    def _library_of(self, missing: str, path: Iterable[str]) -> str:
        """The library that a failure comes of: the missing one, else the innermost in whose code it happened."""
        for name in (missing, *reversed([_below(self._app.lib, file) for file in path])):
            for library in self._libraries:
                if name and name in library.modules:
                    return str(library)
        return ""

    def _strangers(self, told: dict[str, object], modules: Iterable[str]) -> Failure | None:
        """A library that was found elsewhere than in lib/ is not the one that the add-on was tested with."""
        files = told["files"] if isinstance(told["files"], dict) else {}
        for name in modules:
            library = self._owner(name)
            file = str(files.get(name) or "")
            if library is not None and file and not _below(self._app.lib, file):
                return Failure(str(library), f"{file} takes its place, which is not the add-on's", _OTHERS)
        return None

    def _owner(self, module: str) -> Library | None:
        return next((library for library in self._libraries if module in library.modules), None)


def _below(folder: Path, file: str) -> str:
    """The module at the top of a folder that a file belongs to; empty if it does not."""
    try:
        first = Path(file).resolve().relative_to(folder.resolve()).parts[0]
    except (ValueError, IndexError):
        return ""
    return first[: -len(".py")] if first.endswith(".py") else first


def _told(output: bytes) -> dict[str, object] | None:
    for line in reversed(output.decode("utf-8", "replace").splitlines()):
        if line.startswith(_MARK):
            told = json.loads(line[len(_MARK) :])
            return told if isinstance(told, dict) else None
    return None


def _last_line(output: bytes) -> str:
    lines = output.decode("utf-8", "replace").split("\n")
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return f" ({last[:_LONGEST]})" if last else ""
