"""Builds the add-on: output/TA_defender_alerts and the tarball in dist/."""

from __future__ import annotations

import shutil
import tarfile
from pathlib import Path

from tooling import paths, reproducible, steps, third_party, tree, venvs

SOURCES = ("globalConfig.json", "additional_packaging.py")
# No dependency that the lock does not name, no archive of another hash, and no file compiled for one machine. Without
# --no-deps, pip would refuse splunk-sdk, a source archive, for another platform than its own.
PIP_FLAGS = (
    "--no-compile --ignore-installed --no-deps --no-build-isolation"
    " --python-version 3.9 --implementation py --abi none --platform any"
    " --require-hashes"
)
# ucc-gen ends with status 0 when it has crashed; its log has this then.
CRASHED = "Uncaught exception occurred"
LARGEST_TARBALL = 6_000_000


def build() -> None:
    """Build tree and tarball, check both, and only then put them in the place of the last ones.

    Raises:
        StepError: UCC failed, or what it built is not what it should be.
    """
    with steps.announced(f"building the add-on {paths.VERSION}"):
        work = paths.TOOLCHAIN / "build"
        shutil.rmtree(work, ignore_errors=True)
        tarball = make(work, "ucc-gen")
        replace(work / "output" / paths.APP, paths.BUILT_APP)
        replace(tarball, paths.TARBALL)
    size = paths.TARBALL.stat().st_size / 1_000_000
    steps.say(f"  {paths.TARBALL.relative_to(paths.ROOT)} ({size:.1f} MB)")


def make(work: Path, log_name: str) -> Path:
    """Build in a folder of one's own and check what came of it.

    Args:
        work: a folder that is not there yet. The tree will be in its `output`, the tarball in its `dist`.
        log_name: names the log of ucc-gen.

    Returns:
        The tarball.

    Raises:
        StepError: UCC failed, or what it built is not what it should be.
    """
    stage(work)
    log = steps.run(log_name, ucc_build(work), cwd=work)
    if CRASHED in log.read_text(encoding="utf-8"):
        raise steps.StepError(f"ucc-gen crashed. The last lines of {log}:\n\n{steps.last_lines(log)}")
    built = work / "output" / paths.APP
    refuse(tree.problems(built) or [*third_party.problems(built)], built)
    seconds = reproducible.source_time()
    reproducible.settle(built, seconds)
    (built / third_party.NOTICES).write_text(third_party.notices(built), encoding="utf-8")
    (work / "dist").mkdir()
    tarball = work / "dist" / paths.TARBALL.name
    reproducible.pack(built, tarball, seconds)
    refuse(tarball_problems(tarball), tarball)
    return tarball


def stage(work: Path) -> None:
    """Copy the sources: ucc-gen writes into them, and a checkout holds __pycache__ that no one ships."""
    work.mkdir(parents=True)
    shutil.copytree(paths.PACKAGE, work / "package", ignore=shutil.ignore_patterns("__pycache__", "*.pyc", ".*"))
    for name in SOURCES:
        shutil.copy2(paths.ROOT / name, work / name)


def ucc(command: str, *arguments: str | Path) -> tuple[str | Path, ...]:
    """Give the command line of a ucc-gen command."""
    return (venvs.DEV.python, "-m", "splunk_add_on_ucc_framework", command, *arguments)


def ucc_build(work: Path) -> tuple[str | Path, ...]:
    """Give the command line that builds the tree in work/output."""
    return ucc(
        "build",
        "--source",
        work / "package",
        "--ta-version",
        paths.VERSION,
        "--output",
        work / "output",
        "--overwrite",
        "--pip-version",
        venvs.pinned_pip(),
        "--python-binary-name",
        venvs.UCC_PIP.python,
        f"--pip-custom-flag={PIP_FLAGS}",
    )


def tarball_problems(tarball: Path) -> list[str]:
    """Say what is wrong with a tarball; nothing, if it can be shipped."""
    if not tarball.is_file():
        return ["it was not made"]
    found = []
    if tarball.stat().st_size > LARGEST_TARBALL:
        found.append(f"{tarball.stat().st_size} bytes are more than {LARGEST_TARBALL}")
    with tarfile.open(tarball) as archive:
        names = archive.getnames()
    found += [f"{name} is outside of the add-on's folder" for name in names if name.split("/")[0] != paths.APP]
    return found


def refuse(problems: list[str], built: Path) -> None:
    """Fail if there are problems."""
    if problems:
        message = "\n".join([f"{built} is not what it should be:", *(f"  - {problem}" for problem in problems)])
        raise steps.StepError(message)


def replace(new: Path, old: Path) -> None:
    """Put a new file or folder in the place of an old one."""
    old.parent.mkdir(exist_ok=True)
    if old.exists():
        old.rename(new.with_name(f"{old.name}.old"))
    new.rename(old)
