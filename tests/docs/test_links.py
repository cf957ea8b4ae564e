"""Links of the documents, and what the product's files say of documents, lead to something that is there."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from tooling import paths

ROOT = paths.ROOT
DOCUMENTS = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("tests/**/*.md"), *ROOT.glob("acceptance/**/*.md")]
)
LINK = re.compile(r"\]\((?![a-z]+:)([^)#\s]*)(?:#([^)\s]+))?\)|<img[^>]* src=\"([^\"]+)\"")
# A test's name, followed sooner or later by its file, or by the words that stand for the file before.
TEST = re.compile(r"`(test_\w+)`|`(tests/[\w/]+\.py)`|(\(the same\))")
CODE = re.compile(r"^(?:```.*?^```|(?: {4}|\t).*?$)|`[^`\n]*`", re.MULTILINE | re.DOTALL)


def slug(heading: str) -> str:
    """Give the anchor of a heading, as GitHub and MkDocs make it."""
    words = re.sub(r"\[([^\]]*)\]\([^)]*\)|[`*]", r"\1", heading)
    return re.sub(r"\s+", "-", re.sub(r"[^\w\s-]", "", words).strip().lower())


@cache
def anchors(page: Path) -> frozenset[str]:
    text = page.read_text(encoding="utf-8")
    if (shown := re.search(r"is \[(\w+\.md)\]|^`(\w+\.md)` stands", text, re.MULTILINE)) and text.count("\n") < 5:
        # A page of the site that stands for a file in the root.
        text = (ROOT / (shown[1] or shown[2])).read_text(encoding="utf-8")
    return frozenset(slug(heading) for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE))


def leads(text: str) -> list[tuple[str, str]]:
    """Give file and anchor of each link in a document, code left out."""
    return [(found[0] or found[2], found[1]) for found in LINK.findall(CODE.sub("", text))]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_link_of_a_document_leads_to_a_file_and_an_anchor(document: Path) -> None:
    wrong = []
    for name, anchor in leads(document.read_text(encoding="utf-8")):
        target = document.parent / name if name else document
        if not target.exists() or (anchor and anchor not in anchors(target)):
            wrong.append(f"{name}#{anchor}")
    assert wrong == []


def test_every_mechanism_names_tests_that_are_in_the_file_that_it_names() -> None:
    wrong, named, file = [], list[str](), ""
    for test, path, same in TEST.findall((ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")):
        named += [test] if test else []
        file = path or file
        if path or same:
            there = (ROOT / file).read_text(encoding="utf-8")
            wrong += [f"{one} in {file}" for one in named if f"def {one}(" not in there]
            named = []
    assert wrong + named == []


def test_links_are_found() -> None:
    assert leads('[a](b.md#c-d) `[no](x.md)` [e](#f) <img src="g.png" alt="">\n\n    [no](y.md)\n') == [
        ("b.md", "c-d"),
        ("", "f"),
        ("g.png", ""),
    ]
    assert slug("6. A `key` of [one](x.md), and *more*") == "6-a-key-of-one-and-more"


def test_every_document_that_a_file_names_is_there() -> None:
    names = {
        name
        for folder in ("package", "tooling", "tests", "bench", "demo", "knowledge", "acceptance")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in {".py", ".conf", ".toml", ".js", ".xml", ".md", ".txt", ".spec"} and "lib" not in path.parts
        for name in re.findall(r"\bdocs/([\w-]+\.(?:md|html))", path.read_text(encoding="utf-8"))
    }
    assert len(names) > 10
    assert {name for name in names if not (ROOT / "docs" / name).exists()} == set()


def test_every_picture_says_in_words_what_it_shows() -> None:
    for document in DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        shown = re.findall(r"!\[([^\]]*)\]\([^)]*\)", text) + re.findall(r'<img[^>]* alt="([^"]*)"', text)
        assert len(shown) == len(re.findall(r"!\[|<img ", text)), document
        assert [alt for alt in shown if len(alt.split()) < 3] == [], document
