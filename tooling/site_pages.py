"""For MkDocs: a page of the site is a file in the repository's root, where GitHub looks for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

PAGE, SOURCE = "contribute.md", Path(__file__).resolve().parents[1] / "CONTRIBUTING.md"


def on_page_markdown(markdown: str, page: Any, **_: object) -> str:
    """Give the text of a page: in the place of the one that stands for it that file, with links as in docs/."""
    if page.file.src_uri != PAGE:
        return markdown
    return SOURCE.read_text(encoding="utf-8").replace("](docs/", "](")
