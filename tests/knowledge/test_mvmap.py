"""Loops over several values stand everywhere in forms that are on record as working (docs/unknowns.md says whose record)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tooling import paths

_FIELD = r"(?:'([^']+)'|([A-Za-z_]\w*))"
ON_RECORD = tuple(
    re.compile(form.replace("FIELD", _FIELD))
    for form in (r"FIELD", r"json_array_to_mv\(FIELD\)", r"mvindex\(FIELD(?:,-?\d+){1,2}\)")
)
NOT_INSIDE = re.compile(r"\b(?:coalesce|mvmap)\s*\(")


def shipped_and_written() -> list[Path]:
    """Give every conf, dashboard, navigation and page."""
    found = [path for end in ("conf", "xml", "json", "py", "js") for path in paths.PACKAGE.rglob(f"*.{end}")]
    found += [paths.ROOT / "README.md", *(paths.ROOT / "docs").glob("*.md"), *(paths.ROOT / "demo").rglob("*.md")]
    return sorted(path for path in found if "lib" not in path.relative_to(paths.ROOT).parts)


def calls(text: str) -> Iterator[list[str]]:
    """Give the arguments of every call of mvmap, those within others too."""
    for start in re.finditer(r"\bmvmap\s*\(", text):
        depth, arguments, is_quoted, skips = 1, [""], False, False
        for letter in text[start.end() :]:
            is_quoted ^= letter == '"' and not skips
            skips = letter == "\\" and not skips
            if not is_quoted:
                depth += (letter == "(") - (letter == ")")
                if not depth:
                    break
                if letter == "," and depth == 1:
                    arguments.append("")
                    continue
            arguments[-1] += letter
        yield arguments


def faults(text: str) -> list[str]:
    """Give what is not on record in the calls of a text."""
    found = []
    for arguments in calls(text):
        loop = re.sub(r"\s+", "", arguments[0])
        match = next((match for form in ON_RECORD if (match := form.fullmatch(loop))), None)
        field = next(filter(None, match.groups())) if match else ""
        if field in {"", "_raw"}:
            found.append(f"mvmap over {arguments[0]}")
        elif len(arguments) != 2 or NOT_INSIDE.search(arguments[1]):
            found.append(f"mvmap makes {arguments[1:]}")
        elif not re.search(rf"(?<!\w){re.escape(field)}(?!\w)", arguments[1]):
            found.append(f"mvmap of {field} that doesn't read it")
    return found


def in_searches(path: Path) -> str:
    """Give a file's text as a search sees it: without the escapes of JSON where it is one."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        text = re.sub(r"\n +", " ", text)
    return text.replace('\\"', '"') if path.parent.name == "views" else text


def test_every_mvmap_has_a_form_on_record() -> None:
    found = {str(path.relative_to(paths.ROOT)): faults(in_searches(path)) for path in shipped_and_written()}
    assert {name: wrong for name, wrong in found.items() if wrong} == {}


def test_the_search_for_them_finds_those_that_there_are() -> None:
    count = {path.name: len(list(calls(in_searches(path)))) for path in shipped_and_written()}
    assert {name for name, number in count.items() if number} >= {
        "props.conf",
        "macros.conf",
        "enterprise-security.md",
        "unknowns.md",
    }
    assert count["props.conf"] > 100


@pytest.mark.parametrize(
    "form",
    [
        "mvmap(a, a.1)",
        "mvmap( 'a.b' , lower('a.b'))",
        'mvmap(json_array_to_mv(a), if(isnotnull(json_extract(a,"x(")), ",", a))',
        "mvmap(mvindex(a,0,1), a*2)",
    ],
)
def test_a_form_on_record_passes(form: str) -> None:
    assert faults(f"EVAL-x = mvdedup({form})") == []


@pytest.mark.parametrize(
    "form",
    [
        "mvmap(_raw, _raw)",
        'mvmap(json_array_to_mv(json_extract(_raw,"e")), json_extract(_raw,"x"))',
        "mvmap(json_array_to_mv(coalesce(a,b)), a)",
        "mvmap(a, coalesce(a, b))",
        "mvmap(a, mvmap(a, a))",
        "mvmap(mvindex(a, b), a)",
        "mvmap(split(a,b), a)",
        "mvmap(a, b)",
        "mvmap(a)",
        "mvmap (json_array_to_mv(_raw), _raw)",
    ],
)
def test_another_form_is_a_fault(form: str) -> None:
    assert len(faults(f"EVAL-x = mvdedup({form})")) >= 1
