"""The documentation site: docs/ as pages to be put on any web server, made by MkDocs.

``./build.sh docs`` makes it. Strict: a link that leads nowhere, a page that is missing or in no menu fails it.
"""

from __future__ import annotations

from pathlib import Path

from tooling import paths, steps, venvs

SOURCES = paths.ROOT / "docs"
CONFIG = paths.ROOT / "mkdocs.yml"
SITE = paths.OUTPUT / "site"

DOCS = venvs.Venv("venv-docs", "the documentation site", paths.TOOLING / "requirements-docs.txt")


def make(site: Path = SITE) -> None:
    """Make the site in a folder, which is emptied first.

    Raises:
        StepError: MkDocs can't be installed, or something is wrong with a page; with its words.
    """
    DOCS.make()
    with steps.announced("Documentation site"):
        steps.run(
            "docs", (DOCS.python, "-m", "mkdocs", "build", "--strict", "--config-file", CONFIG, "--site-dir", site)
        )
