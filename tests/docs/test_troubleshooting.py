"""docs/messages.md has every error of the add-on, and what the tables of advice say has a cause and a remedy."""

from __future__ import annotations

import re

import pytest
from defender_alerts.microsoft.aadsts import ADVICE
from defender_alerts.microsoft.transport.failures import _ROWS

from tooling import troubleshooting

# The end of a first sentence, and what follows it: another one, or what is put in when it happens.
_CAUSE_AND_REMEDY = re.compile(r".+\.(?:\s+\S|\{)", re.DOTALL)


def test_the_page_has_the_messages_of_the_code() -> None:
    _, made, _ = troubleshooting.parts()
    assert made == troubleshooting.tables(), "python -m tooling.troubleshooting writes them"


@pytest.mark.parametrize("row", [*ADVICE, *_ROWS], ids=lambda row: str(getattr(row, "codes", "")) or row.reason)
def test_what_is_advised_begins_with_the_cause_and_goes_on_with_the_remedy(row: object) -> None:
    told = [getattr(row, name, "") for name in ("sentence", "with_own_ca", "without_login")]
    assert all(_CAUSE_AND_REMEDY.match(sentence) for sentence in told if sentence)
