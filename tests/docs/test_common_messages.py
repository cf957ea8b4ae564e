"""What docs/troubleshooting.md quotes of the add-on's messages can occur."""

from __future__ import annotations

import ast
import re
from functools import cache

import pytest

from tooling import paths

PAGE = (paths.ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")


@cache
def sentences() -> list[str]:
    """Give every text in the add-on's code, with … wherever it is filled in."""
    found = []
    for path in sorted((paths.PACKAGE / "bin").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                found.append(
                    "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
                )
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(re.sub(r"\{\w+\}|%[srd]|%\.\df", "…", node.value))
    return found


def quoted() -> list[str]:
    """Give the messages that the page quotes: the first cells of a table, and what stands between backticks in another."""
    mark = "tests/docs/test_common_messages.py looks for each of these sentences in the code -->"
    [messages, states] = [
        re.findall(r"^\|(.*)\|$", rest.lstrip("\n").partition("\n\n")[0], re.MULTILINE)[2:]
        for rest in PAGE.split(mark)[1:]
    ]
    told = [row.split("|")[0].strip() for row in messages]
    return told + [name for row in states for name in re.findall(r"`([^`]+)`", row.split("|")[1])]


@pytest.mark.parametrize("sentence", quoted())
def test_each_message_that_is_explained_can_occur(sentence: str) -> None:
    assert any(sentence in known for known in sentences())


def test_there_are_messages_to_explain() -> None:
    assert len(quoted()) > 25
