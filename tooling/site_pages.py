"""For MkDocs: some pages of the site are files in the repository's root, where GitHub looks for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
SOURCES = {"contribute.md": ROOT / "CONTRIBUTING.md", "release-notes.md": ROOT / "CHANGELOG.md"}
"""The page in docs/ that stands for a file, and the file."""


def on_page_markdown(markdown: str, page: Any, **_: object) -> str:
    """Give the text of a page: the file's in the place of the page that stands for it, with links as in docs/."""
    source = SOURCES.get(page.file.src_uri)
    return markdown if source is None else source.read_text(encoding="utf-8").replace("](docs/", "](")
