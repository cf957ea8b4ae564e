"""The subcommands of build.sh."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tooling import checks, cim_models, docs, inspection, package, paths, publishing, splunk_pythons, steps, venvs


def build() -> int:
    """Set up what building takes, and build."""
    venvs.DEV.make()
    venvs.UCC_PIP.make()
    cim_models.make()
    package.build()
    return 0


def demo() -> int:
    """Build, then hand over to the demo."""
    with alone():
        build()
    return subprocess.run([venvs.DEV.python, "demo/demo.py"], cwd=paths.ROOT, check=False).returncode


def ui() -> int:
    """Build, then leave the stand-ins running for somebody with a browser."""
    with alone():
        build()
    # In this process's place, so that Ctrl-C is its alone and it can tidy up.
    sys.stdout.flush()
    os.chdir(paths.ROOT)
    command = (str(venvs.DEV.python), "-B", "-m", "ui")
    os.execve(command[0], command, {**os.environ, "PYTHONPATH": paths.SEARCH_PATH})  # noqa: S606 - no shell is meant


def chaos() -> int:
    """Build, then hand over to the crash campaign, with the arguments that follow the subcommand."""
    return _on_splunks_pythons("chaos")


def bench() -> int:
    """Build, then hand over to the measurements."""
    return _on_splunks_pythons("bench")


def _on_splunks_pythons(module: str) -> int:
    with alone():
        build()
        for python in splunk_pythons.SPLUNK_PYTHONS:
            python.make()
    command = (str(venvs.DEV.python), "-B", "-m", module, *sys.argv[2:])
    return subprocess.run(
        command, cwd=paths.ROOT, env={**os.environ, "PYTHONPATH": paths.SEARCH_PATH}, check=False
    ).returncode


def accept() -> int:
    """Build, then ask a real Splunk or a real tenant, with the arguments that follow the subcommand."""
    with alone():
        build()
    # In this process's place, so that Ctrl-C is its alone and it can tidy up.
    sys.stdout.flush()
    os.chdir(paths.ROOT)
    command = (str(venvs.DEV.python), "-B", "-m", "acceptance", *sys.argv[2:])
    os.execve(command[0], command, {**os.environ, "PYTHONPATH": paths.SEARCH_PATH})  # noqa: S606 - no shell is meant


def pictures() -> int:
    """Build, then draw pages and dashboards, or what the arguments name."""
    with alone():
        build()
    wanted = sys.argv[2:] or ["pages", "dashboards"]
    status = 0
    for name, module in (("pages", "ui.pictures"), ("dashboards", "knowledge.pictures")):
        if name in wanted:
            names = [one for one in wanted if one not in {"pages", "dashboards"}] if name == "dashboards" else []
            command = (str(venvs.DEV.python), "-B", "-m", module, *names)
            environment = {**os.environ, "PYTHONPATH": paths.SEARCH_PATH}
            status |= subprocess.run(command, cwd=paths.ROOT, env=environment, check=False).returncode
    return status


def inspect() -> int:
    """Build, then inspect the tarball."""
    build()
    inspection.set_up()
    report = inspection.inspect()
    inspection.show(report)
    return 0 if report.passed else 1


def release() -> int:
    """Build and inspect what users get, and put beside the tarball what they verify it by."""
    build()
    inspection.set_up()
    return publishing.make()


def make_docs() -> int:
    """Make the documentation site."""
    docs.make()
    return 0


def locked(command: Callable[[], int]) -> Callable[[], int]:
    """Give the command that runs while no other one of this checkout does."""

    def run() -> int:
        with alone():
            return command()

    return run


COMMANDS: dict[str, Callable[[], int]] = {
    "demo": demo,
    "ui": ui,
    "chaos": chaos,
    "bench": bench,
    "accept": accept,
    "test": locked(lambda: checks.test(sys.argv[2:])),
    "build": locked(build),
    "inspect": locked(inspect),
    "release": locked(release),
    "pictures": pictures,
    "docs": locked(make_docs),
}


@contextmanager
def alone() -> Iterator[None]:
    """Wait for another build.sh of this checkout: they share .toolchain/, output/ and dist/."""
    paths.TOOLCHAIN.mkdir(exist_ok=True)
    with (paths.TOOLCHAIN / "lock").open("w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            steps.say("  waiting for another build.sh to end ...")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def main(name: str) -> int:
    """Run a subcommand and give the exit status."""
    try:
        return COMMANDS[name]()
    except (steps.StepError, steps.NotAvailableError) as error:
        steps.complain(error)
    except KeyboardInterrupt:
        steps.say("\nstopped")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
