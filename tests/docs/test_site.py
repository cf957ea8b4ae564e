"""The documentation site: it is made without a complaint, and what it shows of the pages is what tests have seen."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tooling import docs, paths

PICTURE = re.compile(r"!\[[^\]]*\]\((images/[^)]+)\)")
MOST_BYTES = 150_000
"""Of a picture: every clone of the repository carries it."""


def shown() -> set[str]:
    """Give the pictures that the documents show."""
    return {
        picture
        for document in docs.SOURCES.glob("*.md")
        for picture in PICTURE.findall(document.read_text(encoding="utf-8"))
    }


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the site, made strictly: without a link or an anchor that leads nowhere."""
    folder = tmp_path_factory.mktemp("site")
    docs.make(folder)
    return folder


@pytest.mark.parametrize(
    ("word", "title"),
    [
        ("AADSTS7000215", "AADSTS codes"),
        ("firewall", "1. Open the firewall"),
        ("mitre_technique_id", "Fields of alerts and incidents"),
        ("overlap", "All inputs"),
    ],
)
def test_the_sites_own_search_knows_the_section_that_a_reader_looks_for(site: Path, word: str, title: str) -> None:
    sections = json.loads((site / "search" / "search_index.json").read_text(encoding="utf-8"))["docs"]
    (found,) = (one for one in sections if one["title"] == title)
    assert word in f"{found['title']} {found['text']}"
    assert (site / found["location"].partition("#")[0]).is_file()


def test_no_page_loads_anything_from_elsewhere(site: Path) -> None:
    pages = list(site.glob("*.html"))
    assert 'id="recipes"' in (site / "contribute.html").read_text(encoding="utf-8")
    assert {page.stem for page in pages} >= {document.stem for document in docs.SOURCES.glob("*.md")}
    loaded = re.compile(r"""<(?:script|img|link)\b[^>]*\b(?:src|href)=["'](?:https?:)?//""")
    assert [page.name for page in pages if loaded.search(page.read_text(encoding="utf-8"))] == []
    # A table or list that has no blank line before it is text to MkDocs, though a list to GitHub.
    unmade = re.compile(r"<p>(?:(?!</p>).)*?(?:^|\n|<p>)(?:\||- |\d+\. )", re.DOTALL)
    assert {
        page.name: found[0][-80:] for page in pages if (found := unmade.search(page.read_text(encoding="utf-8")))
    } == {}


def test_every_page_begins_with_its_title() -> None:
    pages = docs.SOURCES.glob("*.md")
    assert [page.name for page in pages if not page.read_text(encoding="utf-8").startswith("# ")] == []


def test_every_picture_of_a_setup_page_is_shown_and_small() -> None:
    kept = {path.relative_to(docs.SOURCES).as_posix(): path for path in docs.SOURCES.glob("images/pages/*.png")}
    assert kept.keys() == {picture for picture in shown() if "pages/" in picture}
    assert [name for name, path in kept.items() if path.stat().st_size > MOST_BYTES] == []


def test_the_pictures_of_the_setup_pages_are_those_that_the_browser_tests_take() -> None:
    taken = "\n".join(path.read_text(encoding="utf-8") for path in (paths.ROOT / "tests" / "ui").glob("*.py"))
    names = re.findall(r'\.picture\(\s*f?"([^"]+)"', taken)
    patterns = [re.compile(re.sub(r"\{[^}]*\}", "[a-z_]+", name)) for name in names]
    of_pages = [Path(picture).stem for picture in shown() if "pages/" in picture]
    assert of_pages
    assert [name for name in of_pages if not any(pattern.fullmatch(name) for pattern in patterns)] == []
