"""docs/messages.md has every error of the add-on, and every error is provoked by some test."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from tooling import paths, troubleshooting
from tooling.troubleshooting import PLACEHOLDER, Message

LEAST = 12
"""Characters of a message, and of no other one, that a test has to name."""
TESTS = paths.ROOT / "tests"
# They speak as Microsoft and Splunk do, not as the add-on.
NO_TESTS = (TESTS / "standins", TESTS / "docs")

NOT_NAMED: dict[str, str] = {
    "msal asks for {url}": "msal 1 does not: it is there for a later one that asks elsewhere than the account's cloud",
    "{host}: {the cause}. The next run tries again.": "has no words of its own; test_messages.py compares it whole",
    "There is no input {name} of the kind {kind name} here.": "tests/integration/test_doctor.py provokes both halves",
    "{…} The certificate of the account {…} expires on": "tests/integration/test_secrets.py provokes it, by its key",
    "{…} The client secret of the account {…} expires on": "tests/integration/test_secrets.py provokes it, by its key",
    "{…} The sign-in of {…} for the account {…} ends on": "tests/integration/test_sign_in.py provokes it, by its key",
}
"""The beginnings of messages of which no test names words that are theirs alone, and why not."""


@cache
def words_of_tests() -> str:
    """Give all texts of the tests, one below the other, without their docstrings."""
    files = [path for path in TESTS.rglob("*.py") if not any(folder in path.parents for folder in NO_TESTS)]
    return "\n".join(text for path in files for text in texts(path))


def texts(path: Path) -> list[str]:
    """Give the texts in a file that mean something."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    remarks = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in remarks
    ]


def pieces(message: Message) -> set[str]:
    """Give all that stands in a message, in pieces as short as a test may name."""
    return {text[at : at + LEAST] for text in message.fragments for at in range(len(text) - LEAST + 1)}


def is_named(message: Message, others: frozenset[str]) -> bool:
    """Tell whether a test names words that no other message has, or all that a message says, filled in."""
    if any(piece in words_of_tests() for piece in pieces(message) - others):
        return True
    whole = ".{1,80}?".join(map(re.escape, PLACEHOLDER.split(message.said.rstrip("."))))
    own_words = PLACEHOLDER.sub("", message.said)
    return len(own_words) >= LEAST and re.search(whole, words_of_tests()) is not None


@cache
def unprovoked() -> list[Message]:
    """Give the messages of which no test names a piece that is theirs alone."""
    found = troubleshooting.messages()
    return [
        message
        for message in found
        if not is_named(
            message, frozenset[str]().union(*(pieces(other) for other in found if other.text != message.text))
        )
    ]


def test_the_page_has_the_messages_of_the_code() -> None:
    _, made, _ = troubleshooting.parts()
    assert made == troubleshooting.tables(), "python -m tooling.troubleshooting writes them"


def test_every_message_occurs_in_a_test_that_provokes_it() -> None:
    assert [message for message in unprovoked() if not is_known(message)] == []


def is_known(message: Message) -> bool:
    return any(message.text.startswith(beginning) for beginning in NOT_NAMED)


@pytest.mark.parametrize("beginning", NOT_NAMED)
def test_what_no_test_names_is_still_a_message_and_still_without_a_test(beginning: str) -> None:
    assert [message.text for message in unprovoked() if message.text.startswith(beginning)]
