"""What a release consists of, beside the tarball: its SBOM, AppInspect's reports, and the checksums of all."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Iterable
from pathlib import Path

from tooling import inspection, paths, reproducible, steps, venvs

TAGS = (inspection.EVERYTHING, "cloud", "private_victoria", "future")
"""The inspections of a release: all checks, Splunk Cloud, its Victoria Experience, and what later Splunks refuse."""
CHANGELOG = paths.ROOT / "CHANGELOG.md"


def make() -> int:
    """Make dist/ complete for the tarball that has been built.

    Returns:
        The exit status: 0 if this may be published.

    Raises:
        StepError: the SBOM can't be written, or AppInspect itself failed.
    """
    stem = f"{paths.APP}-{paths.VERSION}"
    for old in set(paths.DIST.glob(f"{stem}.*")) - {paths.TARBALL}:
        old.unlink()
    with steps.announced("SBOM"):
        bill = paths.DIST / f"{stem}.cdx.json"
        # In the development environment, which has CycloneDX's own library.
        steps.run("sbom", (venvs.DEV.python, "-B", "-m", "tooling.sbom", paths.BUILT_APP, paths.TARBALL, bill))
    reports = {tag: inspection.inspect(tag) for tag in TAGS}
    for tag, report in reports.items():
        shutil.copyfile(inspection.answer_file(tag), paths.DIST / f"{stem}.appinspect-{tag}.json")
        inspection.show(report)
    (paths.DIST / f"{stem}.appinspect.md").write_text(summary(reports), encoding="utf-8")
    (paths.DIST / f"{stem}.sha256").write_text(checksums(paths.DIST.glob(f"{stem}.*")), encoding="utf-8")
    steps.say("  dist/:")
    for path in sorted(paths.DIST.iterdir()):
        steps.say(f"    {path.name}")
    found = [*unready(), *(f"AppInspect, {tag}: {report}" for tag, report in reports.items() if not report.passed)]
    for problem in found:
        steps.say(f"  not to be published: {problem}")
    return 1 if found else 0


def unready() -> list[str]:
    """Say why what is checked out is no release: nothing, if it is one."""
    found = []
    commit = reproducible.commit()
    if not commit or commit.endswith("-dirty"):
        found.append("it was not built from a commit: commit all changes first")
    if changelog_version(CHANGELOG.read_text(encoding="utf-8")) != paths.VERSION:
        found.append(f"CHANGELOG.md does not begin with {paths.VERSION}, the version in pyproject.toml")
    return found


def changelog_version(text: str) -> str | None:
    """Give the version that a changelog begins with: its first heading's, or what is said of `[Unreleased]`."""
    found = re.search(r"(?m)^## \[(?:Unreleased\]\n+What becomes )?(\d+\.\d+\.\d+)[\].]", text)
    return found[1] if found else None


def summary(reports: dict[str, inspection.Report]) -> str:
    """Give the results of the inspections and, of each warning, why it remains, as Markdown."""
    warned = {finding.check for report in reports.values() for finding in report.findings}
    return "\n".join(
        [
            f"# AppInspect of {paths.TARBALL.name}",
            "",
            "| Checks | Result |",
            "|---|---|",
            *(f"| {tag} | {report} |" for tag, report in reports.items()),
            "",
            "| Warning | Why it remains |",
            "|---|---|",
            *(f"| `{each.check}` | {each.why} |" for each in inspection.explanations() if each.check in warned),
            "",
        ]
    )


def checksums(files: Iterable[Path]) -> str:
    """Give the SHA-256 of files, as `sha256sum --check` reads it; a file of checksums itself is left out."""
    named = sorted(path for path in files if path.suffix != ".sha256")
    return "".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in named)
